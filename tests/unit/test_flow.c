/* test_flow.c - loops and choices: what the interpreter makes of them, what passes leave of them. */
#include "ir/ir.h"
#include "passes/passes.h"
#include "tests/unit/graph_text.h"

void pass_guard(Graph *g, Context *cx);

/* States that change places with each other, rows from the last on, and an end by trip count or by what is computed. */
static const char fibonacci[] =
    "# qcc graph 1\n"
    "fibonacci (int64 n, float most) => (a, b, rows, count)\n"
    "{\n"
    "  const bool true = {1}\n"
    "  const float zero = {0.0}\n"
    "  const float one = {1.0}\n"
    "  step, go, p, q = LoopBegin(n, true, zero, one)\n"
    "  r = Add(p, q)\n"
    "  more = Less(r, most)\n"
    "  a, b, rows, count = LoopEnd<states=2, room=10, backwards=[1]>(step, go, p, q, n, more, q, r, r)\n"
    "}\n";

static void steps_end(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, fibonacci);
  Interp *it = new_interp(g);
  for (int64_t n = 0; n <= 12; n++)
    for (int most = 1; most <= 60; most += 7) {
      float limit = (float)most, p = 0, q = 1, rows[10] = {0};
      int64_t steps = 0;
      for (bool more = true; more && steps < n && steps < 10; steps++) {
        float r = p + q;
        p = q, q = r;
        rows[9 - steps] = r;
        more = r < limit;
      }
      run_interp(it, (const void *const[]){&n, &limit}, NULL, NULL);
      assert_true(*(const float *)interp_value(it, g->out[0]) == p);
      assert_true(*(const float *)interp_value(it, g->out[1]) == q);
      assert_memory_equal(interp_value(it, g->out[2]), rows, sizeof rows);
      assert_int_equal(*(const int64_t *)interp_value(it, g->out[3]), steps);
    }
  free_interp(it);
  free_arena(a);
}

static void count_calls(void *ctx, const Tensor *t, const void *data) {
  (void)data;
  if (strcmp(t->name, "p") == 0 || strcmp(t->name, "r") == 0) ++*(int *)ctx;
}

/* Calibration sees what each step reads and makes. */
static void every_step_is_observed(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, fibonacci);
  Interp *it = new_interp(g);
  int64_t n = 4;
  float most = 100;
  int calls = 0;
  run_interp(it, (const void *const[]){&n, &most}, count_calls, &calls);
  assert_int_equal(calls, 8);
  free_interp(it);
  free_arena(a);
}

static int position(const Graph *g, const char *name) { return node_index(g, find_tensor(g, name)->def); }

/* What does not depend on the steps moves out, an inner loop as a whole or not at all. */
static void loops_are_settled(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a,
                       "# qcc graph 1\n"
                       "settle (float[4] x, int64 n) => (y, late)\n"
                       "{\n"
                       "  const bool true = {1}\n"
                       "  step, go, s = LoopBegin(n, true, x)\n"
                       "  late = Neg(x)\n"
                       "  i_step, i_go, i_s = LoopBegin(n, true, x)\n"
                       "  fixed = Exp(x)\n"
                       "  sum = Add(s, fixed)\n"
                       "  i_next = Mul(i_s, sum)\n"
                       "  inner = LoopEnd<states=1>(i_step, i_go, i_s, n, true, i_next)\n"
                       "  o_step, o_go, o_s = LoopBegin(n, true, x)\n"
                       "  o_next = Tanh(o_s)\n"
                       "  other = LoopEnd<states=1>(o_step, o_go, o_s, n, true, o_next)\n"
                       "  next = Add(inner, other)\n"
                       "  y = LoopEnd<states=1>(step, go, s, n, true, next)\n"
                       "}\n");
  settle_loops(g);
  int begin = position(g, "step"), inner = position(g, "i_step"), end = position(g, "y");
  assert_true(position(g, "late") < begin && position(g, "fixed") < begin && position(g, "other") < begin);
  assert_true(position(g, "o_step") < position(g, "o_next") && position(g, "o_next") < position(g, "other"));
  assert_true(begin < inner && position(g, "sum") < inner && inner < position(g, "i_next"));
  assert_true(position(g, "i_next") < position(g, "inner") && position(g, "inner") < end);
  const int *around = loops_around(a, g);
  assert_int_equal(around[position(g, "i_next")], inner);
  assert_int_equal(around[inner], begin);
  assert_int_equal(around[position(g, "inner")], begin);
  assert_int_equal(around[position(g, "late")], -1);
  assert_int_equal(other_end(g, begin), end);
  assert_int_equal(other_end(g, end), begin);
  free_arena(a);
}

static void assert_guards(const Graph *g, const char *name, const char *first, const char *second) {
  const Attr *where = find_attr(find_tensor(g, name)->def, "where");
  int n = !first ? 0 : !second ? 1 : 2;
  assert_int_equal(where ? where->n : 0, n);
  if (n > 0) assert_string_equal(where->strings[0], first);
  if (n > 1) assert_string_equal(where->strings[1], second);
}

/* A choice in a choice; what both sides read, and what an outer condition does not see. */
static void sides_are_guarded(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a,
                       "# qcc graph 1\n"
                       "guard (float[4] x, bool c) => (y)\n"
                       "{\n"
                       "  const float zero = {0.0}\n"
                       "  both = Abs(x)\n"
                       "  then = Exp(both)\n"
                       "  deep = Sin(x)\n"
                       "  deeper = Cos(deep)\n"
                       "  flat = Neg(both)\n"
                       "  least = ReduceMin<keepdims=0>(x)\n"
                       "  d = Less(least, zero)\n"
                       "  inner = Where(d, deeper, flat)\n"
                       "  y = Where(c, then, inner)\n"
                       "}\n");
  pass_guard(g, &(Context){.arena = a});
  assert_guards(g, "both", NULL, NULL);
  assert_guards(g, "then", "+c", NULL);
  assert_guards(g, "deep", "-c", "+d");
  assert_guards(g, "deeper", "-c", "+d");
  assert_guards(g, "flat", "-c", "-d");
  assert_guards(g, "d", "-c", NULL);
  assert_guards(g, "inner", "-c", NULL);
  assert_guards(g, "y", NULL, NULL);
  assert_true(position(g, "d") < position(g, "deep"));
  free_arena(a);
}

/* A condition of a step says nothing to what lies before the loop. */
static void steps_keep_their_conditions(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a,
                       "# qcc graph 1\n"
                       "step (float[4] x, int64 n) => (y)\n"
                       "{\n"
                       "  const bool true = {1}\n"
                       "  const float zero = {0.0}\n"
                       "  before = Exp(x)\n"
                       "  step, go, s = LoopBegin(n, true, x)\n"
                       "  least = ReduceMin<keepdims=0>(s)\n"
                       "  d = Less(least, zero)\n"
                       "  other = Sin(s)\n"
                       "  next = Where(d, before, other)\n"
                       "  y = LoopEnd<states=1>(step, go, s, n, true, next)\n"
                       "}\n");
  pass_guard(g, &(Context){.arena = a});
  assert_guards(g, "before", NULL, NULL);
  assert_guards(g, "other", "-d", NULL);
  assert_int_equal(position(g, "before"), 0);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_end),         cmocka_unit_test(every_step_is_observed),
      cmocka_unit_test(loops_are_settled), cmocka_unit_test(sides_are_guarded),
      cmocka_unit_test(steps_keep_their_conditions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
