/* test_qdq.c - operators between QuantizeLinear and DequantizeLinear, one at a time: each becomes an integer operator,
 * or moves codes, and computes what the model says to within a code. */
#include <math.h>

#include "passes/passes.h"
#include "tests/unit/graph_text.h"
#include "tests/unit/op_fixture.h"

/* What stands between codes x of [1,4,4,6] (scale 0.03), z of [1,4,1,1] or w of x's shape (scale 0.02), and y. */
typedef struct Case {
  const char *constants, *y;
  const char *scale; /* and zero point of y, or NULL: 0.02 and 100 */
  int codes;         /* that y may be off */
} Case;

#define CODES(n) "const int8[4,3,2,2] wq = {" n "}\n"
#define WEIGHTS                                                                                      \
  "1, -2, 3, 40, -50, 6, 70, -8, 9, 100, -110, 12, 13, 14, -15, 16, 127, -127, 19, 20, -21, 22, 23, 24, " \
  "-25, 26, 27, -28, 29, 30, -31, 32, 33, 90, -35, 36, -37, 38, 39, -99, 41, 42, -43, 44, 45, 46, -47, 48"

static const Case cases[] = {
    {"", "LeakyRelu<alpha=0.1>(x)", NULL, 0},
    {"", "Sigmoid(x)", NULL, 0},
    {"", "Tanh(x)", NULL, 0},
    {"", "HardSwish(x)", NULL, 0},
    {"", "Elu(x)", NULL, 0},
    {"const float low = {0}\nconst float high = {1.5}\n", "Clip(x, low, high)", NULL, 0},
    {"", "Concat<axis=1>(x, w)", NULL, 1},
    {"", "Add(x, w)", NULL, 1},
    {"", "Add(x, z)", NULL, 1},
    {"", "Sub(x, w)", NULL, 1},
    {"", "Sub(z, x)", NULL, 1},
    {"", "Mul(x, w)", NULL, 1},
    {"", "Mul(x, z)", NULL, 1},
    {"const uint8[4,1,1] kq = {1, 2, 200, 100}\nk = DequantizeLinear(kq, a, b)\n", "Mul(x, k)", NULL, 1},
    {"const uint8[4,1,1] kq = {1, 2, 200, 100}\nk = DequantizeLinear(kq, a, b)\n", "Add(k, x)", NULL, 1},
    {"const float k = {3}\n", "Mul(k, x)", NULL, 0},
    {"", "AveragePool<kernel_shape=[2,2], strides=[2,2]>(x)", NULL, 1},
    {"", "AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>(x)", NULL, 1},
    {"", "GlobalAveragePool(x)", NULL, 1},
    {"", "MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", NULL, 0},
    {"const int64[2] k = {2, 3}\n", "ReduceMean<keepdims=0>(x, k)", NULL, 1},
    {"const int64[1] k = {1}\n", "ReduceMean(x, k)", NULL, 1},
    {"const int64[1] k = {-1}\n", "ReduceMean<keepdims=0>(x, k)", NULL, 1},
    {"const int64[2] k = {1, 2}\n", "ReduceMean<keepdims=0>(x, k)", NULL, 1},
    {"const float[4] k = {1, 1, 2, 2}\n", "Resize<mode=\"nearest\">(x, , k)", NULL, 0},
    {"const int64[8] k = {0, 0, 1, 2, 0, 0, 1, 0}\n", "Pad(x, k)", NULL, 0},
    {"const int64[8] k = {0, 0, 1, 2, 0, 0, 1, 0}\n", "Pad<mode=\"reflect\">(x, k)", NULL, 0},
    {"", "Softmax<axis=-1>(x)", "0.00390625, 0", 1},
    {"", "Softmax<axis=-1>(x)", "0.003921569, 0", 1},
    {"", "Softmax<axis=-1>(x)", "0.0031, 17", 1},
    {CODES(WEIGHTS) "k = DequantizeLinear(wq, a)\n", "ConvTranspose<kernel_shape=[2,2], strides=[2,2]>(x, k)",
     "0.5, 120", 1},
    {"const float[3] ks = {0.01, 0.02, 0.005}\n" CODES(WEIGHTS) "k = DequantizeLinear<axis=1>(wq, ks)\n"
     "const int32[3] hq = {100, -50, 2000}\nconst float[3] hs = {0.0003, 0.0006, 0.00015}\n"
     "h = DequantizeLinear<axis=0>(hq, hs)\n",
     "ConvTranspose<kernel_shape=[2,2], strides=[2,1], pads=[1,0,0,1]>(x, k, h)", "0.1, 120", 1},
};

static char *text_of(Arena *a, const Case *c) {
  const char *scale = c->scale ? c->scale : "0.02, 100";
  const char *comma = strchr(scale, ',');
  return arena_printf(a,
                      "<opset=20>\nf(float[1,4,4,6] xr, float[1,4,4,6] wr, float[1,4,1,1] zr) => (y)\n{\n"
                      "const float a = {0.03}\nconst uint8 b = {120}\nconst float d = {0.02}\nconst uint8 e = {90}\n"
                      "const float ys = {%.*s}\nconst uint8 yz = {%s}\n"
                      "xq = QuantizeLinear(xr, a, b)\nx = DequantizeLinear(xq, a, b)\n"
                      "wq_ = QuantizeLinear(wr, d, e)\nw = DequantizeLinear(wq_, d, e)\n"
                      "zq = QuantizeLinear(zr, d, e)\nz = DequantizeLinear(zq, d, e)\n"
                      "%sr = %s\nyq = QuantizeLinear(r, ys, yz)\ny = DequantizeLinear(yq, ys, yz)\n}\n",
                      (int)(comma - scale), scale, comma + 1, c->constants, c->y);
}

/* The first operator that computes with reals, or NULL. */
static const Node *find_island(const Graph *g) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    bool codes = (n->op->flags & (OP_INTEGER | OP_QDQ)) || n->out[0]->dtype == DT_I8;
    if (!codes) return n;
  }
  return NULL;
}

static float *run_graph(Arena *a, const Graph *g, const void *const *in, int64_t *count) {
  Interp *it = new_interp(g);
  run_interp(it, in, NULL, NULL);
  *count = n_elements(g->out[0]);
  float *y = arena_alloc(a, tensor_bytes(g->out[0]) + 1);
  memcpy(y, interp_value(it, g->out[0]), (size_t)tensor_bytes(g->out[0]));
  free_interp(it);
  return y;
}

static void operators_on_codes(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    Arena *a = new_arena();
    const Case *c = &cases[k];
    Graph *g = read_text(a, text_of(a, c)), *low = clone_graph(g);
    const void *in[3];
    for (int i = 0; i < 3; i++) {
      Tensor *x = random_tensor(g, DT_F32, g->in[i]->rank, g->in[i]->dim);
      in[i] = x->data;
    }
    int64_t count, same;
    const float *want = run_graph(a, g, in, &count);
    PlanReport report = {0};
    Context cx = {.arena = a, .policy = read_policy(a, NULL), .report = &report};
    run_passes(low, &cx, NULL, "fuse_activation");
    verify_graph(low);
    const Node *island = find_island(low);
    if (island) fail_msg("%s: %s is computed in float", c->y, island->op->name);
    const float *got = run_graph(a, low, in, &same);
    assert_int_equal(count, same);
    double scale = c->scale ? strtod(c->scale, NULL) : 0.02;
    for (int64_t i = 0; i < count; i++)
      if (!(fabs((double)got[i] - want[i]) <= (c->codes + 0.01) * scale))
        fail_msg("%s: element %lld is %g, expected %g", c->y, (long long)i, (double)got[i], (double)want[i]);
    free_arena(a);
  }
}

/* By rule float a code is that of QuantizeLinear: always where the real numbers are sums of two, and where scales are
 * powers of two, so that sums are exact and many lie in the middle between two codes. */
static const struct { const char *op, *x, *w, *y; } rounded[] = {
    {"Conv(x, k0, h)", "1", "1", "64"}, {"Conv(x, k)", "1", "1", "64"},
    {"Conv(x, k)", "0.5", "0.25", "8"}, {"Add(x, w)", "1", "1", "2"},
    {"Sub(x, w)", "1", "1", "2"},       {"Add(x, w)", "0.013", "0.27", "0.31"}, {"Sub(w, x)", "0.03", "0.021", "0.025"},
    {"Add(x, z)", "0.03", "0.021", "0.05"}, {"Mul(x, w)", "1", "1", "128"}, {"MatMul(x, t)", "1", "1", "256"},
    {"AveragePool<kernel_shape=[2,2]>(x)", "1", "1", "0.5"},
    {"AveragePool<kernel_shape=[2,2], pads=[0,0,1,0]>(x)", "1", "1", "1"},
};

static void rounds_as_quantize(void **state) {
  (void)state;
  for (size_t k = 0; k < sizeof rounded / sizeof *rounded; k++) {
    Arena *a = new_arena();
    const char *s = rounded[k].x, *w = rounded[k].w;
    Graph *g = read_text(a, arena_printf(a,
        "<opset=20>\nf(float[1,4,6,6] xr, float[1,4,6,6] wr, float[1,4,1,1] zr) => (y)\n{\n"
        "const float a = {%s}\nconst int8 b = {3}\nconst float d = {%s}\nconst int8 e = {-7}\nconst int8 n = {0}\n"
        "const float ys = {%s}\nconst int8 yz = {-5}\nconst int8[4,4,1,1] kq = {1, -2, 3, 40, -50, 6, 70, -8, 9, 100, "
        "-110, 12, 13, 14, -15, 16}\nk = DequantizeLinear(kq, d, n)\n"
        "const int8[4,4,1,1] k0q = {0, 0, 0, 0, -50, 6, 70, -8, 0, 0, 0, 0, 13, 14, -15, 16}\n"
        "k0 = DequantizeLinear(k0q, d, n)\nconst int32[4] hq = {3168, 50, -2000, 70}\nconst int32 hz = {0}\n"
        "h = DequantizeLinear(hq, d, hz)\n"
        "xq = QuantizeLinear(xr, a, b)\nx = DequantizeLinear(xq, a, b)\n"
        "wq = QuantizeLinear(wr, d, e)\nw = DequantizeLinear(wq, d, e)\n"
        "zq = QuantizeLinear(zr, d, e)\nz = DequantizeLinear(zq, d, e)\n"
        "t = Transpose<perm=[0,1,3,2]>(w)\n"
        "r = %s\nyq = QuantizeLinear(r, ys, yz)\ny = DequantizeLinear(yq, ys, yz)\n}\n",
        s, w, rounded[k].y, rounded[k].op));
    Graph *low = clone_graph(g);
    const void *in[3];
    for (int i = 0; i < 3; i++) {
      Tensor *x = random_tensor(g, DT_F32, g->in[i]->rank, g->in[i]->dim);
      for (int64_t j = 0; j < n_elements(x); j++) ((float *)x->data)[j] *= 100 * strtof(i ? w : s, NULL);
      in[i] = x->data;
    }
    int64_t count, same;
    const float *want = run_graph(a, g, in, &count);
    PlanReport report = {0};
    Policy *p = read_policy(a, NULL);
    p->defaults.s = arena_grow(a, p->defaults.s, p->defaults.n, sizeof *p->defaults.s);
    p->defaults.s[p->defaults.n++] = (Setting){.key = "requantize", .value = "float"};
    Context cx = {.arena = a, .policy = p, .report = &report};
    run_passes(low, &cx, NULL, "fuse_activation");
    verify_graph(low);
    int by_rule = 0;
    for (int i = 0; i < low->n_node; i++) by_rule += has_float_rule(low->node[i]);
    assert_int_equal(by_rule, 1);
    const float *got = run_graph(a, low, in, &same);
    assert_int_equal(count, same);
    for (int64_t i = 0; i < count; i++)
      if (got[i] != want[i])
        fail_msg("%s: element %lld is %g, expected %g", rounded[k].op, (long long)i, (double)got[i], (double)want[i]);
    free_arena(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(operators_on_codes), cmocka_unit_test(rounds_as_quantize)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
