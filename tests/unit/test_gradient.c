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
#include <unistd.h>

#include "frontend/frontend.h"
#include "ir/grad.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 3 };
#define STEP (1.0 / 1024)

typedef struct Case {
  const char *op;       /* that it tests */
  const char *inputs;   /* letters are dimensions: H and W of 4 to 7, others of 1 to 4 */
  const char *body;     /* of the graph, whose outputs are y ... */
  const char *outputs;  /* ... or these */
  double lo, hi;        /* elements of the inputs; both 0: -2.5 to 2.5 */
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

static Graph *read_text(Arena *a, const char *text) {
  char path[] = "/tmp/test_gradient_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  close(fd);
  Graph *g = read_graph_text(a, path);
  unlink(path);
  return g;
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
  Graph *g;              /* computes the outputs */
  const float **factor;  /* [g->n_out] */
  Tensor *sum;           /* of their products, in the graph */
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
    for (int64_t i = 0; i < n_elements(l->g->out[k]); i++) sum += (double)y[i] * (double)l->factor[k][i];
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
  assert_true(fabs(*(const float *)interp_value(backward, d->out[0]) - loss) < 1e-4 * (1 + fabs(loss)));
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

static void every_rule_has_a_case(void **state) {
  (void)state;
  for (int i = 0; i < n_ops(); i++) {
    bool tested = false;
    for (int k = 0; k < N_CASES; k++) tested |= strcmp(cases[k].op, op_at(i)->name) == 0;
    if (op_at(i)->vjp != NULL && !tested) fail_msg("%s has a gradient but no case", op_at(i)->name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_rule_has_a_case),
      cmocka_unit_test(rules_equal_differences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
