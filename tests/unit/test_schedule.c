/* test_schedule.c - the order of nodes: against every order that is possible, on small random
 * graphs; the beam search, the policy, and that nothing changes without need. */
#include <string.h>

#include "passes/lower/liveness.h"
#include "passes/lower/order.h"
#include "passes/passes.h"
#include "tests/unit/memory_graph.h"

void pass_schedule(Graph *g, Context *cx);

static int64_t bound_of(const Graph *g) {
  Arena *a = new_arena();
  int64_t bytes = peak_bytes(a, find_liveness(a, g));
  free_arena(a);
  return bytes;
}

static bool is_made(const Graph *g, const Tensor *t, int at) {
  if (t->def == NULL) return true;
  for (int i = 0; i < at; i++)
    if (g->node[i] == t->def) return true;
  return false;
}

static bool can_run(const Graph *g, const Node *n, int at) {
  for (int i = 0; i < n->n_in; i++)
    if (!is_made(g, n->in[i], at)) return false;
  return true;
}

static void check_order(const Graph *g) {
  for (int i = 0; i < g->n_node; i++) assert_true(can_run(g, g->node[i], i));
}

/* Lowest bound over all orders of the nodes from `at` on; leaves the order as it was. */
static int64_t try_all_orders(Graph *g, int at) {
  if (at == g->n_node) return bound_of(g);
  int64_t best = INT64_MAX;
  for (int i = at; i < g->n_node; i++) {
    if (!can_run(g, g->node[i], at)) continue;
    Node *swapped = g->node[i];
    g->node[i] = g->node[at];
    g->node[at] = swapped;
    int64_t bytes = try_all_orders(g, at + 1);
    if (bytes < best) best = bytes;
    g->node[at] = g->node[i];
    g->node[i] = swapped;
  }
  return best;
}

static void finds_the_best_order(void **state) {
  (void)state;
  uint32_t seed = 5;
  int improved = 0;
  for (int round = 0; round < 150; round++) {
    Arena *a = new_arena();
    Context cx = {.arena = a};
    Graph *g = random_graph(a, &seed, (int)(2 + next_random(&seed) % 6), false);
    int64_t before = bound_of(g), best = try_all_orders(g, 0);
    pass_schedule(g, &cx);
    check_order(g);
    assert_int_equal(bound_of(g), best);
    improved += best < before;
    free_arena(a);
  }
  assert_true(improved > 10);
}

static void is_never_worse(void **state) {
  (void)state;
  uint32_t seed = 9;
  for (int round = 0; round < 30; round++) {
    Arena *a = new_arena();
    Context cx = {.arena = a};
    Graph *g = random_graph(a, &seed, (int)(20 + next_random(&seed) % 40), true);
    Node **old = arena_alloc(a, g->n_node * (int64_t)sizeof *old);
    memcpy(old, g->node, (size_t)g->n_node * sizeof *old);
    int64_t before = bound_of(g);
    pass_schedule(g, &cx);
    check_order(g);
    int64_t after = bound_of(g);
    assert_true(after <= before);
    if (after == before)  /* then nothing moved */
      for (int i = 0; i < g->n_node; i++) assert_ptr_equal(g->node[i], old[i]);
    free_arena(a);
  }
}

/* Branches that each make something big and end small, breadth first as exporters write them. */
static Graph *wide_graph(Arena *a, int branches) {
  Graph *g = new_graph(a, "wide");
  Tensor *list[64];
  add_graph_input(g, new_vector(g, DT_I8, 16));
  for (int i = 0; i < branches; i++)
    list[i] = append_unary(g, &conv_op, &conv_kernel, g->in[0], 1600 + 16 * (i * 7 % 5));
  for (int i = 0; i < branches; i++)
    list[i] = append_unary(g, &conv_op, &conv_kernel, list[i], 16 + 16 * (i % 3));
  Tensor *y = new_vector(g, DT_I8, 16);
  append_node(g, &conv_op, &conv_kernel, branches, list, 1, &y);
  add_graph_output(g, y);
  return g;
}

static void runs_branches_one_by_one(void **state) {
  (void)state;
  static const int widths[] = {2, 4, 12, 60};
  for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
    Arena *a = new_arena();
    Context cx = {.arena = a};
    Graph *g = wide_graph(a, widths[i]);
    pass_schedule(g, &cx);
    check_order(g);
    /* One big tensor at a time, the results of the others, and the input. */
    assert_true(bound_of(g) <= 16 + 1664 + 48 * widths[i]);
    free_arena(a);
  }
}

static void obeys_the_policy(void **state) {
  (void)state;
  Arena *a = new_arena();
  Setting model = {.key = "schedule.order", .value = "model"};
  Policy policy = {.defaults = {1, &model}};
  Context cx = {.arena = a, .policy = &policy};
  Graph *g = wide_graph(a, 4);
  int64_t before = bound_of(g);
  pass_schedule(g, &cx);
  assert_int_equal(bound_of(g), before);
  model.value = "memory";
  pass_schedule(g, &cx);
  assert_true(bound_of(g) < before);
  free_arena(a);
}

/* ---- the searches by themselves */

static OrderProblem random_problem(Arena *a, uint32_t *seed, int n) {
  OrderProblem p = {.n_step = n, .n_value = n};
  p.step = arena_alloc(a, n * (int64_t)sizeof *p.step);
  p.value = arena_alloc(a, n * (int64_t)sizeof *p.value);
  for (int i = 0; i < n; i++) {
    Step *s = &p.step[i];
    s->made = arena_alloc(a, sizeof(int));
    s->made[s->n_made++] = i;
    s->read = arena_alloc(a, n * (int64_t)sizeof(int));
    s->after = arena_alloc(a, n * (int64_t)sizeof(int));
    p.value[i].bytes = 16 * (1 + next_random(seed) % 50);
    for (int j = 0; j < i; j++) {
      if (next_random(seed) % (uint32_t)n > 1) continue;
      s->read[s->n_read++] = j;
      s->n_before++;
      p.step[j].after[p.step[j].n_after++] = i;
      p.value[j].n_read++;
    }
  }
  for (int i = 0; i < n; i++)
    if (p.value[i].n_read == 0) p.value[i].n_read = 1;  /* kept to the end */
  return p;
}

static void check_permutation(const OrderProblem *p, const int *order) {
  bool seen[64] = {false};
  for (int i = 0; i < p->n_step; i++) {
    const Step *s = &p->step[order[i]];
    for (int j = 0; j < s->n_read; j++) assert_true(seen[s->read[j]]);
    assert_false(seen[order[i]]);
    seen[order[i]] = true;
  }
}

static void beam_search_comes_near(void **state) {
  (void)state;
  uint32_t seed = 13;
  int64_t exact = 0, beam = 0;
  for (int round = 0; round < 25; round++) {
    Arena *a = new_arena();
    OrderProblem p = random_problem(a, &seed, (int)(4 + next_random(&seed) % 16));
    int order[64], again[64];
    bool proved;
    int64_t best = find_order(a, &p, order, &proved), near = beam_order(a, &p, 32, again);
    check_permutation(&p, order);
    check_permutation(&p, again);
    assert_int_equal(order_peak(a, &p, order), best);
    assert_true(order_peak(a, &p, again) <= near);
    if (proved) assert_true(best <= near);
    exact += best;
    beam += near;
    free_arena(a);
  }
  assert_true(beam <= exact + exact / 20);
}

static void progress_can_be_undone(void **state) {
  (void)state;
  uint32_t seed = 17;
  Arena *a = new_arena();
  OrderProblem p = random_problem(a, &seed, 40);
  Progress s = new_progress(a, &p), first = new_progress(a, &p);
  int run[40], n = 0;
  start_progress(&p, &s);
  copy_progress(&p, &first, &s);
  while (s.n_ready > 0) {
    run[n] = s.ready[next_random(&seed) % (uint32_t)s.n_ready];
    run_step(&p, &s, run[n++]);
  }
  assert_int_equal(n, 40);
  while (n > 0) undo_step(&p, &s, run[--n]);
  assert_int_equal(s.live, first.live);
  assert_int_equal(s.n_ready, first.n_ready);
  assert_memory_equal(s.readers, first.readers, 40 * sizeof(int));
  assert_memory_equal(s.missing, first.missing, 40 * sizeof(int));
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(finds_the_best_order),
    cmocka_unit_test(is_never_worse),
    cmocka_unit_test(runs_branches_one_by_one),
    cmocka_unit_test(obeys_the_policy),
    cmocka_unit_test(beam_search_comes_near),
    cmocka_unit_test(progress_can_be_undone),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
