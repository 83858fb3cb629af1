/* test_hadamard.c - matrices of signs: orthogonal, of every order that has one, as the operator and
 * its inverse apply them, and as transforms rotate constants and networks with them. */
#include <math.h>

#include "ir/policy.h"
#include "passes/passes.h"
#include "passes/quant/rotate.h"
#include "tests/unit/op_fixture.h"

/* Rows of the matrix are orthonormal, and its elements of one magnitude. */
static void matrices_are_orthogonal(void **state) {
  (void)state;
  static const int order[] = {1, 2, 4, 12, 16, 20, 24, 28, 36, 44, 60, 64, 80, 96};
  static double m[96][96];
  for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
    int n = order[k];
    assert_int_not_equal(hadamard_core(n), 0);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) m[i][j] = i == j;
      hadamard_transform(m[i], n, n, NULL, false); /* column i of the matrix */
    }
    for (int i = 0; i < n; i++)
      for (int j = 0; j <= i; j++) {
        double sum = 0;
        for (int l = 0; l < n; l++) sum += m[i][l] * m[j][l];
        assert_true(fabs(sum - (i == j)) < 1e-12);
        assert_true(fabs(fabs(m[i][j]) * sqrt(n) - 1) < 1e-12);
      }
  }
}

static void orders_without_matrix(void **state) {
  (void)state;
  static const int order[] = {0, 3, 6, 10, 14, 22, 52, 68, 92, 100, 172};
  for (size_t k = 0; k < sizeof order / sizeof *order; k++)
    assert_int_equal(hadamard_core(order[k]), 0);
  assert_int_equal(largest_hadamard(768), 768);     /* 12 * 64 */
  assert_int_equal(largest_hadamard(14336), 14336); /* 28 * 512 */
  assert_int_equal(largest_hadamard(11008), 256);   /* 43 * 256 */
  assert_int_equal(largest_hadamard(6), 2);
  assert_int_equal(largest_hadamard(7), 1);
}

/* The matrix of a power of two undoes itself. */
static void walsh_is_its_own_inverse(void **state) {
  (void)state;
  double x[128], want[128];
  for (int i = 0; i < 128; i++) x[i] = want[i] = random_int(-1000, 1000) / 7.0;
  for (int k = 0; k < 2; k++) hadamard_transform(x, 128, 32, NULL, false);
  for (int i = 0; i < 128; i++) assert_true(fabs(x[i] - want[i]) < 1e-12 * 1000);
}

/* The operator, then the one with `inverse`; outliers are spread in between. */
static void operator_and_inverse(void **state) {
  (void)state;
  static const int64_t size[][2] = {{64, 64}, {60, 20}, {96, 96}, {48, 16}, {5, 1}};
  for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t n = size[k][0], dim[3] = {2, 3, n};
    Tensor *x = random_tensor(g, DT_F32, 3, dim), *signs = random_tensor(g, DT_I8, 1, &n);
    for (int64_t i = 0; i < n; i++) ((int8_t *)signs->data)[i] = i % 3 ? 1 : -1;
    Tensor *y = x;
    for (int inverse = 0; inverse < 2; inverse++) {
      Node *node = make_node(g, "Hadamard", 2, (Tensor *[]){y, signs});
      set_int(g, node, "block", size[k][1]), set_int(g, node, "inverse", inverse);
      y = run_node(g, node);
    }
    assert_near(y, x, 1e-6);
    free_arena(a);
  }
}

static void run_on(const Graph *g, const void *in, const Tensor *y, float *got) {
  Interp *it = new_interp(g);
  run_interp(it, &in, NULL, NULL);
  memcpy(got, interp_value(it, y), (size_t)tensor_bytes(y));
  free_interp(it);
}

/* z = w2 (w1 x + b): both sides of the middle rotated, then a node in front of the second. */
static void rotated_layers_compute_the_same(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){3, 5});
  Tensor *w1 = random_tensor(g, DT_F32, 2, (int64_t[]){24, 5});
  Tensor *b = random_tensor(g, DT_F32, 1, (int64_t[]){24});
  Tensor *w2 = random_tensor(g, DT_F32, 2, (int64_t[]){7, 24});
  g->in = &x, g->n_in = 1;
  Node *first = make_node(g, "Gemm", 3, (Tensor *[]){x, w1, b});
  set_int(g, first, "transB", 1);
  infer_node(g, first);
  Node *second = make_node(g, "Gemm", 2, (Tensor *[]){first->out[0], w2});
  set_int(g, second, "transB", 1);
  infer_node(g, second);
  g->out = &second->out[0], g->n_out = 1;
  const Tensor *sample = random_tensor(g, DT_F32, 2, x->dim);
  float want[21], got[21];
  run_on(g, sample->data, g->out[0], want);
  Rotation r = new_rotation(g, 24, 0, "middle"), online = new_rotation(g, 24, 8, "again");
  assert_int_equal(r.block, 24);
  set_input(g, first, 1, rotate_columns(g, w1, &r));
  set_input(g, first, 2, rotate_columns(g, b, &r));
  set_input(g, second, 1, rotate_rows(g, w2, &r));
  for (int k = 0; k < 2; k++) {
    run_on(g, sample->data, g->out[0], got);
    for (int i = 0; i < 21; i++) assert_true(fabs((double)got[i] - want[i]) < 1e-5 * 1000);
    set_input(g, second, 0, add_rotation(g, 1, "y", first->out[0], &online, false));
    set_input(g, second, 1, rotate_rows(g, second->in[1], &online));
  }
  /* The same name, the same signs; another, others. */
  Rotation same = new_rotation(g, 24, 0, "middle");
  assert_memory_equal(same.sign->data, r.sign->data, 24);
  assert_memory_not_equal(online.sign->data, r.sign->data, 24);
  free_arena(a);
}

/* ---- a block of a transformer ----------------------------------------------------------------- */

enum { TOKENS = 4, WIDTH = 24, HEADS = 2, HIDDEN = 20, WORDS = 7 };

/* Random constant with elements up to 4 / 8, and a channel (of the last dimension) that is larger. */
static Tensor *weights(Graph *g, int rank, int64_t a, int64_t b, int loud) {
  Tensor *t = random_tensor(g, DT_F32, rank, (int64_t[]){a, b});
  float *v = t->data;
  int64_t last = t->dim[rank - 1];
  for (int64_t i = 0; i < n_elements(t); i++) v[i] *= i % last == loud ? 2 : 0.125f;
  return t;
}

static Tensor *apply(Graph *g, const char *op, int n_in, Tensor *const *in) {
  Node *n = make_node(g, op, n_in, in);
  infer_node(g, n);
  return n->out[0];
}

static Tensor *add_layer(Graph *g, Tensor *x, int64_t channels) {
  Tensor *w = weights(g, 2, channels, x->dim[1], -1), *b = weights(g, 1, channels, 0, -1);
  Node *n = make_node(g, "Gemm", 3, (Tensor *[]){x, w, b});
  set_int(g, n, "transB", 1);
  infer_node(g, n);
  return n->out[0];
}

static Tensor *add_norm(Graph *g, const char *op, Tensor *x) {
  bool rms = op[0] == 'R';
  Tensor *in[3] = {x, weights(g, 1, WIDTH, 0, 2), weights(g, 1, WIDTH, 0, -1)};
  return apply(g, op, rms ? 2 : 3, in);
}

static Tensor *transpose(Graph *g, Tensor *x, int64_t a, int64_t b, int64_t c) {
  Node *n = make_node(g, "Transpose", 1, &x);
  set_ints(g, n, "perm", 3, (int64_t[]){a, b, c});
  infer_node(g, n);
  return n->out[0];
}

static Tensor *reshape(Graph *g, Tensor *x, int n, const int64_t *dim) {
  Tensor *shape = new_const_i64(g, fresh_name(g, "shape"), n, dim);
  return apply(g, "Reshape", 2, (Tensor *[]){x, shape});
}

static Tensor *add_attention(Graph *g, Tensor *x) {
  Tensor *part[3];
  for (int i = 0; i < 3; i++) {
    Tensor *y = reshape(g, add_layer(g, x, WIDTH), 3, (int64_t[]){TOKENS, HEADS, WIDTH / HEADS});
    part[i] = i == 1 ? transpose(g, y, 1, 2, 0) : transpose(g, y, 1, 0, 2);
  }
  Tensor *scores = apply(g, "MatMul", 2, part), *shares = apply(g, "Softmax", 1, &scores);
  Tensor *y = apply(g, "MatMul", 2, (Tensor *[]){shares, part[2]});
  y = reshape(g, transpose(g, y, 1, 0, 2), 2, (int64_t[]){TOKENS, WIDTH});
  return add_layer(g, y, WIDTH);
}

static Tensor *add_sum(Graph *g, Tensor *a, Tensor *b) {
  return apply(g, "Add", 2, (Tensor *[]){a, b});
}

/* A constant addend as well, as positions have. */
static Graph *transformer(Arena *a, const char *norm) {
  Graph *g = new_graph(a, "g");
  Tensor *tokens = new_tensor(g, "tokens", DT_I64, 1, (int64_t[]){TOKENS});
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = tokens;
  Tensor *table = weights(g, 2, WORDS, WIDTH, 5);
  Tensor *x = apply(g, "Gather", 2, (Tensor *[]){table, tokens});
  x = add_sum(g, x, weights(g, 2, TOKENS, WIDTH, 9));
  x = add_sum(g, x, new_scalar_f32(g, "one", 1));
  x = add_sum(g, x, add_attention(g, add_norm(g, norm, x)));
  Tensor *up = add_layer(g, add_norm(g, norm, x), HIDDEN);
  Tensor *relu = apply(g, "Relu", 1, &up);
  x = add_sum(g, x, add_layer(g, relu, WIDTH));
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = add_layer(g, add_norm(g, norm, x), WORDS);
  return g;
}

static int count_nodes(const Graph *g, const char *op) {
  int n = 0;
  for (int i = 0; i < g->n_node; i++) n += is_op(g->node[i], op);
  return n;
}

static const int64_t sentence[TOKENS] = {3, 0, 6, 3};

/* Runs the transforms, and checks that the outputs are what they were; the scope is that of the
 * policy, `format` that of weights. */
static void transform(Graph *g, const char *words, const char *scope, const char *format) {
  float want[TOKENS * WORDS], got[TOKENS * WORDS], most = 0;
  run_on(g, sentence, g->out[0], want);
  Setting s[] = {{.key = "transforms", .value = words},
                 {.key = "transforms.hadamard.scope", .value = scope},
                 {.key = "weights.format", .value = format}};
  Policy p = {.defaults = {3, s}};
  Context cx = {.arena = g->arena, .policy = &p};
  find_pass("fold_norm")->run(g, &cx);
  find_pass("hadamard")->run(g, &cx);
  find_pass("incoherence")->run(g, &cx);
  remove_dead(g);
  verify_graph(g);
  run_on(g, sentence, g->out[0], got);
  for (int i = 0; i < TOKENS * WORDS; i++) most = fmaxf(most, fabsf(want[i]));
  for (int i = 0; i < TOKENS * WORDS; i++) assert_true(fabsf(want[i] - got[i]) < 1e-5f * most);
}

/* Each kind of rotation alone: nothing but the values of the attention while scales are in the way;
 * the stream of sums; layers whose inputs are rotated as the network runs. */
static void transformer_computes_the_same(void **state) {
  (void)state;
  static const struct {
    const char *norm, *words, *scope, *format;
    int online, rms;
  } cases[] = {
      {"RMSNormalization", "fold_norm", "blocks", "float", 0, 3},
      {"RMSNormalization", "hadamard", "blocks", "int4", 0, 3},
      {"RMSNormalization", "fold_norm hadamard", "blocks", "float", 0, 3},
      {"RMSNormalization", "fold_norm hadamard", "blocks", "int4", 1, 3},
      {"RMSNormalization", "hadamard", "all", "int4", 4, 3},
      {"RMSNormalization", "incoherence", "blocks", "int4", 11, 3},
      {"RMSNormalization", "incoherence", "blocks", "int8", 0, 3},
      {"LayerNormalization", "fold_norm", "blocks", "int4", 0, 0},
      {"LayerNormalization", "fold_norm hadamard", "blocks", "float", 0, 3},
      {"LayerNormalization", "fold_norm hadamard", "all", "int4", 1, 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    Arena *a = new_arena();
    Graph *g = transformer(a, cases[i].norm), *before = clone_graph(g);
    transform(g, cases[i].words, cases[i].scope, cases[i].format);
    assert_int_equal(count_nodes(g, "Hadamard"), cases[i].online);
    assert_int_equal(count_nodes(g, "RMSNormalization"), cases[i].rms);
    bool moved = strcmp(cases[i].words, "fold_norm hadamard") == 0;
    assert_int_equal(memcmp(g->node[0]->in[0]->data, before->node[0]->in[0]->data,
                            4 * WORDS * WIDTH) != 0, moved);
    free_arena(a);
  }
}

/* Error of 4 bits per tensor, as a share of the squares. */
static double error_of_four_bits(const float *x, int n) {
  double most = 0, error = 0, squares = 0;
  for (int i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
  for (int i = 0; i < n; i++) {
    double scale = most / 7, e = x[i] - scale * rint(x[i] / scale);
    error += e * e, squares += (double)x[i] * x[i];
  }
  return error / squares;
}

static double error_of_inputs(const Graph *g) {
  float x[TOKENS * WIDTH];
  double sum = 0;
  for (int i = 0; i < g->n_node; i++) {
    if (!is_op(g->node[i], "Gemm")) continue;
    run_on(g, sentence, g->node[i]->in[0], x);
    sum += error_of_four_bits(x, (int)n_elements(g->node[i]->in[0]));
  }
  return sum;
}

static void outliers_are_spread(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = transformer(a, "RMSNormalization");
  double before = error_of_inputs(g);
  transform(g, "fold_norm hadamard", "blocks", "int4");
  double after = error_of_inputs(g);
  if (after > before / 2) fail_msg("errors of inputs were %g and are %g", before, after);
  free_arena(a);
}

static double largest_by_rms(const Tensor *w) {
  double most = 0, squares = 0;
  for (int64_t i = 0; i < n_elements(w); i++) {
    double v = ((const float *)w->data)[i];
    most = fmax(most, fabs(v)), squares += v * v / (double)n_elements(w);
  }
  return most / sqrt(squares);
}

/* A few large weights of a layer become parts of all, and its clamp comes behind what rotates back. */
static void incoherence_leaves_no_large_weights(void **state) {
  (void)state;
  enum { SIZE = 64 };
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){2, SIZE});
  g->in = &x, g->n_in = 1;
  Tensor *y = add_layer(g, x, SIZE);
  Node *n = y->def;
  for (int i = 0; i < 4; i++) ((float *)n->in[1]->data)[i * 700] = 100;
  set_str(g, n, "activation", "Clip");
  set_float(g, n, "activation_min", 0);
  g->out = &y, g->n_out = 1;
  const Tensor *sample = random_tensor(g, DT_F32, 2, x->dim);
  float want[2 * SIZE], got[2 * SIZE], most = 0;
  run_on(g, sample->data, y, want);
  assert_true(largest_by_rms(n->in[1]) > 30);
  Setting s[] = {{.key = "transforms", .value = "incoherence"},
                 {.key = "weights.format", .value = "e8p"}};
  Policy p = {.defaults = {2, s}};
  Context cx = {.arena = a, .policy = &p};
  find_pass("incoherence")->run(g, &cx);
  verify_graph(g);
  assert_true(largest_by_rms(n->in[1]) < 5);
  assert_null(find_attr(n, "activation"));
  assert_true(is_op(y->def, "Hadamard") && find_attr(y->def, "activation") != NULL);
  run_on(g, sample->data, y, got);
  for (int i = 0; i < 2 * SIZE; i++) most = fmaxf(most, want[i]);
  for (int i = 0; i < 2 * SIZE; i++) assert_true(fabsf(want[i] - got[i]) < 1e-5f * most);
  free_arena(a);
}

/* A sum with a Relu fused into it ends a stream. */
static void activations_end_streams(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = transformer(a, "RMSNormalization");
  for (int i = 0; i < g->n_node; i++)
    if (is_op(g->node[i], "Add")) {
      set_str(g, g->node[i], "activation", "Clip");
      set_float(g, g->node[i], "activation_min", 0);
    }
  transform(g, "fold_norm hadamard", "blocks", "int4");
  assert_int_equal(count_nodes(g, "Hadamard"), 0);
  free_arena(a);
}

/* What has no rotation of its own stays: a tensor that is an output, or that a Relu reads. */
static void others_stay(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = transformer(a, "RMSNormalization");
  Tensor **out = arena_alloc(a, (g->n_out + 1) * (int64_t)sizeof *out);
  memcpy(out, g->out, (size_t)g->n_out * sizeof *out);
  out[g->n_out++] = g->node[0]->out[0];
  g->out = out;
  Graph *before = clone_graph(g);
  transform(g, "fold_norm hadamard", "blocks", "int4");
  assert_memory_equal(g->node[0]->in[0]->data, before->node[0]->in[0]->data, 4 * WORDS * WIDTH);
  assert_int_equal(count_nodes(g, "Hadamard"), 0);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matrices_are_orthogonal),
      cmocka_unit_test(orders_without_matrix),
      cmocka_unit_test(walsh_is_its_own_inverse),
      cmocka_unit_test(operator_and_inverse),
      cmocka_unit_test(rotated_layers_compute_the_same),
      cmocka_unit_test(transformer_computes_the_same),
      cmocka_unit_test(outliers_are_spread),
      cmocka_unit_test(activations_end_streams),
      cmocka_unit_test(others_stay),
      cmocka_unit_test(incoherence_leaves_no_large_weights),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
