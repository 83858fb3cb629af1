/* test_gradient.c - every rule for gradients against finite differences.
 *
 * Each case is an operator in the text form, on inputs whose dimensions (capital letters) are random.  The
 * loss is a sum of the outputs with random factors: in the graph for the gradient, in double here for
 * the differences, whose step is small enough for the curvature and exact in a float, so that what is
 * left is the rounding of the outputs, far below the 1e-3 that is asked for.  Elements are distinct
 * and no multiples of 1/4, which keeps them away from ties and kinks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/grad.h"
#include "tests/unit/graph_text.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 3 };
#define STEP (1.0 / 256)

typedef struct Case {
  const char *op;      /* that it tests */
  const char *inputs;  /* letters are dimensions: H and W of 4 to 7, others of 1 to 4 */
  const char *body;    /* of the graph, whose outputs are y ... */
  const char *outputs; /* ... or these */
  double lo, hi;       /* elements of the inputs; both 0: -2.5 to 2.5 */
} Case;

static const Case cases[] = {
#include "tests/unit/gradient_cases.h"
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- random graphs from the table */

static uint32_t seed = 1;

static int pick(int lo, int hi) { return lo + (int)(next_random(&seed) % (uint32_t)(hi - lo + 1)); }

/* The inputs with numbers in the place of letters. */
static char *fill_dimensions(Arena *a, const char *inputs) {
  int size[26] = {0};
  char *text = arena_alloc(a, 2 * (int64_t)strlen(inputs) + 1), *to = text;
  bool inside = false;
  for (const char *p = inputs; *p; p++) {
    if (*p == '[' || *p == ']') inside = *p == '[';
    if (!inside || *p < 'A' || *p > 'Z') {
      *to++ = *p;
      continue;
    }
    int *s = &size[*p - 'A'];
    if (*s == 0) *s = *p == 'H' || *p == 'W' ? pick(4, 7) : pick(1, 4);
    *to++ = (char)('0' + *s);
  }
  return text;
}

static Graph *make_graph(Arena *a, const Case *c) {
  return read_text(a, arena_printf(a, "t (%s) => (%s) {\n%s\n}\n", fill_dimensions(a, c->inputs),
                                   c->outputs ? c->outputs : "y", c->body));
}

/* A random order of lo, lo + step, ... up to hi, moved off the multiples of 1/4. */
static float *distinct_reals(Arena *a, int64_t n, double lo, double hi) {
  float *x = arena_alloc(a, n * 4 + 1);
  for (int64_t i = 0; i < n; i++) {
    double v = round((lo + ((double)i + 0.5) * (hi - lo) / (double)n) * 4096) / 4096;
    if (fabs(v * 4 - round(v * 4)) < 0.02) v += 1.0 / 128;
    x[i] = (float)v;
  }
  for (int64_t i = n - 1; i > 0; i--) {
    int64_t j = pick(0, (int)i);
    float t = x[i];
    x[i] = x[j];
    x[j] = t;
  }
  return x;
}

/* ---- the loss, twice */

typedef struct Loss {
  Graph *g;             /* computes the outputs */
  const float **factor; /* [g->n_out] */
  Tensor *sum;          /* of their products, in the graph */
} Loss;

static Loss make_loss(Arena *a, Graph *g) {
  Loss l = {g, arena_alloc(a, g->n_out * (int64_t)sizeof *l.factor), NULL};
  Tensor **share = arena_alloc(a, g->n_out * (int64_t)sizeof *share);
  for (int k = 0; k < g->n_out; k++) {
    Tensor *y = g->out[k];
    float *f = distinct_reals(a, n_elements(y), -1, 1);
    Tensor *c = new_const(g, fresh_name(g, "factor"), DT_F32, y->rank, y->dim, f);
    c->layout = y->layout;
    l.factor[k] = f;
    share[k] = add_op(g, -1, "Mul", "weighted", 2, (Tensor *[]){y, c});
    share[k] = add_op(g, -1, "ReduceSum", "share", 1, &share[k]);
    set_int(g, share[k]->def, "keepdims", 0);
    infer_node(g, share[k]->def);
  }
  l.sum = add_op(g, -1, "Sum", "loss", g->n_out, share);
  return l;
}

static double loss_value(const Loss *l, Interp *it, const void *const *in) {
  double sum = 0;
  run_interp(it, in, NULL, NULL);
  for (int k = 0; k < l->g->n_out; k++) {
    const float *y = interp_value(it, l->g->out[k]);
    for (int64_t i = 0; i < n_elements(l->g->out[k]); i++)
      sum += (double)y[i] * (double)l->factor[k][i];
  }
  return sum;
}

/* ---- one case */

static void compare(const Case *c, const Loss *l, Interp *it, const void *const *in, int input,
                    float *x, const float *analytic) {
  const Tensor *t = l->g->in[input];
  for (int64_t i = 0; i < n_elements(t); i++) {
    float keep = x[i];
    x[i] = (float)((double)keep + STEP);
    double above = loss_value(l, it, in);
    x[i] = (float)((double)keep - STEP);
    double below = loss_value(l, it, in);
    x[i] = keep;
    double slope = (above - below) / (2 * STEP);
    if (!(fabs(analytic[i] - slope) <= 1e-3 * fmax(1, fabs(slope))))
      fail_msg("%s: d %s[%lld] is %g, by differences %g, at %g: %s", c->op, t->name, (long long)i,
               (double)analytic[i], slope, (double)keep, c->body);
  }
}

static void check_case(const Case *c) {
  Arena *a = new_arena();
  Graph *g = make_graph(a, c);
  const void *in[8];
  float *x[8];
  bool given = c->lo != 0 || c->hi != 0;
  for (int k = 0; k < g->n_in; k++) {
    double lo = given ? c->lo : -2.5, hi = given ? c->hi : 2.5, shift = 0.03 * k;
    in[k] = x[k] = distinct_reals(a, n_elements(g->in[k]), lo + shift, hi + shift);
  }
  Loss l = make_loss(a, g);
  Graph *d = gradient(g, l.sum, g->n_in, g->in);
  verify_graph(d);
  Interp *forward = new_interp(g), *backward = new_interp(d);
  run_interp(backward, in, NULL, NULL);
  double loss = loss_value(&l, forward, in);
  assert_true(fabs(*(const float *)interp_value(backward, d->out[0]) - loss) <
              1e-4 * (1 + fabs(loss)));
  for (int k = 0; k < g->n_in; k++) {
    assert_true(same_shape(d->out[1 + k], g->in[k]));
    compare(c, &l, forward, in, k, x[k], interp_value(backward, d->out[1 + k]));
  }
  free_interp(forward);
  free_interp(backward);
  free_arena(a);
}

static void rules_equal_differences(void **state) {
  (void)state;
  for (int i = 0; i < N_CASES; i++)
    for (int r = 0; r < ROUNDS; r++) check_case(&cases[i]);
}

/* ---- rounding, whose gradient is another one on purpose */

/* Codes of four bits: x / s is rounded and clamped to -8 .. 7 - zero. */
enum { LOWEST = -8, HIGHEST = 7 };

/* Gradients by the definition of LSQ, for each element's own scale. */
static void expect_lsq(int64_t n, const float *x, const float *d, const float *s, float zero,
                       float *dx, float *ds) {
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] / s[i], lo = LOWEST - zero, hi = HIGHEST - zero;
    bool inside = v >= lo && v <= hi;
    dx[i] = inside ? d[i] : 0;
    ds[i] = d[i] * (inside ? rintf(v) - v : v < lo ? lo : hi);
  }
}

static void assert_reals(const float *got, const float *want, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (!(fabsf(got[i] - want[i]) <= 1e-5f * (1 + fabsf(want[i]))))
      fail_msg("element %lld is %g, not %g", (long long)i, (double)got[i], (double)want[i]);
}

/* x[4,6] with one scale for all, one for each row, or one for each two columns of a row; `zero` for all. */
static void check_lsq(const char *scale, const char *attributes, int zero, const int *scale_of) {
  Arena *a = new_arena();
  char zeros[64] = "";
  for (int i = 0, n = scale_of[23] + 1; i < n; i++)
    sprintf(zeros + strlen(zeros), i ? ", %d" : "%d", zero);
  const char *dims = strlen(scale) > 5 ? scale + 5 : "";
  Graph *g = read_text(a, arena_printf(a,
                                       "t (float[4,6] x, %s s) => (y) {\nconst int4%s z = {%s}\n"
                                       "q = QuantizeLinear<%s>(x, s, z)\n"
                                       "y = DequantizeLinear<%s>(q, s, z)\n}\n",
                                       scale, dims, zeros, attributes, attributes));
  float *x = distinct_reals(a, 24, -6, 6), *s = distinct_reals(a, n_elements(g->in[1]), 0.3, 0.8);
  float each[24], dx[24], ds[24], sums[12] = {0};
  Loss l = make_loss(a, g);
  Graph *d = gradient(g, l.sum, 2, g->in);
  Interp *it = new_interp(d);
  run_interp(it, (const void *const[]){x, s}, NULL, NULL);
  for (int i = 0; i < 24; i++) each[i] = s[scale_of[i]];
  expect_lsq(24, x, l.factor[0], each, (float)zero, dx, ds);
  for (int i = 0; i < 24; i++) sums[scale_of[i]] += ds[i];
  assert_reals(interp_value(it, d->out[1]), dx, 24);
  assert_reals(interp_value(it, d->out[2]), sums, n_elements(g->in[1]));
  free_interp(it);
  free_arena(a);
}

static void scales_learn_as_in_lsq(void **state) {
  (void)state;
  int one[24] = {0}, row[24], block[24];
  for (int i = 0; i < 24; i++) {
    row[i] = i / 6;
    block[i] = i / 2;
  }
  check_lsq("float", "axis=0", 0, one);
  check_lsq("float[1]", "axis=1", 2, one);
  check_lsq("float[4]", "axis=0", -1, row);
  check_lsq("float[4,3]", "axis=1, block_size=2", 0, block);
}

/* Our own Quantize: one scale, one per column, or one for each two elements of a row. */
static void cotangents_pass_rounding_in_range(void **state) {
  static const struct {
    int axis, group, n;
  } kinds[] = {{-1, 0, 1}, {1, 0, 6}, {0, 2, 12}};
  (void)state;
  for (int k = 0; k < 3; k++) {
    Arena *a = new_arena();
    Graph *g = read_text(a, "t (float[4,6] x) => (y) {\ny = Identity(x)\n}\n");
    Tensor *codes = copy_tensor(g, "codes", g->in[0]);
    codes->dtype = DT_NONE;
    codes->quant = new_quant(g, find_format("int4"), kinds[k].axis, kinds[k].group, kinds[k].n);
    for (int i = 0; i < kinds[k].n; i++) codes->quant->scale[i] = 0.3f + 0.02f * (float)i;
    infer_node(g, add_node(g, -1, "Quantize", NULL, 1, g->in, 1, &codes));
    g->out[0] = add_op(g, -1, "Dequantize", "z", 1, &codes);
    float *x = distinct_reals(a, 24, -6, 6), each[24], dx[24], ds[24];
    for (int i = 0; i < 24; i++) each[i] = codes->quant->scale[scale_index(codes, codes->quant, i)];
    Loss l = make_loss(a, g);
    Graph *d = gradient(g, l.sum, 1, g->in);
    Interp *it = new_interp(d);
    run_interp(it, (const void *const[]){x}, NULL, NULL);
    expect_lsq(24, x, l.factor[0], each, 0, dx, ds);
    assert_reals(interp_value(it, d->out[1]), dx, 24);
    free_interp(it);
    free_arena(a);
  }
}

/* ---- gradients of gradients */

/* A Hessian in another way: differences of the gradient, against the gradient of its product with a vector. */
static void gradients_have_gradients(void **state) {
  static const char net[] =
      "t (float[1,6,6,2] NHWC x, float[3,3,3,2] NHWC w, float[3] b, float[3,1,1,3] NHWC p, float[27,4] m) => (y) {\n"
      "c = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b)\n t = Tanh(c)\n d = Conv(t, p)\n e = Gelu(d)\n"
      "const int64[2] s = {1, 27}\n r = Reshape(e, s)\n f = Gemm(r, m)\n n = Softmax(f)\n y = Mul(n, f)\n}\n";
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, net);
  float *x[5], *v[5];
  const void *in[5];
  for (int k = 0; k < 5; k++) {
    in[k] = x[k] = distinct_reals(a, n_elements(g->in[k]), -0.8, 0.8);
    v[k] = distinct_reals(a, n_elements(g->in[k]), -1, 1);
  }
  Loss l = make_loss(a, g);
  Graph *d = gradient(g, l.sum, 5, g->in);
  Tensor *share[5];
  for (int k = 0; k < 5; k++) {
    Tensor *c = new_const(d, fresh_name(d, "v"), DT_F32, d->in[k]->rank, d->in[k]->dim, v[k]);
    c->layout = d->in[k]->layout;
    share[k] = add_op(d, -1, "Mul", "weighted", 2, (Tensor *[]){d->out[1 + k], c});
    share[k] = add_op(d, -1, "ReduceSum", "share", 1, &share[k]);
    set_int(d, share[k]->def, "keepdims", 0);
    infer_node(d, share[k]->def);
  }
  Tensor *product = add_op(d, -1, "Sum", "product", 5, share);
  Graph *h = gradient(d, product, 5, d->in);
  verify_graph(h);
  Interp *first = new_interp(d), *second = new_interp(h);
  run_interp(second, in, NULL, NULL);
  for (int k = 0; k < 5; k++) {
    int64_t n = n_elements(g->in[k]);
    float *above = arena_alloc(a, n * 4), *keep[5];
    for (int side = 1; side >= -1; side -= 2) {
      for (int j = 0; j < 5; j++) {
        int64_t size = n_elements(g->in[j]);
        keep[j] = arena_alloc(a, size * 4);
        memcpy(keep[j], x[j], (size_t)size * 4);
        for (int64_t i = 0; i < size; i++) x[j][i] += (float)side * (float)STEP * v[j][i];
      }
      run_interp(first, in, NULL, NULL);
      for (int j = 0; j < 5; j++) memcpy(x[j], keep[j], (size_t)n_elements(g->in[j]) * 4);
      const float *slope = interp_value(first, d->out[1 + k]),
                  *exact = interp_value(second, h->out[1 + k]);
      for (int64_t i = 0; i < n; i++) {
        if (side > 0) above[i] = slope[i];
        else
          assert_true(fabs(((double)above[i] - (double)slope[i]) / (2 * STEP) - (double)exact[i]) <
                      2e-3);
      }
    }
  }
  free_interp(first);
  free_interp(second);
  free_arena(a);
}

/* Compared with the straight-through rule above. */
static const char *const roundings[] = {"QuantizeLinear", "DequantizeLinear", "Quantize",
                                        "Dequantize"};

static void every_rule_has_a_case(void **state) {
  (void)state;
  for (int i = 0; i < n_ops(); i++) {
    bool tested = false;
    for (int k = 0; k < 4; k++) tested |= strcmp(roundings[k], op_at(i)->name) == 0;
    for (int k = 0; k < N_CASES; k++) tested |= strcmp(cases[k].op, op_at(i)->name) == 0;
    if (op_at(i)->vjp != NULL && !tested) fail_msg("%s has a gradient but no case", op_at(i)->name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rule_has_a_case),
      cmocka_unit_test(rules_equal_differences),
      cmocka_unit_test(scales_learn_as_in_lsq),
      cmocka_unit_test(cotangents_pass_rounding_in_range),
      cmocka_unit_test(gradients_have_gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
