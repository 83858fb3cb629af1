/* test_floats.c - the float kernels of runtime/ over random shapes, within 1e-5 of the largest
 * output of the same sums in double. */
#include <math.h>
#include <stdbool.h>

#include "ir/ir.h"
#include "tests/kernels/guard.h"
#include "tests/unit/vectors.h"

#include "runtime/avgpool_f32.h"
#include "runtime/binary_f32.h"
#include "runtime/conv_f32.h"
#include "runtime/conv_f32_outliers.h"
#include "runtime/conv_f32_w8.h"
#include "runtime/depthwise_f32.h"
#include "runtime/gemm_f32.h"
#include "runtime/gemm_f32_outliers.h"
#include "runtime/gemm_f32_w8.h"
#include "runtime/hadamard_f32.h"
#include "runtime/matmul_f32.h"
#include "runtime/maxpool_f32.h"
#include "runtime/norm_f32.h"
#include "runtime/quantize_rows.h"
#include "runtime/real.h"
#include "runtime/reduce_f32.h"
#include "runtime/resize_f32.h"
#include "runtime/softmax_f32.h"
#include "runtime/unary_f32.h"

static int out_size(int in, int pads, int kernel, int dilation, int stride) {
  int room = in + pads - (kernel - 1) * dilation - 1;
  return room < 0 ? 0 : room / stride + 1;
}

static void random_window(struct qcc_window *g, int *pad_bottom, int *pad_right) {
  do {
    *g = (struct qcc_window){
        .batch = random_int(1, 2), .in_h = random_int(1, 8), .in_w = random_int(1, 8),
        .kernel_h = random_int(1, 5), .kernel_w = random_int(1, 5),
        .stride_h = random_int(1, 3), .stride_w = random_int(1, 3),
        .dilation_h = random_int(1, 2), .dilation_w = random_int(1, 2)};
    g->pad_top = random_int(0, (g->kernel_h - 1) * g->dilation_h);
    g->pad_left = random_int(0, (g->kernel_w - 1) * g->dilation_w);
    *pad_bottom = random_int(0, (g->kernel_h - 1) * g->dilation_h);
    *pad_right = random_int(0, (g->kernel_w - 1) * g->dilation_w);
    g->out_h = out_size(g->in_h, g->pad_top + *pad_bottom, g->kernel_h, g->dilation_h, g->stride_h);
    g->out_w = out_size(g->in_w, g->pad_left + *pad_right, g->kernel_w, g->dilation_w, g->stride_w);
  } while (g->out_h < 1 || g->out_w < 1);
}

static double activation(const struct qcc_act *p, double x) {
  double a = (double)p->a, b = (double)p->b;
  switch (p->kind) {
    case QCC_ACT_RELU: return fmax(x, 0);
    case QCC_ACT_CLIP: return fmin(fmax(x, a), b);
    case QCC_ACT_LEAKY: return x < 0 ? a * x : x;
    case QCC_ACT_HARDSWISH: return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case QCC_ACT_HARDSIGMOID: return fmin(fmax(a * x + b, 0), 1);
    case QCC_ACT_SIGMOID: return 1 / (1 + exp(-x));
    case QCC_ACT_TANH: return tanh(x);
    default: return x;
  }
}

/* Every half, what lies half way to the next, its neighbours, and what has no half. */
static void test_conversions(void **state) {
  (void)state;
  static const float others[] = {INFINITY, 65519.996f, 65520.0f, 1e30f, 1e-9f, 0.0f};
  for (uint32_t h = 0; h < 0x8000; h++) {
    float f = half_to_float((uint16_t)h), next = half_to_float((uint16_t)(h + 1));
    float middle = f + (next - f) / 2;
    float v[] = {f, middle, nextafterf(middle, 0), nextafterf(middle, INFINITY)};
    for (int i = 0; i < 8; i++) {
      float x = i % 2 ? -v[i / 2] : v[i / 2];
      assert_int_equal(qcc_float_to_half(x) & 0x7fff, float_to_half(x) & 0x7fff);
      if (!isnan(x)) assert_int_equal(qcc_float_to_half(x), float_to_half(x));
    }
    if (isnan(f)) assert_true(isnan(qcc_half_to_float((uint16_t)h)));
    else assert_true(qcc_half_to_float((uint16_t)h) == f);
    if (!isnan(f)) assert_true(qcc_half_to_float((uint16_t)(h | 0x8000)) == -f);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    assert_int_equal(qcc_float_to_half(others[i]), float_to_half(others[i]));
}

/* All bfloat16, as the compiler reads them. */
static void test_bfloats(void **state) {
  (void)state;
  for (uint32_t h = 0; h < 0x10000; h++) {
    uint16_t bits = (uint16_t)h;
    double want = get_real(DT_BF16, &bits, 0), got = (double)qcc_bfloat_to_float(bits);
    assert_true(isnan(want) ? isnan(got) : got == want && signbit(got) == signbit(want));
  }
}

static struct qcc_act random_act(void) {
  return (struct qcc_act){random_int(QCC_ACT_NONE, QCC_ACT_TANH), 0.1f, 0.75f};
}

/* Element of x under a tap, 0 in the padding; *inside says which. */
static double tap(const struct qcc_window *g, const float *x, const int *at, int ky, int kx, int c,
                  int *inside) {
  int iy = at[1] * g->stride_h - g->pad_top + ky * g->dilation_h;
  int ix = at[2] * g->stride_w - g->pad_left + kx * g->dilation_w;
  *inside = iy >= 0 && iy < g->in_h && ix >= 0 && ix < g->in_w;
  return *inside ? (double)x[((at[0] * g->in_h + iy) * g->in_w + ix) * g->in_c + c] : 0;
}

/* Moves to the next output pixel {batch, row, column}; 0 after the last. */
static int next_pixel(const struct qcc_window *g, int *at) {
  if (++at[2] < g->out_w) return 1;
  at[2] = 0;
  if (++at[1] < g->out_h) return 1;
  at[1] = 0;
  return ++at[0] < g->batch;
}

static double *reference_conv(const struct qcc_conv_f32 *p, const float *x, const float *w,
                              const float *bias) {
  const struct qcc_window *g = &p->g;
  int channels = g->in_c / p->group, per_group = g->out_c / p->group, at[3] = {0}, inside;
  double *want = new_buffer(8 * (int64_t)g->batch * g->out_h * g->out_w * g->out_c), *y = want;
  do {
    for (int o = 0; o < g->out_c; o++) {
      double sum = bias ? (double)bias[o] : 0;
      const float *f = w + o * g->kernel_h * g->kernel_w * channels;
      for (int ky = 0; ky < g->kernel_h; ky++)
        for (int kx = 0; kx < g->kernel_w; kx++)
          for (int c = 0; c < channels; c++)
            sum += (double)*f++ * tap(g, x, at, ky, kx, o / per_group * channels + c, &inside);
      *y++ = activation(&p->act, sum);
    }
  } while (next_pixel(g, at));
  return want;
}

/* Weights of a random format and the reals they stand for. */
typedef struct Codes {
  struct qcc_codes q;
  int8_t *codes;      /* [rows][n] */
  uint8_t *packed;    /* [rows] of whole bytes */
  float *scale;       /* [rows], or [rows][groups] without multiple */
  uint8_t *multiple;  /* [rows][groups] or NULL */
  float *real;        /* [rows][n] */
  struct qcc_outliers beside;
} Codes;

static Codes random_weight_codes(int rows, int n) {
  static const char *const formats[] = {"int8", "int4", "int2", "ternary", "nf4", "fp4", "binary",
                                        "int3", "e8p", "fp8_e4m3", "fp8_e5m2",
                                        "lut3"};
  static int8_t book[] = {-127, -60, -31, -9, 0, 17, 50, 120};
  const Format *f = find_format(formats[random_int(0, 11)]);
  QuantSpec quant = {.format = f, .n_book = f->book_size > 0, .book = f->book_size > 0 ? book : NULL};
  Codes c = {.q.w = {f->packing, 0, quant.book}, .q.size = random_int(0, 2) ? random_int(1, n) : 0};
  int groups = c.q.size ? (n + c.q.size - 1) / c.q.size : 1, bytes = qcc_packed_bytes(f->packing, n);
  c.q.n_groups = groups;
  int with_multiple = c.q.size && random_int(0, 1);
  c.codes = random_codes((int64_t)rows * n, f->lo < -127 ? -127 : f->lo, f->hi > 127 ? 127 : f->hi);
  for (int64_t i = 0; i < (int64_t)rows * n; i++)
    c.codes[i] = (int8_t)book_code_near(&quant, 0, c.codes[i]);
  put_vectors(f, c.codes, rows, n);
  c.scale = random_reals((int64_t)rows * (with_multiple ? 1 : groups));
  for (int s = 0; s < rows * (with_multiple ? 1 : groups); s++)
    c.scale[s] /= (float)-f->lo * (with_multiple ? 127.0f : 1.0f);
  if (with_multiple) c.multiple = (uint8_t *)random_codes((int64_t)rows * groups, 1, 127);
  c.real = new_buffer(4 * (int64_t)rows * n);
  c.packed = new_buffer((int64_t)rows * bytes);
  for (int r = 0; r < rows; r++)
    pack_codes(&quant, 0, c.codes + r * n, n, c.packed + r * bytes);
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < n; i++) {
      int g = r * groups + (c.q.size ? i / c.q.size : 0), code = c.codes[r * n + i];
      float s = c.multiple ? c.scale[r] * (float)c.multiple[g] : c.scale[g];
      c.real[r * n + i] = (float)code_value(f, code) * s;
    }
  return c;
}

/* Weights beside the codes, where channels have a scale: false where not. */
static int add_beside(Codes *c, int rows, int n) {
  if (c->q.size && !c->multiple) return 0;
  uint16_t *count = new_buffer(2 * (int64_t)rows), *column = new_buffer(2 * (int64_t)rows * n);
  int16_t *value = new_buffer(2 * (int64_t)rows * n);
  int most = c->multiple ? 300 : 3;
  for (int r = 0, at = 0; r < rows; r++) {
    count[r] = 0;
    for (int i = 0; i < n; i++) {
      if (random_int(0, 3)) continue;
      count[r]++, column[at] = (uint16_t)i, value[at] = (int16_t)random_int(-most, most);
      c->real[r * n + i] += c->scale[r] * (float)value[at++];
    }
  }
  c->beside = (struct qcc_outliers){count, column, value};
  return 1;
}

static void test_conv(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    struct qcc_conv_f32 p = {.group = i % 3 ? 1 : random_int(1, 4), .act = random_act()};
    struct qcc_window *g = &p.g;
    int unused[2], per_channel = random_int(1, 20);
    random_window(g, &unused[0], &unused[1]);
    g->in_c = per_channel * p.group;
    g->out_c = random_int(1, 12) * p.group;
    int64_t n_y = (int64_t)g->batch * g->out_h * g->out_w * g->out_c;
    int size = g->kernel_h * g->kernel_w * per_channel;
    float *x = random_reals((int64_t)g->batch * g->in_h * g->in_w * g->in_c);
    float *bias = random_int(0, 2) ? random_reals(g->out_c) : NULL, *y = new_buffer(4 * n_y);
    Codes c = random_weight_codes(g->out_c, size);
    double *want = reference_conv(&p, x, c.real, bias);
    qcc_conv_f32(&p, x, c.real, bias, y);
    assert_close(y, want, n_y);
    qcc_conv_f32_w8(&p, &c.q, x, c.packed, c.scale, c.multiple, bias,
                    new_buffer(4 * (int64_t)size), y);
    assert_close(y, want, n_y);
    if (add_beside(&c, g->out_c, size)) {
      qcc_conv_f32_outliers(&p, &c.q, &c.beside, x, c.packed, c.scale, c.multiple, bias,
                          new_buffer(4 * (int64_t)size), y);
      assert_close(y, reference_conv(&p, x, c.real, bias), n_y);
    }
    free_buffers();
  }
}

static void test_depthwise(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    struct qcc_conv_f32 p = {.group = random_int(1, 40), .act = random_act()};
    struct qcc_window *g = &p.g;
    int unused[2];
    random_window(g, &unused[0], &unused[1]);
    g->in_c = g->out_c = p.group;
    int taps = g->kernel_h * g->kernel_w;
    int64_t n_y = (int64_t)g->batch * g->out_h * g->out_w * g->out_c;
    float *x = random_reals((int64_t)g->batch * g->in_h * g->in_w * g->in_c);
    float *w = random_reals((int64_t)taps * p.group), *bias = random_reals(p.group);
    float *packed = new_buffer(4 * (int64_t)taps * p.group), *y = new_buffer(4 * n_y);
    for (int c = 0; c < p.group; c++)
      for (int k = 0; k < taps; k++) packed[k * p.group + c] = w[c * taps + k];
    qcc_depthwise_f32(&p, x, packed, bias, y);
    assert_close(y, reference_conv(&p, x, w, bias), n_y);
    free_buffers();
  }
}

static double *reference_gemm(const struct qcc_gemm_f32 *p, const float *x, const float *w,
                              const float *bias) {
  double *want = new_buffer(8 * (int64_t)p->rows * p->cols);
  for (int r = 0; r < p->rows; r++)
    for (int o = 0; o < p->cols; o++) {
      double sum = (double)bias[o];
      for (int k = 0; k < p->depth; k++)
        sum += (double)x[r * p->depth + k] * (double)w[o * p->depth + k];
      want[r * p->cols + o] = activation(&p->act, sum);
    }
  return want;
}

static void test_gemm(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_gemm_f32 p = {random_int(1, 6), random_int(1, 100), random_int(1, 30), random_act()};
    float *x = random_reals((int64_t)p.rows * p.depth), *bias = random_reals(p.cols);
    float *y = new_buffer(4 * (int64_t)p.rows * p.cols);
    Codes c = random_weight_codes(p.cols, p.depth);
    double *want = reference_gemm(&p, x, c.real, bias);
    qcc_gemm_f32(&p, x, c.real, bias, y);
    assert_close(y, want, (int64_t)p.rows * p.cols);
    qcc_gemm_f32_w8(&p, &c.q, x, c.packed, c.scale, c.multiple, bias,
                    new_buffer(4 * (int64_t)p.depth), y);
    assert_close(y, want, (int64_t)p.rows * p.cols);
    if (add_beside(&c, p.cols, p.depth)) {
      qcc_gemm_f32_outliers(&p, &c.q, &c.beside, x, c.packed, c.scale, c.multiple, bias,
                          new_buffer(4 * (int64_t)p.depth), y);
      assert_close(y, reference_gemm(&p, x, c.real, bias), (int64_t)p.rows * p.cols);
    }
    free_buffers();
  }
}

static void test_matmul(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    int rows = random_int(1, 9), depth = random_int(1, 40), cols = random_int(1, 40);
    int batch = random_int(1, 4), shared = random_int(0, 1);
    struct qcc_matmul_f32 p = {{1, {batch}, {rows * depth}, {shared ? 0 : depth * cols}},
                               rows, depth, cols};
    float *a = random_reals((int64_t)batch * rows * depth);
    float *b = random_reals((int64_t)(shared ? 1 : batch) * depth * cols);
    float *y = new_buffer(4 * (int64_t)batch * rows * cols);
    double *want = new_buffer(8 * (int64_t)batch * rows * cols);
    for (int r = 0; r < batch * rows; r++)
      for (int j = 0; j < cols; j++) {
        const float *m = b + r / rows * p.batches.b_step[0];
        double sum = 0;
        for (int k = 0; k < depth; k++) sum += (double)a[r * depth + k] * (double)m[k * cols + j];
        want[r * cols + j] = sum;
      }
    qcc_matmul_f32(&p, a, b, y);
    assert_close(y, want, (int64_t)batch * rows * cols);
    free_buffers();
  }
}

static void test_pools(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_avgpool_f32 p = {.count_pad = i % 2};
    struct qcc_window *g = &p.g;
    int at[3] = {0}, inside;
    random_window(g, &p.pad_bottom, &p.pad_right);
    g->in_c = g->out_c = random_int(1, 30);
    int64_t n_y = (int64_t)g->batch * g->out_h * g->out_w * g->out_c, k = 0;
    float *x = random_reals((int64_t)g->batch * g->in_h * g->in_w * g->in_c);
    float *mean = new_buffer(4 * n_y), *max = new_buffer(4 * n_y);
    double *want = new_buffer(8 * n_y);
    qcc_avgpool_f32(&p, x, mean);
    qcc_maxpool_f32(g, x, max);
    do {
      for (int c = 0; c < g->out_c; c++, k++) {
        double sum = 0, largest = -INFINITY;
        int count = 0;
        for (int ky = 0; ky < g->kernel_h; ky++)
          for (int kx = 0; kx < g->kernel_w; kx++) {
            double v = tap(g, x, at, ky, kx, c, &inside);
            sum += v;
            count += inside || p.count_pad;
            if (inside) largest = fmax(largest, v);
          }
        want[k] = count ? sum / count : 0;
        assert_true((double)max[k] == largest);
      }
    } while (next_pixel(g, at));
    assert_close(mean, want, n_y);
    free_buffers();
  }
}

/* Windows of ceil_mode hang over the padding; what lies beyond it is not counted. */
static void test_pool_overhang(void **state) {
  (void)state;
  struct qcc_avgpool_f32 p = {{.batch = 1, .in_h = 1, .in_w = 4, .in_c = 1, .out_h = 1, .out_w = 2,
                               .out_c = 1, .kernel_h = 1, .kernel_w = 3, .stride_h = 1,
                               .stride_w = 3, .dilation_h = 1, .dilation_w = 1},
                              1, 0, 1};
  const float x[] = {1, 2, 3, 8};
  float y[2];
  qcc_avgpool_f32(&p, x, y);
  assert_true(y[0] == 2.0f && y[1] == 4.0f);
}

static void test_softmax(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    int outer = random_int(1, 4), n = random_int(1, 40), inner = random_int(1, 5);
    int64_t count = (int64_t)outer * n * inner;
    float *x = random_reals(count), *y = new_buffer(4 * count);
    double *want = new_buffer(8 * count), *logs = new_buffer(8 * count);
    for (int64_t k = 0; k < count; k++) x[k] *= 200.0f;
    for (int64_t k = 0; k < count; k++) {
      int64_t first = k / (n * inner) * (n * inner) + k % inner;
      double sum = 0;
      for (int j = 0; j < n; j++) sum += exp((double)x[first + j * inner] - (double)x[k]);
      want[k] = 1 / sum;
      logs[k] = -log(sum);
    }
    qcc_softmax_f32(outer, n, inner, x, y);
    assert_close(y, want, count);
    qcc_logsoftmax_f32(outer, n, inner, x, y);
    assert_close(y, logs, count);
    qcc_softmax_f32(outer, n, inner, x, x);
    assert_close(x, want, count);
    free_buffers();
  }
}

static double softplus(double x) {
  return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double unary(int op, double a, double b, double x) {
  switch (op) {
    case QCC_ABS: return fabs(x);
    case QCC_NEG: return -x;
    case QCC_EXP: return exp(x);
    case QCC_LOG: return log(x);
    case QCC_SQRT: return sqrt(x);
    case QCC_RECIPROCAL: return 1 / x;
    case QCC_FLOOR: return floor(x);
    case QCC_CEIL: return ceil(x);
    case QCC_ROUND: return rint(x);
    case QCC_SIGN: return (x > 0) - (x < 0);
    case QCC_SIN: return sin(x);
    case QCC_COS: return cos(x);
    case QCC_TAN: return tan(x);
    case QCC_ERF: return erf(x);
    case QCC_SIGMOID: return 1 / (1 + exp(-x));
    case QCC_TANH: return tanh(x);
    case QCC_RELU: return fmax(x, 0);
    case QCC_LEAKY: return x < 0 ? a * x : x;
    case QCC_ELU: return x < 0 ? a * (exp(x) - 1) : x;
    case QCC_SELU: return b * (x < 0 ? a * (exp(x) - 1) : x);
    case QCC_CELU: return fmax(0, x) + fmin(0, a * (exp(x / a) - 1));
    case QCC_HARDSIGMOID: return fmax(0, fmin(1, a * x + b));
    case QCC_HARDSWISH: return x * fmax(0, fmin(1, x / 6 + 0.5));
    case QCC_SOFTPLUS: return softplus(x);
    case QCC_SOFTSIGN: return x / (1 + fabs(x));
    case QCC_CLIP: return fmin(fmax(x, a), b);
    case QCC_THRESHOLDED: return x > a ? x : 0;
    case QCC_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case QCC_GELU_TANH:
      return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    case QCC_MISH: return x * tanh(softplus(x));
    case QCC_SWISH: return x / (1 + exp(-a * x));
    case QCC_ATAN: return atan(x);
    default: return NAN;
  }
}

static void test_unary(void **state) {
  (void)state;
  enum { N = 500 };
  for (int op = QCC_ABS; op <= QCC_ATAN; op++) {
    float *x = random_reals(N);
    double *want = new_buffer(8 * N);
    const float a = 0.4f, b = 0.9f;
    for (int k = 0; k < N; k++) {
      x[k] *= op == QCC_TAN ? 1.4f : 5.0f;
      if (op == QCC_LOG || op == QCC_SQRT || op == QCC_RECIPROCAL) x[k] = fabsf(x[k]) + 0.01f;
      if (op == QCC_ROUND && k % 2) x[k] = (float)k - 250.5f;
      want[k] = unary(op, (double)a, (double)b, (double)x[k]);
    }
    qcc_unary_f32(op, a, b, N, x, x);
    assert_close(x, want, N);
    free_buffers();
  }
}

/* The largest relative error over lo..hi. */
static double relative_error(int op, double lo, double hi) {
  double worst = 0;
  for (int i = 0; i <= 100000; i++) {
    float x = (float)(lo + (hi - lo) * i / 100000);
    double want = unary(op, 1, 1, (double)x), got = (double)qcc_unary(op, 1, 1, x);
    worst = fmax(worst, fabs(got - want) / fmax(fabs(want), 1e-37));
  }
  return worst;
}

/* What exp_f32.h computes without libm is right to a few bits everywhere, not only beside the
 * largest output, and at the ends of the range too. */
static void test_exp(void **state) {
  (void)state;
  assert_true(relative_error(QCC_EXP, -86.5, 88.7) < 4e-7);
  assert_true(relative_error(QCC_LOG, 1e-38, 20) < 4e-7);
  assert_true(relative_error(QCC_LOG, 0.9, 1.1) < 4e-7);
  assert_true(relative_error(QCC_LOG, 1e-42, 1e-38) < 1e-6);
  assert_true(relative_error(QCC_SIGMOID, -86, 90) < 4e-7);
  assert_true(relative_error(QCC_SOFTPLUS, -86, 90) < 4e-7);
  assert_true(relative_error(QCC_TANH, -12, 12) < 4e-7);
  assert_true(relative_error(QCC_TANH, -1e-3, 1e-3) < 4e-7);
  assert_true(relative_error(QCC_ERF, -6, 6) < 4e-7);
  assert_true(relative_error(QCC_ERF, -1e-3, 1e-3) < 4e-7);
  assert_true(isinf(qcc_exp(89.0f)) && isinf(qcc_exp(INFINITY)) && isinf(qcc_log(INFINITY)));
  assert_true(qcc_exp(-1000.0f) == 0.0f && qcc_exp(-INFINITY) == 0.0f && qcc_exp(0.0f) == 1.0f);
  assert_true(isinf(qcc_log(0.0f)) && isnan(qcc_log(-1.0f)) && qcc_log(1.0f) == 0.0f);
  assert_true(isnan(qcc_exp(NAN)) && isnan(qcc_log(NAN)) && isnan(qcc_tanh(NAN)));
  assert_true(qcc_tanh(INFINITY) == 1.0f && qcc_erf(-INFINITY) == -1.0f);
  assert_true(qcc_sigmoid(-INFINITY) == 0.0f && qcc_sigmoid(INFINITY) == 1.0f);
}

static void test_activations(void **state) {
  (void)state;
  enum { N = 300 };
  for (int kind = QCC_ACT_NONE; kind <= QCC_ACT_TANH; kind++) {
    struct qcc_act p = {kind, 0.25f, 0.5f};
    float *x = random_reals(N);
    double *want = new_buffer(8 * N);
    for (int k = 0; k < N; k++) {
      x[k] *= 8.0f;
      want[k] = activation(&p, (double)x[k]);
    }
    qcc_activate_f32(&p, N, x, x);
    assert_close(x, want, N);
    free_buffers();
  }
}

static double binary(int op, double a, double b) {
  switch (op) {
    case QCC_ADD: return a + b;
    case QCC_SUB: return a - b;
    case QCC_MUL: return a * b;
    case QCC_DIV: return a / b;
    case QCC_POW: return pow(a, b);
    case QCC_MIN: return fmin(a, b);
    case QCC_MAX: return fmax(a, b);
    default: return a < 0 ? a * b : a;
  }
}

static void test_binary(void **state) {
  (void)state;
  enum { A = 3, B = 4, C = 5, N = A * B * C };
  /* a[3][4][5] with b[4][1], and the other way round */
  const struct qcc_broadcast right = {3, {A, B, C}, {B * C, C, 1}, {0, 1, 0}};
  const struct qcc_broadcast left = {3, {A, B, C}, {0, 1, 0}, {B * C, C, 1}};
  for (int op = QCC_ADD; op <= QCC_PRELU; op++) {
    float *a = random_reals(N), *b = random_reals(N), *y = new_buffer(4 * N);
    double want[6][N];
    for (int k = 0; k < N; k++) {
      if (op == QCC_POW) a[k] = fabsf(a[k]) + 0.1f;
      b[k] += b[k] < 0 ? -0.5f : 0.5f;
      if (op == QCC_POW) b[k] = fabsf(b[k]);
    }
    for (int k = 0; k < N; k++) {
      double u = (double)a[k], v = (double)b[k];
      want[0][k] = binary(op, u, v);
      want[1][k] = binary(op, u, (double)b[0]);
      want[2][k] = binary(op, (double)a[0], v);
      want[3][k] = binary(op, u, (double)b[k / C % B]);
      want[4][k] = binary(op, (double)b[k / C % B], u);
    }
    qcc_binary_f32(op, N, a, b, y);
    assert_close(y, want[0], N);
    qcc_binary_scalar_f32(op, N, a, b[0], y);
    assert_close(y, want[1], N);
    qcc_binary_scalar_left_f32(op, N, a[0], b, y);
    assert_close(y, want[2], N);
    qcc_binary_broadcast_f32(op, &right, a, b, y);
    assert_close(y, want[3], N);
    qcc_binary_broadcast_f32(op, &left, b, a, y);
    assert_close(y, want[4], N);
    qcc_binary_broadcast_f32(op, &right, a, b, a);
    assert_close(a, want[3], N);
    free_buffers();
  }
}

/* want[first + i * step] of n elements, normalized; scale i, or `channel` where it is not -1. */
static void normalize(bool centred, const float *x, int64_t first, int n, int step, int channel,
                      const float *scale, const float *shift, double *want) {
  double mean = 0, variance = 0;
  for (int i = 0; centred && i < n; i++) mean += (double)x[first + i * step] / n;
  for (int i = 0; i < n; i++) variance += pow((double)x[first + i * step] - mean, 2) / n;
  for (int i = 0; i < n; i++) {
    int c = channel < 0 ? i : channel;
    want[first + i * step] = ((double)x[first + i * step] - mean) / sqrt(variance + 1e-3) *
                                 (double)scale[c] + (shift ? (double)shift[c] : 0);
  }
}

static void test_norms(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    int batch = random_int(1, 3), pixels = random_int(1, 30), channels = random_int(1, 20);
    int64_t n = (int64_t)batch * pixels * channels;
    float *x = random_reals(n), *y = new_buffer(4 * n), *scale = random_reals(channels);
    float *shift = i % 2 ? random_reals(channels) : NULL;
    double *want = new_buffer(8 * n);
    for (int r = 0; r < batch * pixels; r++)
      normalize(i % 4 < 2, x, (int64_t)r * channels, channels, 1, -1, scale, shift, want);
    if (i % 4 < 2) qcc_layernorm_f32(batch * pixels, channels, 1e-3f, scale, shift, x, y);
    else qcc_rmsnorm_f32(batch * pixels, channels, 1e-3f, scale, shift, x, y);
    assert_close(y, want, n);
    for (int b = 0; b < batch; b++)
      for (int c = 0; c < channels; c++)
        normalize(true, x, (int64_t)b * pixels * channels + c, pixels, channels, c, scale, shift,
                  want);
    qcc_instancenorm_f32(batch, pixels, channels, 1e-3f, scale, shift, x, x);
    assert_close(x, want, n);
    free_buffers();
  }
}

/* Every matrix up to a size, rows of several blocks, and in place. */
static void test_hadamard(void **state) {
  (void)state;
  for (int block = 1; block <= 256; block++) {
    int core = hadamard_core(block), blocks = random_int(1, 3), n = block * blocks;
    if (core == 0) continue;
    struct qcc_hadamard p = {.rows = random_int(1, 3), .n = n, .block = block, .core = core,
                             .inverse = random_int(0, 1), .scale = 1.0f / sqrtf((float)block)};
    int8_t *signs = random_int(0, 2) ? new_buffer(n) : NULL, *matrix = new_buffer(core * core);
    float *x = random_reals(p.rows * n), *y = new_buffer(4 * (int64_t)p.rows * n);
    double *want = new_buffer(8 * (int64_t)p.rows * n);
    for (int i = 0; signs && i < n; i++) signs[i] = (int8_t)(2 * random_int(0, 1) - 1);
    for (int i = 0; i < core * core; i++)
      matrix[i] = (int8_t)hadamard_sign(core, i / core, i % core);
    for (int i = 0; i < p.rows * n; i++) want[i] = (double)x[i];
    for (int r = 0; r < p.rows; r++) hadamard_transform(want + r * n, n, block, signs, p.inverse);
    qcc_hadamard_f32(&p, signs, matrix, x, y);
    assert_close(y, want, p.rows * n);
    qcc_hadamard_f32(&p, signs, matrix, x, x);
    assert_close(x, want, p.rows * n);
    free_buffers();
  }
}

static double reduce_step(int op, double sum, double x) {
  switch (op) {
    case QCC_REDUCE_MAX: return fmax(sum, x);
    case QCC_REDUCE_MIN: return fmin(sum, x);
    case QCC_REDUCE_PROD: return sum * x;
    case QCC_REDUCE_L1: return sum + fabs(x);
    case QCC_REDUCE_SUM_SQUARE:
    case QCC_REDUCE_L2: return sum + x * x;
    default: return sum + x;
  }
}

static void test_reduce(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_reduce p = {.rank = random_int(1, 5)};
    int64_t n_x = 1, n_y = 1;
    int op = i % 8;
    p.axes = random_int(0, (1 << p.rank) - 1);
    for (int d = 0; d < p.rank; d++) {
      p.dim[d] = random_int(1, 6);
      n_x *= p.dim[d];
      n_y *= (p.axes >> d) & 1 ? 1 : p.dim[d];
    }
    float *x = random_reals(n_x), *y = new_buffer(4 * n_y);
    double *want = new_buffer(8 * n_y);
    for (int64_t k = 0; k < n_y; k++)
      want[k] = op == QCC_REDUCE_MAX ? -INFINITY : op == QCC_REDUCE_MIN ? INFINITY
              : op == QCC_REDUCE_PROD ? 1 : 0;
    for (int64_t k = 0; k < n_x; k++) {
      int64_t at = 0, step = 1, rest = k;
      for (int d = p.rank - 1; d >= 0; d--) {
        if (!((p.axes >> d) & 1)) at += rest % p.dim[d] * step, step *= p.dim[d];
        rest /= p.dim[d];
      }
      want[at] = reduce_step(op, want[at], (double)x[k]);
    }
    for (int64_t k = 0; k < n_y; k++) {
      if (op == QCC_REDUCE_MEAN) want[k] /= (double)(n_x / n_y);
      if (op == QCC_REDUCE_L2) want[k] = sqrt(want[k]);
    }
    qcc_reduce_f32(op, &p, x, y);
    assert_close(y, want, n_y);
    free_buffers();
  }
}

static void test_resize(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    struct qcc_resize p = {random_int(1, 2), random_int(1, 5), random_int(1, 5), random_int(1, 9),
                           random_int(1, 11), random_int(1, 11), 4};
    int32_t row[11], col[11];
    float row_frac[11], col_frac[11];
    for (int k = 0; k < 11; k++) {
      row[k] = random_int(0, p.in_h - 1);
      col[k] = random_int(0, p.in_w - 1);
      row_frac[k] = row[k] == p.in_h - 1 ? 0 : (float)random_int(0, 4) / 4;
      col_frac[k] = col[k] == p.in_w - 1 ? 0 : (float)random_int(0, 7) / 8;
    }
    int64_t n_y = (int64_t)p.batch * p.out_h * p.out_w * p.channels, at = 0;
    float *x = random_reals((int64_t)p.batch * p.in_h * p.in_w * p.channels);
    float *y = new_buffer(4 * n_y);
    double *want = new_buffer(8 * n_y);
    qcc_resize_linear_f32(&p, row, row_frac, col, col_frac, x, y);
    for (int n = 0; n < p.batch; n++)
      for (int oy = 0; oy < p.out_h; oy++)
        for (int ox = 0; ox < p.out_w; ox++)
          for (int c = 0; c < p.channels; c++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
              double fy = (double)row_frac[oy], fx = (double)col_frac[ox];
              double weight = (k / 2 ? fy : 1 - fy) * (k % 2 ? fx : 1 - fx);
              if (weight == 0) continue;
              int64_t pixel = ((int64_t)n * p.in_h + row[oy] + k / 2) * p.in_w + col[ox] + k % 2;
              sum += weight * (double)x[pixel * p.channels + c];
            }
            want[at++] = sum;
          }
    assert_close(y, want, n_y);
    free_buffers();
  }
}

/* Each run by itself; zeros and NaN among the numbers, runs of nothing else, columns left out. */
static void test_quantize_rows(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_quantize_rows p = {random_int(1, 5), random_int(1, 70), 0, i % 2 ? 127 : 7,
                                  i % 3 ? 1.0f : 0.9f};
    p.size = random_int(1, p.row);
    int n = p.rows * p.row, runs = (p.row + p.size - 1) / p.size, n_skip = 0;
    float *x = random_reals(n), *scale = new_buffer(4 * (int64_t)p.rows * runs), hi = (float)p.hi;
    float *back = new_buffer(4 * (int64_t)n);
    int8_t *y = new_buffer(n), *left_out = new_buffer(p.row);
    int32_t *skip = new_buffer(4 * (int64_t)p.row);
    for (int c = 0; c < p.row; c++) {
      left_out[c] = i % 4 == 0 && random_int(0, 5) == 0;
      if (left_out[c]) skip[n_skip++] = c;
    }
    for (int k = 0; k < n; k++) x[k] = k % 11 == 3 ? NAN : (k / p.row) % 3 == 2 ? 0 : x[k];
    if (n_skip) qcc_quantize_rows_but(&p, n_skip, skip, x, y, scale);
    else qcc_quantize_rows(&p, x, y, scale);
    qcc_dequantize_rows(&p, y, scale, back);
    for (int k = 0; k < n; k++) {
      int first = k / p.row * p.row + k % p.row / p.size * p.size;
      int end = first / p.row * p.row + p.row;
      float most = 0, s = scale[k / p.row * runs + k % p.row / p.size];
      for (int j = first; j < first + p.size && j < end; j++)
        if (!left_out[j % p.row]) most = fmaxf(most, fabsf(x[j]));
      bool none = left_out[k % p.row] || isnan(x[k]) || most == 0;
      assert_true(s == most * p.clip / hi);
      assert_true((float)y[k] == (none ? 0 : fminf(fmaxf(rintf(x[k] / s), -hi), hi)));
      assert_true(back[k] == (float)y[k] * s);
    }
    free_buffers();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_conversions), cmocka_unit_test(test_bfloats),
      cmocka_unit_test(test_conv),        cmocka_unit_test(test_depthwise),
      cmocka_unit_test(test_gemm),        cmocka_unit_test(test_matmul),
      cmocka_unit_test(test_pools),       cmocka_unit_test(test_pool_overhang),
      cmocka_unit_test(test_softmax),     cmocka_unit_test(test_unary),
      cmocka_unit_test(test_exp),
      cmocka_unit_test(test_activations), cmocka_unit_test(test_binary),
      cmocka_unit_test(test_norms),       cmocka_unit_test(test_hadamard),
      cmocka_unit_test(test_reduce),      cmocka_unit_test(test_resize),
      cmocka_unit_test(test_quantize_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
