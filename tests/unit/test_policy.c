/* test_policy.c - policies: patterns, merging of presets, defaults and rules, matching of
 * nodes, and that expanded policies and lock files say the same as what they were made from. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "passes/passes.h"

/* ---- patterns -------------------------------------------------------------------------------- */

static void matches_globs(void **state) {
  (void)state;
  static const struct { const char *glob, *name; bool match; } cases[] = {
      {"stem.conv", "stem.conv", true},
      {"stem.conv", "stem.conv2", false},
      {"stem.*", "stem.conv", true},
      {"stem.*", "stem.conv.weight", false},
      {"*", "a.b", false},
      {"**", "a.b/c", true},
      {"**", "", true},
      {"layers.*.mlp.*", "layers.12.mlp.down", true},
      {"layers.*.mlp.*", "layers.1.2.mlp.down", false},
      {"**.conv", "block1.pointwise.conv", true},
      {"**.conv", "conv", false},
      {"block?.add", "block1.add", true},
      {"block?.add", "block12.add", false},
      {"a?b", "a.b", false},
      {"/x/*/Conv", "/x/y/Conv", true},
      {"/x/*/Conv", "/x/y/z/Conv", false},
      {"a\\*b", "a*b", true},
      {"a\\*b", "axb", false},
      {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(glob_match(cases[i].glob, cases[i].name), cases[i].match);
  assert_non_null(glob_fault(""));
  assert_non_null(glob_fault("a***"));
  assert_non_null(glob_fault("a\\"));
  assert_null(glob_fault("a.**.b?"));
}

static void parses_bytes(void **state) {
  (void)state;
  assert_int_equal(parse_bytes("300"), 300);
  assert_int_equal(parse_bytes("256KiB"), 256 * 1024);
  assert_int_equal(parse_bytes("1 MiB"), 1024 * 1024);
  assert_true(parse_bytes("never") == INT64_MAX);
  assert_int_equal(parse_bytes("-1"), -1);
  assert_int_equal(parse_bytes("12 apples"), -1);
  assert_int_equal(parse_bytes("999999999999999GiB"), -1);
}

/* ---- policies from text ---------------------------------------------------------------------- */

static Policy *policy_of(Arena *a, const char *text) {
  char path[] = "/tmp/qcc_policy_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  close(fd);
  Policy *p = read_policy(a, path);
  remove(path);
  return p;
}

static Node *add(Graph *g, const char *op, const char *name, Tensor *x, Tensor *w) {
  Tensor *in[] = {x, w};
  Tensor *out[] = {new_tensor(g, arena_printf(g->arena, "%s_out", name), DT_F32, 4, x->dim)};
  return add_node(g, -1, op, name, w != NULL ? 2 : 1, in, 1, out);
}

static Tensor *weights(Graph *g, const char *name, int64_t out, int64_t in) {
  int64_t dim[] = {out, in, 1, 1};
  return new_const(g, name, DT_F32, 4, dim, arena_alloc(g->arena, out * in * 4));
}

/* stem.conv -> block1.depthwise -> block1.relu -> + stem -> head.conv */
static Graph *small_graph(Arena *a) {
  static const int64_t dim[] = {1, 2, 4, 4};
  Graph *g = new_graph(a, "small");
  Tensor *x = new_tensor(g, "image", DT_F32, 4, dim);
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  Node *stem = add(g, "Conv", "stem.conv", x, weights(g, "stem.w", 2, 2));
  Node *depth = add(g, "Conv", "block1.depthwise", stem->out[0], weights(g, "block1.w", 2, 1));
  set_int(g, depth, "group", 2);
  Node *relu = add(g, "Relu", "block1.relu", depth->out[0], NULL);
  Node *sum = add(g, "Add", "block1.add", relu->out[0], stem->out[0]);
  Node *head = add(g, "Conv", "head.conv", sum->out[0], weights(g, "head.w", 2, 2));
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = head->out[0];
  return g;
}

/* Formats of the nodes' weights and activations: "int8/int8 -/float ..." */
static const char *choices(Arena *a, Graph *g, const Policy *p) {
  Context cx = {.arena = a, .policy = p};
  resolve_policy(g, &cx);
  const char *text = "";
  for (int i = 0; i < g->n_node; i++) {
    WeightChoice w = weight_choice(g, &cx, g->node[i]);
    ActChoice act = act_choice(g, &cx, g->node[i]);
    const char *stored = node_weights(g->node[i]) == NULL ? "-"
                         : w.format == NULL               ? "float"
                                                          : w.format->name;
    text = arena_printf(a, "%s%s%s/%s", text, i > 0 ? " " : "", stored,
                        act.format == NULL ? "float" : act.format->name);
  }
  return text;
}

static void check(const char *policy, const char *expected) {
  Arena *a = new_arena();
  assert_string_equal(choices(a, small_graph(a), policy_of(a, policy)), expected);
  free_arena(a);
}

static void merges_key_by_key(void **state) {
  (void)state;
  check("", "float/float float/float -/float -/float float/float");
  check("preset: int8\n", "int8/int8 int8/int8 -/int8 -/int8 int8/int8");
  check("preset: w4a8\n", "int4/int8 int4/int8 -/int8 -/int8 int4/int8");
  check("defaults: {weights: {format: int8}}\n",
        "int8/float int8/float -/float -/float int8/float");
  check("preset: int8\ndefaults: {activations: {format: float}}\n",
        "int8/float int8/float -/float -/float int8/float");
  /* int4 keeps first, last and depthwise in int8; the file's defaults outrank that */
  check("preset: int4\n", "int8/int8 int8/int8 -/int8 -/int8 int8/int8");
  check("preset: int4\ndefaults: {weights: {format: int4}}\n",
        "int4/int8 int4/int8 -/int8 -/int8 int4/int8");
  /* the later rule wins, in the keys that it sets */
  check("preset: int8\nrules:\n  - {match: {op: Conv}, weights: {format: int4}}\n"
        "  - {match: {name: head.conv}, weights: {format: float}}\n",
        "int4/int8 int4/int8 -/int8 -/int8 float/int8");
}

static void matches_nodes(void **state) {
  (void)state;
#define RULE(match) "preset: int8\nrules: [{match: {" match "}, activations: {format: float}}]\n"
  check(RULE("name: '*.conv'"), "int8/float int8/int8 -/int8 -/int8 int8/float");
  check(RULE("name: block1.add_out"), "int8/int8 int8/int8 -/int8 -/float int8/int8");
  check(RULE("regex: '.*conv|.*relu'"), "int8/float int8/int8 -/float -/int8 int8/float");
  check(RULE("op: [Add, Relu]"), "int8/int8 int8/int8 -/float -/float int8/int8");
  check(RULE("tag: first"), "int8/float int8/int8 -/int8 -/int8 int8/int8");
  check(RULE("tag: [last, residual]"), "int8/int8 int8/int8 -/int8 -/float int8/float");
  check(RULE("depthwise: true"), "int8/int8 int8/float -/int8 -/int8 int8/int8");
  check(RULE("op: Conv, depthwise: false"), "int8/float int8/int8 -/int8 -/int8 int8/float");
  check(RULE("index: '1'"), "int8/int8 int8/float -/float -/float int8/int8"); /* from "block1" */
  check(RULE("index: '2-9'"),
        "int8/int8 int8/int8 -/int8 -/int8 int8/float"); /* third with weights */
  check(RULE("tensor: block1.relu_out"), "int8/int8 int8/int8 -/float -/int8 int8/int8");
  check(RULE("output: head.conv_out"), "int8/int8 int8/int8 -/int8 -/int8 int8/float");
#undef RULE
  check("preset: int8\nrules: [{match: {tensor: head.w}, weights: {format: int4}}]\n",
        "int8/int8 int8/int8 -/int8 -/int8 int4/int8");
  check("preset: int8\nrules: [{match: {name: nothing}, weights: {format: int4}, require: 0}]\n",
        "int8/int8 int8/int8 -/int8 -/int8 int8/int8");
}

static void group_implies_granularity(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Context cx = {.arena = a};
  cx.policy =
      policy_of(a, "preset: int8\nrules: [{match: {name: head.conv}, weights: {group: 64}}]\n");
  resolve_policy(g, &cx);
  WeightChoice first = weight_choice(g, &cx, g->node[0]), last = weight_choice(g, &cx, g->node[4]);
  assert_int_equal(first.granularity, GRAN_CHANNEL);
  assert_int_equal(last.granularity, GRAN_GROUP);
  assert_int_equal(last.group, 64);
  assert_string_equal(last.solver, "mse");
  free_arena(a);
}

static void reads_inputs_and_globals(void **state) {
  (void)state;
  Arena *a = new_arena();
  const Policy *p = policy_of(a, "# nothing\n");
  assert_int_equal(policy_int(p, "output.weights_bin"), 256 * 1024);
  assert_true(policy_has(p, "transforms", "fold_bn"));
  p = policy_of(a,
                "inputs:\n  image: {storage: uint8, mean: [1, 2.5], std: &s 4, layout: NHWC}\n"
                "  other: {std: *s}\ntransforms: []\ncalibration: {data: x.npy, percentile: 99.9}\n"
                "output: {weights_bin: never}\n");
  const InputPolicy *in = policy_input(p, "image");
  assert_int_equal(in->storage, DT_U8);
  assert_int_equal(in->layout, LAYOUT_NHWC);
  assert_int_equal(in->n_mean, 2);
  assert_true(in->mean[1] == 2.5f && in->std[0] == 4);
  assert_true(policy_input(p, "other")->std[0] == 4);
  assert_false(policy_has(p, "transforms", "fold_bn"));
  assert_true(policy_real(p, "calibration.percentile") == 99.9);
  assert_string_equal(policy_file(a, p, "calibration.data"), "/tmp/x.npy");
  assert_true(policy_int(p, "output.weights_bin") == INT64_MAX);
  free_arena(a);
}

/* ---- policies that qcc writes ---------------------------------------------------------------- */

static char *expanded(const Policy *p) {
  char *text;
  size_t n;
  FILE *f = open_memstream(&text, &n);
  expand_policy(f, p);
  fclose(f);
  return text;
}

static void expanding_is_a_fixed_point(void **state) {
  (void)state;
  static const char *const policies[] = {
      "", "preset: int8\n", "preset: int4\n", "preset: w4a8\n", "preset: float\n",
      "preset: int4\ndefaults: {weights: {solver: rtn}}\noptimize: size\n",
      "preset: ternary\ndefaults: {weights: {layout: compact}}\n",
      "preset: w4a8\ndefaults: {weights: {granularity: channel}}\n",
      "preset: w4a16-awq\n", "preset: w8a8-smooth\ntransforms: [{smoothquant: {alpha: auto}}, fold_bn]\n",
      "rules: [{match: {regex: 'a\\.\"(b|c)', index: 3-4}, tie: x, require: 0}]\n",
      "inputs: {image: {mean: [0.1, 3e-5], std: 255}}\n",
  };
  for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
    Arena *a = new_arena();
    const Policy *p = policy_of(a, policies[i]);
    char *once = expanded(p);
    const Policy *q = policy_of(a, once);
    char *twice = expanded(q);
    assert_string_equal(once, twice);
    assert_string_equal(choices(a, small_graph(a), p), choices(a, small_graph(a), q));
    free(once);
    free(twice);
    free_arena(a);
  }
}

static char *locked(Graph *g, const Policy *p, Arena *a) {
  Context cx = {.arena = a, .policy = p};
  resolve_policy(g, &cx);
  for (int i = 0; i < g->n_node && p->n_range == 0; i++) {
    g->node[i]->out[0]->has_range = true;
    g->node[i]->out[0]->lo = -1.0f / (float)(i + 3);
    g->node[i]->out[0]->hi = (float)i / 7;
  }
  char *text;
  size_t n;
  FILE *f = open_memstream(&text, &n);
  write_lock(f, g, &cx);
  fclose(f);
  return text;
}

static void locks_are_policies(void **state) {
  (void)state;
  Arena *a = new_arena();
  const Policy *p =
      policy_of(a, "preset: int4\nrules:\n"
                   "  - {match: {tag: residual}, activations: {format: float}}\n"
                   "  - {match: {name: head.conv}, weights: {format: int4, group: 8}}\n"
                   "  - {match: {tag: depthwise}, weights: {layout: compact}}\n");
  Graph *g = small_graph(a);
  g->hash = 0x1234;
  char *once = locked(g, p, a);
  const Policy *q = policy_of(a, once);
  Graph *again = small_graph(a);
  again->hash = 0x1234;
  char *twice = locked(again, q, a);
  assert_string_equal(once, twice);
  assert_non_null(strstr(once, "layout: compact"));
  assert_string_equal(choices(a, g, p), choices(a, again, q));
  for (int i = 0; i < g->n_node; i++) {
    float lo, hi;
    assert_true(policy_range(q, g->node[i]->out[0]->name, &lo, &hi));
    assert_true(lo == g->node[i]->out[0]->lo && hi == g->node[i]->out[0]->hi);
  }
  assert_true(q->hash == p->hash);
  free(once);
  free(twice);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_globs),
      cmocka_unit_test(parses_bytes),
      cmocka_unit_test(merges_key_by_key),
      cmocka_unit_test(matches_nodes),
      cmocka_unit_test(group_implies_granularity),
      cmocka_unit_test(reads_inputs_and_globals),
      cmocka_unit_test(expanding_is_a_fixed_point),
      cmocka_unit_test(locks_are_policies),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
