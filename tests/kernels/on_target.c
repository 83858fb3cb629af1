/* on_target.c - the kernels that a target's tables choose, over random layers, on the target:
 *
 *     on_target [--float | --half | --elements | --int16 | --rows | --dynamic | --tflite | --general]
 *               TARGET COMPILER OPTIMIZE COUNT [SEED]
 *
 * Random lowered layers with weights, with --float such of real numbers, with --half those of
 * float16 or with such weights, with --elements layers without weights (random_elements.c), with
 * --int16 layers of both kinds with such activations, with --rows fully connected layers of one row
 * whose codes keep their whole range, with --dynamic layers on codes with scales of run time, with --tflite layers of
 * that rule only, with --general layers of the general kernels (random_general.c), become one program.  Each has a part
 * of the arena with its input, scratch and outputs, random bytes between them; where the kernel may work in place, the
 * layer comes a second time in that form.  The whole arena is both the program's input and its output, so
 * what a kernel wrote beside its buffers is found.  Codes, and whatever is only moved, are those of
 * eval; real numbers, which eval sums in double, may differ by 1e-5 of the largest, and where they are
 * float16 by one of their steps, which is 2^-10 at most.
 * Status 0: right; 1: wrong; 77: compiler or emulator are missing. */
#include "codegen/codegen.h"
#include "targets/process.h"
#include "tests/kernels/random_layers.h"
#include "tests/unit/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUARD = 64, SKIPPED = 77, ALIGN = 16, MAX_OUT = 3 };
static const double tolerance = 1e-5; /* of the largest sum of a layer */
static const double half_step = 1.0 / 1024, smallest_half = 1.0 / (1 << 24);

typedef enum Mode { CODES, FLOATS, HALVES, ELEMENTS, SHORTS, ROWS, DYNAMIC, MANY } Mode;

static char dir[] = "/tmp/qcc-kernels-XXXXXX";
static uint64_t random_state = UINT64_C(0x2545f4914f6cdd1d);

static void remove_dir(void) {
  Arena *a = new_arena();
  Command c = {.argv = {"rm", "-rf", dir}, .n = 3};
  run_process(a, &c, NULL, 60, NULL, NULL);
  free_arena(a);
}

static uint32_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32);
}

int pick(int lo, int hi) {
  uint32_t span = (uint32_t)hi - (uint32_t)lo + 1;
  return (int)((int64_t)lo + random_bits() % span);
}

/* -1..1 */
static float pick_real(void) { return (float)pick(-1000000, 1000000) * 1e-6f; }

/* One layer in the program. */
typedef struct Layer {
  Node *node;
  int64_t x, y[MAX_OUT], scratch;       /* offsets; y of each output */
  int64_t n_x, n_y[MAX_OUT], n_scratch; /* bytes; 0 of outputs that are absent */
  bool in_place;
} Layer;

typedef struct Program {
  Graph *g;
  Context cx;
  Mode mode;
  bool tflite;   /* all layers follow that rule */
  int choice;    /* among the formats of bytes of few values */
  int n_layer;
  Layer *layer;
  int64_t bytes; /* of the arena so far */
} Program;

void *random_data(Graph *g, int64_t n, int lo, int hi) {
  int8_t *v = arena_alloc(g->arena, n + 1);
  for (int64_t i = 0; i < n; i++) v[i] = (int8_t)pick(lo, hi);
  return v;
}

void *random_reals(Graph *g, DType type, int64_t n, float bound) {
  void *v = arena_alloc(g->arena, (n + 1) * dtype_bytes(type));
  for (int64_t i = 0; i < n; i++) set_real(type, v, i, (double)(pick_real() * bound));
  return v;
}

/* A codebook of vectors whose sums are bytes, or one or one for each channel of rising levels. */
static QuantSpec *random_books(Graph *g, const Format *f, int64_t channels) {
  bool own = f->book_size > 0 && !has_sums(f) && pick(0, 1);
  QuantSpec *q = new_quant(g, f, own ? 0 : -1, 0, own ? channels : 1);
  int size = f->book_size, width = size ? 254 / size : 0;
  if (size == 0) return q;
  q->n_book = own ? channels : 1;
  q->book = random_data(g, q->n_book * size, -63, 63);
  for (int64_t i = 0; !has_sums(f) && i < q->n_book * size; i++)
    q->book[i] = (int8_t)(-127 + (int)(i % size) * width + pick(0, width - 1));
  if (!has_sums(f) && pick(0, 1)) /* a level 0 */
    for (int64_t i = 0; i < q->n_book; i++) q->book[i * size + size / 2] = 0;
  return q;
}

/* Formats of bytes of few values: levels that vectors look up, of 8 bits and of 5, and those that are packed in
 * ways of their own.  A program has one of each, as each takes a second to compile; together they have all. */
enum { CHOICES = 4 };
static const Format *pick_format(const Program *p) {
  static const char *const name[CHOICES][3] = {
      {"nf4", "fp4", "binary"}, {"lut4", "e8p", "int3"}, {"lut3", "fp4", "aq2x8"}, {"lut4", "e8p", "lut2"}};
  return find_format(name[p->choice][pick(0, 2)]);
}

/* Weights as bytes, only of those that a format has. */
static void fill_levels(Program *p, Tensor *w) {
  Graph *g = p->g;
  const Format *f = pick_format(p);
  int64_t channels = w->dim[0], row = n_elements(w) / channels;
  QuantSpec *q = random_books(g, f, channels);
  int8_t *v = random_data(g, n_elements(w), f->lo, pick(0, 9) ? f->hi : f->lo);
  for (int64_t i = 0; i < channels && has_sums(f); i++)
    f->unpack_book(q->book, random_data(g, row + 1, -128, 127), row, v + i * row);
  for (int64_t i = 0; i < channels * row && !has_sums(f); i++)
    v[i] = (int8_t)book_code_near(q, i / row, v[i]);
  if (!has_sums(f)) put_vectors(f, v, channels, row);
  w->quant = q;
  w->data = v;
}

/* Codes of the whole range; int8 a third of the time with -128, those of two bits half the time ternary;
 * sometimes all the lowest. */
static void fill_codes(Graph *g, Tensor *w) {
  const Format *f =
      w->dtype == DT_I2 && pick(0, 1) ? find_format("ternary") : format_of(w->dtype);
  int lo = f->lo + (w->dtype == DT_I8 && pick(0, 2));
  w->quant = new_quant(g, f, -1, 0, 1);
  if (f->bits > 8) w->data = random_data(g, tensor_bytes(w), -128, 127);
  else w->data = random_data(g, n_elements(w), lo, pick(0, 9) ? f->hi : lo);
}

Tensor *new_weights(Graph *g, int rank, const int64_t *dim, DType type) {
  Tensor *w = new_const(g, fresh_name(g, "w"), type, rank, dim, NULL);
  if (dtype_is_float(type)) w->data = random_reals(g, type, n_elements(w), 1);
  else fill_codes(g, w);
  return w;
}

Tensor *new_vector(Graph *g, const char *name, int64_t n, int64_t lo, int64_t hi) {
  int32_t *v = arena_alloc(g->arena, (n + 1) * 4);
  for (int64_t i = 0; i < n; i++)
    v[i] = (int32_t)(lo + (int64_t)(random_bits() % (uint64_t)(hi - lo + 1)));
  return new_const(g, fresh_name(g, name), DT_I32, 1, &n, v);
}

/* The same scales by rule float. */
static void use_float_rule(Graph *g, Node *n, Tensor *m, int shift) {
  int32_t *v = m->data;
  set_str(g, n, "rule", "float");
  for (int64_t i = 0; i < n_elements(m); i++) v[i] = float_bits(ldexpf((float)v[i], shift - 31));
}

Tensor *set_output(Graph *g, Node *n, DType codes, int64_t channels, int64_t bound) {
  const Format *f = format_of(codes);
  int most = 0, least = 0;
  while ((bound << (most + 1)) < INT32_MAX) most++;
  while ((bound >> -least) > INT32_MAX) least--;
  if (least < 0 || (codes == DT_I16 && !pick(0, 5))) {
    set_int(g, n, "wide", 1); /* also where 32 bits are enough */
    if (most > least) most = least;
  }
  int shift = pick(0, 2) ? pick(least - 4, most) : least;
  int zero = codes == DT_I8 ? pick(f->lo, f->hi) : 0, lo = pick(0, 3) ? f->lo : zero;
  int64_t scaled = shift >= 0 ? bound << shift : bound >> -shift;
  int64_t m = ((int64_t)1 << 31) / (scaled / (16 * f->hi) + 1);
  if (m > (1 << 29)) m = 1 << 29;
  set_int(g, n, "shift", shift), set_int(g, n, "y_zero", zero);
  set_int(g, n, "lo", lo), set_int(g, n, "hi", pick(0, 3) ? f->hi : pick(lo, f->hi));
  Tensor *t = new_vector(g, "m", channels, m / 50, m);
  if (codes == DT_I8 && !pick(0, 7)) use_float_rule(g, n, t, shift);
  return t;
}

/* The same by rule tflite: multipliers and exponents; two of three times such as networks have. */
static Tensor *set_tflite_output(Graph *g, Node *n, int64_t channels, int64_t bound) {
  set_output(g, n, DT_I8, channels, bound);
  int most = 0;
  while ((bound << (most + 1)) < INT32_MAX) most++;
  int64_t dim[2] = {2, channels};
  int32_t *m = arena_alloc(g->arena, 2 * channels * 4);
  bool usual = pick(0, 2) > 0;
  int least = most < 12 ? -11 : most > 18 ? -5 : most - 23;
  for (int64_t o = 0; o < channels; o++) {
    m[o] = pick(0, 9) ? (1 << 30) + (int32_t)(random_bits() >> 2) : 0;
    if (usual) m[channels + o] = pick(least, least + 3);
    else m[channels + o] = pick(0, 9) ? pick(most - 24, most - 20) : pick(-31, most);
  }
  set_str(g, n, "rule", "tflite");
  return new_const(g, fresh_name(g, "m"), DT_I32, 2, dim, m);
}

/* The largest sum of int16 codes, by the weights of the channels. */
static int64_t bound_s16(const Tensor *w) {
  const int8_t *v = w->data;
  int64_t depth = n_elements(w) / w->dim[0], most = 0;
  for (int64_t o = 0; o < w->dim[0]; o++) {
    int64_t sum = 0;
    for (int64_t i = 0; i < depth; i++) sum += abs(v[o * depth + i]);
    if (sum > most) most = sum;
  }
  return most * 32768;
}

/* Sometimes runs of weights have a multiple each. */
static void add_groups(Program *p, Node *n, Tensor *w) {
  Graph *g = p->g;
  int64_t depth = n_elements(w) / w->dim[0], size = pick(0, 2) ? 16 * pick(1, 4) : pick(1, 40);
  int64_t dim[2] = {w->dim[0], (depth + size - 1) / size};
  uint8_t *v = arena_alloc(g->arena, dim[0] * dim[1]);
  int most = pick(0, 2) ? 255 : (1 << pick(1, 4)) - 1;
  for (int64_t i = 0; i < dim[0] * dim[1]; i++) v[i] = (uint8_t)pick(1, most);
  set_input(g, n, 4, new_const(g, fresh_name(g, "s"), DT_U8, 2, dim, v));
  set_int(g, n, "group_size", size);
}

/* Weights beside the codes, at random places; returns the largest sum of their magnitudes in a channel.
 * With them a weight fits 16 bits. */
static int64_t add_beside(Program *p, Node *n, Tensor *w) {
  Graph *g = p->g;
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, total = 0, most = 0;
  uint16_t *count = arena_alloc(g->arena, channels * 2);
  uint16_t *column = arena_alloc(g->arena, n_elements(w) * 2 + 2);
  int16_t *value = arena_alloc(g->arena, n_elements(w) * 2 + 2);
  int often = pick(1, 9), room = INT16_MAX + 255 * (w->dtype == DT_I8 ? -128 : -8);
  room = room < 2000 ? room : 2000;
  for (int64_t o = 0; o < channels; o++) {
    int64_t sum = 0;
    for (int64_t k = 0; k < depth; k++) {
      if (pick(0, often)) continue;
      count[o]++, column[total] = (uint16_t)k, value[total] = (int16_t)pick(-room, room);
      sum += abs(value[total++]);
    }
    most = sum > most ? sum : most;
  }
  w->quant->channel_scale = w->quant->scale;
  Tensor *part[] = {new_const(g, fresh_name(g, "count"), DT_U16, 1, &channels, count),
                    new_const(g, fresh_name(g, "column"), DT_U16, 1, &total, column),
                    new_const(g, fresh_name(g, "value"), DT_I16, 1, &total, value)};
  for (int i = 0; i < 3; i++) set_input(g, n, 6 + i, part[i]);
  return most;
}

/* Mostly none or a clamp; a function of the C library is the kernel's rare case. */
static void add_activation(Graph *g, Node *n, bool clamp) {
  int kind = pick(0, 7);
  if (kind < (clamp ? 5 : 3)) return;
  set_str(g, n, "activation", kind == 3 ? "HardSwish" : kind == 4 ? "LeakyRelu" : "Clip");
  if (kind == 4) set_float(g, n, "activation_alpha", 0.1);
  if (kind >= 5) set_float(g, n, "activation_min", kind == 6 ? -1.5 : 0);
  if (kind >= 6) set_float(g, n, "activation_max", kind == 6 ? 2.5 : 6);
}

/* The node of real numbers behind its weights: sometimes a bias, an activation. */
static Node *finish_float(Program *p, const char *op, Tensor *x, Tensor *w) {
  Graph *g = p->g;
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Tensor *in[3] = {x, w, NULL};
  if (pick(0, 3)) in[2] = new_weights(g, 1, w->dim, DT_F32);
  Node *n = add_node(g, -1, op, fresh_name(g, "layer"), in[2] ? 3 : 2, in, 1, &y);
  if (strcmp(op, "Gemm") == 0) set_int(g, n, "transB", 1);
  add_activation(g, n, false);
  return n;
}

/* The node of codes behind its weights: bias, multipliers, sometimes a table or groups. */
static Node *finish_codes(Program *p, const char *op, Tensor *x, Tensor *w) {
  Graph *g = p->g;
  int64_t table_size = 256, depth = n_elements(w) / w->dim[0];
  bool levels = w->dtype == DT_I8 && pick(0, 1);
  if (levels) fill_levels(p, w);
  bool rows = p->mode == ROWS;
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Tensor *in[6] = {x, w, new_vector(g, "b", w->dim[0], -5000, 5000), NULL, NULL, NULL};
  bool s16 = p->mode == SHORTS, tables = !rows && !s16;
  if (tables && !pick(0, 2))
    in[5] = new_const(g, fresh_name(g, "t"), DT_I8, 1, &table_size, random_data(g, 256, -128, 127));
  Node *n = add_node(g, -1, op, fresh_name(g, "layer"), 6, in, 1, &y);
  int64_t largest = 128 * -(int64_t)format_of(w->dtype)->lo;
  bool often = strcmp(op, "QGemm") == 0 || w->dtype == DT_I4 || levels;
  bool groups = tables && depth * largest * 255 < INT32_MAX - 5000 && !pick(0, often ? 1 : 3);
  if (groups) largest *= 255;
  if (groups) add_groups(p, n, w);
  int64_t bound = s16 ? bound_s16(w) : depth * largest;
  if (groups && !pick(0, 2)) bound += 128 * add_beside(p, n, w);
  Tensor *m = tables && (p->tflite || !pick(0, 5)) ? set_tflite_output(g, n, w->dim[0], bound + 5000)
                                    : set_output(g, n, x->dtype, w->dim[0], bound + 5000);
  if (rows) set_int(g, n, "lo", -128), set_int(g, n, "hi", 127);
  set_input(g, n, 3, m);
  set_int(g, n, "x_zero", !s16 && pick(0, 3) ? pick(-128, 127) : 0);
  return n;
}

/* Positive numbers of several magnitudes, now and then 0. */
static Tensor *new_scales(Graph *g, const char *name, int64_t n, bool zeros) {
  float *v = arena_alloc(g->arena, (n + 1) * 4);
  for (int64_t i = 0; i < n; i++)
    v[i] = zeros && !pick(0, 9) ? 0 : ldexpf((float)pick(1 << 10, 1 << 20), -pick(20, 30));
  return new_const(g, fresh_name(g, name), DT_F32, 1, &n, v);
}

static void set_fp8(Graph *g, Tensor *t) {
  t->quant = new_quant(g, find_format("fp8_e4m3"), -1, 0, 1);
  t->quant->scale[0] = ldexpf((float)pick(1 << 10, 1 << 20), -pick(12, 24));
}

/* Activations that are floats of 8 bits, weights sometimes, too, and outputs. */
static void use_floats(Graph *g, Tensor *w, Tensor *y) {
  if (w->dtype == DT_I8 && pick(0, 1)) w->quant->format = find_format("fp8_e4m3");
  if (pick(0, 1)) set_fp8(g, y);
}

/* Now and then x has a zero point, and then its weights perhaps, too. */
static void add_zeros(Graph *g, Node *n, Tensor *w) {
  bool groups = n->in[4] != NULL;
  if (n_elements(n->in[5]) != 1 || !pick(0, 2) || (groups && n_elements(w) / w->dim[0] > 250)) return;
  set_input(g, n, 6, new_vector(g, "xz", 1, -128, 127));
  if (groups || w->dtype != DT_I8 || !pick(0, 1)) return;
  if (!w->quant->book && w->quant->n == 1 && pick(0, 1)) w->quant = new_quant(g, w->quant->format, 0, 0, w->dim[0]);
  for (int64_t i = 0; i < w->quant->n; i++) w->quant->zero[i] = pick(w->quant->format->lo, w->quant->format->hi);
}

/* The node of codes that have scales by image, row or run: sometimes a bias, an activation, groups. */
static Node *finish_dynamic(Program *p, const char *op, Tensor *x, Tensor *w) {
  Graph *g = p->g;
  bool conv = strcmp(op, "DConv") == 0, floats = !pick(0, 2);
  int64_t depth = n_elements(w) / w->dim[0], rows = n_elements(x) / x->dim[x->rank - 1];
  if (w->dtype == DT_I8 && pick(0, 1)) fill_levels(p, w);
  int64_t scales = conv ? pick(0, 1) ? x->dim[0] : 1 : pick(0, 1) ? rows : 1, run = depth;
  if (!conv && scales == rows && !pick(0, 2)) run = pick(0, 1) ? 8 * pick(1, 4) : pick(1, 40);
  if (run < depth) scales *= (depth + run - 1) / run;
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Tensor *in[6] = {x, w, pick(0, 3) ? new_weights(g, 1, w->dim, DT_F32) : NULL,
                   new_scales(g, "s", w->dim[0], false), NULL, new_scales(g, "xs", scales, true)};
  if (floats) use_floats(g, w, y), op = conv ? "FConv" : "FGemm";
  Node *n = add_node(g, -1, op, fresh_name(g, "layer"), 6, in, 1, &y);
  if (!conv) set_int(g, n, "transB", 1);
  if (run < depth) set_int(g, n, "x_size", run);
  if (depth < 400 && !pick(0, 2)) add_groups(p, n, w);
  if (!floats && run == depth) add_zeros(g, n, w);
  add_activation(g, n, false);
  return n;
}

static Node *finish_weighted(Program *p, const char *op, Tensor *x, Tensor *w) {
  if (p->mode == DYNAMIC) return finish_dynamic(p, strcmp(op, "QGemm") == 0 ? "DGemm" : "DConv", x, w);
  return dtype_is_float(w->dtype) ? finish_float(p, op + 1, x, w) : finish_codes(p, op, x, w);
}

/* Float16 weights serve float32 inputs, too, bfloat16 weights only these. */
static DType input_type(const Program *p, DType weights) {
  if (weights == DT_F16) return pick(0, 3) ? DT_F16 : DT_F32;
  return dtype_is_float(weights) ? DT_F32 : p->mode == SHORTS ? DT_I16 : DT_I8;
}

static Node *random_gemm(Program *p, DType type) {
  Graph *g = p->g;
  int64_t rows = p->mode == ROWS || pick(0, 1) ? 1 : pick(2, 9);
  int64_t out = p->mode != ROWS && pick(0, 3) ? pick(1, 67) : 8 * pick(1, 6);
  int64_t depth = pick(0, 1) ? pick(1, 67) : pick(0, 1) ? 4 * pick(1, 40) : 64 * pick(1, 5);
  if (p->mode == SHORTS && !pick(0, 5)) depth = pick(600, 1500), out = pick(1, 9);
  Tensor *x = new_tensor(g, fresh_name(g, "x"), input_type(p, type), 2, (int64_t[]){rows, depth});
  return finish_weighted(p, "QGemm", x, new_weights(g, 2, (int64_t[]){out, depth}, type));
}

/* A product whose right side is no packed weight, sometimes in batches that may share it. */
static Node *random_matmul(Program *p, DType type) {
  Graph *g = p->g;
  int64_t batch = pick(1, 3), rows = pick(1, 9), depth = pick(1, 40), cols = pick(1, 67);
  bool shared = pick(0, 1);
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Tensor *x = new_tensor(g, fresh_name(g, "x"), type, 3, (int64_t[]){batch, rows, depth});
  int64_t dim[] = {batch, depth, cols};
  Tensor *in[2] = {x, new_weights(g, shared ? 2 : 3, shared ? dim + 1 : dim, type)};
  Node *n = add_node(g, -1, "MatMul", fresh_name(g, "layer"), 2, in, 1, &y);
  add_activation(g, n, type == DT_F16); /* where it is a call of its own, others round twice */
  return n;
}

/* The product of two activations that are floats of 8 bits, to such or to float32; or codes of numbers, or
 * numbers of codes. */
static Node *random_fp8(Program *p) {
  Graph *g = p->g;
  int kind = pick(0, 2);
  Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  if (kind == 0) {
    Node *n = random_matmul(p, DT_I8);
    n->op = find_op("FMatMul");
    set_float(g, n, "scale", ldexpf((float)pick(1 << 10, 1 << 20), -pick(20, 30)));
    if (pick(0, 1)) set_fp8(g, n->out[0]);
    return n;
  }
  int64_t dim[2] = {pick(1, 9), pick(1, 67)};
  Tensor *x = new_tensor(g, fresh_name(g, "x"), kind == 1 ? DT_F32 : DT_I8, 2, dim);
  set_fp8(g, kind == 1 ? y : x);
  return add_node(g, -1, kind == 1 ? "Quantize" : "Dequantize", fresh_name(g, "layer"), 1, &x, 1, &y);
}

static int64_t out_size(int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                        int64_t pads) {
  int64_t room = in + pads - (kernel - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

/* SQUARE: 3x3, stride 1, whole vectors of channels, as Winograd's kernels want it. */
typedef enum Shape { GENERAL, POINTWISE, DEPTHWISE, GROUPED, SQUARE, SHAPES } Shape;

/* Codes, kernel, stride, dilation and pads of one spatial dimension. */
static void random_dimension(Shape shape, int64_t *in, int64_t *kernel, int64_t *stride,
                             int64_t *dilation, int64_t *pad, int64_t *pad_end) {
  do {
    bool small = shape == POINTWISE;
    bool dense = small || shape == SQUARE;
    *in = pick(1, 9);
    *kernel = small ? 1 : dense || pick(0, 1) ? 3 : pick(1, 7);
    *stride = dense || pick(0, 1) ? 1 : pick(1, 3);
    *dilation = dense || pick(0, 3) ? 1 : pick(1, 3);
    int extent = (int)((*kernel - 1) * *dilation + 1);
    *pad = small ? 0 : pick(0, 3) ? extent / 2 : pick(0, extent);
    *pad_end = small ? 0 : pick(0, 3) ? extent / 2 : pick(0, extent);
  } while (out_size(*in, *kernel, *stride, *dilation, *pad + *pad_end) < 1);
}

void random_window(int64_t *in, int64_t *kernel, int64_t *stride, int64_t *dilation, int64_t *pad,
                   int64_t *pad_end) {
  random_dimension(GENERAL, in, kernel, stride, dilation, pad, pad_end);
}

static Node *random_conv(Program *p, Shape shape, DType type) {
  Graph *g = p->g;
  int64_t in[2], kernel[2], stride[2], dilation[2], pad[4];
  for (int i = 0; i < 2; i++)
    random_dimension(shape, &in[i], &kernel[i], &stride[i], &dilation[i], &pad[i], &pad[i + 2]);
  int64_t group = shape == DEPTHWISE ? pick(1, 67) : shape == GROUPED ? pick(2, 4) : 1;
  bool single = shape == DEPTHWISE || (shape == GROUPED && pick(0, 5) == 0);
  int64_t whole = 4 * pick(1, 4) * (pick(0, 1) ? 1 : 4); /* which vectors, and runs of weights, fill */
  int64_t ci = single ? 1 : pick(0, 1) ? pick(1, 67 / (int)group) : whole;
  int64_t co = shape == DEPTHWISE ? 1 : shape == GROUPED ? pick(1, 20) : pick(1, 67);
  if (shape == SQUARE) ci = 8 * pick(2, 4), co = pick(16, 40);
  bool flat = shape <= GROUPED && pick(0, 5) == 0; /* one spatial dimension */
  int64_t x[] = {pick(0, 4) ? 1 : 2, in[0], in[1], ci * group},
          w[] = {co * group, kernel[0], kernel[1], ci};
  int64_t x1[] = {x[0], in[0], x[3]}, w1[] = {w[0], kernel[0], ci};
  int rank = flat ? 3 : 4;
  Tensor *t = new_tensor(g, fresh_name(g, "x"), input_type(p, type), rank, flat ? x1 : x);
  t->layout = LAYOUT_NHWC;
  Node *n = finish_weighted(p, "QConv", t, new_weights(g, rank, flat ? w1 : w, type));
  n->in[1]->layout = LAYOUT_NHWC;
  int64_t pad1[] = {pad[0], pad[2]};
  set_int(g, n, "group", group);
  set_ints(g, n, "strides", rank - 2, stride), set_ints(g, n, "dilations", rank - 2, dilation);
  set_ints(g, n, "pads", 2 * (rank - 2), flat ? pad1 : pad);
  return n;
}

/* ---- places in the arena */

static int64_t place(Program *p, int64_t bytes) {
  int64_t at = p->bytes;
  p->bytes = (at + bytes + GUARD + ALIGN - 1) / ALIGN * ALIGN;
  return at;
}

static void add_layer(Program *p, Node *n, bool in_place) {
  const Kernel *k = n->kernel;
  Graph *g = p->g;
  Layer l = {.node = n, .in_place = in_place};
  l.n_x = tensor_bytes(n->in[0]), l.n_y[0] = tensor_bytes(n->out[0]);
  l.n_scratch = k->scratch ? k->scratch(n) : 0;
  l.x = place(p, in_place && l.n_y[0] > l.n_x ? l.n_y[0] : l.n_x);
  l.scratch = place(p, l.n_scratch);
  l.y[0] = in_place ? l.x : place(p, l.n_y[0]);
  n->in[0]->offset = l.x, n->out[0]->offset = l.y[0];
  for (int i = 1; i < n->n_out; i++) {
    if (!n->out[i]) continue;
    l.n_y[i] = tensor_bytes(n->out[i]);
    n->out[i]->offset = l.y[i] = place(p, l.n_y[i]);
  }
  set_int(g, n, "scratch_offset", l.scratch);
  p->layer = arena_grow(g->arena, p->layer, p->n_layer, sizeof *p->layer);
  p->layer[p->n_layer++] = l;
}

/* The same layer, y over x. */
static void add_in_place(Program *p, const Node *n) {
  const Kernel *k = n->kernel;
  bool grows = n_elements(n->out[0]) > n_elements(n->in[0]);
  if (n->n_out > 1 || !(k->in_place & 1) || (grows && !(k->grow & 1))) return;
  Graph *g = p->g;
  Tensor *in[9], *y = copy_tensor(g, fresh_name(g, "y"), n->out[0]);
  for (int i = 0; i < n->n_in; i++) in[i] = n->in[i];
  in[0] = copy_tensor(g, fresh_name(g, "x"), in[0]);
  Node *same = add_node(g, -1, n->op->name, fresh_name(g, "layer"), n->n_in, in, 1, &y);
  for (int i = 0; i < n->n_attr; i++) set_attr(g, same, &n->attr[i]);
  infer_node(g, same);
  same->kernel = k;
  add_layer(p, same, true);
}

static Node *random_layer(Program *p, int i) {
  Mode mode = p->mode;
  static const DType types[] = {DT_I8, DT_I4, DT_I2};
  DType type = mode == FLOATS ? DT_F32 : mode == HALVES ? DT_F16 : types[i % 3];
  bool codes = mode == CODES || mode == SHORTS || mode == DYNAMIC;
  int kinds = mode == SHORTS || mode == DYNAMIC ? 2 : codes || mode == ROWS ? 1 : 4;
  int shape = i / (codes ? 3 : 1) % (SHAPES + kinds);
  if (mode == MANY) return random_general(p->g);
  if (mode == ELEMENTS) return random_elements(p->g, DT_I8);
  if (mode == SHORTS && shape > SHAPES) return random_elements(p->g, DT_I16);
  if (mode == DYNAMIC && shape > SHAPES) return random_fp8(p);
  if (shape > SHAPES + 1) return random_real_elements(p->g, type);
  if (shape > SHAPES) return random_matmul(p, type);
  if (mode == HALVES && !pick(0, 3)) type = DT_BF16;
  return shape == SHAPES || mode == ROWS ? random_gemm(p, type) : random_conv(p, (Shape)shape, type);
}

/* Sets weights to 0 and asks for storage without them, where all formats of the type have a 0. */
static void prune(Program *p, Node *n) {
  const Tensor *w = n->in[1];
  if (w->quant && (w->quant->format->n_levels > 0 || w->quant->book)) return;
  int share = pick(0, 8);
  for (int64_t i = 0; i < n_elements(w); i++)
    if (pick(0, 8) < share) ((int8_t *)w->data)[i] = 0;
  set_int(p->g, n, "sparse", 1);
}

static void add_random_layer(Program *p, int i) {
  Node *n = random_layer(p, i);
  bool codes = p->mode == CODES || p->mode == ROWS || (p->mode == DYNAMIC && n->n_in >= 6);
  infer_node(p->g, n);
  if (codes && !pick(0, n->in[1]->dtype == DT_I2 ? 1 : 3)) set_int(p->g, n, "compact", 1);
  if (codes && n->in[1]->dtype != DT_I2 && !pick(0, 5)) prune(p, n);
  widen_weights(p->g, p->cx.target, n);
  n->kernel = choose_kernel(p->cx.target, n);
  if (!n->kernel) error("layer %d has no kernel", i);
  add_layer(p, n, false);
  add_in_place(p, n);
}

/* ---- the run */

static void compute_expected(Arena *a, const Node *n, const uint8_t *x, void **y) {
  const void *in[9];
  for (int i = 0; i < n->n_in; i++) in[i] = n->in[i] ? n->in[i]->data : NULL;
  in[0] = x;
  for (int i = 0; i < n->n_out; i++) y[i] = n->out[i] ? arena_alloc(a, tensor_bytes(n->out[i]) + 1) : NULL;
  eval_node(n, in, y);
}

static bool lies_in(int64_t i, int64_t at, int64_t n) { return i >= at && i < at + n; }

static bool report(const Node *n, const char *what, int64_t i, double got, double want) {
  const Kernel *k = n->kernel;
  Arena *a = new_arena();
  fprintf(stderr, "%s: %s %lld is %.9g, expected %.9g (x %s %s, w %s, y %s)\n", k->name, what,
          (long long)i, got, want, dtype_name(n->in[0]->dtype), shape_text(a, n->in[0]),
          n->n_in > 1 && n->in[1] ? shape_text(a, n->in[1]) : "-",
          shape_text(a, n->out[0]));
  for (int j = 0; j < n->n_attr; j++)
    if (n->attr[j].kind == ATTR_INT)
      fprintf(stderr, " %s %lld", n->attr[j].name, (long long)n->attr[j].i);
  fputc('\n', stderr);
  free_arena(a);
  return false;
}

static bool check_codes(const Layer *l, int64_t n, const int8_t *want, const int8_t *got) {
  for (int64_t i = 0; i < n; i++)
    if (got[i] != want[i])
      return report(l->node, l->in_place ? "in place, code" : "code", i, got[i], want[i]);
  return true;
}

/* Kernels that sum `run` products in float16: the k-th addition rounds a sum of about sqrt(k) / 3,
 * uniformly by 2^-11 of it at most, so the run's error has a standard deviation of about
 * 2^-11 / sqrt(3) * run / sqrt(2) / 3.  Of the depth / run runs together it is 2^-11 * sqrt(run) * 0.41
 * times sqrt(depth) / 3, the size of a sum.  Five of these. */
static double half_sum_tolerance(const Layer *l) {
  const Tensor *w = l->node->n_in > 1 ? l->node->in[1] : NULL;
  const char *kernel = ((const Kernel *)l->node->kernel)->name;
  bool product = is_op(l->node, "Conv") || is_op(l->node, "Gemm");
  if (!product || strncmp(kernel, "mve_", 4) != 0) return 0;
  double depth = (double)(n_elements(w) / w->dim[0]);
  return half_step * sqrt(strstr(kernel, "depthwise") ? depth : fmin(depth, 32));
}

/* Are the outputs those of eval to the last bit?  Of codes with scales of run time they are, but for
 * functions that eval computes in another way. */
static bool is_exact(const Node *n) {
  return n->in[0]->dtype == DT_I8 && strcmp(attr_str(n, "activation", ""), "HardSwish") != 0;
}

/* Places in images, which eval has in double, are those of float32. */
static bool is_sampled(const Node *n) {
  return is_op(n, "GridSample") || is_op(n, "RoiAlign") || is_op(n, "DeformConv");
}

/* The sums of a layer are about as large as sqrt(depth) / 3, and the terms of one may cancel. */
static bool check_reals(const Layer *l, const Tensor *y, const void *want, const void *got) {
  const Tensor *w = l->node->n_in > 1 ? l->node->in[1] : NULL;
  double largest = w && w->rank ? sqrt((double)(n_elements(w) / w->dim[0])) / 3 : 0;
  double share = (is_sampled(l->node) ? 20 : 1) * tolerance + (y->dtype == DT_F16 ? half_sum_tolerance(l) : 0);
  int64_t n = n_elements(y);
  for (int64_t i = 0; i < n; i++) {
    double v = fabs(get_real(y->dtype, want, i));
    if (isfinite(v)) largest = fmax(largest, v);
  }
  for (int64_t i = 0; i < n; i++) {
    double x = get_real(y->dtype, want, i), real = get_real(y->dtype, got, i);
    double step = y->dtype == DT_F16 ? half_step * fabs(x) + smallest_half : 0;
    if (real != x && !(isnan(real) && isnan(x)) && !(fabs(real - x) <= share * largest + step))
      return report(l->node, l->in_place ? "in place, element" : "element", i, real, x);
  }
  return true;
}

/* Bytes from the layer's part to the next: output, and what must not have changed. */
static bool check_layer(Arena *a, const Layer *l, int64_t end, const uint8_t *before,
                        const uint8_t *after) {
  for (int64_t i = l->x - GUARD; i < end; i++) {
    bool written = lies_in(i, l->scratch, l->n_scratch) || (l->in_place && lies_in(i, l->x, l->n_x));
    for (int k = 0; k < l->node->n_out; k++) written |= lies_in(i, l->y[k], l->n_y[k]);
    if (!written && after[i] != before[i])
      return report(l->node, "byte beside the buffers", i - l->x, after[i], before[i]);
  }
  void *want[MAX_OUT];
  compute_expected(a, l->node, before + l->x, want);
  for (int k = 0; k < l->node->n_out; k++) {
    const Tensor *y = l->node->out[k];
    const void *got = after + l->y[k];
    bool sums = y && dtype_is_float(y->dtype) && !is_exact(l->node) && !(l->node->op->flags & (OP_MOVE | OP_QDQ));
    if (y && !(sums ? check_reals(l, y, want[k], got) : check_codes(l, l->n_y[k], want[k], got))) return false;
  }
  return true;
}

static void count_kernels(const Program *p) {
  for (int i = 0; i < p->n_layer; i++) {
    const char *name = ((const Kernel *)p->layer[i].node->kernel)->name;
    int n = 0, in_place = 0;
    bool seen = false;
    for (int j = 0; j < p->n_layer; j++) {
      if (strcmp(((const Kernel *)p->layer[j].node->kernel)->name, name) != 0) continue;
      seen |= j < i, n++, in_place += p->layer[j].in_place;
    }
    if (!seen) printf("  %s: %d layers, %d in place\n", name, n, in_place);
  }
}

/* Random bytes, and random numbers where a layer reads those. */
static uint8_t *random_arena(Program *p) {
  uint8_t *arena = random_data(p->g, p->bytes, -128, 127);
  for (int i = 0; i < p->n_layer; i++) {
    const Layer *l = &p->layer[i];
    const Tensor *x = l->node->in[0];
    float bound = l->node->op->flags & OP_UNARY ? 8 : 1; /* functions of one number */
    if (p->mode == MANY && random_general_input(l->node, arena + l->x)) continue;
    if (dtype_is_float(x->dtype))
      memcpy(arena + l->x, random_reals(p->g, x->dtype, n_elements(x), bound), (size_t)l->n_x);
    else if (!pick(0, 4)) memset(arena + l->x, 127, (size_t)l->n_x); /* the largest sums */
  }
  return arena;
}

static bool run_program(Arena *a, Program *p, int compiler, const char *optimize) {
  Graph *g = p->g;
  Tensor *whole = new_tensor(g, "arena", DT_U8, 1, &p->bytes);
  whole->offset = 0;
  g->in = g->out = arena_grow(a, NULL, 0, sizeof *g->in);
  g->in[0] = whole, g->n_in = g->n_out = 1;
  g->arena_bytes = p->bytes;
  CodegenOptions o = {.name = "layers",
                      .provenance = "Random layers.",
                      .optimize = optimize,
                      .bin_threshold = INT64_MAX};
  write_code(g, &p->cx, &o, dir);
  uint8_t *before = random_arena(p), *after = arena_alloc(a, p->bytes);
  HarnessIo io = {.prefix = "layers",
                  .n_in = 1,
                  .n_out = 1,
                  .in_bytes = {p->bytes},
                  .out_bytes = {p->bytes},
                  .arena_bytes = p->bytes};
  RunRequest rq = {.dir = dir,
                   .opt = strcmp(optimize, "size") == 0 ? "-Os" : "-O2",
                   .compiler = compiler,
                   .variant = -1,
                   .n_sample = 1,
                   .input = before,
                   .output = after};
  RunResult r;
  run_on_target(a, p->cx.target, &io, &rq, &r);
  bool right = true;
  for (int i = 0; i < p->n_layer; i++) {
    int64_t end = i + 1 < p->n_layer ? p->layer[i + 1].x - GUARD : p->bytes;
    right &= check_layer(a, &p->layer[i], end, before, after);
  }
  return right;
}

int main(int argc, char **argv) {
  const char *option = argc > 1 ? argv[1] : "";
  Mode mode = strcmp(option, "--float") == 0      ? FLOATS
              : strcmp(option, "--half") == 0     ? HALVES
              : strcmp(option, "--elements") == 0 ? ELEMENTS
              : strcmp(option, "--int16") == 0    ? SHORTS
              : strcmp(option, "--rows") == 0     ? ROWS
              : strcmp(option, "--dynamic") == 0  ? DYNAMIC
              : strcmp(option, "--general") == 0  ? MANY
                                                  : CODES;
  bool tflite = strcmp(option, "--tflite") == 0;
  if (mode != CODES || tflite) argc--, argv++;
  if (argc != 5 && argc != 6)
    return fputs("usage: on_target [--float | --half | --elements | --int16 | --rows | --dynamic | --tflite | "
                 "--general] TARGET COMPILER OPTIMIZE COUNT [SEED]\n",
                 stderr),
           2;
  Arena *a = new_arena();
  PlanReport plan = {0};
  Program p = {.g = new_graph(a, "layers"), .bytes = GUARD, .mode = mode, .tflite = tflite};
  uint64_t run = HASH_START;
  for (int i = 1; i < argc; i++) run = hash_bytes(run, argv[i], strlen(argv[i]));
  p.choice = (int)((run >> 32) % CHOICES);
  p.cx = (Context){.arena = a, .target = load_target(a, argv[1]), .report = &plan};
  int compiler = atoi(argv[2]), count = atoi(argv[4]);
  if (argc == 6) random_state ^= strtoull(argv[5], NULL, 10) * UINT64_C(0x9e3779b97f4a7c15);
  const char *package = missing_compiler(p.cx.target, compiler);
  const char *why =
      package ? arena_printf(a, "no compiler, packages %s", package) : why_not_run(a, p.cx.target);
  if (why) return printf("skipped: %s\n", why), SKIPPED;
  if (!mkdtemp(dir)) return 2;
  atexit(remove_dir);
  for (int i = 0; i < count; i++) add_random_layer(&p, i);
  bool right = run_program(a, &p, compiler, argv[3]);
  count_kernels(&p);
  free_arena(a);
  return right ? 0 : 1;
}
