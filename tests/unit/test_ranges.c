/* test_ranges.c - what decides scales: ranges of activations from their histogram, solvers for
 * weights, and the packing of the codes. */
#include <math.h>
#include <string.h>

#include "codegen/codegen.h"
#include "passes/quant/quant.h"
#include "passes/quant/range.h"
#include "passes/quant/solvers.h"
#include "tests/unit/unit.h"

enum { N = 20000 };

/* ---- ranges --------------------------------------------------------------------------- */

static uint32_t seed = 1;
static double uniform(void) { /* 0..1, without the ends */
  seed = seed * 1664525u + 1013904223u;
  return ((seed >> 8) + 0.5) / (1 << 24);
}

typedef double Distribution(void);
static double normal(void) {
  return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}
static double laplace(void) { return (uniform() < 0.5 ? 1 : -1) * -log(uniform()); }
static double rectified(void) { return fmax(0, normal()); }
static double outliers(void) { return uniform() < 0.001 ? 30 * normal() : normal(); }
static Distribution *const distributions[] = {normal, laplace, rectified, outliers};
enum { DISTRIBUTIONS = sizeof distributions / sizeof *distributions };

static void draw(Distribution *d, float *x, Stats *s) {
  memset(s, 0, sizeof *s);
  s->lo = INFINITY, s->hi = -INFINITY;
  for (int i = 0; i < N; i++) {
    x[i] = (float)d();
    s->lo = fminf(s->lo, x[i]);
    s->hi = fmaxf(s->hi, x[i]);
  }
  count_values(s, x, N);
}

/* Mean squared error of x rounded to the int8 codes of a range. */
static double code_error(Range r, const float *x) {
  float scale;
  int32_t zero;
  double sum = 0;
  fit_scale(r, find_format("int8"), false, &scale, &zero);
  for (int i = 0; i < N; i++) {
    float q = fminf(fmaxf(rintf(x[i] / scale) + (float)zero, -128), 127);
    double d = x[i] - (double)((q - (float)zero) * scale);
    sum += d * d;
  }
  return sum / N;
}

static float x[N];
static Stats stats;

static void methods_stay_inside(void **state) {
  (void)state;
  for (int i = 0; i < DISTRIBUTIONS; i++) {
    draw(distributions[i], x, &stats);
    Range all[] = {percentile_range(&stats, 99.9), entropy_range(&stats, 256), mse_range(&stats, 256)};
    for (size_t m = 0; m < sizeof all / sizeof *all; m++) {
      assert_true(all[m].lo >= fminf(stats.lo, 0) && all[m].hi <= fmaxf(stats.hi, 0));
      assert_true(all[m].lo < all[m].hi);
    }
  }
}

/* A histogram of few bins makes entropy the same as minmax; ours must not be.  The zeros behind a
 * Relu must not make it cut half of the rest. */
static void entropy_cuts_tails(void **state) {
  (void)state;
  draw(normal, x, &stats);
  assert_true(entropy_range(&stats, 256).hi < 0.95f * stats.hi);
  draw(rectified, x, &stats);
  double whole = code_error((Range){stats.lo, stats.hi}, x);
  assert_true(code_error(entropy_range(&stats, 256), x) < 1.5 * whole);
}

static void mse_is_no_worse_than_minmax(void **state) {
  (void)state;
  for (int i = 0; i < DISTRIBUTIONS; i++) {
    draw(distributions[i], x, &stats);
    double whole = code_error((Range){stats.lo, stats.hi}, x);
    double cut = code_error(mse_range(&stats, 256), x);
    assert_true(cut <= whole * 1.001);
    if (distributions[i] == laplace) assert_true(cut < 0.97 * whole);
  }
}

static void percentile_cuts_its_share(void **state) {
  (void)state;
  for (int i = 0; i < DISTRIBUTIONS; i++) {
    draw(distributions[i], x, &stats);
    Range r = percentile_range(&stats, 99);
    int outside = 0;
    for (int k = 0; k < N; k++) outside += x[k] < r.lo || x[k] > r.hi;
    assert_true(outside <= N / 100 && outside > N / 200);
    if (stats.lo >= 0) assert_true(r.lo == stats.lo);
  }
  Range whole = percentile_range(&stats, 100);
  assert_true(whole.hi >= stats.hi * 0.999f && whole.lo <= stats.lo * 0.999f);
}

static void counting_is_streamed(void **state) {
  (void)state;
  static Stats parts;
  draw(laplace, x, &stats);
  parts.lo = stats.lo, parts.hi = stats.hi;
  for (int i = 0; i < N; i += 1000) count_values(&parts, x + i, 1000);
  assert_memory_equal(parts.count, stats.count, sizeof parts.count);
}

static void constants_have_a_range(void **state) {
  (void)state;
  static const float values[] = {0, 3, -3};
  for (int i = 0; i < 3; i++) {
    memset(&stats, 0, sizeof stats);
    stats.lo = stats.hi = values[i];
    for (int k = 0; k < N; k++) x[k] = values[i];
    count_values(&stats, x, N);
    Range all[] = {percentile_range(&stats, 99.9), entropy_range(&stats, 256), mse_range(&stats, 256)};
    for (size_t m = 0; m < sizeof all / sizeof *all; m++)
      assert_true(code_error(all[m], x) <= 1e-3 * fabs((double)values[i]));
  }
}

/* ---- scales ---------------------------------------------------------------------------- */

static void zero_is_exact(void **state) {
  (void)state;
  static const Range ranges[] = {{-1, 1},  {0, 6}, {-0.3f, 12.7f},    {-5, 0},        {2, 3},
                                 {-3, -2}, {0, 0}, {-1e-38f, 1e-38f}, {-1e30f, 2e30f}};
  static const char *const formats[] = {"int8", "uint8"};
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    for (int k = 0; k < 2; k++) {
      const Format *f = find_format(formats[k]);
      float scale;
      int32_t zero;
      fit_scale(ranges[i], f, false, &scale, &zero);
      assert_true(scale > 0 && isfinite(scale));
      assert_in_range(zero - f->lo, 0, f->hi - f->lo);
      float hi = fmaxf(ranges[i].hi, 0), lo = fminf(ranges[i].lo, 0);
      if (hi - lo > 1e-20f) {
        assert_true((float)(f->hi - zero) * scale >= hi - scale);
        assert_true((float)(f->lo - zero) * scale <= lo + scale);
      }
    }
}

static void symmetric_has_no_zero_point(void **state) {
  (void)state;
  float scale;
  int32_t zero;
  fit_scale((Range){-1, 3}, find_format("int8"), true, &scale, &zero);
  assert_int_equal(zero, 0);
  assert_true(scale == (float)(3.0 / 127));
}

static void codes_come_back(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  int64_t n = 256;
  Tensor *t = new_tensor(g, "t", DT_I8, 1, &n);
  t->quant = new_quant(g, find_format("int8"), -1, 0, 1);
  fit_scale((Range){-0.7f, 2.1f}, t->quant->format, false, &t->quant->scale[0], &t->quant->zero[0]);
  int8_t codes[256], back[256];
  float real[256];
  for (int i = 0; i < 256; i++) codes[i] = (int8_t)(i - 128);
  dequantize_codes(t, codes, real);
  quantize_reals(t, real, back);
  assert_memory_equal(codes, back, sizeof codes);
  free_arena(a);
}

/* ---- solvers ---------------------------------------------------------------------------- */

enum { ROWS = 6, COLUMNS = 40 };

static Tensor *random_weights(Graph *g) {
  float *w = arena_alloc(g->arena, ROWS * COLUMNS * 4);
  for (int i = 0; i < ROWS * COLUMNS; i++) w[i] = (float)(laplace() * (1 + i / COLUMNS));
  for (int i = 0; i < COLUMNS; i++) w[5 * COLUMNS + i] = 0; /* a channel of zeros */
  return new_const(g, fresh_name(g, "w"), DT_F32, 2, (int64_t[]){ROWS, COLUMNS}, w);
}

static WeightChoice choice(const char *format, int granularity, int64_t group, const char *solver) {
  return (WeightChoice){
    .format = find_format(format), .granularity = granularity, .group = group, .solver = solver};
}

static Tensor *weight_codes(Graph *g, const Tensor *w, const WeightChoice *c) {
  const char *note;
  return quantize_weights(g, w, c, &(LayerInput){.scale = 1}, NULL, &note);
}

/* Largest error in steps of the scale, and the sum of squares. */
static double weight_error(const Tensor *w, const Tensor *codes, double *steps) {
  float back[ROWS * COLUMNS];
  const float *v = w->data;
  double sum = 0;
  *steps = 0;
  dequantize_codes(codes, codes->data, back);
  for (int64_t i = 0; i < n_elements(w); i++) {
    double d = fabs((double)v[i] - back[i]);
    *steps = fmax(*steps, d / codes->quant->scale[scale_index(codes, codes->quant, i)]);
    sum += d * d;
  }
  return sum;
}

static const char *const formats[] = {"int8", "int4", "int3", "int2", "ternary"};

enum { FORMATS = sizeof formats / sizeof *formats, WIDE = 3 /* formats of more than two bits */ };

static void rtn_rounds_to_nearest(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  const Tensor *w = random_weights(g);
  for (int f = 0; f < WIDE; f++)
    for (int granularity = GRAN_TENSOR; granularity <= GRAN_CHANNEL; granularity++) {
      WeightChoice c = choice(formats[f], granularity, 0, "rtn");
      double steps;
      weight_error(w, weight_codes(g, w, &c), &steps);
      assert_true(steps <= 0.5 + 1e-4);
    }
  free_arena(a);
}

/* With two bits the largest weight is no measure: its scale would make nearly all codes 0. */
static void two_bits_follow_the_mean(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  const Tensor *w = random_weights(g);
  for (int f = WIDE; f < FORMATS; f++) {
    WeightChoice c = choice(formats[f], GRAN_TENSOR, 0, "rtn");
    Tensor *t = weight_codes(g, w, &c);
    double steps, near = weight_error(w, t, &steps);
    const int8_t *codes = t->data;
    int large = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) large += codes[i] != 0;
    assert_in_range(large, ROWS * COLUMNS / 5, ROWS * COLUMNS * 3 / 4);
    t->quant->scale[0] = full_scale(w->data, ROWS * COLUMNS, c.format);
    quantize_reals(t, w->data, t->data);
    assert_true(near < weight_error(w, t, &steps));
  }
  free_arena(a);
}

static void mse_is_no_worse_than_rtn(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  for (int tries = 0; tries < 10; tries++) {
    const Tensor *w = random_weights(g);
    for (int f = 0; f < FORMATS; f++)
      for (int granularity = GRAN_TENSOR; granularity <= GRAN_CHANNEL; granularity++) {
        WeightChoice rtn = choice(formats[f], granularity, 0, "rtn");
        WeightChoice mse = choice(formats[f], granularity, 0, "mse");
        double steps, far = weight_error(w, weight_codes(g, w, &rtn), &steps);
        double near = weight_error(w, weight_codes(g, w, &mse), &steps);
        assert_true(near <= far * 1.0001);
        if (f > 0) assert_true(near < far);
      }
  }
  free_arena(a);
}

/* Formats whose codes are levels: the scale must be the best for these. */
static void mse_knows_levels(void **state) {
  (void)state;
  static const char *const names[] = {"nf4", "fp4"};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  for (int f = 0; f < 2; f++) {
    const Tensor *w = random_weights(g);
    WeightChoice mse = choice(names[f], GRAN_CHANNEL, 0, "mse");
    Tensor *t = weight_codes(g, w, &mse);
    double steps, near = weight_error(w, t, &steps);
    for (int k = 50; k <= 120; k++) {
      float chosen[ROWS];
      memcpy(chosen, t->quant->scale, sizeof chosen);
      for (int r = 0; r < ROWS; r++) t->quant->scale[r] = chosen[r] * (float)k / 100;
      for (int64_t i = 0; i < ROWS * COLUMNS; i++)
        ((int8_t *)t->data)[i] = nearest_code(((const float *)w->data)[i],
                                              t->quant->scale[i / COLUMNS], mse.format);
      assert_true(weight_error(w, t, &steps) >= near * 0.98);
      memcpy(t->quant->scale, chosen, sizeof chosen);
    }
  }
  free_arena(a);
}

static void finer_scales_are_better(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  const Tensor *w = random_weights(g);
  WeightChoice all[] = {choice("int4", GRAN_TENSOR, 0, "mse"),
                        choice("int4", GRAN_CHANNEL, 0, "mse"),
                        choice("int4", GRAN_GROUP, 8, "mse")};
  double steps, error[3];
  for (int i = 0; i < 3; i++)
    error[i] = weight_error(w, weight_codes(g, w, &all[i]), &steps);
  assert_true(error[2] < error[1] && error[1] < error[0]);
  free_arena(a);
}

/* Scales of groups are whole multiples of their channel's; the last group may be short. */
static void group_scales_are_multiples(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  const Tensor *w = random_weights(g);
  WeightChoice c = choice("int4", GRAN_GROUP, 16, "rtn");
  const Tensor *t = weight_codes(g, w, &c);
  const QuantSpec *q = t->quant;
  assert_int_equal(q->n, ROWS * 3);
  for (int64_t i = 0; i < q->n; i++) {
    assert_in_range(q->multiple[i], 1, 255);
    assert_true(q->scale[i] == q->channel_scale[i / 3] * (float)q->multiple[i]);
  }
  double steps;
  weight_error(w, t, &steps);
  assert_true(steps <= 0.6); /* multiples are rounded: the largest weight may be clipped a bit */
  free_arena(a);
}

/* Formats may allow multiples of few significant bits only. */
static void multiples_have_the_formats_bits(void **state) {
  (void)state;
  static const struct { const char *format; int bits, most; } rows[] = {
      {"nf4", 8, 255}, {"mxfp4", 1, 128}, {"nvfp4", 4, 240}};
  for (int k = 0; k < 3; k++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    const Tensor *w = random_weights(g);
    WeightChoice c = choice(rows[k].format, GRAN_GROUP, 16, "mse");
    const QuantSpec *q = weight_codes(g, w, &c)->quant;
    int most = 0;
    for (int64_t i = 0; i < q->n; i++) {
      int m = q->multiple[i];
      most = m > most ? m : most;
      assert_in_range(m, 1, rows[k].most);
      while (m % 2 == 0) m /= 2;
      assert_true(m < 1 << rows[k].bits);
    }
    assert_int_equal(most, rows[k].most);
    free_arena(a);
  }
}

/* The bias at scale x_scale * w_scale must fit int32 with room to spare. */
static void large_biases_raise_the_scale(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  const float w[4] = {1e-9f, -1e-9f, 1, -1}, bias[2] = {1000, 0};
  const Tensor *t = new_const(g, "w", DT_F32, 2, (int64_t[]){2, 2}, (void *)w);
  WeightChoice c = choice("int8", GRAN_CHANNEL, 0, "mse");
  const char *note;
  const QuantSpec *q = quantize_weights(g, t, &c, &(LayerInput){0.01f, bias, NULL}, NULL, &note)->quant;
  assert_true(1000 / ((double)q->scale[0] * 0.01) <= 1 << 27);
  assert_true(q->scale[1] < 0.009f);
  free_arena(a);
}

/* ---- packing ------------------------------------------------------------------------------ */

static uint8_t *pack(Arena *a, Tensor *w, Packing packing, int64_t *bytes) {
  Tensor *in[] = {NULL, w};
  Node n = {.op = find_op("QGemm"), .in = in, .n_in = 2};
  return pack_weights(a, &n, &(Kernel){.packing = packing}, bytes);
}

static void rows_start_at_bytes(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  int8_t codes[] = {1, -2, 3, -8, 7, 0};
  Tensor *w = new_const(g, "w", DT_I4, 2, (int64_t[]){2, 3}, codes);
  w->quant = new_quant(g, find_format("int4"), -1, 0, 1);
  int64_t bytes;
  const uint8_t *p = pack(a, w, PACK_OHWI, &bytes);
  const uint8_t want[] = {0xe1, 0x03, 0x78, 0x00};
  assert_int_equal(bytes, 4);
  assert_memory_equal(p, want, 4);
  free_arena(a);
}

/* Depthwise weights [C][kh][kw][1] become [kh][kw][C]: a tap's channels lie side by side. */
static void depthwise_taps_come_first(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  int8_t codes[] = {1, 2, 3, 4, 5, 6};
  const int8_t want[] = {1, 3, 5, 2, 4, 6};
  Tensor *w = new_const(g, "w", DT_I8, 4, (int64_t[]){3, 1, 2, 1}, codes);
  int64_t bytes;
  assert_memory_equal(pack(a, w, PACK_HWC, &bytes), want, 6);
  assert_int_equal(bytes, 6);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(methods_stay_inside),
    cmocka_unit_test(entropy_cuts_tails),
    cmocka_unit_test(mse_is_no_worse_than_minmax),
    cmocka_unit_test(percentile_cuts_its_share),
    cmocka_unit_test(counting_is_streamed),
    cmocka_unit_test(constants_have_a_range),
    cmocka_unit_test(zero_is_exact),
    cmocka_unit_test(symmetric_has_no_zero_point),
    cmocka_unit_test(codes_come_back),
    cmocka_unit_test(rtn_rounds_to_nearest),
    cmocka_unit_test(two_bits_follow_the_mean),
    cmocka_unit_test(mse_is_no_worse_than_rtn),
    cmocka_unit_test(mse_knows_levels),
    cmocka_unit_test(finer_scales_are_better),
    cmocka_unit_test(group_scales_are_multiples),
    cmocka_unit_test(multiples_have_the_formats_bits),
    cmocka_unit_test(large_biases_raise_the_scale),
    cmocka_unit_test(rows_start_at_bytes),
    cmocka_unit_test(depthwise_taps_come_first),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
