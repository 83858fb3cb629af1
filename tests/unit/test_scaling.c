/* test_scaling.c - transforms that scale channels leave what the float network computes as it is, on
 * random networks and on an attention block, and scale as their formulas say. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "passes/passes.h"
#include "passes/quant/channels.h"
#include "passes/quant/quant.h"
#include "tests/passes/random_net.h"

enum { SAMPLES = 4, NETS = 60 };

/* Largest difference of float outputs, relative to the largest output. */
static double distance(const float *a, const float *b, int64_t n) {
  double largest = 1e-30, worst = 0;
  for (int64_t i = 0; i < n; i++) {
    largest = fmax(largest, fabs((double)a[i]));
    worst = a[i] == b[i] ? worst : fmax(worst, fabs((double)a[i] - b[i]));
  }
  return worst / largest;
}

/* int8 with these transforms, and settings besides. */
static Policy *policy_with(Arena *a, const char *pass, int n, const Setting *more) {
  Policy *p = preset_policy(a, "int8");
  for (int i = 0; i < n + 1; i++) {
    p->defaults.s = arena_grow(a, p->defaults.s, p->defaults.n, sizeof *p->defaults.s);
    p->defaults.s[p->defaults.n++] =
        i < n ? more[i] : (Setting){.key = "transforms", .value = pass};
  }
  return p;
}

/* Runs the pipeline up to the transform; before it, the float network is kept. */
static Graph *transform(Arena *a, Graph *g, const char *pass, int n, const Setting *more,
                        const Samples *s) {
  PlanReport report = {0};
  Context cx = {.arena = a, .policy = policy_with(a, pass, n, more), .calib = s, .report = &report};
  const char *before = NULL;
  for (int i = 0; i < n_passes && strcmp(passes[i].name, pass) != 0; i++) before = passes[i].name;
  run_passes(g, &cx, NULL, before);
  Graph *kept = clone_graph(g);
  run_passes(g, &cx, before, pass);
  verify_graph(g);
  return kept;
}

static void check_outputs(Arena *a, const Graph *before, const Graph *after, const Samples *s,
                          const char *what, uint64_t seed) {
  int64_t n = output_size(before) / 4;
  for (int i = 0; i < SAMPLES; i++) {
    double d = distance((const float *)(const void *)run_graph(a, before, s, i),
                        (const float *)(const void *)run_graph(a, after, s, i), n);
    if (d > 1e-5)
      fail_msg("%s, network %llu: an output changes by %g", what, (unsigned long long)seed, d);
  }
}

/* Weights that are not what they were. */
static int changed_weights(const Graph *before, const Graph *after) {
  int n = 0;
  for (int i = 0; i < before->n_node; i++) {
    const Tensor *w = node_weights(before->node[i]);
    n += w && memcmp(w->data, node_weights(after->node[i])->data, (size_t)tensor_bytes(w)) != 0;
  }
  return n;
}

static void check_networks(const char *pass, int n, const Setting *more) {
  int changed = 0;
  for (int i = 1; i <= NETS; i++) {
    Arena *a = new_arena();
    Graph *g = random_net(a, (unsigned)i);
    Samples *s = random_samples(g, (unsigned)i, SAMPLES);
    const Graph *before = transform(a, g, pass, n, more, s);
    check_outputs(a, before, g, s, pass, (unsigned)i);
    changed += changed_weights(before, g) > 0;
    free_arena(a);
  }
  print_message("%s: %d of %d networks change\n", pass, changed, NETS);
  assert_true(changed >= NETS / 10);
}

static void smoothquant_keeps_outputs(void **state) {
  (void)state;
  check_networks("smoothquant", 0, NULL);
  check_networks("smoothquant", 1,
                 &(Setting){.key = "transforms.smoothquant.alpha", .value = "auto"});
}

static void awq_keeps_outputs(void **state) {
  (void)state;
  check_networks("awq", 1, &(Setting){.key = "transforms.awq.grid", .value = "4"});
}

/* ---- a block of attention and a feed-forward part -------------------------------------------- */

enum { TOKENS = 6, WIDTH = 8, HEADS = 2, WIDE = 12 };

static Tensor *random_const(Graph *g, Random *r, const char *name, int rank, const int64_t *dim) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dim[i];
  float *v = arena_alloc(g->arena, n * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = random_real(r, -1, 1);
  return new_const(g, name, DT_F32, rank, dim, v);
}

static Tensor *op(Graph *g, const char *kind, const char *name, int n_in, Tensor *const *in) {
  Tensor *y = add_op(g, -1, kind, name, n_in, in);
  infer_node(g, y->def);
  return y;
}

static Tensor *linear(Graph *g, Random *r, const char *name, Tensor *x, int64_t out) {
  int64_t in = x->dim[x->rank - 1], dim[2] = {out, in};
  Tensor *w = random_const(g, r, arena_printf(g->arena, "%s.w", name), 2, dim);
  Tensor *b = random_const(g, r, arena_printf(g->arena, "%s.b", name), 1, dim);
  Tensor *y = new_tensor(g, name, DT_F32, 2, (int64_t[]){x->dim[0], out});
  set_int(g, add_node(g, -1, "Gemm", name, 3, (Tensor *[]){x, w, b}, 1, &y), "transB", 1);
  return y;
}

static Tensor *norm(Graph *g, Random *r, const char *name, Tensor *x) {
  int64_t dim = x->dim[x->rank - 1];
  Tensor *in[3] = {x, random_const(g, r, arena_printf(g->arena, "%s.g", name), 1, &dim),
                   random_const(g, r, arena_printf(g->arena, "%s.b", name), 1, &dim)};
  return op(g, "LayerNormalization", name, 3, in);
}

static Tensor *reshape(Graph *g, Tensor *x, int rank, const int64_t *dim) {
  Tensor *shape = new_const_i64(g, fresh_name(g, "shape"), rank, dim);
  return op(g, "Reshape", fresh_name(g, "reshape"), 2, (Tensor *[]){x, shape});
}

/* perm {1, 0, 2} puts heads in front of tokens, and back. */
static Tensor *transpose(Graph *g, Tensor *x, const int64_t *perm) {
  int64_t dim[3];
  for (int i = 0; i < 3; i++) dim[i] = x->dim[perm[i]];
  Tensor *y = new_tensor(g, fresh_name(g, "transpose"), DT_F32, 3, dim);
  set_ints(g, add_node(g, -1, "Transpose", y->name, 1, &x, 1, &y), "perm", 3, perm);
  return y;
}

static Tensor *heads_of(Graph *g, Tensor *x, bool columns) {
  static const int64_t split[3] = {TOKENS, HEADS, WIDTH / HEADS};
  return transpose(g, reshape(g, x, 3, split), columns ? (int64_t[]){1, 2, 0} : (int64_t[]){1, 0, 2});
}

static Graph *block(Arena *a, uint64_t seed) {
  static const int64_t dim[2] = {TOKENS, WIDTH};
  Random r = new_random(seed);
  Graph *g = new_graph(a, "block");
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = new_tensor(g, "x", DT_F32, 2, dim);
  Tensor *x = linear(g, &r, "in", g->in[0], WIDTH), *n1 = norm(g, &r, "norm1", x);
  Tensor *q = linear(g, &r, "q", n1, WIDTH), *k = linear(g, &r, "k", n1, WIDTH);
  Tensor *v = linear(g, &r, "v", n1, WIDTH);
  Tensor *scores =
      op(g, "MatMul", "scores", 2, (Tensor *[]){heads_of(g, q, false), heads_of(g, k, true)});
  Tensor *p = op(g, "Softmax", "p", 1, &scores);
  Tensor *heads = op(g, "MatMul", "heads", 2, (Tensor *[]){p, heads_of(g, v, false)});
  Tensor *joined = reshape(g, transpose(g, heads, (int64_t[]){1, 0, 2}), 2, dim);
  Tensor *o = linear(g, &r, "o", joined, WIDTH);
  Tensor *sum = op(g, "Add", "sum", 2, (Tensor *[]){x, o});
  Tensor *up = linear(g, &r, "up", norm(g, &r, "norm2", sum), WIDE);
  Tensor *relu = op(g, "Relu", "relu", 1, &up);
  Tensor *y = op(g, "Add", "y", 2, (Tensor *[]){sum, linear(g, &r, "down", relu, WIDTH)});
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = y;
  return g;
}

static const Unit *unit_of(const Channels *c, const char *name) {
  for (int i = 0; i < c->n_unit; i++)
    for (int k = 0; k < c->unit[i].n_layer; k++)
      if (strcmp(c->unit[i].layer[k]->n->name, name) == 0) return &c->unit[i];
  fail_msg("no unit has layer '%s'", name);
  return NULL;
}

/* The three that read a normalization go together; values go through the attention's second product to
 * what joins the heads; the stream goes through normalizations, so it stays. */
static void attention_comes_out_as_connected(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = block(a, 1);
  const Channels *c = find_channels(g);
  const Unit *q = unit_of(c, "q"), *o = unit_of(c, "o"), *down = unit_of(c, "down");
  assert_ptr_equal(q, unit_of(c, "k"));
  assert_ptr_equal(q, unit_of(c, "v"));
  assert_int_equal(q->n_layer, 3);
  assert_int_equal(q->n_class, WIDTH);
  assert_null(q->fixed);
  assert_null(o->fixed);
  assert_int_equal(o->n_class, WIDTH);
  assert_null(unit_of(c, "up")->fixed);
  assert_null(down->fixed);
  assert_int_equal(down->n_class, WIDE);
  assert_string_equal(unit_of(c, "in")->fixed, "'x'");
  free_arena(a);
}

static void attention_keeps_outputs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = block(a, 2);
  Samples *s = random_samples(g, 2, SAMPLES);
  const Graph *before = transform(a, g, "smoothquant", 0, NULL, s);
  check_outputs(a, before, g, s, "attention", 2);
  assert_int_equal(changed_weights(before, g), 6); /* in's outputs and scores' inputs are not scaled */
  free_arena(a);
}

/* A sample has TOKENS values of each channel, fewer than there are channels; two have enough. */
static void smoothquant_wants_values(void **state) {
  (void)state;
  for (int n = 1; n <= 2; n++) {
    Arena *a = new_arena();
    Graph *g = block(a, 2);
    const Graph *before = transform(a, g, "smoothquant", 0, NULL, random_samples(g, 2, n));
    assert_int_equal(changed_weights(before, g), n == 1 ? 0 : 6);
    free_arena(a);
  }
}

/* ---- smoothquant's formula -------------------------------------------------------------------- */

/* Largest magnitude of each input channel of a Gemm on the samples, and of the weights for it. */
static void find_largest(const Graph *g, const Samples *s, const Node *n, double *x, double *w) {
  int64_t k = n->in[1]->dim[1];
  for (int64_t i = 0; i < n_elements(n->in[1]); i++)
    w[i % k] = fmax(w[i % k], fabs((double)((const float *)n->in[1]->data)[i]));
  Interp *it = new_interp(g);
  for (int64_t i = 0; i < s->n; i++) {
    run_interp(it, (const void *[]){sample_at(g, s, 0, i)}, NULL, NULL);
    const float *v = interp_value(it, n->in[0]);
    for (int64_t c = 0; c < n_elements(n->in[0]); c++)
      x[c % k] = fmax(x[c % k], fabs((double)v[c]));
  }
  free_interp(it);
}

static const Node *node_called(const Graph *g, const char *name) {
  for (int i = 0; i < g->n_node; i++)
    if (strcmp(g->node[i]->name, name) == 0) return g->node[i];
  fail_msg("no node '%s'", name);
  return NULL;
}

static void check_alpha(const char *alpha, double *x, double *w) {
  Arena *a = new_arena();
  Graph *g = block(a, 3);
  Samples *s = random_samples(g, 3, SAMPLES);
  transform(a, g, "smoothquant", 1,
            &(Setting){.key = "transforms.smoothquant.alpha", .value = alpha}, s);
  memset(x, 0, WIDE * sizeof *x);
  memset(w, 0, WIDE * sizeof *w);
  find_largest(g, s, node_called(g, "down"), x, w);
  free_arena(a);
}

static void smoothquant_balances_by_alpha(void **state) {
  (void)state;
  double x[WIDE], w[WIDE];
  int live = 0;
  check_alpha("0.5", x, w);
  for (int i = 0; i < WIDE; i++)
    if (x[i] > 0) live++, assert_true(fabs(x[i] / w[i] - 1) < 1e-5);
  assert_true(live > WIDE / 2);
  check_alpha("1", x, w);
  for (int i = 0; i < WIDE; i++)
    if (x[i] > 0) assert_true(fabs(x[i] - 1) < 1e-5);
  check_alpha("0", x, w);
  for (int i = 0; i < WIDE; i++)
    if (x[i] > 0) assert_true(fabs(w[i] - 1) < 1e-5);
}

/* ---- the error that the search goes by, and awq ------------------------------------------------ */

static bool any_layer(const Graph *g, const Context *cx, const Node *n) {
  (void)g, (void)cx, (void)n;
  return true;
}

/* Three ways to scale, the first none. */
static void some_scales(const void *ctx, const Unit *u, int i, double *s) {
  (void)ctx;
  for (int k = 0; k < u->n_class; k++) s[u->class_of[k]] = 1 + i * (k % 3);
}

static const Setting int4_weights[] = {
    {.key = "weights.format", .value = "int4"},
    {.key = "weights.solver", .value = "rtn"},
    {.key = "weights.granularity", .value = "group"},
    {.key = "weights.group", .value = "8"},
    {.key = "activations.format", .value = "float"},
};

/* Sum of the squared errors of the layer's outputs on the samples by weights v in place of its own, over
 * that of its outputs without bias. */
static double output_error(const Graph *g, const Samples *s, const Node *n, const double *v) {
  const float *w = n->in[1]->data;
  int64_t rows = n->in[1]->dim[0], k = n->in[1]->dim[1];
  double error = 0, energy = 0;
  Interp *it = new_interp(g);
  for (int64_t i = 0; i < s->n; i++) {
    run_interp(it, (const void *[]){sample_at(g, s, 0, i)}, NULL, NULL);
    const float *x = interp_value(it, n->in[0]);
    for (int64_t m = 0; m < n_elements(n->in[0]) / k * rows; m++) {
      double e = 0, y = 0;
      for (int64_t c = 0; c < k; c++) {
        double own = (double)w[m % rows * k + c], in = (double)x[m / rows * k + c];
        e += (v[m % rows * k + c] - own) * in;
        y += own * in;
      }
      error += e * e;
      energy += y * y;
    }
  }
  free_interp(it);
  return error / energy;
}

/* What the weights of a Gemm, scaled, decode to, over the scales again. */
static double *rounded(Arena *a, const Node *n, const Ends *e, const double *s,
                       const WeightChoice *choice, const Moments *x) {
  Graph *g = new_graph(a, "g");
  const Tensor *w = n->in[1];
  int64_t count = n_elements(w), k = w->dim[1];
  float *v = arena_alloc(a, count * (int64_t)sizeof *v);
  double *y = arena_alloc(a, count * (int64_t)sizeof *y);
  for (int64_t i = 0; i < count; i++)
    v[i] = (float)(((const float *)w->data)[i] * s[e->read[i % k]]);
  const char *note;
  const Tensor *codes =
      quantize_weights(g, new_const(g, "w", DT_F32, 2, w->dim, v), choice,
                       &(LayerInput){.scale = 1, .moments = x}, NULL, &note);
  dequantize_codes(codes, codes->data, v);
  for (int64_t i = 0; i < count; i++) y[i] = v[i] / s[e->read[i % k]];
  return y;
}

static void search_goes_by_the_error_of_outputs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = block(a, 4);
  Samples *samples = random_samples(g, 4, SAMPLES);
  Context cx = {.arena = a, .policy = policy_with(a, "awq", 5, int4_weights), .calib = samples};
  Channels *c = start_scaling(g, &cx, "awq", any_layer);
  const Unit *u = unit_of(c, "down");
  const Ends *e = u->layer[0];
  double loss[3], least = INFINITY;
  int best = best_candidate(g, &cx, c, u, 3, some_scales, NULL, loss);
  WeightChoice choice = weight_choice(g, &cx, e->n);
  for (int i = 0; i < 3; i++) {
    double *s = new_scales(g, c);
    some_scales(NULL, u, i, s);
    double want = output_error(g, samples, e->n, rounded(a, e->n, e, s, &choice, NULL));
    assert_true(fabs(loss[i] / want - 1) < 1e-6);
    least = fmin(least, loss[i]);
  }
  assert_true(loss[best] == least);
  free_arena(a);
}

/* Squared error of the outputs of a network with int4 weights, over that of the outputs. */
static double int4_error(const char *pass, double outlier) {
  Arena *a = new_arena();
  Graph *g = block(a, 5);
  float *up = node_called(g, "up")->in[1]->data, *bias = node_called(g, "up")->in[2]->data;
  for (int i = 0; i < WIDTH; i++) up[i] = (float)(up[i] * outlier);
  bias[0] = (float)(fabs((double)bias[0]) * outlier);
  Samples *s = random_samples(g, 5, SAMPLES);
  const Graph *before = transform(a, g, pass, 5, int4_weights, s);
  PlanReport report = {0};
  Context cx = {.arena = a, .policy = policy_with(a, pass, 5, int4_weights), .calib = s,
                .report = &report};
  run_passes(g, &cx, pass, "quantize");
  double error = 0, energy = 0;
  for (int i = 0; i < SAMPLES; i++) {
    const float *want = (const float *)(const void *)run_graph(a, before, s, i);
    const float *got = (const float *)(const void *)run_graph(a, g, s, i);
    for (int k = 0; k < TOKENS * WIDTH; k++) {
      error += ((double)want[k] - got[k]) * ((double)want[k] - got[k]);
      energy += (double)want[k] * want[k];
    }
  }
  free_arena(a);
  return error / energy;
}

static void awq_helps_with_outliers(void **state) {
  (void)state;
  /* smoothquant leaves layers of real activations as they are. */
  double rtn = int4_error("smoothquant", 30), awq = int4_error("awq", 30);
  print_message("one large channel: error %.3g, with awq %.3g\n", rtn, awq);
  assert_true(awq < 0.7 * rtn);
}

/* Row by row the error with clipping is at most that without. */
static void clipping_makes_no_error_larger(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = block(a, 6);
  Samples *samples = random_samples(g, 6, SAMPLES);
  Context cx = {.arena = a, .policy = policy_with(a, "awq", 5, int4_weights), .calib = samples};
  const Channels *c = start_scaling(g, &cx, "awq", any_layer);
  const Ends *e = unit_of(c, "down")->layer[0];
  const double *s = new_scales(g, c);
  WeightChoice plain = weight_choice(g, &cx, e->n), clip;
  plain.granularity = GRAN_CHANNEL;
  clip = plain;
  clip.clip = true;
  Moments *x = collect_moments(g, e->n, g, &cx, NEEDS_HESSIAN);
  double *v = rounded(a, e->n, e, s, &plain, x), *clipped = rounded(a, e->n, e, s, &clip, x);
  const float *w = e->n->in[1]->data;
  int better = 0;
  for (int64_t row = 0; row < WIDTH; row++) {
    double without = 0, with = 0;
    for (int64_t i = 0; i < WIDE * WIDE; i++) {
      int64_t p = row * WIDE + i / WIDE, q = row * WIDE + i % WIDE;
      without += (v[p] - w[p]) * x->hessian[i] * (v[q] - w[q]);
      with += (clipped[p] - w[p]) * x->hessian[i] * (clipped[q] - w[q]);
    }
    assert_true(with <= without * (1 + 1e-9));
    better += with < 0.9 * without;
  }
  assert_true(better > 0);
  free_moments(x);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(smoothquant_keeps_outputs),
      cmocka_unit_test(awq_keeps_outputs),
      cmocka_unit_test(attention_comes_out_as_connected),
      cmocka_unit_test(attention_keeps_outputs),
      cmocka_unit_test(smoothquant_wants_values),
      cmocka_unit_test(smoothquant_balances_by_alpha),
      cmocka_unit_test(search_goes_by_the_error_of_outputs),
      cmocka_unit_test(awq_helps_with_outliers),
      cmocka_unit_test(clipping_makes_no_error_larger),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
