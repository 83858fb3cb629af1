/* test_elements.c - the integer kernels of runtime/ that are not layers with weights: sums,
 * products, pools, softmax, tables and the changes between codes and real numbers, bit for bit
 * against plain loops after docs/numerics.md, and against the compiler's eval of the same
 * operators. */
#include <math.h>

#include "tests/kernels/eval_node.h"

#include "runtime/add_s8.h"
#include "runtime/avgpool_s8.h"
#include "runtime/avgpool_tflite.h"
#include "runtime/binary_tflite.h"
#include "runtime/flip_sign.h"
#include "runtime/lookup_s8.h"
#include "runtime/maxpool_s8.h"
#include "runtime/mul_s8.h"
#include "runtime/quantize.h"
#include "runtime/softmax_s8.h"
#include "runtime/softmax_tflite.h"

static int64_t clamp64(int64_t v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

static int64_t reference_q31(const struct qcc_rescale *r, int64_t acc, int32_t m) {
  acc = r->shift >= 0 ? acc * ((int64_t)1 << r->shift) : acc >> -r->shift;
  assert_true(acc >= INT32_MIN && acc <= INT32_MAX);
  return clamp64(r->zero + ((acc * m + (1 << 30)) >> 31), r->lo, r->hi);
}

/* Rule q31 at its edges, where the upper half of the product must round the same. */
static void test_requantize(void **state) {
  (void)state;
  const int32_t edge[] = {INT32_MIN, INT32_MIN + 1, -(1 << 30), -1, 0, 1, 1 << 30, INT32_MAX};
  for (int i = 0; i < 20000; i++) {
    struct qcc_rescale r = {0, random_int(-128, 127), -128, 127, 0};
    int32_t acc = i % 2 ? edge[i / 2 % 8] : (int32_t)random_bits();
    int32_t m = i % 3 ? random_int(0, (1 << 30) - 1) : (1 << 30) - 1 - i % 5;
    if (i % 7 == 0) r.lo = INT32_MIN, r.hi = INT32_MAX;
    assert_int_equal(qcc_requantize(&r, acc, m), reference_q31(&r, acc, m));
    r.shift = -random_int(1, 8);
    assert_int_equal(qcc_requantize(&r, acc, m), reference_q31(&r, acc, m));
  }
}

/* A random y of rank 1..4 and operands of which some dimensions are 1. */
static struct qcc_broadcast random_broadcast(int64_t *n_a, int64_t *n_b, int64_t *n_y) {
  struct qcc_broadcast s = {.rank = random_int(1, 4)};
  *n_a = *n_b = *n_y = 1;
  for (int d = s.rank - 1; d >= 0; d--) {
    int repeat_a = random_int(0, 3) == 0, repeat_b = random_int(0, 2) == 0;
    s.dim[d] = repeat_a && repeat_b ? 1 : random_int(1, 7);
    s.a_step[d] = repeat_a ? 0 : (int32_t)*n_a;
    s.b_step[d] = repeat_b ? 0 : (int32_t)*n_b;
    *n_a *= repeat_a ? 1 : s.dim[d];
    *n_b *= repeat_b ? 1 : s.dim[d];
    *n_y *= s.dim[d];
  }
  return s;
}

/* Where element i of y finds its operand. */
static int64_t operand(const struct qcc_broadcast *s, const int32_t *step, int64_t i) {
  int64_t at = 0;
  for (int d = s->rank - 1; d >= 0; d--) {
    at += i % s->dim[d] * step[d];
    i /= s->dim[d];
  }
  return at;
}

/* Two operands of which the repeated dimensions are 1. */
static void begin_binary(EvalNode *e, const char *op, const struct qcc_broadcast *s,
                         const int8_t *a, const int8_t *b) {
  int64_t dim_a[8], dim_b[8];
  for (int d = 0; d < s->rank; d++) {
    dim_a[d] = s->a_step[d] ? s->dim[d] : 1;
    dim_b[d] = s->b_step[d] ? s->dim[d] : 1;
  }
  begin_eval(e);
  add_eval_input(e, DT_I8, s->rank, dim_a, a);
  add_eval_input(e, DT_I8, s->rank, dim_b, b);
  place_eval_node(e, op);
}

static void eval_add(const struct qcc_add *p, const struct qcc_broadcast *s, const int8_t *a,
                     const int8_t *b, const int8_t *y, int64_t n) {
  EvalNode e;
  begin_binary(&e, "QAdd", s, a, b);
  set_eval_output(&e, p->shift, 0, p->lo, p->hi);
  set_int(e.g, e.node, "a_mul", p->a_mul);
  set_int(e.g, e.node, "b_mul", p->b_mul);
  set_int(e.g, e.node, "c", p->c);
  run_eval_node(&e, y, n);
}

static void eval_mul(const struct qcc_mul *p, const struct qcc_broadcast *s, const int8_t *a,
                     const int8_t *b, const int8_t *y, int64_t n) {
  EvalNode e;
  begin_binary(&e, "QMul", s, a, b);
  set_eval_output(&e, p->out.shift, p->out.zero, p->out.lo, p->out.hi);
  set_int(e.g, e.node, "a_zero", p->a_zero);
  set_int(e.g, e.node, "b_zero", p->b_zero);
  set_int(e.g, e.node, "m", p->m);
  run_eval_node(&e, y, n);
}

static void test_add(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    int64_t n_a, n_b, n;
    struct qcc_broadcast s = random_broadcast(&n_a, &n_b, &n);
    struct qcc_add p = {random_int(-32768, 32767), random_int(-32768, 32767),
                        random_int(-(1 << 24), 1 << 24), random_int(1, 18), -128,
                        random_int(-20, 127)};
    int8_t *a = random_codes(n_a, -128, 127), *b = random_codes(n_b, -128, 127);
    int8_t *y = new_buffer(n), *wide_a = new_buffer(n), *wide_b = new_buffer(n);
    qcc_add_broadcast_s8(&p, &s, a, b, y);
    for (int64_t k = 0; k < n; k++) {
      wide_a[k] = a[operand(&s, s.a_step, k)];
      wide_b[k] = b[operand(&s, s.b_step, k)];
      int64_t sum = (int64_t)wide_a[k] * p.a_mul + (int64_t)wide_b[k] * p.b_mul + p.c;
      assert_int_equal(y[k], clamp64(sum >> p.shift, p.lo, p.hi));
    }
    eval_add(&p, &s, a, b, y, n);
    qcc_add_s8(&p, (int32_t)n, wide_a, wide_b, i % 2 ? wide_a : wide_b);
    assert_memory_equal(y, i % 2 ? wide_a : wide_b, (size_t)n);
    free_buffers();
  }
}

static struct qcc_factor random_factor(int most) {
  return (struct qcc_factor){random_int(1 << 30, INT32_MAX - 1), random_int(-12, most)};
}

static void set_factor(const EvalNode *e, const char *m, const char *exponent, struct qcc_factor f) {
  set_int(e->g, e->node, m, f.m);
  set_int(e->g, e->node, exponent, f.exponent);
}

/* Sums, differences and products by rule tflite. */
static void test_tflite(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    int64_t n_a, n_b, n;
    int kind = i % 3;
    struct qcc_broadcast s = random_broadcast(&n_a, &n_b, &n);
    struct qcc_tflite_add p = {random_int(-128, 127), random_int(-128, 127), random_int(-128, 127), random_factor(0),
                               random_factor(0), random_factor(0), kind == 1 ? -1 : 1, -128, random_int(-20, 127)};
    p.y.exponent -= kind < 2 ? 12 : 0;
    struct qcc_tflite_mul q = {p.a_zero, p.b_zero, p.y_zero, p.y, p.lo, p.hi};
    int8_t *a = random_codes(n_a, -128, 127), *b = random_codes(n_b, -128, 127), *y = new_buffer(n);
    if (kind < 2) qcc_tflite_add_broadcast_s8(&p, &s, a, b, y);
    else qcc_tflite_mul_broadcast_s8(&q, &s, a, b, y);
    EvalNode e;
    begin_binary(&e, kind < 2 ? "TAdd" : "TMul", &s, a, b);
    set_eval_output(&e, 0, p.y_zero, p.lo, p.hi);
    set_int(e.g, e.node, "a_zero", p.a_zero);
    set_int(e.g, e.node, "b_zero", p.b_zero);
    set_int(e.g, e.node, "subtract", kind == 1);
    set_factor(&e, "a_m", "a_exponent", p.a);
    set_factor(&e, "b_m", "b_exponent", p.b);
    set_factor(&e, "m", "exponent", p.y);
    run_eval_node(&e, y, n);
    free_buffers();
  }
}

/* Of random tables, whose first element is 1 as e^0 is; a row of many equal codes has the largest sum. */
static void test_softmax_tflite(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    int32_t rows = random_int(1, 4), n = i % 50 == 0 ? 4095 : random_int(1, 300), table[256];
    table[0] = INT32_MAX;
    for (int d = 1; d < 256; d++) table[d] = random_int(0, table[d - 1]);
    int8_t *x = random_codes((int64_t)rows * n, i % 50 ? -128 : 127, 127), *y = new_buffer((int64_t)rows * n);
    qcc_softmax_tflite(rows, n, table, x, y);
    EvalNode e;
    begin_eval(&e);
    add_eval_input(&e, DT_I8, 2, (int64_t[]){rows, n}, x);
    add_eval_vector(&e, DT_I32, 256, table);
    place_eval_node(&e, "TSoftmax");
    run_eval_node(&e, y, (int64_t)rows * n);
    free_buffers();
  }
}

static void test_mul(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    int64_t n_a, n_b, n;
    struct qcc_broadcast s = random_broadcast(&n_a, &n_b, &n);
    struct qcc_mul p = {random_int(-128, 127), random_int(-128, 127), random_int(1, (1 << 30) - 1),
                        {random_int(-4, 12), random_int(-128, 127), -128, 127, 0}};
    int8_t *a = random_codes(n_a, -128, 127), *b = random_codes(n_b, -128, 127);
    int8_t *y = new_buffer(n), *wide_a = new_buffer(n), *wide_b = new_buffer(n);
    qcc_mul_broadcast_s8(&p, &s, a, b, y);
    for (int64_t k = 0; k < n; k++) {
      wide_a[k] = a[operand(&s, s.a_step, k)];
      wide_b[k] = b[operand(&s, s.b_step, k)];
      int64_t acc = (wide_a[k] - p.a_zero) * (wide_b[k] - p.b_zero);
      assert_int_equal(y[k], reference_q31(&p.out, acc, p.m));
    }
    eval_mul(&p, &s, a, b, y, n);
    qcc_mul_s8(&p, (int32_t)n, wide_a, wide_b, i % 2 ? wide_a : wide_b);
    assert_memory_equal(y, i % 2 ? wide_a : wide_b, (size_t)n);
    free_buffers();
  }
}

/* Pools have at least one valid tap: the padding is smaller than the window. */
static void random_pool(struct qcc_window *g) {
  do {
    *g = (struct qcc_window){
        .batch = random_int(1, 2), .in_h = random_int(1, 9), .in_w = random_int(1, 9),
        .in_c = random_int(1, 67), .kernel_h = random_int(1, 7), .kernel_w = random_int(1, 7),
        .stride_h = random_int(1, 3), .stride_w = random_int(1, 3), .dilation_h = 1,
        .dilation_w = random_int(1, 2)};
    g->out_c = g->in_c;
    g->pad_top = random_int(0, g->kernel_h - 1);
    g->pad_left = random_int(0, (g->kernel_w - 1) * g->dilation_w);
    g->out_h = (g->in_h + g->pad_top + g->kernel_h / 2 - g->kernel_h) / g->stride_h + 1;
    g->out_w = (g->in_w + g->pad_left - (g->kernel_w - 1) * g->dilation_w - 1) / g->stride_w + 1;
  } while (g->out_h < 1 || g->out_w < 1 || g->in_h + g->pad_top + g->kernel_h / 2 < g->kernel_h ||
           g->in_w + g->pad_left < (g->kernel_w - 1) * g->dilation_w + 1);
}

/* Sum, maximum and number of the valid taps of one output element. */
typedef struct Pooled {
  int32_t sum, count, max;
} Pooled;

static Pooled pool_at(const struct qcc_window *g, const int8_t *x, int n, int oy, int ox, int c) {
  Pooled p = {0, 0, -128};
  for (int ky = 0; ky < g->kernel_h; ky++)
    for (int kx = 0; kx < g->kernel_w; kx++) {
      int iy = oy * g->stride_h - g->pad_top + ky * g->dilation_h;
      int ix = ox * g->stride_w - g->pad_left + kx * g->dilation_w;
      if (iy < 0 || iy >= g->in_h || ix < 0 || ix >= g->in_w) continue;
      int v = x[((n * g->in_h + iy) * g->in_w + ix) * g->in_c + c];
      p.sum += v;
      p.count++;
      p.max = v > p.max ? v : p.max;
    }
  return p;
}

/* A pool of codes, with n_m multipliers behind them where it has some.  The output's height may need padding
 * below, the width never needs any on the right. */
static void begin_pool(EvalNode *e, const char *op, const struct qcc_window *g, const int8_t *x, const int32_t *m,
                       int n_m) {
  int bottom = (g->out_h - 1) * g->stride_h + g->kernel_h - g->in_h - g->pad_top;
  begin_eval(e);
  add_eval_input(e, DT_I8, 4, (int64_t[]){g->batch, g->in_h, g->in_w, g->in_c}, x);
  if (m) add_eval_vector(e, DT_I32, n_m, m);
  place_eval_node(e, op);
  set_ints(e->g, e->node, "kernel_shape", 2, (int64_t[]){g->kernel_h, g->kernel_w});
  set_ints(e->g, e->node, "strides", 2, (int64_t[]){g->stride_h, g->stride_w});
  set_ints(e->g, e->node, "dilations", 2, (int64_t[]){g->dilation_h, g->dilation_w});
  set_ints(e->g, e->node, "pads", 4,
           (int64_t[]){g->pad_top, g->pad_left, bottom > 0 ? bottom : 0, 0});
}

static void eval_average(const struct qcc_avgpool *p, const int8_t *x, const int32_t *m,
                         const int8_t *y, int64_t n) {
  EvalNode e;
  begin_pool(&e, "QAveragePool", &p->g, x, m, p->m_by_count ? p->g.kernel_h * p->g.kernel_w : 1);
  set_int(e.g, e.node, "x_zero", p->x_zero);
  set_eval_output(&e, p->out.shift, p->out.zero, p->out.lo, p->out.hi);
  run_eval_node(&e, y, n);
}

static void test_pools(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    struct qcc_avgpool p = {.x_zero = random_int(-128, 127), .m_by_count = i % 2,
                            .out = {random_int(0, 8), random_int(-128, 127), -128, 127, 0}};
    const struct qcc_window *g = &p.g;
    random_pool(&p.g);
    int64_t n_x = (int64_t)g->batch * g->in_h * g->in_w * g->in_c;
    int64_t n_y = (int64_t)g->batch * g->out_h * g->out_w * g->out_c;
    int32_t m[49];
    for (int k = 0; k < 49; k++) m[k] = ((1 << 30) - 1) / random_int(1, 100) / (k + 1);
    int8_t *x = random_codes(n_x, -128, 127), *mean = new_buffer(n_y), *max = new_buffer(n_y);
    uint8_t *ux = new_buffer(n_x), *umax = new_buffer(n_y);
    qcc_avgpool_s8(&p, x, m, mean);
    eval_average(&p, x, m, mean, n_y);
    struct qcc_avgpool_tflite q = {p.g, random_int(-128, 0), random_int(0, 127)};
    qcc_avgpool_tflite(&q, x, max);
    EvalNode t;
    begin_pool(&t, "TAveragePool", g, x, NULL, 0);
    set_eval_output(&t, 0, 0, q.lo, q.hi);
    run_eval_node(&t, max, n_y);
    qcc_maxpool_s8(g, x, max);
    qcc_flip_sign((int32_t)n_x, x, ux);
    qcc_maxpool_u8(g, ux, umax);
    int64_t at = 0;
    for (int n = 0; n < g->batch; n++)
      for (int oy = 0; oy < g->out_h; oy++)
        for (int ox = 0; ox < g->out_w; ox++)
          for (int c = 0; c < g->out_c; c++, at++) {
            Pooled e = pool_at(g, x, n, oy, ox, c);
            assert_true(e.count > 0);
            assert_int_equal(mean[at], reference_q31(&p.out, e.sum - e.count * p.x_zero,
                                                     m[p.m_by_count ? e.count - 1 : 0]));
            assert_int_equal(max[at], e.max);
            assert_int_equal(umax[at], e.max + 128);
          }
    free_buffers();
  }
}

static void test_softmax(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    int rows = random_int(1, 5), n = random_int(1, 300), bits = 0;
    while ((1 << bits) < n) bits++;
    int q = 31 - bits < 23 ? 31 - bits : 23;
    double scale = random_int(1, 100) * 0.01;
    uint32_t table[256];
    for (int d = 0; d < 256; d++) table[d] = (uint32_t)llround(ldexp(exp(-d * scale), q));
    int8_t *x = random_codes((int64_t)rows * n, -128, i % 2 ? 127 : -126);
    int8_t *y = new_buffer((int64_t)rows * n);
    qcc_softmax_s8(rows, n, table, x, y);
    EvalNode e;
    begin_eval(&e);
    add_eval_input(&e, DT_I8, 2, (int64_t[]){rows, n}, x);
    add_eval_vector(&e, DT_U32, 256, table);
    place_eval_node(&e, "QSoftmax");
    run_eval_node(&e, y, (int64_t)rows * n);
    for (int r = 0; r < rows; r++) {
      const int8_t *v = x + r * n;
      int max = -128;
      uint64_t sum = 0;
      for (int k = 0; k < n; k++) max = v[k] > max ? v[k] : max;
      for (int k = 0; k < n; k++) sum += table[max - v[k]];
      assert_true(sum <= UINT32_MAX);
      for (int k = 0; k < n; k++) {
        uint64_t part = (uint64_t)table[max - v[k]] * 256 + sum / 2;
        assert_true(part <= UINT32_MAX);
        assert_int_equal(y[r * n + k], clamp64(-128 + (int64_t)(part / sum), -128, 127));
      }
    }
    qcc_softmax_s8(rows, n, table, x, x);
    assert_memory_equal(x, y, (size_t)(rows * n));
    free_buffers();
  }
}

/* One table, or one per channel. */
static void eval_lookup(int rows, int channels, int n_tables, const int8_t *table, const int8_t *x,
                        const int8_t *y) {
  EvalNode e;
  begin_eval(&e);
  add_eval_input(&e, DT_I8, 2, (int64_t[]){rows, channels}, x);
  if (n_tables > 1)
    add_eval_input(&e, DT_I8, 2, (int64_t[]){n_tables, 256}, table);
  else
    add_eval_vector(&e, DT_I8, 256, table);
  place_eval_node(&e, "QLookup");
  run_eval_node(&e, y, (int64_t)rows * channels);
}

static void test_lookup(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    int rows = random_int(1, 9), channels = random_int(1, 67), n = rows * channels;
    int8_t *table = random_codes(256 * (int64_t)channels, -128, 127);
    int8_t *x = random_codes(n, -128, 127), *y = new_buffer(n), *z = new_buffer(n);
    uint8_t *u = new_buffer(n);
    qcc_flip_sign(n, x, u);
    for (int k = 0; k < n; k++) assert_int_equal(u[k], x[k] + 128);
    qcc_lookup_s8(n, table, x, y);
    qcc_lookup_u8(n, table, u, z);
    eval_lookup(rows, channels, 1, table, x, y);
    for (int k = 0; k < n; k++) assert_int_equal(y[k], table[x[k] + 128]);
    assert_memory_equal(y, z, (size_t)n);
    qcc_lookup_channels_s8(rows, channels, table, x, y);
    eval_lookup(rows, channels, channels, table, x, y);
    qcc_lookup_channels_u8(rows, channels, table, u, z);
    for (int k = 0; k < n; k++) assert_int_equal(y[k], table[256 * (k % channels) + x[k] + 128]);
    assert_memory_equal(y, z, (size_t)n);
    qcc_flip_sign(n, u, u);
    assert_memory_equal(u, x, (size_t)n);
    free_buffers();
  }
}

static float odd_real(int i, float scale) {
  const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, -3e38f, 1e-40f};
  if (i % 16 < 8) return odd[i % 8];
  if (i % 16 < 12) return ((float)random_int(-300, 300) + 0.5f) * scale; /* ties */
  return random_real() * 200.0f * scale;
}

static void test_quantize(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    enum { N = 333 };
    struct qcc_quantize p = {(float)random_int(1, 1000) * (i % 2 ? 0.0078125f : 0.001f), 0, 0, 0};
    int is_signed = i % 3 != 0;
    p.lo = is_signed ? -128 : 0;
    p.hi = is_signed ? 127 : 255;
    p.zero = random_int(p.lo, p.hi);
    QuantSpec spec = {.format = find_format(is_signed ? "int8" : "uint8"), .axis = -1, .n = 1,
                      .scale = &p.scale, .zero = &p.zero};
    Tensor t = {.dtype = is_signed ? DT_I8 : DT_U8, .rank = 1, .dim = {N}, .quant = &spec};
    float *x = new_buffer(4 * N), *back = new_buffer(4 * N);
    uint8_t *y = new_buffer(N), want[N];
    float reals[N];
    for (int k = 0; k < N; k++) {
      x[k] = odd_real(k, p.scale);
      float r = rintf(x[k] / p.scale) + (float)p.zero;
      r = isnan(r) ? (float)p.zero : fminf(fmaxf(r, (float)p.lo), (float)p.hi);
      want[k] = (uint8_t)(int)r;
    }
    if (is_signed)
      qcc_quantize_s8(&p, N, x, (int8_t *)y);
    else
      qcc_quantize_u8(&p, N, x, y);
    assert_memory_equal(y, want, N);
    quantize_reals(&t, x, want);
    assert_memory_equal(y, want, N);
    dequantize_codes(&t, y, reals);
    if (is_signed)
      qcc_dequantize_s8(&p, N, (const int8_t *)y, back);
    else
      qcc_dequantize_u8(&p, N, y, back);
    for (int k = 0; k < N; k++) {
      int code = is_signed ? (int8_t)y[k] : y[k];
      assert_true(back[k] == (float)(code - p.zero) * p.scale && back[k] == reals[k]);
    }
    if (is_signed)
      qcc_quantize_s8(&p, N, x, (int8_t *)x);
    else
      qcc_quantize_u8(&p, N, x, (uint8_t *)x);
    assert_memory_equal(x, want, N);
    free_buffers();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requantize), cmocka_unit_test(test_add),
      cmocka_unit_test(test_mul),        cmocka_unit_test(test_pools),
      cmocka_unit_test(test_tflite),     cmocka_unit_test(test_softmax_tflite),
      cmocka_unit_test(test_softmax),    cmocka_unit_test(test_lookup),
      cmocka_unit_test(test_quantize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
