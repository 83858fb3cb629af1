/* test_layers.c - the integer convolutions and matrix products of runtime/ over random shapes, bit
 * for bit against a loop that does nothing but what docs/numerics.md says, and against the
 * compiler's eval of the same operators. */
#include "tests/kernels/eval_node.h"
#include "tests/unit/vectors.h"

#include "runtime/conv1x1_grouped.h"
#include "runtime/conv1x1_packed.h"
#include "runtime/conv1x1_s8.h"
#include "runtime/conv_grouped.h"
#include "runtime/conv_packed.h"
#include "runtime/conv_s8.h"
#include "runtime/depthwise_packed.h"
#include "runtime/depthwise_s8.h"
#include "runtime/gemm_grouped.h"
#include "runtime/gemm_packed.h"
#include "runtime/gemm_s8.h"
#include "runtime/matmul_s8.h"

/* One random layer with everything that its kernels read. */
typedef struct Layer {
  struct qcc_conv p;
  struct qcc_groups q;       /* size 0: no multiples */
  int32_t depth;             /* weights of an output channel */
  int64_t n_x, n_y;
  int8_t *x;                 /* [batch][in_h][in_w][in_c] */
  const Format *format;      /* of the weights */
  QuantSpec quant;           /* codebooks, where the format has them */
  int8_t *codes;             /* [out_c][depth] */
  uint8_t *packed;           /* what kernels with these bits read */
  uint8_t *multiple;         /* [out_c][n_groups] or NULL */
  int32_t *b, *m;            /* [out_c]; b may be NULL */
  int8_t *table;             /* [256] or NULL */
  int8_t *want;              /* [n_y] */
} Layer;

static int compare_vectors(const void *a, const void *b) { return memcmp(a, b, 8); }

/* One codebook, or one for each channel, of rising levels; one of vectors whose sums are bytes. */
static QuantSpec random_books(const Format *f, int64_t channels) {
  if (has_sums(f)) {
    QuantSpec q = {.format = f, .n_book = 1, .entries = f->terms == 1 ? random_int(258, 600) : 0};
    q.book = random_codes(book_bytes(&q), -63, 63);
    if (q.entries > 0) qsort(q.book, (size_t)q.entries, 8, compare_vectors);
    return q;
  }
  QuantSpec q = {.format = f, .n_book = !f->book_size ? 0 : random_int(0, 1) ? channels : 1};
  if (q.n_book > 0) q.book = new_buffer(q.n_book * f->book_size);
  for (int64_t i = 0; i < q.n_book * f->book_size; i++) {
    int place = (int)(i % f->book_size), width = 254 / f->book_size;
    q.book[i] = (int8_t)(-127 + random_int(place * width, place * width + width - 1));
  }
  return q;
}

/* Codes of n weights of each channel; -128 is none of int8's. */
static int8_t *random_weights(const QuantSpec *q, int64_t channels, int64_t n) {
  const Format *f = q->format;
  int8_t *codes = random_codes(channels * n, f->bits >= 8 ? -127 : f->lo, f->hi);
  if (has_sums(f)) {
    uint8_t *pairs = (uint8_t *)random_codes(n + 2, -128, 127);
    for (int64_t i = 0; q->entries > 0 && i < n + 2; i++) pairs[i] = pairs[i] % 2; /* entries 0, 1, 256 ... */
    for (int64_t i = 0; i < channels; i++) f->unpack_book(q->book, pairs + i % 2, n, codes + i * n);
    return codes;
  }
  for (int64_t i = 0; i < channels * n; i++)
    codes[i] = (int8_t)book_code_near(q, i / n, codes[i]);
  put_vectors(f, codes, channels, n);
  return codes;
}

/* Each row starts a unit. */
static uint8_t *pack_rows(const QuantSpec *q, const int8_t *codes, int64_t rows, int64_t n) {
  int64_t bytes = qcc_packed_bytes(q->format->packing, (int32_t)n);
  uint8_t *out = new_buffer(rows * bytes);
  for (int64_t r = 0; r < rows; r++)
    pack_codes(q, r, codes + r * n, n, out + r * bytes);
  return out;
}

/* clamp(zero + ((acc' * m + 2^30) >> 31), lo, hi), in 64 bits throughout. */
static int8_t reference_code(const struct qcc_rescale *r, int64_t acc, int32_t m,
                             const int8_t *table) {
  acc = r->shift >= 0 ? acc * ((int64_t)1 << r->shift) : acc >> -r->shift;
  assert_true(acc >= INT32_MIN && acc <= INT32_MAX);
  int64_t v = r->zero + ((acc * m + (1 << 30)) >> 31);
  v = v < r->lo ? r->lo : v > r->hi ? r->hi : v;
  return table ? table[v + 128] : (int8_t)v;
}

/* Input code of a tap; the padding reads x_zero. */
static int32_t tap(const Layer *l, int n, int iy, int ix, int c) {
  const struct qcc_window *g = &l->p.g;
  if (iy < 0 || iy >= g->in_h || ix < 0 || ix >= g->in_w) return l->p.x_zero;
  return l->x[((n * g->in_h + iy) * g->in_w + ix) * g->in_c + c];
}

static int64_t reference_sum(const Layer *l, int n, int oy, int ox, int o) {
  const struct qcc_window *g = &l->p.g;
  int channels = g->in_c / l->p.group, first = o / (g->out_c / l->p.group) * channels, k = 0;
  int64_t acc = l->b ? l->b[o] : 0;
  for (int ky = 0; ky < g->kernel_h; ky++)
    for (int kx = 0; kx < g->kernel_w; kx++)
      for (int c = 0; c < channels; c++, k++) {
        int iy = oy * g->stride_h - g->pad_top + ky * g->dilation_h;
        int ix = ox * g->stride_w - g->pad_left + kx * g->dilation_w;
        int64_t factor = l->multiple ? l->multiple[o * l->q.n_groups + k / l->q.size] : 1;
        acc += factor * l->codes[o * l->depth + k] * tap(l, n, iy, ix, first + c);
      }
  return acc;
}

static void compute_reference(Layer *l) {
  const struct qcc_window *g = &l->p.g;
  int8_t *y = l->want;
  for (int n = 0; n < g->batch; n++)
    for (int oy = 0; oy < g->out_h; oy++)
      for (int ox = 0; ox < g->out_w; ox++)
        for (int o = 0; o < g->out_c; o++)
          *y++ = reference_code(&l->p.out, reference_sum(l, n, oy, ox, o), l->m[o], l->table);
}

/* A shift and multipliers that spread the sums over the codes and keep them within int32. */
static void random_rescale(Layer *l) {
  int64_t bound = (int64_t)l->depth * 128 * -l->format->lo * (l->multiple ? 255 : 1);
  int most = 0;
  assert_true(bound + 5000 < INT32_MAX);
  while (((bound + 5000) << (most + 1)) < INT32_MAX) most++;
  l->p.out.shift = random_int(-4, most);
  int64_t scaled = l->p.out.shift >= 0 ? bound << l->p.out.shift : bound >> -l->p.out.shift;
  int64_t factor = ((int64_t)1 << 31) / (scaled / 2000 + 1);
  for (int o = 0; o < l->p.g.out_c; o++) {
    int64_t m = factor * random_int(1, 100) / 50;
    l->m[o] = m < (1 << 30) ? (int32_t)m : (1 << 30) - 1;
  }
  l->p.out.zero = random_int(-128, 127);
  l->p.out.lo = random_int(0, 3) ? -128 : l->p.out.zero;
  l->p.out.hi = random_int(0, 3) ? 127 : random_int(l->p.out.lo, 127);
}

/* Everything that does not depend on the geometry, which l->p.g and l->p.group hold already. */
static void fill_layer(Layer *l, int number, int grouped) {
  static const char *const formats[] = {"int8", "int4", "int2", "ternary", "nf4", "fp4", "binary",
                                        "int3", "e8p", "lut4", "lut3", "lut2", "aq2x8", "aq1x16"};
  const Format *f = find_format(formats[number % 14]);
  const struct qcc_window *g = &l->p.g;
  l->depth = g->kernel_h * g->kernel_w * (g->in_c / l->p.group);
  l->n_x = (int64_t)g->batch * g->in_h * g->in_w * g->in_c;
  l->n_y = (int64_t)g->batch * g->out_h * g->out_w * g->out_c;
  l->x = random_codes(l->n_x, -128, 127);
  l->format = f;
  l->quant = random_books(f, g->out_c);
  l->q.w = (struct qcc_packed){f->packing, l->quant.n_book > 1 ? f->book_size : 0, l->quant.book};
  l->codes = random_weights(&l->quant, g->out_c, l->depth);
  l->packed = pack_rows(&l->quant, l->codes, g->out_c, l->depth);
  if (grouped) {
    l->q.size = random_int(1, l->depth + 3);
    l->q.n_groups = (l->depth + l->q.size - 1) / l->q.size;
    l->multiple = new_buffer((int64_t)g->out_c * l->q.n_groups);
    for (int i = 0; i < g->out_c * l->q.n_groups; i++) l->multiple[i] = (uint8_t)random_int(1, 255);
  }
  l->m = new_buffer(4 * (int64_t)g->out_c);
  l->b = random_int(0, 3) ? new_buffer(4 * (int64_t)g->out_c) : NULL;
  for (int o = 0; l->b && o < g->out_c; o++) l->b[o] = random_int(-5000, 5000);
  l->table = random_int(0, 2) ? NULL : random_codes(256, -128, 127);
  l->p.x_zero = random_int(0, 3) ? random_int(-128, 127) : 0;
  random_rescale(l);
  l->want = new_buffer(l->n_y);
  compute_reference(l);
}

static int out_size(int in, int pads, int kernel, int dilation, int stride) {
  int room = in + pads - (kernel - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

/* A window with paddings up to the kernel's extent, so that some pixels have no valid tap. */
static void random_window(struct qcc_window *g) {
  do {
    *g = (struct qcc_window){
        .batch = random_int(1, 2), .in_h = random_int(1, 9), .in_w = random_int(1, 9),
        .kernel_h = random_int(1, 7), .kernel_w = random_int(1, 7),
        .stride_h = random_int(1, 3), .stride_w = random_int(1, 3),
        .dilation_h = random_int(1, 2), .dilation_w = random_int(1, 3)};
    int extent_h = (g->kernel_h - 1) * g->dilation_h + 1;
    int extent_w = (g->kernel_w - 1) * g->dilation_w + 1;
    g->pad_top = random_int(0, extent_h);
    g->pad_left = random_int(0, extent_w);
    g->out_h = out_size(g->in_h, g->pad_top + random_int(0, extent_h), g->kernel_h, g->dilation_h,
                        g->stride_h);
    g->out_w = out_size(g->in_w, g->pad_left + random_int(0, extent_w), g->kernel_w,
                        g->dilation_w, g->stride_w);
  } while (g->out_h < 1 || g->out_w < 1);
}

static void check(const Layer *l, const int8_t *y, const char *kernel) {
  for (int64_t i = 0; i < l->n_y; i++)
    if (y[i] != l->want[i])
      fail_msg("%s, %s weights: code %lld of %lld is %d, expected %d", kernel, l->format->name,
               (long long)i, (long long)l->n_y, y[i], l->want[i]);
}

static void run_conv(const Layer *l) {
  int8_t *y = new_buffer(l->n_y);
  if (l->multiple)
    qcc_conv_grouped(&l->p, &l->q, l->x, l->packed, l->multiple, l->b, l->m, l->table,
                     new_buffer(2 * (int64_t)l->depth), y);
  else if (l->q.w.packing == 1)
    qcc_conv_s8(&l->p, l->x, l->codes, l->b, l->m, l->table, y);
  else
    qcc_conv_packed(&l->q.w, &l->p, l->x, l->packed, l->b, l->m, l->table,
                    new_buffer(4 * (int64_t)l->depth), y);
  check(l, y, l->multiple ? "conv_grouped" : "conv");
}

/* Weights [taps][channels] instead of [channels][taps]. */
static void run_depthwise(const Layer *l) {
  int32_t channels = l->p.g.out_c;
  int8_t *w = new_buffer((int64_t)channels * l->depth), *y = new_buffer(l->n_y);
  for (int32_t c = 0; c < channels; c++)
    for (int32_t k = 0; k < l->depth; k++) w[k * channels + c] = l->codes[c * l->depth + k];
  if (l->q.w.packing == 1)
    qcc_depthwise_s8(&l->p, l->x, w, l->b, l->m, l->table, y);
  else if (l->q.w.step == 0)
    qcc_depthwise_packed(
        &l->q.w, &l->p, l->x, pack_rows(&l->quant, w, l->depth, channels), l->b, l->m,
        l->table, new_buffer((int64_t)l->depth * (channels < QCC_BLOCK ? channels : QCC_BLOCK)), y);
  else
    return;
  check(l, y, "depthwise");
}

static void run_gemm(const Layer *l) {
  const struct qcc_window *g = &l->p.g;
  struct qcc_gemm p = {g->batch * g->in_h * g->in_w, g->in_c, g->out_c, l->p.out};
  int8_t *y = new_buffer(l->n_y), *z = new_buffer(l->n_y);
  if (l->multiple) {
    qcc_gemm_grouped(&p, &l->q, l->x, l->packed, l->multiple, l->b, l->m, l->table, y);
    qcc_conv1x1_grouped(&p, &l->q, l->x, l->packed, l->multiple, l->b, l->m, l->table,
                        new_buffer(2 * (int64_t)l->depth), z);
    check(l, y, "gemm_grouped");
    check(l, z, "conv1x1_grouped");
    return;
  }
  if (l->q.w.packing == 1) {
    qcc_gemm_s8(&p, l->x, l->codes, l->b, l->m, l->table, y);
    qcc_conv1x1_s8(&p, l->x, l->codes, l->b, l->m, l->table, z);
  } else {
    qcc_gemm_packed(&l->q.w, &p, l->x, l->packed, l->b, l->m, l->table, y);
    qcc_conv1x1_packed(&l->q.w, &p, l->x, l->packed, l->b, l->m, l->table,
                       new_buffer(2 * (int64_t)l->depth), z);
  }
  check(l, y, "gemm");
  check(l, z, "conv1x1");
}

/* Padding at the end that gives `out` outputs. */
static int end_pad(int in, int out, int kernel, int dilation, int stride, int pad) {
  int end = (out - 1) * stride + (kernel - 1) * dilation + 1 - in - pad;
  return end > 0 ? end : 0;
}

/* Inputs of QConv and QGemm after x. */
static void add_weights(EvalNode *e, const Layer *l, int rank, const int64_t *dim) {
  int64_t channels = l->p.g.out_c, multiples[2] = {channels, l->q.n_groups};
  add_eval_input(e, l->format->dtype, rank, dim, l->codes);
  add_eval_vector(e, DT_I32, channels, l->b);
  add_eval_vector(e, DT_I32, channels, l->m);
  add_eval_input(e, DT_U8, 2, multiples, l->multiple);
  add_eval_vector(e, DT_I8, 256, l->table);
}

static void finish_eval(EvalNode *e, const Layer *l) {
  const struct qcc_rescale *r = &l->p.out;
  set_eval_output(e, r->shift, r->zero, r->lo, r->hi);
  set_int(e->g, e->node, "x_zero", l->p.x_zero);
  if (l->multiple) set_int(e->g, e->node, "group_size", l->q.size);
  run_eval_node(e, l->want, l->n_y);
}

static void eval_conv_layer(const Layer *l) {
  const struct qcc_window *g = &l->p.g;
  const int64_t x[4] = {g->batch, g->in_h, g->in_w, g->in_c};
  const int64_t w[4] = {g->out_c, g->kernel_h, g->kernel_w, g->in_c / l->p.group};
  EvalNode e;
  begin_eval(&e);
  add_eval_input(&e, DT_I8, 4, x, l->x);
  add_weights(&e, l, 4, w);
  place_eval_node(&e, "QConv");
  int bottom = end_pad(g->in_h, g->out_h, g->kernel_h, g->dilation_h, g->stride_h, g->pad_top);
  int right = end_pad(g->in_w, g->out_w, g->kernel_w, g->dilation_w, g->stride_w, g->pad_left);
  set_int(e.g, e.node, "group", l->p.group);
  set_ints(e.g, e.node, "strides", 2, (int64_t[]){g->stride_h, g->stride_w});
  set_ints(e.g, e.node, "dilations", 2, (int64_t[]){g->dilation_h, g->dilation_w});
  set_ints(e.g, e.node, "pads", 4, (int64_t[]){g->pad_top, g->pad_left, bottom, right});
  finish_eval(&e, l);
}

static void eval_gemm_layer(const Layer *l) {
  const struct qcc_window *g = &l->p.g;
  const int64_t x[2] = {g->in_w, g->in_c}, w[2] = {g->out_c, g->in_c};
  EvalNode e;
  begin_eval(&e);
  add_eval_input(&e, DT_I8, 2, x, l->x);
  add_weights(&e, l, 2, w);
  place_eval_node(&e, "QGemm");
  finish_eval(&e, l);
}

static void test_conv(void **state) {
  (void)state;
  for (int i = 0; i < 900; i++) {
    Layer l = {0};
    random_window(&l.p.g);
    l.p.group = random_int(0, 1) ? 1 : random_int(2, 5);
    int in = random_int(1, 67 / l.p.group);
    int out = random_int(1, l.p.group > 1 ? 9 : 40);
    int grouped = i % 5 == 2;
    while (grouped && in * l.p.g.kernel_h * l.p.g.kernel_w > 500) in = (in + 1) / 2;
    l.p.g.in_c = in * l.p.group;
    l.p.g.out_c = out * l.p.group;
    fill_layer(&l, i, grouped);
    eval_conv_layer(&l);
    run_conv(&l);
    free_buffers();
  }
}

static void test_depthwise(void **state) {
  (void)state;
  for (int i = 0; i < 600; i++) {
    Layer l = {0};
    random_window(&l.p.g);
    l.p.g.in_c = l.p.g.out_c = l.p.group = random_int(1, 67);
    fill_layer(&l, i, i % 5 == 4);
    eval_conv_layer(&l);
    run_conv(&l);
    if (!l.multiple && l.format->vector == 1) run_depthwise(&l);
    free_buffers();
  }
}

static void test_gemm(void **state) {
  (void)state;
  for (int i = 0; i < 600; i++) {
    Layer l = {.p.group = 1};
    int rows = random_int(1, 7);
    l.p.g = (struct qcc_window){.batch = 1, .in_h = 1, .in_w = rows, .out_h = 1, .out_w = rows,
                                .in_c = random_int(1, 130), .out_c = random_int(1, 35),
                                .kernel_h = 1, .kernel_w = 1, .stride_h = 1, .stride_w = 1,
                                .dilation_h = 1, .dilation_w = 1};
    fill_layer(&l, i, i % 5 == 2);
    eval_gemm_layer(&l);
    run_gemm(&l);
    run_conv(&l);
    free_buffers();
  }
}

/* Product k of a batch whose operands are each repeated (step 0) or not. */
static void check_matmul(const struct qcc_matmul_s8 *p, const int8_t *a, const int8_t *b,
                         const int8_t *y) {
  for (int i = 0; i < p->rows; i++)
    for (int j = 0; j < p->cols; j++) {
      int64_t acc = 0;
      for (int k = 0; k < p->depth; k++)
        acc += (a[i * p->depth + k] - p->a_zero) * (b[k * p->cols + j] - p->b_zero);
      assert_int_equal(y[i * p->cols + j], reference_code(&p->out, acc, p->m, NULL));
    }
}

static void test_matmul(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    int rows = random_int(1, 9), depth = random_int(1, 67), cols = random_int(1, 67);
    int d0 = random_int(1, 3), d1 = random_int(1, 3), a0 = random_int(0, 1), b1 = random_int(0, 1);
    struct qcc_matmul_s8 p = {
        .batches = {2, {d0, d1}, {a0 * d1 * rows * depth, rows * depth},
                    {depth * cols * (b1 ? d1 : 1), b1 * depth * cols}},
        .rows = rows, .depth = depth, .cols = cols,
        .a_zero = random_int(-128, 127), .b_zero = random_int(-128, 127),
        .m = random_int(1, 1 << 20), .out = {random_int(-3, 6), random_int(-9, 9), -128, 127, 0}};
    int8_t *a = random_codes((int64_t)(a0 ? d0 : 1) * d1 * rows * depth, -128, 127);
    int8_t *b = random_codes((int64_t)d0 * (b1 ? d1 : 1) * depth * cols, -128, 127);
    int8_t *y = new_buffer((int64_t)d0 * d1 * rows * cols);
    qcc_matmul_s8(&p, a, b, y);
    EvalNode e;
    begin_eval(&e);
    add_eval_input(&e, DT_I8, 4, (int64_t[]){a0 ? d0 : 1, d1, rows, depth}, a);
    add_eval_input(&e, DT_I8, 4, (int64_t[]){d0, b1 ? d1 : 1, depth, cols}, b);
    place_eval_node(&e, "QMatMul");
    set_eval_output(&e, p.out.shift, p.out.zero, p.out.lo, p.out.hi);
    set_int(e.g, e.node, "a_zero", p.a_zero);
    set_int(e.g, e.node, "b_zero", p.b_zero);
    set_int(e.g, e.node, "m", p.m);
    run_eval_node(&e, y, (int64_t)d0 * d1 * rows * cols);
    for (int u = 0; u < d0; u++)
      for (int v = 0; v < d1; v++)
        check_matmul(&p, a + u * p.batches.a_step[0] + v * p.batches.a_step[1],
                     b + u * p.batches.b_step[0] + v * p.batches.b_step[1],
                     y + (u * d1 + v) * rows * cols);
    free_buffers();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conv),
      cmocka_unit_test(test_depthwise),
      cmocka_unit_test(test_gemm),
      cmocka_unit_test(test_matmul),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
