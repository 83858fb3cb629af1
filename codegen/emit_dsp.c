/* emit_dsp.c - calls of the kernels of runtime/dsp/: biases and factors lie together, in blocks of as many output
 * channels as the inner loop computes. */
#include "codegen/emit.h"

/* What the sums of a block of four channels begin with: see runtime/dsp/pair_fours.h. */
static void nest_biases(int64_t b[4], int bits) {
  for (int i = 2; i >= 0; i--)
    b[i] = (int32_t)(uint32_t)(b[i] * ((int64_t)1 << bits * (3 - i)) + b[i + 1]);
}

/* Words of an output channel: bias and doubled multiplier, or by rule tflite bias and two factors. */
static int words_of(const Node *n) { return follows_tflite(n) ? 3 : 2; }

/* The factors of the channels, 1 or 2 each. */
static int32_t *list_factors(Arena *a, const Node *n) {
  int64_t channels = n->in[1]->dim[0];
  int32_t *v = arena_alloc(a, 2 * channels * (int64_t)sizeof *v);
  if (follows_tflite(n)) tflite_products(n, 32, v);
  else
    for (int64_t o = 0; o < channels; o++) v[o] = (int32_t)(2 * get_int(DT_I32, n->in[3]->data, o));
  return v;
}

/* Per block its biases, then its factors.  Groups have whole blocks. */
static const char *channel_array(Emitter *e, const Node *n, Packing packing) {
  int block = dsp_channels(packing);
  const Tensor *b = n->in[2];
  int words = words_of(n);
  const int32_t *factor = list_factors(e->a, n);
  int64_t groups = has_parts(n) ? attr_int(n, "group", 1) : 1, channels = n_elements(b) / groups;
  int64_t whole = (channels + block - 1) / block * block, padded = groups * whole;
  int64_t *v = arena_alloc(e->a, (words * padded + 1) * (int64_t)sizeof *v);
  for (int64_t o = 0; o < groups * channels; o++) {
    int64_t place = o / channels * whole + o % channels;
    int64_t at = place / block * words * block + place % block;
    v[at] = get_int(b->dtype, b->data, o);
    for (int i = 0; i < words - 1; i++) v[at + (i + 1) * block] = *factor++;
  }
  int nested = optional_input(n, 4) ? 0 : packing == PACK_DSP_QUADS ? 4 : packing == PACK_DSP_BYTES ? 2 : 0;
  for (int64_t o = 0; nested && o < padded; o += block) nest_biases(v + 2 * o, nested);
  return int_array(e, "k", "int32_t", words * padded, v);
}

/* Of rule tflite sums are doubled, and second factors lie as far behind the first as a block is long. */
static void write_rule(Emitter *e, const Node *n, const Kernel *k) {
  if (follows_tflite(n)) write_products(e, n, 1, dsp_channels(k->packing));
  else write_rescale(e, n);
}

static void call_dsp(Emitter *e, const Node *n, const Kernel *k) {
  const char *groups = optional_input(n, 4) ? write_groups(e, n, k) : NULL;
  const char *w = weight_array(e, n, k), *c = channel_array(e, n, k->packing);
  const char *table = optional_input(n, 5) ? constant_array(e, n->in[5], "t") : "NULL";
  call(e, "qcc_%s(&p, %s%s, %s, %s%s%s, %s, %s, %s)", k->name, groups ? "&q, " : "",
       pointer_to(e, n->in[0]), w, groups ? groups : "", groups ? ", " : "", c, table,
       scratch_place(e, n), pointer_to(e, n->out[0]));
}

void emit_qconv_dsp(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_conv");
  write_window(e, n, n->in[1]);
  field(e, "group", attr_int(n, "group", 1));
  field(e, "x_zero", attr_int(n, "x_zero", 0));
  write_rule(e, n, k);
  close_params(e);
  call_dsp(e, n, k);
}

void emit_qgemm_dsp(Emitter *e, const Node *n, const Kernel *k) {
  int64_t cols = n->in[1]->dim[0];
  open_params(e, "qcc_gemm");
  field(e, "rows", n_elements(n->out[0]) / cols);
  field(e, "depth", n_elements(n->in[1]) / cols);
  field(e, "cols", cols);
  write_rule(e, n, k);
  close_params(e);
  call_dsp(e, n, k);
}
