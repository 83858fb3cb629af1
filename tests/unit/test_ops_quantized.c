/* test_ops_quantized.c - the integer operators against docs/numerics.md, written out here a second
 * time in the plainest way. */
#include <math.h>

#include "op_fixture.h"

typedef struct Attrs {
  int64_t x_zero, y_zero, lo, hi, shift, group_size;
} Attrs;

static Attrs random_attrs(void) {
  Attrs t = {random_int(-128, 127), random_int(-128, 127), -128, 127, random_int(-2, 3), 0};
  if (random_int(0, 1)) t.lo = t.y_zero;
  t.group_size = random_int(1, 9);
  return t;
}

static void set_attrs(Graph *g, Node *n, const Attrs *t) {
  set_int(g, n, "x_zero", t->x_zero);
  set_int(g, n, "y_zero", t->y_zero);
  set_int(g, n, "lo", t->lo);
  set_int(g, n, "hi", t->hi);
  set_int(g, n, "shift", t->shift);
  set_int(g, n, "group_size", t->group_size);
}

static int floor_divide(__int128_t a, __int128_t b) {
  return (int)(a >= 0 ? a / b : -((-a + b - 1) / b));
}

/* Rule q31 with divisions instead of shifts. */
static int rule_q31(const Attrs *t, int64_t acc, int32_t m) {
  if (t->shift >= 0)
    acc *= INT64_C(1) << t->shift;
  else
    acc = floor_divide(acc, INT64_C(1) << -t->shift);
  int64_t y = t->y_zero + floor_divide((__int128_t)acc * m + (1 << 30), INT64_C(1) << 31);
  return (int)(y < t->lo ? t->lo : y > t->hi ? t->hi : y);
}

/* Multipliers that bring sums of about k products into the range of codes. */
static Tensor *random_m(Graph *g, int64_t n) {
  Tensor *m = random_tensor(g, DT_I32, 1, &n);
  for (int64_t i = 0; i < n; i++) ((int32_t *)m->data)[i] = random_int(1 << 16, 1 << 21);
  return m;
}

static Tensor *random_multiple(Graph *g, int64_t rows, int64_t k, int64_t size) {
  int64_t dim[2] = {rows, (k + size - 1) / size};
  Tensor *t = random_tensor(g, DT_U8, 2, dim);
  for (int64_t i = 0; i < n_elements(t); i++) ((uint8_t *)t->data)[i] = (uint8_t)random_int(1, 255);
  return t;
}

/* Inputs of a QConv or QGemm with `rows` rows of k weights. */
static void weighted_inputs(Graph *g, int64_t rows, int64_t k, const Attrs *t, Tensor **in) {
  in[2] = random_tensor(g, DT_I32, 1, &rows);
  in[3] = random_m(g, rows);
  in[4] = random_int(0, 1) ? random_multiple(g, rows, k, t->group_size) : NULL;
  in[5] = random_int(0, 2) == 0 ? random_tensor(g, DT_I8, 1, &(int64_t){256}) : NULL;
}

/* One output code: patch[k] are the codes under the window. */
static int expected_code(Tensor *const *in, const Attrs *t, int64_t row, int64_t k,
                         const int8_t *patch) {
  const int8_t *w = (const int8_t *)in[1]->data + row * k;
  int64_t acc = ((const int32_t *)in[2]->data)[row];
  for (int64_t i = 0; i < k; i++) {
    int64_t multiple = 1;
    if (in[4])
      multiple = ((const uint8_t *)in[4]->data)[row * in[4]->dim[1] + i / t->group_size];
    acc += multiple * w[i] * patch[i];
  }
  int y = rule_q31(t, acc, ((const int32_t *)in[3]->data)[row]);
  return in[5] ? ((const int8_t *)in[5]->data)[y + 128] : y;
}

static void qconv_follows_numerics(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "qconv");
    Attrs t = random_attrs();
    int64_t group = random_int(1, 3), ci = random_int(0, 2) ? random_int(1, 4) : 1;
    int64_t co = ci == 1 ? random_int(1, 2) : random_int(1, 4);
    int64_t kh = random_int(1, 3), kw = random_int(1, 3);
    int64_t stride[2] = {random_int(1, 2), random_int(1, 2)}, dilation[2] = {random_int(1, 2), 1};
    int64_t pads[4] = {random_int(0, 2), random_int(0, 2), random_int(0, 2), random_int(0, 2)};
    int64_t h = random_int(5, 7), width = random_int(5, 7);
    int64_t k = kh * kw * ci, batch = random_int(1, 2);
    Tensor *in[6];
    in[0] = random_tensor(g, DT_I8, 4, (int64_t[]){batch, h, width, group * ci});
    in[1] = random_tensor(g, random_int(0, 1) ? DT_I8 : DT_I4, 4,
                          (int64_t[]){group * co, kh, kw, ci});
    in[0]->layout = in[1]->layout = LAYOUT_NHWC;
    weighted_inputs(g, group * co, k, &t, in);
    Node *n = make_node(g, "QConv", 6, in);
    set_attrs(g, n, &t);
    set_int(g, n, "group", group);
    set_ints(g, n, "strides", 2, stride);
    set_ints(g, n, "dilations", 2, dilation);
    set_ints(g, n, "pads", 4, pads);
    Tensor *y = run_node(g, n);
    assert_int_equal(y->layout, LAYOUT_NHWC);
    const int8_t *got = y->data, *x = in[0]->data;
    for (int64_t b = 0; b < batch; b++)
      for (int64_t r = 0; r < y->dim[1]; r++)
        for (int64_t c = 0; c < y->dim[2]; c++)
          for (int64_t o = 0; o < group * co; o++, got++) {
            int8_t patch[64];
            for (int64_t p = 0; p < k; p++) {
              int64_t tap_r = p / ci / kw, tap_c = p / ci % kw, channel = o / co * ci + p % ci;
              int64_t row = r * stride[0] + tap_r * dilation[0] - pads[0];
              int64_t column = c * stride[1] + tap_c * dilation[1] - pads[1];
              bool inside = row >= 0 && row < h && column >= 0 && column < width;
              int64_t from = ((b * h + row) * width + column) * group * ci + channel;
              patch[p] = inside ? x[from] : (int8_t)t.x_zero;
            }
            assert_int_equal(*got, expected_code(in, &t, o, k, patch));
          }
    free_arena(a);
  }
}

static void qgemm_follows_numerics(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "qgemm");
    Attrs t = random_attrs();
    int64_t rows = random_int(1, 9), k = random_int(1, 40), m = random_int(1, 4);
    Tensor *in[6];
    in[0] = random_tensor(g, DT_I8, 3, (int64_t[]){2, m, k});
    in[1] = random_tensor(g, DT_I8, 2, (int64_t[]){rows, k});
    weighted_inputs(g, rows, k, &t, in);
    Node *n = make_node(g, "QGemm", 6, in);
    set_attrs(g, n, &t);
    Tensor *y = run_node(g, n);
    assert_int_equal(n_elements(y), 2 * m * rows);
    for (int64_t p = 0; p < 2 * m; p++)
      for (int64_t r = 0; r < rows; r++)
        assert_int_equal(((const int8_t *)y->data)[p * rows + r],
                         expected_code(in, &t, r, k, (const int8_t *)in[0]->data + p * k));
    free_arena(a);
  }
}

static void qmatmul_and_qmul_subtract_zeros(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "qmatmul");
    Attrs t = random_attrs();
    int64_t m = random_int(1, 4), k = random_int(1, 9), c = random_int(1, 4);
    int a_zero = random_int(-128, 127), b_zero = random_int(-128, 127);
    int mul = random_int(1 << 18, 1 << 23);
    Tensor *in[2] = {random_tensor(g, DT_I8, 3, (int64_t[]){3, m, k}),
                     random_tensor(g, DT_I8, 2, (int64_t[]){k, c})};
    Node *n = make_node(g, "QMatMul", 2, in);
    set_attrs(g, n, &t);
    set_int(g, n, "a_zero", a_zero);
    set_int(g, n, "b_zero", b_zero);
    set_int(g, n, "m", mul);
    Tensor *y = run_node(g, n);
    const int8_t *u = in[0]->data, *v = in[1]->data;
    for (int64_t p = 0; p < 3 * m * c; p++) {
      int64_t acc = 0;
      for (int64_t q = 0; q < k; q++)
        acc += (u[p / c * k + q] - a_zero) * (v[q * c + p % c] - b_zero);
      assert_int_equal(((const int8_t *)y->data)[p], rule_q31(&t, acc, mul));
    }
    Tensor *row = random_tensor(g, DT_I8, 1, &k);
    n = make_node(g, "QMul", 2, (Tensor *[]){in[0], row});
    set_attrs(g, n, &t);
    set_int(g, n, "a_zero", a_zero);
    set_int(g, n, "b_zero", b_zero);
    set_int(g, n, "m", mul);
    y = run_node(g, n);
    v = row->data;
    for (int64_t p = 0; p < n_elements(y); p++)
      assert_int_equal(((const int8_t *)y->data)[p],
                       rule_q31(&t, (u[p] - a_zero) * (v[p % k] - b_zero), mul));
    free_arena(a);
  }
}

static void qadd_is_one_shift(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "qadd");
    int a_mul = random_int(-32768, 32767), b_mul = random_int(-32768, 32767);
    int c = random_int(-(1 << 20), 1 << 20), shift = random_int(1, 16), lo = random_int(-128, 0);
    Tensor *in[2] = {random_tensor(g, DT_I8, 3, (int64_t[]){2, 3, 4}),
                     random_tensor(g, DT_I8, 2, (int64_t[]){3, 1})};
    Node *n = make_node(g, "QAdd", 2, in);
    set_int(g, n, "a_mul", a_mul);
    set_int(g, n, "b_mul", b_mul);
    set_int(g, n, "c", c);
    set_int(g, n, "shift", shift);
    set_int(g, n, "lo", lo);
    set_int(g, n, "hi", 127);
    const int8_t *y = run_node(g, n)->data, *u = in[0]->data, *v = in[1]->data;
    for (int p = 0; p < 24; p++) {
      int want = floor_divide(u[p] * a_mul + v[p / 4 % 3] * b_mul + c, INT64_C(1) << shift);
      assert_int_equal(y[p], want < lo ? lo : want > 127 ? 127 : want);
    }
    free_arena(a);
  }
}

static void qaverage_pool_divides_by_count(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "qpool");
  Attrs t = {.x_zero = -7, .y_zero = 3, .lo = -128, .hi = 127};
  Tensor *x = random_tensor(g, DT_I8, 4, (int64_t[]){1, 4, 4, 2}), *m = random_m(g, 9);
  for (int i = 0; i < 9; i++) ((int32_t *)m->data)[i] = (1 << 30) / (i + 2);
  x->layout = LAYOUT_NHWC;
  Node *n = make_node(g, "QAveragePool", 2, (Tensor *[]){x, m});
  set_attrs(g, n, &t);
  set_ints(g, n, "kernel_shape", 2, (int64_t[]){3, 3});
  set_ints(g, n, "pads", 4, (int64_t[]){1, 1, 1, 1});
  const int8_t *y = run_node(g, n)->data, *codes = x->data;
  for (int p = 0; p < 32; p++) {
    int row = p / 8, column = p / 2 % 4, count = 0, acc = 0;
    for (int r = row - 1; r <= row + 1; r++)
      for (int c = column - 1; c <= column + 1; c++)
        if (r >= 0 && r < 4 && c >= 0 && c < 4) {
          acc += codes[(r * 4 + c) * 2 + p % 2] + 7;
          count++;
        }
    assert_int_equal(y[p], rule_q31(&t, acc, ((const int32_t *)m->data)[count - 1]));
  }
  free_arena(a);
}

static void qsoftmax_and_qlookup_use_tables(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "tables");
  Tensor *x = random_tensor(g, DT_I8, 2, (int64_t[]){6, 10});
  Tensor *table = random_tensor(g, DT_U32, 1, &(int64_t){256});
  for (int d = 0; d < 256; d++) ((uint32_t *)table->data)[d] = (UINT32_C(1) << 23) >> (d / 12);
  const int8_t *y = run_node(g, make_node(g, "QSoftmax", 2, (Tensor *[]){x, table}))->data;
  const int8_t *codes = x->data;
  const uint32_t *power = table->data;
  for (int r = 0; r < 6; r++) {
    int max = -128;
    uint64_t sum = 0;
    for (int i = 0; i < 10; i++) max = codes[r * 10 + i] > max ? codes[r * 10 + i] : max;
    for (int i = 0; i < 10; i++) sum += power[max - codes[r * 10 + i]];
    for (int i = 0; i < 10; i++) {
      uint64_t part = (power[max - codes[r * 10 + i]] * UINT64_C(256) + sum / 2) / sum;
      assert_int_equal(y[r * 10 + i], part > 255 ? 127 : (int)part - 128);
    }
  }
  Tensor *each = random_tensor(g, DT_I8, 2, (int64_t[]){10, 256});
  Tensor *bytes = random_tensor(g, DT_U8, 2, (int64_t[]){6, 10});
  const int8_t *s = run_node(g, make_node(g, "QLookup", 2, (Tensor *[]){x, each}))->data;
  const int8_t *u = run_node(g, make_node(g, "QLookup", 2, (Tensor *[]){bytes, each}))->data;
  const int8_t *entry = each->data;
  for (int p = 0; p < 60; p++) {
    assert_int_equal(s[p], entry[p % 10 * 256 + codes[p] + 128]);
    assert_int_equal(u[p], entry[p % 10 * 256 + ((const uint8_t *)bytes->data)[p]]);
  }
  free_arena(a);
}

/* A float of 8 bits has no zero point but 0; it saturates unless it is told not to. */
static void codes_may_be_narrow_floats(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "test");
  float v[] = {0, 1, -3, 1000, 0.25f}, decoded[] = {0, 1, -3, 896, 0.25f};
  uint8_t codes[] = {0, 0x30, 0xbc, 0x7e, 0x20};
  int64_t dim = 5;
  Tensor *x = new_const(g, "x", DT_F32, 1, &dim, v), *scale = new_scalar_f32(g, "scale", 2),
         *zero = new_const(g, "zero", DT_F8E4M3, 0, NULL, arena_alloc(a, 1));
  Node *n = make_node(g, "QuantizeLinear", 3, (Tensor *[]){x, scale, zero});
  Tensor *y = run_node(g, n);
  assert_int_equal(y->dtype, DT_F8E4M3);
  assert_memory_equal(y->data, codes, sizeof codes);
  Tensor *back = run_node(g, make_node(g, "DequantizeLinear", 3, (Tensor *[]){y, scale, zero}));
  assert_memory_equal(back->data, decoded, sizeof decoded);
  set_int(g, n, "saturate", 0);
  codes[3] = 0x7f;
  assert_memory_equal(run_node(g, n)->data, codes, sizeof codes);
  free_arena(a);
}

static void casts_to_few_bits_wrap(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "test");
  float v[] = {-9, 7.9f, 8, 1e30f, NAN};
  static const int8_t codes[] = {7, 7, -8, -1, 0};
  int64_t dim = 5;
  Tensor *x = new_const(g, "x", DT_F32, 1, &dim, v);
  Node *n = make_node(g, "Cast", 1, &x);
  set_int(g, n, "to", DT_I4);
  assert_memory_equal(run_node(g, n)->data, codes, sizeof codes);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(qconv_follows_numerics),
      cmocka_unit_test(qgemm_follows_numerics),
      cmocka_unit_test(qmatmul_and_qmul_subtract_zeros),
      cmocka_unit_test(qadd_is_one_shift),
      cmocka_unit_test(qaverage_pool_divides_by_count),
      cmocka_unit_test(qsoftmax_and_qlookup_use_tables),
      cmocka_unit_test(codes_may_be_narrow_floats),
      cmocka_unit_test(casts_to_few_bits_wrap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
