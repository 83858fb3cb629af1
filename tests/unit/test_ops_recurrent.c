/* test_ops_recurrent.c - RNN, GRU and LSTM: one step worked out by hand for each, and what directions,
 * layouts and lengths mean in terms of a plain forward run. */
#include <math.h>

#include "op_fixture.h"

static Tensor *reals(Graph *g, int rank, const int64_t *dim, const float *v) {
  Tensor *t = new_const(g, fresh_name(g, "c"), DT_F32, rank, dim, NULL);
  t->data = arena_alloc(g->arena, tensor_bytes(t));
  memcpy(t->data, v, (size_t)tensor_bytes(t));
  return t;
}

static Tensor *run_layer(Graph *g, const char *op, int n_in, Tensor *const *in, const char *attr, int64_t v) {
  Node *n = make_node(g, op, n_in, in);
  if (attr) set_int(g, n, attr, v);
  return run_node(g, n);
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static void expect(const Tensor *y, double want) {
  double got = get_real(y->dtype, y->data, 0);
  if (fabs(got - want) > 1e-6) fail_msg("%g, expected %g", got, want);
}

/* One unit, one input: every weight has its place in the sum. */
static void test_one_step(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "step");
  const int64_t one[3] = {1, 1, 1}, four[3] = {1, 4, 1}, three[3] = {1, 3, 1};
  Tensor *x = reals(g, 3, one, (float[]){0.5f}), *h = reals(g, 3, one, (float[]){0.25f});
  Tensor *c = reals(g, 3, one, (float[]){-0.75f}), *p = reals(g, 2, (int64_t[]){1, 3}, (float[]){0.1f, 0.2f, 0.3f});
  Tensor *w = reals(g, 3, four, (float[]){0.5f, -0.5f, 1.0f, 2.0f});
  Tensor *r = reals(g, 3, four, (float[]){1.0f, 0.5f, -1.0f, 0.25f});
  Tensor *b = reals(g, 2, (int64_t[]){1, 8}, (float[]){0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f});
  double in = logistic(0.25 + 0.25 + 0.6 - 0.075), forget = logistic(0.5 - 0.25 + 1.0 - 0.225);
  double cell = tanh(1.0 + 0.0625 + 1.2);
  Tensor *lstm[8] = {x, w, r, b, NULL, h, c, p};
  for (int coupled = 0; coupled < 2; coupled++) {
    double kept = (coupled ? 1 - in : forget) * -0.75 + in * cell;
    expect(run_layer(g, "LSTM", 8, lstm, "input_forget", coupled),
           logistic(-0.25 + 0.125 + 0.8 + 0.2 * kept) * tanh(kept));
  }
  Tensor *gru[6] = {x, reals(g, 3, three, w->data), reals(g, 3, three, r->data),
                    reals(g, 2, (int64_t[]){1, 6}, b->data), NULL, h};
  double update = logistic(0.25 + 0.25 + 0.5), reset = logistic(-0.25 + 0.125 + 0.7);
  expect(run_layer(g, "GRU", 6, gru, "linear_before_reset", 0),
         (1 - update) * tanh(0.5 - reset * 0.25 + 0.3 + 0.6) + update * 0.25);
  expect(run_layer(g, "GRU", 6, gru, "linear_before_reset", 1),
         (1 - update) * tanh(0.5 + 0.3 + reset * (-0.25 + 0.6)) + update * 0.25);
  Tensor *rnn[6] = {x, reals(g, 3, one, w->data), reals(g, 3, one, r->data), NULL, NULL, h};
  expect(run_layer(g, "RNN", 6, rnn, NULL, 0), tanh(0.25 + 0.25));
  free_arena(a);
}

enum { STEPS = 4, BATCH = 2, INPUTS = 3, HIDDEN = 5 };

/* Y with h for the hidden units of step t and sample i. */
static const float *units(const Tensor *y, int t, int i) {
  return (const float *)y->data + (t * BATCH + i) * HIDDEN;
}

/* Backwards is forwards over the reversed sequence; a shorter sequence ends early and leaves 0. */
static void test_directions(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "directions");
  Tensor *in[5] = {random_tensor(g, DT_F32, 3, (int64_t[]){STEPS, BATCH, INPUTS}),
                   random_tensor(g, DT_F32, 3, (int64_t[]){1, 3 * HIDDEN, INPUTS}),
                   random_tensor(g, DT_F32, 3, (int64_t[]){1, 3 * HIDDEN, HIDDEN}), NULL,
                   random_tensor(g, DT_I32, 1, (int64_t[]){BATCH})};
  static const int32_t lengths[BATCH] = {STEPS, 2};
  memcpy(in[4]->data, lengths, sizeof lengths);
  Tensor *reversed = random_tensor(g, DT_F32, 3, in[0]->dim), *other[5];
  memcpy(other, in, sizeof in);
  other[0] = reversed;
  for (int i = 0; i < BATCH; i++)
    for (int t = 0; t < lengths[i]; t++)
      memcpy((float *)reversed->data + (t * BATCH + i) * INPUTS,
             (float *)in[0]->data + ((lengths[i] - 1 - t) * BATCH + i) * INPUTS, INPUTS * sizeof(float));
  Tensor *forward = run_layer(g, "GRU", 5, other, NULL, 0);
  Node *n = make_node(g, "GRU", 5, in);
  set_str(g, n, "direction", "reverse");
  Tensor *backward = run_node(g, n);
  for (int i = 0; i < BATCH; i++)
    for (int t = 0; t < STEPS; t++) {
      static const float zeros[HIDDEN];
      int from = lengths[i] - 1 - t;
      assert_memory_equal(units(backward, t, i), from < 0 ? zeros : units(forward, from, i), sizeof zeros);
    }
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_step), cmocka_unit_test(test_directions)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
