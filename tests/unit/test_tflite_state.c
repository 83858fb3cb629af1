/* test_tflite_state.c - variables of TensorFlow Lite files: read, assigned, and given a value by a subgraph that is
 * called once.  The model is a running sum: y = v + x, then v = y. */
#include "driver/driver.h"
#include "tests/unit/tflite_case.h"

enum { F32 = 0, I32 = 2, I8 = 9, RESOURCE = 13 };
enum { ADD = 0, CALL_ONCE = 129, VAR_HANDLE = 142, READ = 143, ASSIGN = 144 };
enum { N = 3 };

static const float start_f[N] = {1, -2, 0.5f};
static const int8_t start_q[N] = {3, -4, 5};

typedef struct Model {
  DraftTensor t[4], once_t[2];  /* x, handle, v, y; handle, start */
  DraftOperator o[5], once_o[2];
} Model;

static DraftTensor value(const char *name, bool codes) {
  return (DraftTensor){.name = name, .type = codes ? I8 : F32, .rank = 2, .dim = {1, N}, .n_scale = codes,
                       .scale = {0.5f}, .zero = -1};
}

static Model running_sum(bool codes) {
  Model m = {.t = {value("x", codes), {.name = "h", .type = RESOURCE}, value("v", codes), value("y", codes)},
             .once_t = {{.name = "h", .type = RESOURCE}, value("start", codes)}};
  m.once_t[1].data = codes ? (const void *)start_q : start_f;
  m.once_t[1].n_data = codes ? N : 4 * N;
  const DraftOperator handle = {.builtin = VAR_HANDLE, .n_out = 1, .out = {1}, .text = "sum"};
  m.o[0] = (DraftOperator){.builtin = CALL_ONCE, .n_option = 1, .option = {1}};
  m.o[1] = handle;
  m.o[2] = (DraftOperator){.builtin = READ, .n_in = 1, .in = {1}, .n_out = 1, .out = {2}};
  m.o[3] = (DraftOperator){.builtin = ADD, .n_in = 2, .in = {2, 0}, .n_out = 1, .out = {3}, .n_option = 1};
  m.o[4] = (DraftOperator){.builtin = ASSIGN, .n_in = 2, .in = {1, 3}};
  m.once_o[0] = handle, m.once_o[0].out[0] = 0;
  m.once_o[1] = (DraftOperator){.builtin = ASSIGN, .n_in = 2, .in = {0, 1}};
  return m;
}

static void save_sum(const Model *m, int n_op) {
  Draft d;
  add_graphs(&d, 2, (DraftGraph[]){{4, n_op, m->t, m->o}, {2, 2, m->once_t, m->once_o}});
  save(&d, d.n);
}

static Samples ones(Arena *a, const Graph *g, void *x, int64_t calls) {
  Samples s = {.n = calls, .n_in = 1, .data = arena_alloc(a, sizeof(void *))};
  s.data[0] = x;
  assert_int_equal(n_inputs(g), 1);
  assert_int_equal(g->n_state, 1);
  return s;
}

static void adds_up(void **state) {
  (void)state;
  Model m = running_sum(false);
  save_sum(&m, 5);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  float x[2 * N] = {1, 1, 1, 2, 3, 4}, y[2 * N];
  const float want[2 * N] = {2, -1, 1.5f, 4, 2, 5.5f};
  Samples s = ones(a, g, x, 2);
  assert_string_equal(g->in[1]->name, "sum");
  run_samples_on(g, &s, (uint8_t *)y);
  assert_memory_equal(y, want, sizeof y);
  free_arena(a);
}

static void adds_codes_up(void **state) {
  (void)state;
  Model m = running_sum(true);
  save_sum(&m, 5);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  int8_t x[2 * N] = {1, 1, 1, 2, 3, 4}, y[2 * N];
  const int8_t want[2 * N] = {5, -2, 7, 8, 2, 12}; /* sums of codes above the zero point, -1 */
  Samples s = ones(a, g, x, 2);
  run_samples_on(g, &s, (uint8_t *)y);
  for (int i = 0; i < 2 * N; i++) assert_int_equal(y[i], want[i]);
  free_arena(a);
}

/* Without an assignment before the first call a variable begins with 0. */
static void begins_with_zero(void **state) {
  (void)state;
  Model m = running_sum(true);
  m.once_o[0].text = "another";
  save_sum(&m, 5);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  int8_t x[N] = {1, 2, 3}, y[N];
  Samples s = ones(a, g, x, 1);
  run_samples_on(g, &s, (uint8_t *)y);
  assert_memory_equal(y, x, sizeof y);
  free_arena(a);
}

static void says_what_is_wrong(void **state) {
  (void)state;
  Model m = running_sum(false);
  m.o[0].option[0] = 2;
  save_sum(&m, 5);
  complains("operator 0 (CALL_ONCE): error: it calls subgraph 2 of 2");
  m = running_sum(false);
  m.once_o[1] = (DraftOperator){.builtin = ADD, .n_in = 2, .in = {1, 1}, .n_out = 1, .out = {0}, .n_option = 1};
  save_sum(&m, 5);
  complains("operator 1 (ADD): error: it is not supported in a subgraph that is called once");
  m = running_sum(false);
  m.once_t[1].data = NULL;
  save_sum(&m, 5);
  complains("operator 1 (ASSIGN_VARIABLE): error: input 1, 'start', is made by no operator before");
  m = running_sum(false);
  m.o[2].in[0] = 0;
  save_sum(&m, 5);
  complains("operator 2 (READ_VARIABLE): error: input 0 stands for no variable");
  m = running_sum(false);
  m.once_t[1].dim[1] = 2, m.once_t[1].n_data = 8;
  save_sum(&m, 5);
  complains("variable 'sum' is float[1,3] here, but float[1,2] elsewhere");
  m = running_sum(true);
  m.once_t[1].scale[0] = 0.25f;
  save_sum(&m, 5);
  complains("variable 'sum' has codes of different scales");
}

static void survives_flipped_bits(void **state) {
  (void)state;
  Model m = running_sum(true);
  Draft d;
  add_graphs(&d, 2, (DraftGraph[]){{4, 5, m.t, m.o}, {2, 2, m.once_t, m.once_o}});
  change_bytes(&d, 8, 3);
}

int main(void) {
  if (!begin_files()) return 1;
  const struct CMUnitTest tests[] = {cmocka_unit_test(adds_up), cmocka_unit_test(adds_codes_up),
                                     cmocka_unit_test(begins_with_zero), cmocka_unit_test(says_what_is_wrong),
                                     cmocka_unit_test(survives_flipped_bits)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  end_files();
  return failed;
}
