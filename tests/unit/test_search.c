/* test_search.c - what there is to choose, and what metrics say of it. */
#include <math.h>
#include <string.h>

#include "driver/search/search.h"
#include "tests/unit/op_fixture.h"

enum { FLOAT, INT8, INT4, INT2, N_CANDIDATE, N_LAYER = 3, N_SAMPLE = 20, N_INPUT = 24 };

static Tensor *gemm(Graph *g, Tensor *x, int64_t out) {
  Node *n = make_node(g, "Gemm", 2,
                      (Tensor *[]){x, random_tensor(g, DT_F32, 2, (int64_t[]){out, x->dim[1]})});
  set_int(g, n, "transB", 1);
  infer_node(g, n);
  return n->out[0];
}

/* Two products of one input, their sum, and a product of that. */
static Graph *network(Arena *a) {
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){1, N_INPUT});
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  Tensor *both[] = {gemm(g, x, 16), gemm(g, x, 16)};
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = gemm(g, add_op(g, -1, "Add", "sum", 2, both), 8);
  return g;
}

static Samples *random_samples(Graph *g) {
  Samples *s = arena_alloc(g->arena, sizeof *s);
  Tensor *x = random_tensor(g, DT_F32, 2, (int64_t[]){N_SAMPLE, N_INPUT});
  *s = (Samples){.n = N_SAMPLE, .n_in = 1, .data = arena_alloc(g->arena, sizeof *s->data)};
  s->data[0] = x->data;
  return s;
}

typedef struct Case {
  Policy policy;
  Context cx;
  BitSpace s;
} Case;

static Case *new_case(Arena *a, const Rule *rule) {
  Case *c = arena_alloc(a, sizeof *c);
  Candidate *list;
  c->s = (BitSpace){.a = a, .g = network(a), .cx = &c->cx};
  if (rule)
    c->policy.rule = arena_alloc(a, sizeof *rule), c->policy.rule[0] = *rule, c->policy.n_rule = 1;
  c->s.n_candidate = read_candidates(a, "float,int8,int4,int2", NULL, &list);
  c->s.candidate = list;
  c->s.samples = random_samples(c->s.g);
  c->cx = (Context){.arena = a, .policy = &c->policy, .calib = c->s.samples};
  resolve_policy(c->s.g, &c->cx);
  find_layers(&c->s);
  return c;
}

static void groups_from_the_graph(void **state) {
  (void)state;
  Arena *a = new_arena();
  const BitSpace *s = &new_case(a, NULL)->s;
  assert_int_equal(s->n_layer, N_LAYER);
  assert_int_equal(s->n_group, 2);
  assert_int_equal(s->layer[0].group, 0);
  assert_int_equal(s->layer[1].group, 0);
  assert_int_equal(s->layer[2].group, 1);
  free_arena(a);
}

/* A rule that ties all layers makes one group; one that decides a format takes its layer out. */
static void groups_from_the_policy(void **state) {
  (void)state;
  Arena *a = new_arena();
  const char *op = "Gemm", *last = "last";
  Condition all = {.key = "op", .n = 1, .value = &op}, one = {.key = "tag", .n = 1, .value = &last};
  Setting int8 = {.key = "weights.format", .value = "int8"};
  Rule tie = {.n_match = 1, .match = &all, .tie = "all"},
       fixed = {.n_match = 1, .match = &one, .set = {1, &int8}};
  assert_int_equal(new_case(a, &tie)->s.n_group, 1);
  const BitSpace *s = &new_case(a, &fixed)->s;
  assert_int_equal(s->n_layer, N_LAYER - 1);
  assert_int_equal(s->n_group, 1);
  free_arena(a);
}

static void costs_rise_with_fewer_bits(void **state) {
  (void)state;
  Arena *a = new_arena();
  BitSpace *s = &new_case(a, NULL)->s;
  Cost cost[N_LAYER * N_CANDIDATE];
  decode_candidates(s);
  for (int m = 0; m < n_metrics; m++) {
    metrics[m].fn(s, cost);
    for (int i = 0; i < N_LAYER; i++) {
      const Cost *c = cost + i * N_CANDIDATE;
      assert_true(c[FLOAT].value == 0);
      assert_true(c[INT8].value > 0);
      assert_true(c[INT4].value > 50 * c[INT8].value);
      assert_true(c[INT2].value > 3 * c[INT4].value);
    }
  }
  free_arena(a);
}

/* The Hessian says what running the layer says, where the layer has no activation: both are
 * noise over signal, one a ratio of sums, the other a mean of ratios. */
static void hessian_agrees_with_running(void **state) {
  (void)state;
  Arena *a = new_arena();
  BitSpace *s = &new_case(a, NULL)->s;
  Cost run[N_LAYER * N_CANDIDATE], guess[N_LAYER * N_CANDIDATE];
  decode_candidates(s);
  find_metric("layer_mse")->fn(s, run);
  find_metric("act_hessian")->fn(s, guess);
  for (int i = 0; i < N_LAYER * N_CANDIDATE; i++)
    assert_true(fabs(guess[i].value - run[i].value) <= 4 * run[i].error + 1e-9);
  free_arena(a);
}

/* For targets at a distance of 1 from the outputs, the squares of gradients of the mean squared
 * error of n outputs have a mean of 2 / n times the trace of its Hessian. */
static void curvature_and_gradients_agree(void **state) {
  (void)state;
  Arena *a = new_arena();
  BitSpace *s = &new_case(a, NULL)->s;
  Cost curvature[N_LAYER * N_CANDIDATE], squares[N_LAYER * N_CANDIDATE];
  decode_candidates(s);
  find_metric("hessian")->fn(s, curvature);
  find_metric("fisher")->fn(s, squares);
  double factor = (double)n_elements(s->g->out[0]) / 2;
  for (int i = 0; i < N_LAYER * N_CANDIDATE; i++) {
    double error = hypot(curvature[i].error, factor * squares[i].error);
    assert_true(fabs(curvature[i].value - factor * squares[i].value) <= 3 * error + 1e-9);
    assert_true(curvature[i].error <= 0.3 * curvature[i].value);
  }
  free_arena(a);
}

/* Candidates are rules behind those of the policy. */
static void choices_are_rules(void **state) {
  (void)state;
  Arena *a = new_arena();
  const BitSpace *s = &new_case(a, NULL)->s;
  int choice[N_LAYER] = {INT8, AS_BEFORE, INT2};
  const Policy *p = assign_policy(a, s, choice, NULL);
  assert_int_equal(p->n_rule, 2);
  assert_string_equal(p->rule[1].match[0].value[0], s->layer[2].output);
  assert_string_equal(p->rule[1].set.s[0].value, "int2");
  Context cx;
  const Graph *g = compile_choice(a, s, choice, "quantize", &cx);
  for (int i = 0; i < g->n_tensor; i++)
    if (g->tensor[i]->quant) assert_string_not_equal(g->tensor[i]->quant->format->name, "int4");
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(groups_from_the_graph),
      cmocka_unit_test(groups_from_the_policy),
      cmocka_unit_test(costs_rise_with_fewer_bits),
      cmocka_unit_test(hessian_agrees_with_running),
      cmocka_unit_test(curvature_and_gradients_agree),
      cmocka_unit_test(choices_are_rules),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
