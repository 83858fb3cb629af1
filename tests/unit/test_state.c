/* test_state.c - states of a graph: steps that count, what samples with states are, and mistakes. */
#include "driver/driver.h"
#include "tests/unit/graph_text.h"

/* total is the sum of everything so far, twice it the output. */
static const char counter[] =
    "count (float[1] total <state=\"next\">, float[1] x) => (float[1] next, float[1] y)\n"
    "{\n"
    "  next = Add(total, x)\n"
    "  y = Add(next, next)\n"
    "}\n";

static Samples numbers(Arena *a) {
  static const float v[] = {1, 2, 3, 4};
  Samples s = {.n = 4, .n_in = 1, .data = arena_alloc(a, sizeof(void *))};
  s.data[0] = arena_alloc(a, sizeof v);
  memcpy(s.data[0], v, sizeof v);
  return s;
}

/* States stand behind inputs and outputs, whatever the order in the model. */
static void test_order(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, counter);
  assert_int_equal(n_inputs(g), 1);
  assert_int_equal(n_outputs(g), 1);
  assert_string_equal(g->in[0]->name, "x");
  assert_string_equal(g->in[1]->name, "total");
  assert_string_equal(g->out[0]->name, "y");
  assert_string_equal(g->out[1]->name, "next");
  assert_int_equal(clone_graph(g)->n_state, 1);
  free_arena(a);
}

static void test_steps(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, counter);
  Samples s = numbers(a);
  float y[4];
  run_samples_on(g, &s, (uint8_t *)y);
  static const float sums[] = {2, 6, 12, 20}, before[] = {0, 1, 3, 6};
  assert_memory_equal(y, sums, sizeof sums);
  record_states(a, g, &s);
  assert_int_equal(s.n_in, 2);
  assert_memory_equal(s.data[1], before, sizeof before);
  free_arena(a);
}

/* Codes of 0 are the zero point. */
static void test_reset(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "g");
  Tensor *t = new_tensor(g, "t", DT_I8, 1, (int64_t[]){3});
  int8_t v[3];
  t->quant = new_quant(g, find_format("int8"), -1, 0, 1);
  t->quant->scale[0] = 0.5f, t->quant->zero[0] = -7;
  reset_state(t, v);
  assert_memory_equal(v, ((int8_t[]){-7, -7, -7}), 3);
  free_arena(a);
}

/* A state may start with numbers of its own; passes that change its type change them. */
static void test_start(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = read_text(a, "count (float[3] total <state=\"next\", start=[1.0, -2.0, 40.0]>, float[3] x)\n"
                          " => (float[3] next, float[3] y)\n{\n  next = Add(total, x)\n  y = Add(next, next)\n}\n");
  float v[3];
  reset_state(g->in[1], v);
  assert_memory_equal(v, ((float[]){1, -2, 40}), sizeof v);
  Tensor *t = new_tensor(g, "codes", DT_I8, 1, (int64_t[]){3});
  int8_t q[3];
  t->start = g->in[1]->start;
  t->quant = new_quant(g, find_format("int8"), -1, 0, 1);
  t->quant->scale[0] = 0.25f, t->quant->zero[0] = -7;
  reset_state(t, q);
  assert_memory_equal(q, ((int8_t[]){-3, -15, 127}), 3);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_start),
                                     cmocka_unit_test(test_order), cmocka_unit_test(test_steps),
                                     cmocka_unit_test(test_reset)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
