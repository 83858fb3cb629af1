/* test_hessian.c - losses, products with Hessians and their traces: against formulas where the loss is
 * quadratic, and against the whole Hessian, by gradients of gradients, where it is not. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/grad.h"
#include "tests/unit/graph_text.h"
#include "tests/unit/unit.h"

enum { N_SAMPLES = 6 };

static uint32_t seed = 7;

static float some_real(void) { return (float)(next_random(&seed) / 2147483648.0 - 1); }

static float *some_reals(Arena *a, int64_t n, float size) {
  float *x = arena_alloc(a, n * 4 + 1);
  for (int64_t i = 0; i < n; i++) x[i] = size * some_real();
  return x;
}

/* The loss of a network whose constants that begin with 'w' are its weights, on random samples. */
static LossFunction make_loss(Arena *a, const char *text, LossKind kind) {
  Graph *g = read_text(a, text);
  Tensor *target, **weight = arena_alloc(a, 8 * (int64_t)sizeof *weight);
  LossFunction f = {.g = g, .weight = weight};
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    if (!is_const(t) || *t->name != 'w') continue;
    t->data = some_reals(a, n_elements(t), 1);
    weight[f.n++] = t;
  }
  f.loss = add_loss(g, g->out[0], kind, &target);
  Samples *s = arena_alloc(a, sizeof *s);
  *s = (Samples){.n = N_SAMPLES, .n_in = 2, .data = arena_alloc(a, 2 * sizeof(void *))};
  int64_t classes = n_elements(target);
  float *t = some_reals(a, N_SAMPLES * classes, 1);
  for (int64_t i = 0; kind == LOSS_CROSS_ENTROPY && i < N_SAMPLES * classes; i++)
    t[i] = i % classes == (i / classes) % classes;
  s->data[0] = some_reals(a, N_SAMPLES * n_elements(g->in[0]), 1.5f);
  s->data[1] = t;
  f.samples = s;
  return f;
}

static int64_t n_weights(const LossFunction *f) {
  int64_t n = 0;
  for (int l = 0; l < f->n; l++) n += n_elements(f->weight[l]);
  return n;
}

static const char linear[] =
    "t (float[1,5] x) => (y) {\nconst float[5,3] w = {0,0,0,0,0, 0,0,0,0,0, 0,0,0,0,0}\n y = MatMul(x, w)\n}\n";

/* mean_j (x w_j - t_j)^2 has the Hessian 2/3 x x^T for every column of w. */
static void quadratic_losses_are_exact(void **state) {
  (void)state;
  Arena *a = new_arena();
  LossFunction f = make_loss(a, linear, LOSS_SQUARED_ERROR);
  const float *x = f.samples->data[0], *v[1] = {some_reals(a, 15, 1)};
  double *product[1] = {arena_alloc(a, 15 * 8)}, trace = 0;
  hessian_vector(&f, v, product);
  for (int i = 0; i < 5; i++)
    for (int j = 0; j < 3; j++) {
      double want = 0;
      for (int s = 0; s < N_SAMPLES; s++) {
        for (int k = 0; k < 5; k++)
          want += 2 / 3.0 / N_SAMPLES * x[s * 5 + i] * x[s * 5 + k] * v[0][k * 3 + j];
        trace += 2 / 3.0 / N_SAMPLES * x[s * 5 + i] * x[s * 5 + i];
      }
      assert_true(fabs(product[0][i * 3 + j] - want) < 2e-4);
    }
  TraceOptions o = {.least = 50, .most = 200, .samples = N_SAMPLES, .tolerance = 0.02, .seed = 1};
  Trace t;
  hessian_traces(&f, &o, &t);
  assert_true(t.error > 0 && fabs(t.value - trace) < 3 * t.error);
  free_arena(a);
}

/* ---- the whole Hessian of a small network */

#define ZEROS8 "0,0,0,0,0,0,0,0"
#define ZEROS32 ZEROS8 "," ZEROS8 "," ZEROS8 "," ZEROS8
/* 4 + 48 + 96 weights, behind a convolution, of which two are in one block. */

static const char *small_net(Arena *a, const char *activation) {
  return arena_printf(a,
                      "t (float[1,4,4,1] NHWC x) => (y) {\n"
                      "const float[2,2,2,1] NHWC w1 = {" ZEROS8 "}\n"
                      "const float[8,8] w2 = {" ZEROS32 "," ZEROS32 "}\n"
                      "const float[8,4] w3 = {" ZEROS32 "}\n const int64[2] s = {1, 8}\n"
                      "c = Conv<strides=[2,2]>(x, w1)\n a = %s(c)\n r = Reshape(a, s)\n"
                      "d = Gemm(r, w2)\n e = %s(d)\n f = Gemm(e, w3)\n y = Softmax(f)\n}\n",
                      activation, activation);
}

/* Diagonal sums of the Hessian's blocks: gradients of the gradient's elements, one after another. */
static void exact_traces(Arena *a, const LossFunction *f, double *trace) {
  Graph *d = gradient(f->g, f->loss, f->n, f->weight);
  Tensor *share[8], *weight[8];
  int first = d->n_in;
  for (int l = 0; l < f->n; l++) {
    Tensor *v = copy_tensor(d, fresh_name(d, "v"), d->out[1 + l]);
    weight[l] = find_tensor(d, f->weight[l]->name);
    d->in = arena_grow(a, d->in, d->n_in, sizeof *d->in);
    d->in[d->n_in++] = v;
    share[l] = add_op(d, -1, "Mul", "weighted", 2, (Tensor *[]){d->out[1 + l], v});
    share[l] = add_op(d, -1, "ReduceSum", "share", 1, &share[l]);
    set_int(d, share[l]->def, "keepdims", 0);
    infer_node(d, share[l]->def);
    trace[l] = 0;
  }
  Tensor *product = add_op(d, -1, "Sum", "product", f->n, share);
  Graph *h = gradient(d, product, f->n, weight);
  Interp *it = new_interp(h);
  const void *in[8];
  float *v[8];
  for (int l = 0; l < f->n; l++) in[first + l] = v[l] = some_reals(a, n_elements(weight[l]), 0);
  for (int64_t s = 0; s < f->samples->n; s++)
    for (int l = 0; l < f->n; l++)
      for (int64_t i = 0; i < n_elements(weight[l]); i++) {
        for (int k = 0; k < first; k++) in[k] = sample_at(h, f->samples, k, s);
        v[l][i] = 1;
        run_interp(it, in, NULL, NULL);
        v[l][i] = 0;
        trace[l] +=
            (double)((const float *)interp_value(it, h->out[1 + l]))[i] / (double)f->samples->n;
      }
  free_interp(it);
}

static void check_traces(const char *activation) {
  Arena *a = new_arena();
  LossFunction f = make_loss(a, small_net(a, activation), LOSS_CROSS_ENTROPY);
  double exact[8], all = 0, sum = 0;
  assert_true(n_weights(&f) <= 200);
  exact_traces(a, &f, exact);
  TraceOptions o = {.least = 200, .most = 200, .samples = N_SAMPLES, .seed = 3};
  Trace t[8], again[8];
  assert_int_equal(hessian_traces(&f, &o, t), 200);
  for (int l = 0; l < f.n; l++) {
    if (!(fabs(t[l].value - exact[l]) <= 3 * t[l].error))
      fail_msg("%s: trace of %s is %g +- %g, exactly %g", activation, f.weight[l]->name, t[l].value,
               t[l].error, exact[l]);
    all += exact[l];
    sum += t[l].value;
  }
  assert_true(fabs(sum - all) < 0.25 * fabs(all));
  o = (TraceOptions){.least = 50, .most = 200, .samples = 5, .tolerance = 0.2, .seed = 3};
  int64_t n = hessian_traces(&f, &o, t);
  assert_true(n >= 50 && n <= 200);
  assert_int_equal(hessian_traces(&f, &o, again), n);
  assert_memory_equal(t, again, sizeof *t * (size_t)f.n);
  free_arena(a);
}

static void traces_are_those_of_the_hessian(void **state) {
  (void)state;
  check_traces("Tanh");
  check_traces("Relu");
}

/* The gradient of the cross-entropy from the network's own output is 0, that from a label is not. */
static void squares_of_gradients(void **state) {
  (void)state;
  Arena *a = new_arena();
  LossFunction f = make_loss(a, small_net(a, "Tanh"), LOSS_CROSS_ENTROPY);
  Trace t[8];
  gradient_squares(&f, t);
  for (int l = 0; l < f.n; l++)
    assert_true(t[l].value > 1e-3 && t[l].error > 0 && t[l].error < t[l].value);
  Interp *it = new_interp(f.g);
  for (int64_t s = 0; s < f.samples->n; s++) {
    run_interp(
        it, (const void *const[]){sample_at(f.g, f.samples, 0, s), sample_at(f.g, f.samples, 1, s)},
        NULL, NULL);
    memcpy((float *)f.samples->data[1] + 4 * s, interp_value(it, f.g->out[0]), 16);
  }
  gradient_squares(&f, t);
  for (int l = 0; l < f.n; l++) assert_true(t[l].value < 1e-12);
  free_interp(it);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(quadratic_losses_are_exact),
      cmocka_unit_test(traces_are_those_of_the_hessian),
      cmocka_unit_test(squares_of_gradients),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
