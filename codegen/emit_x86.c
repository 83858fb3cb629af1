/* emit_x86.c - calls of the kernels of runtime/avx512 and runtime/avx2. */
#include <string.h>

#include "codegen/emit.h"
#include "codegen/pack_x86.h"
#include "targets/kernels_x86.h"

/* Geometry with two spatial dimensions; elements of the staged image between neighbours. */
typedef struct Shape {
  int64_t batch, in_h, in_w, in_c, out_h, out_w, out_c;
  int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int64_t h, w; /* of the staged image */
} Shape;

static Shape shape_of(const Node *n) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  int x = w.spatial - 1;
  bool flat = w.spatial == 1;
  Shape s = {.batch = w.batch,
             .in_h = flat ? 1 : w.in[0],
             .in_w = w.in[x],
             .in_c = w.channels,
             .out_h = flat ? 1 : w.out[0],
             .out_w = w.out[x],
             .out_c = w.out_channels,
             .kernel_h = flat ? 1 : w.kernel[0],
             .kernel_w = w.kernel[x],
             .stride_h = flat ? 1 : w.stride[0],
             .stride_w = w.stride[x],
             .dilation_h = flat ? 1 : w.dilation[0],
             .dilation_w = w.dilation[x],
             .pad_top = flat ? 0 : w.pad[0],
             .pad_left = w.pad[x]};
  s.h = (s.out_h - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1;
  s.w = (s.out_w - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1;
  return s;
}

static void write_stage(Emitter *e, const Node *n, const Shape *s) {
  open_named(e, "qcc_stage", "t");
  field(e, "batch", s->batch);
  field(e, "in_h", s->in_h), field(e, "in_w", s->in_w), field(e, "in_c", s->in_c);
  field(e, "h", s->h), field(e, "w", s->w);
  field(e, "pad_top", s->pad_top), field(e, "pad_left", s->pad_left);
  field(e, "zero", attr_int(n, "x_zero", 0));
  close_params(e);
}

/* The geometry of a matrix product of rows of `bytes` bytes. */
static void write_rows(Emitter *e, const Node *n, int64_t bytes) {
  int64_t cols = n->in[1]->dim[0];
  field(e, "g.rows_h", 1), field(e, "g.rows_w", n_elements(n->out[0]) / cols);
  field(e, "g.batch", 1), field(e, "g.pixel", bytes);
  field(e, "g.runs_h", 1), field(e, "g.runs_w", 1), field(e, "g.out_c", cols);
}

/* Channels of a group filled up to whole vectors; with floats to pairs of them. */
static int64_t slots_of(Packing p, int64_t channels) {
  int64_t whole = 2 * x86_lanes(p);
  return p < PACK_FMA_16 ? x86_slots(p, channels) : (channels + whole - 1) / whole * whole;
}

/* That of a convolution over a copy with inputs of `bytes` bytes; taps: each one is a run. */
static void write_tiles(Emitter *e, const Node *n, const Kernel *k, const Shape *s, bool taps,
                        int64_t bytes) {
  const Tensor *w = n->in[1];
  int64_t groups = has_parts(n) ? attr_int(n, "group", 1) : 1, channels = s->out_c / groups, packed;
  int64_t pixel = s->in_c * bytes, line = s->w * pixel;
  field(e, "g.rows_h", s->out_h), field(e, "g.rows_w", s->out_w), field(e, "g.batch", s->batch);
  field(e, "g.image", s->h * line), field(e, "g.line", s->stride_h * line);
  field(e, "g.pixel", s->stride_w * pixel);
  field(e, "g.runs_h", s->kernel_h), field(e, "g.runs_w", taps ? s->kernel_w : 1);
  field(e, "g.step_h", s->dilation_h * line), field(e, "g.step_w", s->dilation_w * pixel);
  field(e, "g.out_c", channels);
  if (groups == 1) return;
  pack_weights(e->a, n, k, &packed);
  field(e, "g.more", groups - 1), field(e, "g.x_next", pixel / groups);
  field(e, "g.w_next", packed / groups / (w->dtype == DT_F32 ? 4 : 1));
  field(e, "g.slots", slots_of(k->packing, channels)), field(e, "g.other_c", s->out_c - channels);
}

/* Bias with what the offset of 128 adds taken away, and twice the multipliers; by slot. */
typedef struct Rescaling {
  const char *b, *m;
} Rescaling;

/* Of an input as the kernel multiplies it. */
static int64_t input_bytes(const Node *n, const Kernel *k) {
  Tensor w = packed_form(n->in[1], k);
  return x86_step(&w, k->packing) == 4 ? 1 : 2;
}

/* slots: of a group.  repeat: the channels fill all of them, over and over. Odd multipliers are loaded as even ones
 * from one further on, up to one behind the last. */
static Rescaling write_rescaling(Emitter *e, const Node *n, const Kernel *k, int64_t slots,
                                 bool repeat) {
  int64_t groups = has_parts(n) ? attr_int(n, "group", 1) : 1, all = groups * slots;
  int64_t channels = n->in[1]->dim[0] / groups, used = repeat ? slots : channels;
  int64_t *b = arena_alloc(e->a, all * 8), *m = arena_alloc(e->a, (all + 1) * 8);
  for (int64_t i = 0; i < groups * used; i++) {
    int64_t first = i / used, at = first * slots + x86_slot(k->packing, slots, i % used);
    int64_t o = first * channels + i % used % channels;
    int64_t offset = input_bytes(n, k) == 1 ? 128 * weight_sum(n, o) : 0;
    b[at] = (int32_t)(uint32_t)(get_int(DT_I32, n->in[2]->data, o) - offset);
    m[at] = 2 * get_int(DT_I32, n->in[3]->data, o);
  }
  return (Rescaling){int_array(e, "b", "int32_t", all, b),
                     int_array(e, "m", "int32_t", all + 1, m)};
}

/* uint8 [group of channels][group of weights][slots of the group], or NULL. */
static const char *write_multiples(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *multiple = optional_input(n, 4);
  if (!multiple) return "NULL";
  int64_t channels = multiple->dim[0], groups = multiple->dim[1];
  int64_t slots = x86_slots(k->packing, channels), whole = x86_group(k->packing);
  int64_t *v = arena_alloc(e->a, slots * groups * 8);
  for (int64_t o = 0; o < channels; o++) {
    int64_t first = o / whole * whole, width = slots - first < whole ? slots - first : whole;
    for (int64_t g = 0; g < groups; g++)
      v[first * groups + g * width + x86_slot(k->packing, slots, o) - first] =
          get_int(multiple->dtype, multiple->data, o * groups + g);
  }
  return int_array(e, "s", "uint8_t", slots * groups, v);
}

static const char *table_of(Emitter *e, const Node *n) {
  return optional_input(n, 5) ? constant_array(e, n->in[5], "t") : "NULL";
}

static void write_loads(Emitter *e, const Node *n, const Kernel *k) {
  Tensor w = packed_form(n->in[1], k);
  int64_t inputs = x86_load_inputs(&w, k->packing);
  field(e, "loads", x86_loads(&w, k->packing));
  field(e, "group_loads", optional_input(n, 4) ? attr_int(n, "group_size", 0) / inputs : 0);
  if (k->indices) fprintf(e->calls, ".levels = %s, ", level_array(e, n, k));
  write_rescale(e, n);
  close_params(e);
}

static void call_x86(Emitter *e, const Node *n, const Kernel *k, const char *stage) {
  const char *w = weight_array(e, n, k), *multiple = write_multiples(e, n, k);
  int64_t channels = n->in[1]->dim[0] / (has_parts(n) ? attr_int(n, "group", 1) : 1);
  Rescaling r = write_rescaling(e, n, k, x86_slots(k->packing, channels), false);
  call(e, "qcc_%s(&p, %s%s, %s, %s, %s, %s, %s, %s, %s)", k->name, stage,
       pointer_to(e, n->in[0]), w, multiple, r.b, r.m, table_of(e, n),
       scratch_place(e, n), pointer_to(e, n->out[0]));
}

void emit_x86_conv(Emitter *e, const Node *n, const Kernel *k) {
  Shape s = shape_of(n);
  write_stage(e, n, &s);
  open_params(e, "qcc_dots");
  write_tiles(e, n, k, &s, k->packing == PACK_VNNI_TAPS || k->packing == PACK_MADD_TAPS,
              input_bytes(n, k));
  write_loads(e, n, k);
  call_x86(e, n, k, "&t, ");
}

void emit_x86_gemm(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_dots");
  write_rows(e, n, n_elements(n->in[1]) / n->in[1]->dim[0] * input_bytes(n, k));
  write_loads(e, n, k);
  call_x86(e, n, k, "");
}

/* What the offset of 128 in inputs adds to a slot's sums, taken away. */
static const char *write_offsets(Emitter *e, const Node *n, const Kernel *k) {
  int64_t channels = n->in[1]->dim[0], slots = x86_slots(k->packing, channels);
  int64_t *v = arena_alloc(e->a, slots * (int64_t)sizeof *v);
  for (int64_t o = 0; input_bytes(n, k) == 1 && o < channels; o++)
    v[x86_slot(k->packing, slots, o)] = (int32_t)(uint32_t)(-128 * weight_sum(n, o));
  return int_array(e, "o", "int32_t", slots, v);
}

void emit_x86_reals(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_dots");
  write_rows(e, n, n_elements(n->in[1]) / n->in[1]->dim[0] * input_bytes(n, k));
  write_loads(e, n, k);
  write_activation_constant(e, n);
  write_x_scales(e, n);
  const char *w = weight_array(e, n, k), *multiple = write_multiples(e, n, k);
  const char *offsets = write_offsets(e, n, k), *s = constant_array(e, n->in[3], "s");
  const char *b = n->in[2] ? constant_array(e, n->in[2], "b") : "NULL", *zeros = write_zeros(e, n);
  call(e, "qcc_%s(&p, &act, &t, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", k->name,
       pointer_to(e, n->in[0]), w, multiple, offsets, b, s, pointer_to(e, n->in[5]), zeros,
       scratch_place(e, n), pointer_to(e, n->out[0]));
}

/* Distance of every tap from the window's first one; taps that fill up the last step repeat it. */
static const char *write_taps(Emitter *e, const Shape *s, int64_t count) {
  int64_t *v = arena_alloc(e->a, count * 8);
  for (int64_t t = 0; t < s->kernel_h * s->kernel_w; t++)
    v[t] = (t / s->kernel_w * s->dilation_h * s->w + t % s->kernel_w * s->dilation_w) * s->in_c;
  return int_array(e, "taps", "int32_t", count, v);
}

void emit_x86_depthwise(Emitter *e, const Node *n, const Kernel *k) {
  Shape s = shape_of(n);
  bool vnni = x86_step(n->in[1], k->packing) == 4,
       joined = k->packing == PACK_VNNI_JOINED || k->packing == PACK_MADD_JOINED;
  int64_t line = s.w * s.in_c, steps = x86_depthwise_steps(n->in[1], k->packing),
          width = vnni ? 64 : 16;
  write_stage(e, n, &s);
  open_params(e, vnni ? "qcc_avx512_depthwise" : "qcc_avx2_depthwise");
  field(e, "batch", s.batch), field(e, "out_h", s.out_h), field(e, "out_w", joined ? 1 : s.out_w);
  field(e, "channels", joined ? s.out_w * s.out_c : s.out_c);
  field(e, "image", s.h * line), field(e, "line", s.stride_h * line),
      field(e, "pixel", s.stride_w * s.in_c);
  field(e, "joined", joined), field(e, vnni ? "quads" : "pairs", steps);
  write_rescale(e, n);
  close_params(e);
  const char *w = weight_array(e, n, k);
  const char *taps = write_taps(e, &s, steps * x86_step(n->in[1], k->packing));
  Rescaling r = write_rescaling(e, n, k, (s.out_c + width - 1) / width * width, joined);
  call(e, "qcc_%s(&p, &t, %s, %s, %s, %s, %s, %s, %s, %s)", k->name, taps,
       pointer_to(e, n->in[0]), w, r.b, r.m, table_of(e, n),
       scratch_place(e, n), pointer_to(e, n->out[0]));
}

/* ---- floats ---------------------------------------------------------------------------------- */

/* The bias, filled up with zeros to whole vectors in each group. */
static const char *float_bias(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *bias = optional_input(n, 2);
  int64_t groups = has_parts(n) ? attr_int(n, "group", 1) : 1;
  int64_t channels = n->in[1]->dim[0] / groups, slots = slots_of(k->packing, channels);
  float *v = arena_alloc(e->a, groups * slots * (int64_t)sizeof *v);
  for (int64_t i = 0; bias && i < groups; i++)
    memcpy(v + i * slots, (const float *)bias->data + i * channels, (size_t)channels * sizeof *v);
  return float_array(e, "b", groups * slots, v);
}

static const char *float_scratch(Emitter *e, const Node *n) {
  return arena_printf(e->a, "(float *)(void *)(%s)", scratch_place(e, n));
}

static void call_float(Emitter *e, const Node *n, const Kernel *k) {
  const char *w = weight_array(e, n, k), *b = float_bias(e, n, k);
  call(e, "qcc_%s(&p, &t, %s, %s, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), w, b,
       float_scratch(e, n), pointer_to(e, n->out[0]));
}

void emit_x86_conv_f32(Emitter *e, const Node *n, const Kernel *k) {
  Shape s = shape_of(n);
  bool dense = s.dilation_w == 1 && !has_parts(n);
  int64_t channels = n->in[1]->dim[n->in[1]->rank - 1];
  write_stage(e, n, &s);
  open_params(e, "qcc_fma");
  write_tiles(e, n, k, &s, !dense, 4);
  field(e, "steps", dense ? s.kernel_w * channels : channels);
  write_activation(e, n);
  close_params(e);
  call_float(e, n, k);
}

void emit_x86_winograd_f32(Emitter *e, const Node *n, const Kernel *k) {
  Shape s = shape_of(n);
  int64_t lanes = x86_lanes(k->packing);
  s.h = (s.out_h + 1) / 2 * 2 + 2, s.w = (s.out_w + 1) / 2 * 2 + 2;
  write_stage(e, n, &s);
  open_params(e, "qcc_winograd");
  field(e, "batch", s.batch), field(e, "out_h", s.out_h), field(e, "out_w", s.out_w);
  field(e, "in_c", s.in_c), field(e, "out_c", s.out_c);
  field(e, "tiles", winograd_tiles(n));
  field(e, "plane", (s.out_c + lanes - 1) / lanes * lanes * s.in_c);
  write_activation(e, n);
  close_params(e);
  call_float(e, n, k);
}

void emit_x86_gemm_f32(Emitter *e, const Node *n, const Kernel *k) {
  int64_t depth = n_elements(n->in[1]) / n->in[1]->dim[0];
  open_params(e, "qcc_fma");
  write_rows(e, n, depth * 4);
  field(e, "steps", depth);
  write_activation(e, n);
  close_params(e);
  const char *w = weight_array(e, n, k), *b = float_bias(e, n, k);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), w, b,
       pointer_to(e, n->out[0]));
}

void emit_x86_depthwise_f32(Emitter *e, const Node *n, const Kernel *k) {
  Shape s = shape_of(n);
  int64_t line = s.w * s.in_c, taps = s.kernel_h * s.kernel_w;
  write_stage(e, n, &s);
  open_params(e, "qcc_fma_depthwise");
  field(e, "batch", s.batch), field(e, "out_h", s.out_h), field(e, "out_w", s.out_w),
      field(e, "channels", s.out_c);
  field(e, "image", s.h * line), field(e, "line", s.stride_h * line),
      field(e, "pixel", s.stride_w * s.in_c);
  field(e, "taps", taps);
  write_activation(e, n);
  close_params(e);
  const char *w = weight_array(e, n, k), *b = float_bias(e, n, k), *at = write_taps(e, &s, taps);
  call(e, "qcc_%s(&p, &t, %s, %s, %s, %s, %s, %s)", k->name, at, pointer_to(e, n->in[0]), w, b,
       float_scratch(e, n), pointer_to(e, n->out[0]));
}
