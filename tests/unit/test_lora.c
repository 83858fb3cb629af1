/* test_lora.c - low-rank adapters: nothing changes where they are 0, and merged they are what they are as
 * a branch.  Corrections of low rank: the best of their rank, and all of it where that is full. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "ir/safetensors.h"
#include "passes/passes.h"
#include "passes/quant/correct.h"
#include "tests/unit/op_fixture.h"

enum { N_LAYER = 3, RANK = 3, MAX_SETTING = 8 };

/* Layers of each kind: matrices either way round, one by a Transpose and with a bias behind it, windows
 * with padding and a BatchNormalization. */
static const char *const module[N_LAYER] = {"up", "block.down", "conv"};
static const int64_t input_dim[N_LAYER][4] = {{2, 3, 10}, {6, 7}, {1, 4, 7, 6}};
static const int64_t input_rank[N_LAYER] = {3, 2, 4};
static const int64_t weight_dim[N_LAYER][4] = {{6, 10}, {5, 7}, {8, 4, 3, 3}};
static const int64_t weight_rank[N_LAYER] = {2, 2, 4};

/* Scales are positive: the levels of nf4 are not the same on both sides of 0. */
static Tensor *normalized(Graph *g, Tensor *x) {
  Tensor *in[5] = {x};
  for (int i = 1; i < 5; i++) in[i] = random_tensor(g, DT_F32, 1, &x->dim[1]);
  float *scale = in[1]->data, *variance = in[4]->data;
  for (int64_t i = 0; i < x->dim[1]; i++) scale[i] = fabsf(scale[i]), variance[i] = 0.5f + fabsf(variance[i]);
  Tensor *y = add_op(g, -1, "BatchNormalization", "normalized", 5, in);
  infer_node(g, y->def);
  return y;
}

static Graph *make_net(Arena *a) {
  static const char *const op[N_LAYER] = {"MatMul", "Gemm", "Conv"};
  Graph *g = new_graph(a, "g");
  g->opset = 13;
  g->in = arena_alloc(a, N_LAYER * sizeof *g->in);
  g->out = arena_alloc(a, N_LAYER * sizeof *g->out);
  for (int i = 0; i < N_LAYER; i++) {
    Tensor *x = new_tensor(g, fresh_name(g, "x"), DT_F32, (int)input_rank[i], input_dim[i]);
    Tensor *w = random_tensor(g, DT_F32, (int)weight_rank[i], weight_dim[i]);
    w->name = arena_printf(a, "net.%s.weight", module[i]);
    if (i == 0) infer_node(g, (w = add_op(g, -1, "Transpose", "turned", 1, &w))->def);
    Tensor *y = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
    Node *n = add_node(g, -1, op[i], arena_printf(a, "/net/%d", i), 2, (Tensor *[]){x, w}, 1, &y);
    if (i == 1) set_int(g, n, "transB", 1);
    if (i == 2) set_ints(g, n, "pads", 4, (int64_t[]){1, 1, 1, 1});
    if (i == 2) set_ints(g, n, "strides", 2, (int64_t[]){2, 1});
    infer_node(g, n);
    if (i == 0) y = add_op(g, -1, "Add", "sum", 2, (Tensor *[]){y, random_tensor(g, DT_F32, 1, &weight_dim[0][0])});
    if (i == 2) y = normalized(g, y);
    g->in[g->n_in++] = x;
    g->out[g->n_out++] = y;
  }
  return g;
}

/* lora_A and lora_B of every layer; B times `scale`. */
static const char *make_adapter(Graph *g, double scale) {
  static const int64_t inputs[N_LAYER][4] = {{RANK, 10}, {RANK, 7}, {RANK, 4, 3, 3}};
  static const int64_t outputs[N_LAYER][4] = {{6, RANK}, {5, RANK}, {8, RANK, 1, 1}};
  SafeTensor t[2 * N_LAYER];
  char *path = arena_strdup(g->arena, "/tmp/qcc_lora_XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  close(fd);
  for (int i = 0; i < 2 * N_LAYER; i++) {
    const Tensor *v = random_tensor(g, DT_F32, (int)weight_rank[i / 2], (i % 2 ? outputs : inputs)[i / 2]);
    float *x = v->data;
    for (int64_t k = 0; k < n_elements(v); k++) x[k] *= (float)(i % 2 ? scale : 0.1);
    t[i] = (SafeTensor){.dtype = DT_F32, .rank = v->rank, .data = x, .bytes = tensor_bytes(v)};
    t[i].name = arena_printf(g->arena, "%s%s.lora_%c.weight", i / 2 == 1 ? "base_model.model." : "",
                             module[i / 2], i % 2 ? 'B' : 'A');
    memcpy(t[i].dim, v->dim, sizeof t[i].dim);
  }
  write_safetensors(g->arena, path, 2 * N_LAYER, t);
  return path;
}

/* `path` and then pairs of keys and values, up to NULL. */
static void adapt(Graph *g, const char *stop_after, const char *path, const char *const *more) {
  Setting s[MAX_SETTING] = {{.key = "lora.file", .value = path}};
  Policy p = {.defaults = {1, s}};
  for (; more != NULL && more[0] != NULL; more += 2)
    s[p.defaults.n++] = (Setting){.key = more[0], .value = more[1]};
  Context cx = {.arena = g->arena, .policy = &p};
  run_passes(g, &cx, NULL, stop_after);
  verify_graph(g);
  assert_true(cx.adapted->n == N_LAYER);
}

/* Largest difference of the first n outputs on random inputs, as a share of the largest output. */
static double difference_of(int n, const Graph *f, const Graph *g) {
  Interp *a = new_interp(f), *b = new_interp(g);
  Graph *inputs = new_graph(f->arena, "inputs");
  const void *in[N_LAYER];
  double most = 0, worst = 0;
  for (int i = 0; i < N_LAYER; i++)
    in[i] = random_tensor(inputs, DT_F32, (int)input_rank[i], input_dim[i])->data;
  run_interp(a, in, NULL, NULL);
  run_interp(b, in, NULL, NULL);
  for (int i = 0; i < n; i++) {
    const float *x = interp_value(a, f->out[i]), *y = interp_value(b, g->out[i]);
    assert_int_equal(n_elements(f->out[i]), n_elements(g->out[i]));
    for (int64_t k = 0; k < n_elements(f->out[i]); k++) {
      most = fmax(most, fabs((double)x[k]));
      worst = fmax(worst, fabs((double)x[k] - (double)y[k]));
    }
  }
  free_interp(a);
  free_interp(b);
  return worst / most;
}

static double difference(const Graph *f, const Graph *g) { return difference_of(N_LAYER, f, g); }

static const char *const onto_float[] = {"lora.mode", "merge", "lora.base.format", "float", "lora.alpha", "4", NULL};
static const char *const beside_float[] = {"lora.format", "float", "lora.alpha", "4", NULL};

static void zero_is_the_base(void **state) {
  (void)state;
  Arena *a = new_arena();
  random_state = 11;
  Graph *g = make_net(a), *branch = clone_graph(g), *merged = clone_graph(g);
  const char *path = make_adapter(g, 0);
  adapt(branch, "lora", path, NULL);
  adapt(merged, "lora", path, onto_float);
  assert_int_equal(branch->n_node, g->n_node - 1 + 3 * N_LAYER);
  assert_int_equal(merged->n_node, g->n_node - 1);
  assert_true(difference(g, branch) == 0);
  assert_true(difference(g, merged) == 0);
  unlink(path);
  free_arena(a);
}

static void merged_is_branch(void **state) {
  (void)state;
  Arena *a = new_arena();
  random_state = 12;
  Graph *g = make_net(a), *branch = clone_graph(g), *merged = clone_graph(g);
  const char *path = make_adapter(g, 0.1);
  adapt(branch, "lora", path, beside_float);
  adapt(merged, "lora", path, onto_float);
  assert_true(difference(g, branch) > 0.01);
  assert_true(difference(branch, merged) < 1e-6);
  /* What comes after does not part them. */
  adapt(branch = clone_graph(g), "halves", path, beside_float);
  assert_true(difference(branch, merged) < 1e-6);
  unlink(path);
  free_arena(a);
}

/* Merged onto decoded codes, not onto what they were made of. */
static void check_codes(Graph *g, const char *path, int n, const char *granularity, const char *group) {
  const char *const onto[] = {"lora.mode", "merge", "lora.base.format", "nf4", "lora.base.granularity",
                              granularity, "lora.base.group", group, NULL};
  const char *const beside[] = {"lora.format", "float", "weights.format", "nf4", "weights.granularity",
                                granularity, "weights.group", group, "weights.solver", "rtn", NULL};
  Graph *branch = clone_graph(g), *merged = clone_graph(g);
  adapt(branch, "weight_only", path, beside);
  adapt(merged, "lora", path, onto);
  assert_true(difference_of(n, branch, merged) < 1e-6);
  adapt(branch = clone_graph(g), "lora", path, onto_float);
  assert_true(difference_of(n, branch, merged) > 0.005);
}

static void merged_onto_codes(void **state) {
  (void)state;
  Arena *a = new_arena();
  random_state = 13;
  Graph *g = make_net(a);
  const char *path = make_adapter(g, 0.1);
  check_codes(g, path, N_LAYER, "channel", "0");
  /* The layout pass changes the order of the last layer's weights, so that groups are others. */
  check_codes(g, path, N_LAYER - 1, "group", "6");
  unlink(path);
  free_arena(a);
}

/* 16 bits for each of rank * (inputs + outputs). */
static void branch_bytes(void **state) {
  (void)state;
  Arena *a = new_arena();
  random_state = 14;
  Graph *g = make_net(a);
  const char *path = make_adapter(g, 0.1);
  int64_t bytes = 0;
  adapt(g, "halves", path, NULL);
  for (int i = 0; i < g->n_node; i++)
    if (is_low_rank(g->node[i])) bytes += stored_bytes(g->node[i]->in[1]);
  assert_int_equal(bytes, 2 * RANK * (10 + 6 + 7 + 5 + 36 + 8));
  unlink(path);
  free_arena(a);
}

/* ---- corrections */

enum { M = 7, N = 9 };

/* e H e^T of e = w - now - b a, over all rows; H the unit matrix where h is NULL. */
static double loss(const float *w, const float *now, const LowRankPair *p, const double *h) {
  double e[N], sum = 0;
  for (int64_t o = 0; o < M; o++) {
    for (int64_t k = 0; k < N; k++) {
      e[k] = (double)w[o * N + k] - (double)now[o * N + k];
      for (int64_t r = 0; r < p->rank; r++) e[k] -= (double)p->b[o * p->rank + r] * (double)p->a[r * N + k];
    }
    for (int64_t i = 0; i < N; i++)
      for (int64_t k = 0; k < N; k++) sum += (h ? h[i * N + k] : i == k) * e[i] * e[k];
  }
  return sum;
}

/* h [N][N] = 2 / count * sum of x x^T for inputs that depend on each other. */
static void make_hessian(double *h) {
  memset(h, 0, N * N * sizeof *h);
  for (int s = 0; s < 40; s++) {
    double x[N], common = random_int(-100, 100) / 50.0;
    for (int i = 0; i < N; i++) x[i] = common + (1 + i) * random_int(-100, 100) / 400.0;
    for (int i = 0; i < N * N; i++) h[i] += 2 * x[i / N] * x[i % N] / 40;
  }
}

static void correction_is_best(void **state) {
  (void)state;
  Arena *a = new_arena();
  random_state = 15;
  Graph *g = new_graph(a, "g");
  double h[N * N], unit[N * N] = {0};
  for (int i = 0; i < N; i++) unit[i * N + i] = 3;
  make_hessian(h);
  const float *w = random_tensor(g, DT_F32, 2, (int64_t[]){M, N})->data;
  const float *now = random_tensor(g, DT_F32, 2, (int64_t[]){M, N})->data;
  LowRankPair none = {0};
  double before = loss(w, now, &none, NULL), at_outputs = loss(w, now, &none, h), was = at_outputs;
  double plain_was = before;
  for (int64_t rank = 1; rank <= M; rank++) {
    LowRankPair plain = nearest_low_rank(a, w, now, M, N, NULL, rank);
    LowRankPair same = nearest_low_rank(a, w, now, M, N, unit, rank);
    LowRankPair by_outputs = nearest_low_rank(a, w, now, M, N, h, rank);
    double p = loss(w, now, &plain, NULL), o = loss(w, now, &by_outputs, h);
    assert_int_equal(plain.rank, rank);
    assert_true(p < plain_was && o < was);
    if (rank < M) assert_true(o < loss(w, now, &plain, h) && p < loss(w, now, &by_outputs, NULL));
    assert_true(fabs(loss(w, now, &same, NULL) - p) < 1e-6 * before);
    plain_was = p, was = o;
  }
  assert_true(plain_was < 1e-10 * before && was < 1e-10 * at_outputs);
  assert_int_equal(nearest_low_rank(a, w, w, M, N, NULL, 3).rank, 0);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(zero_is_the_base),
      cmocka_unit_test(merged_is_branch),
      cmocka_unit_test(merged_onto_codes),
      cmocka_unit_test(branch_bytes),
      cmocka_unit_test(correction_is_best),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
