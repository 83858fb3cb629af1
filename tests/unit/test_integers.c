/* test_integers.c - products of codes to int32, against sums written out here; and what becomes of them between
 * numbers whose scales are found at run time. */
#include <math.h>

#include "frontend/frontend.h"
#include "ir/ops/ops.h"
#include "passes/passes.h"
#include "tests/unit/op_fixture.h"

static int64_t code(const Tensor *t, int64_t i) { return get_int(t->dtype, t->data, i); }

/* Codes of the type's whole range. */
static Tensor *random_codes(Graph *g, DType t, int rank, const int64_t *dim) {
  Tensor *x = random_tensor(g, t, rank, dim);
  for (int64_t i = 0; i < n_elements(x); i++) ((uint8_t *)x->data)[i] = (uint8_t)random_int(0, 255);
  return x;
}

/* One zero point, or `many`, or none. */
static Tensor *random_zeros(Graph *g, DType t, int64_t many) {
  int kind = random_int(0, 2);
  return kind == 0 ? NULL : kind == 1 ? random_codes(g, t, 0, NULL) : random_codes(g, t, 1, &many);
}

static int64_t zero_of(const Tensor *zero, int64_t i) {
  return zero ? code(zero, n_elements(zero) > 1 ? i : 0) : 0;
}

static DType random_type(void) { return random_int(0, 1) ? DT_U8 : DT_I8; }

static void matmul_is_exact(void **state) {
  (void)state;
  for (int round = 0; round < 60; round++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t m = random_int(1, 5), n = random_int(1, 6), batch = random_int(1, 2);
    int64_t k = round % 10 ? random_int(1, 40) : 3000;
    DType ta = random_type(), tb = random_type();
    Tensor *in[4] = {random_codes(g, ta, 3, (int64_t[]){batch, m, k}), random_codes(g, tb, 2, (int64_t[]){k, n}),
                     random_zeros(g, ta, m), random_zeros(g, tb, n)};
    if (round % 20 == 0) { /* sums beyond 2^24, all of whose bits count */
      memset(in[0]->data, 255, (size_t)(batch * m * k));
      in[0]->dtype = DT_U8, in[2] = NULL;
    }
    const Tensor *y = run_node(g, make_node(g, "MatMulInteger", 4, in));
    for (int64_t i = 0; i < batch * m * n; i++) {
      int64_t row = i / n, col = i % n, sum = 0;
      for (int64_t j = 0; j < k; j++)
        sum += (code(in[0], row * k + j) - zero_of(in[2], row % m)) * (code(in[1], j * n + col) - zero_of(in[3], col));
      assert_int_equal(code(y, i), sum);
    }
    free_arena(a);
  }
}

static void conv_is_exact(void **state) {
  (void)state;
  for (int round = 0; round < 60; round++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t group = random_int(1, 3), ci = random_int(1, 3), co = group * random_int(1, 3), size = random_int(3, 6);
    int64_t kernel = random_int(1, 3), stride = random_int(1, 2), pad = random_int(0, 1);
    DType tx = random_type(), tw = random_type();
    Tensor *in[4] = {random_codes(g, tx, 4, (int64_t[]){2, group * ci, size, size}),
                     random_codes(g, tw, 4, (int64_t[]){co, ci, kernel, kernel}),
                     random_int(0, 1) ? random_codes(g, tx, 0, NULL) : NULL, random_zeros(g, tw, co)};
    Node *n = make_node(g, "ConvInteger", 4, in);
    set_int(g, n, "group", group);
    set_ints(g, n, "strides", 2, (int64_t[]){stride, stride});
    set_ints(g, n, "pads", 4, (int64_t[]){pad, pad, pad, pad});
    const Tensor *y = run_node(g, n);
    int64_t out = (size + 2 * pad - kernel) / stride + 1;
    assert_int_equal(y->dim[3], out);
    for (int64_t i = 0; i < n_elements(y); i++) {
      int64_t ox = i % out, oy = i / out % out, o = i / out / out % co, b = i / out / out / co, sum = 0;
      for (int64_t t = 0; t < ci * kernel * kernel; t++) {
        int64_t c = o / (co / group) * ci + t / kernel / kernel;
        int64_t iy = oy * stride - pad + t / kernel % kernel, ix = ox * stride - pad + t % kernel;
        if (iy < 0 || ix < 0 || iy >= size || ix >= size) continue;
        sum += (code(in[0], ((b * group * ci + c) * size + iy) * size + ix) - zero_of(in[2], 0)) *
               (code(in[1], o * ci * kernel * kernel + t) - zero_of(in[3], o));
      }
      assert_int_equal(code(y, i), sum);
    }
    free_arena(a);
  }
}

/* uint8 codes as ONNX defines them: {x, scale, zero point, codes}. */
static void codes_by_range(void **state) {
  (void)state;
  static const struct {
    float x[3], scale;
    int zero, code[3];
  } cases[] = {
      {{0, 2, -3}, 5.0f / 255, 153, {153, 255, 0}},
      {{1, 2, 255}, 1, 0, {1, 2, 255}},
      {{-1, -2, -255}, 1, 255, {254, 253, 0}},
      {{0, 0, 0}, 1, 0, {0, 0, 0}},
      {{NAN, 0, 255}, 1, 0, {0, 0, 255}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t codes[3], zero;
    float scale;
    quantize_by_range(3, cases[i].x, DT_U8, codes, &scale, &zero);
    assert_true(scale == cases[i].scale);
    assert_int_equal(zero, cases[i].zero);
    for (int k = 0; k < 3; k++) assert_int_equal(codes[k], cases[i].code[k]);
    int8_t low[3];
    int32_t low_zero;
    quantize_by_range(3, cases[i].x, DT_I8, low, &scale, &low_zero);
    assert_int_equal(low_zero, cases[i].zero - 128);
    for (int k = 0; k < 3; k++) assert_int_equal(low[k], cases[i].code[k] - 128);
  }
}

/* ---- what onnxruntime's quantize_dynamic makes of a layer */

static bool is_exact; /* sums so far are multiplied with the product of both scales, as quantize_dynamic has it */

static Tensor *put(Graph *g, const char *op, int n, Tensor *const *in) {
  Node *node = make_node(g, op, n, in);
  if (strcmp(op, "Cast") == 0) set_int(g, node, "to", DT_F32);
  infer_node(g, node);
  return node->out[0];
}

static Tensor *put_mul(Graph *g, Tensor *a, Tensor *b) {
  return random_int(0, 1) ? put(g, "Mul", 2, (Tensor *[]){a, b}) : put(g, "Mul", 2, (Tensor *[]){b, a});
}

/* Scales of the channels along dimension `axis` of a tensor of that rank, or one. */
static Tensor *random_scales(Graph *g, int64_t channels, int rank, int axis, bool many) {
  int64_t dim[MAX_RANK];
  for (int d = 0; d < rank; d++) dim[d] = d == axis && many ? channels : 1;
  Tensor *s = random_tensor(g, DT_F32, many || random_int(0, 1) ? rank : 0, dim);
  for (int64_t i = 0; i < n_elements(s); i++) ((float *)s->data)[i] = (float)random_int(1, 1000) / 50000.0f;
  return s;
}

/* The layer behind a product y of codes: factors in some order, a bias perhaps, Relu perhaps. */
static Tensor *finish_layer(Graph *g, Tensor *y, Tensor *x_scale, Tensor *w_scale, int64_t channels, int axis) {
  y = put(g, "Cast", 1, &y);
  int order = random_int(0, 2);
  is_exact = is_exact && order == 0;
  if (order == 0) y = put_mul(g, y, put_mul(g, x_scale, w_scale));
  else y = put_mul(g, put_mul(g, y, order == 1 ? x_scale : w_scale), order == 1 ? w_scale : x_scale);
  if (random_int(0, 2)) {
    int64_t dim[MAX_RANK] = {channels, 1, 1, 1};
    Tensor *bias = random_tensor(g, DT_F32, axis == 1 && y->rank > 2 ? y->rank - 1 : 1, dim);
    y = put(g, "Add", 2, (Tensor *[]){y, bias});
  }
  return random_int(0, 1) ? put(g, "Relu", 1, &y) : y;
}

static Node *put_dynamic(Graph *g, Tensor *x) {
  Tensor *out[3];
  for (int i = 0; i < 3; i++) out[i] = new_tensor(g, fresh_name(g, "q"), DT_NONE, -1, NULL);
  Node *d = add_node(g, -1, "DynamicQuantizeLinear", out[0]->name, 1, &x, 3, out);
  infer_node(g, d);
  return d;
}

/* int8 symmetric as for MatMul, or uint8 with zero points anywhere. */
static void random_weights(Graph *g, int rank, const int64_t *dim, int64_t channels, bool many, Tensor **in) {
  DType t = random_type();
  in[1] = random_codes(g, t, rank, dim);
  in[3] = many ? random_codes(g, t, 1, &channels) : random_int(0, 1) ? random_codes(g, t, 0, NULL) : NULL;
}

static Tensor *dynamic_conv(Graph *g, Tensor *x) {
  int64_t group = random_int(0, 3) ? 1 : x->dim[1], out = group == 1 ? random_int(1, 6) : group;
  int64_t k = random_int(0, 1) ? 3 : 1;
  const Node *d = put_dynamic(g, x);
  bool many = random_int(0, 1);
  Tensor *in[4] = {d->out[0], NULL, d->out[2], NULL};
  random_weights(g, 4, (int64_t[]){out, x->dim[1] / group, k, k}, out, many, in);
  Node *n = make_node(g, "ConvInteger", 4, in);
  set_int(g, n, "group", group);
  set_ints(g, n, "pads", 4, (int64_t[]){k / 2, k / 2, k / 2, k / 2});
  infer_node(g, n);
  return finish_layer(g, n->out[0], d->out[1], random_scales(g, out, 4, 1, many), out, 1);
}

static Tensor *dynamic_matmul(Graph *g, Tensor *x) {
  int64_t depth = x->dim[x->rank - 1], out = random_int(1, 9);
  bool many = random_int(0, 1);
  Tensor *in[4];
  random_weights(g, 2, (int64_t[]){depth, out}, out, many, in);
  Tensor *scales = random_scales(g, out, 1, 0, many), *one = random_codes(g, in[1]->dtype, many ? 1 : 0, &out);
  if (random_int(0, 3) == 0) { /* com.microsoft's, which eval computes in float */
    is_exact = false;
    Tensor *bias = random_int(0, 1) ? random_tensor(g, DT_F32, 1, &out) : NULL;
    return put(g, "DynamicQuantizeMatMul", 5, (Tensor *[]){x, in[1], scales, one, bias});
  }
  const Node *d = put_dynamic(g, x);
  if (random_int(0, 3) == 0) {
    is_exact = false;
    return put(g, "MatMulIntegerToFloat", 6, (Tensor *[]){d->out[0], in[1], d->out[1], scales, d->out[2], one});
  }
  in[0] = d->out[0], in[2] = d->out[2];
  Tensor *y = put(g, "MatMulInteger", 4, in);
  return finish_layer(g, y, d->out[1], scales, out, y->rank - 1);
}

static Graph *random_layers(Arena *a, int *layers) {
  Graph *g = new_graph(a, "g");
  bool image = random_int(0, 1);
  Tensor *x = image ? new_tensor(g, "x", DT_F32, 4, (int64_t[]){random_int(1, 2), random_int(1, 4), 5, 4})
                    : new_tensor(g, "x", DT_F32, 3, (int64_t[]){random_int(1, 2), random_int(1, 4), random_int(1, 30)});
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  *layers = random_int(1, 2);
  Tensor *y = x;
  for (int i = 0; i < *layers; i++) y = image ? dynamic_conv(g, y) : dynamic_matmul(g, y);
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = y;
  return g;
}

static float *run_graph(Arena *a, const Graph *g, const float *x) {
  Interp *it = new_interp(g);
  run_interp(it, (const void *const[]){x}, NULL, NULL);
  int64_t bytes = tensor_bytes(g->out[0]);
  float *y = arena_alloc(a, bytes + 1);
  memcpy(y, interp_value(it, g->out[0]), (size_t)bytes);
  free_interp(it);
  return y;
}

/* Every layer becomes one on codes, and computes what ONNX says, bit for bit where scales are multiplied first; else
 * but for the rounding of products, by which a code of a second layer's input may be the next one. */
static void layers_of_run_time(void **state) {
  (void)state;
  int exact = 0;
  for (int round = 0; round < 200; round++) {
    Arena *a = new_arena();
    int layers, found = 0;
    is_exact = true;
    Graph *g = random_layers(a, &layers), *low = clone_graph(g);
    const Tensor *sample = random_tensor(g, DT_F32, g->in[0]->rank, g->in[0]->dim);
    const float *want = run_graph(a, g, sample->data);
    PlanReport report = {0};
    Context cx = {.arena = a, .policy = read_policy(a, NULL), .report = &report};
    run_passes(low, &cx, NULL, "dynamic");
    verify_graph(low);
    for (int i = 0; i < low->n_node; i++) {
      const Node *n = low->node[i];
      found += is_op(n, "DGemm") || is_op(n, "DConv");
      if (is_op(n, "Gemm") || is_op(n, "Conv") || ends_with(n->op->name, "Integer"))
        fail_msg("round %d: %s", round, n->op->name);
    }
    assert_int_equal(found, layers);
    const float *got = run_graph(a, low, sample->data);
    if (is_exact) assert_memory_equal(got, want, (size_t)tensor_bytes(g->out[0])), exact++;
    double largest = 0, limit = layers == 1 ? 1e-6 : 0.02;
    for (int64_t i = 0; i < n_elements(g->out[0]); i++) largest = fmax(largest, fabs((double)want[i]));
    for (int64_t i = 0; i < n_elements(g->out[0]); i++)
      if (!(fabs((double)got[i] - want[i]) <= limit * largest))
        fail_msg("round %d: element %lld is %g, expected %g", round, (long long)i, (double)got[i], (double)want[i]);
    free_arena(a);
  }
  assert_true(exact > 20);
}

/* com.microsoft's LSTM is the LSTM of its decoded weights. */
static void lstm_of_codes(void **state) {
  (void)state;
  enum { STEPS = 3, INPUTS = 4, HIDDEN = 5, GATES = 4 * HIDDEN };
  for (int many = 0; many < 2; many++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t scales = many ? GATES : 1, count[2] = {INPUTS, HIDDEN};
    Tensor *in[12] = {random_tensor(g, DT_F32, 3, (int64_t[]){STEPS, 1, INPUTS})}, *plain[3] = {in[0]};
    for (int k = 0; k < 2; k++) {
      in[1 + k] = random_codes(g, DT_I8, 3, (int64_t[]){1, count[k], GATES});
      in[8 + 2 * k] = random_scales(g, scales, 1, 0, true);
      in[9 + 2 * k] = random_codes(g, DT_I8, 1, &scales);
      plain[1 + k] = random_tensor(g, DT_F32, 3, (int64_t[]){1, GATES, count[k]});
      for (int64_t i = 0; i < GATES * count[k]; i++) {
        int64_t column = i / count[k], s = many ? column : 0;
        int64_t units = code(in[1 + k], i % count[k] * GATES + column) - code(in[9 + 2 * k], s);
        ((float *)plain[1 + k]->data)[i] = (float)units * ((float *)in[8 + 2 * k]->data)[s];
      }
    }
    Tensor *out[2];
    for (int k = 0; k < 2; k++) {
      Node *n = make_node(g, k ? "LSTM" : "DynamicQuantizeLSTM", k ? 3 : 12, k ? plain : in);
      set_int(g, n, "hidden_size", HIDDEN);
      infer_node(g, n);
      const void *data[12];
      for (int i = 0; i < n->n_in; i++) data[i] = n->in[i] ? n->in[i]->data : NULL;
      out[k] = n->out[0];
      out[k]->data = arena_alloc(a, tensor_bytes(out[k]));
      eval_node(n, data, &out[k]->data);
    }
    assert_same(out[0], out[1]);
    free_arena(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(matmul_is_exact),
    cmocka_unit_test(conv_is_exact),
    cmocka_unit_test(codes_by_range),
    cmocka_unit_test(layers_of_run_time),
    cmocka_unit_test(lstm_of_codes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
