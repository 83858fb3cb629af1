/* test_tflite_lstm.c - UNIDIRECTIONAL_SEQUENCE_LSTM of TensorFlow Lite files: codes as TensorFlow Lite Micro's
 * reference kernel gives them (its outputs for the file that is written here are in `expected`), reals as the
 * formulas of the layer give them, and what is refused. */
#include <math.h>

#include "tests/unit/tflite_case.h"

enum { F32 = 0, I32 = 2, I16 = 7, I8 = 9 };
enum { LSTM = 44, TANH = 4 };
enum { STEPS = 3, INPUTS = 2, HIDDEN = 3, CALLS = 4, GATES = 4 };
enum { IN = STEPS * INPUTS, OUT = STEPS * HIDDEN };  /* elements of one call */
enum { X, W, R = W + GATES, B = R + GATES, H = B + GATES, C, Y, N_TENSOR };

static int8_t w[GATES][HIDDEN * INPUTS], r[GATES][HIDDEN * HIDDEN];
static int32_t b[GATES][HIDDEN];
static float w_f[GATES][HIDDEN * INPUTS], r_f[GATES][HIDDEN * HIDDEN], b_f[GATES][HIDDEN];
static const char *const names[N_TENSOR] = {"x",   "w_i", "w_f", "w_c", "w_o", "r_i", "r_f", "r_c",
                                            "r_o", "b_i", "b_f", "b_c", "b_o", "h",   "c",   "y"};

static void fill_weights(void) {
  uint32_t state = 7;
  for (int k = 0; k < GATES; k++) {
    for (int i = 0; i < HIDDEN * INPUTS; i++) w[k][i] = (int8_t)(next_random(&state) % 255 - 127);
    for (int i = 0; i < HIDDEN * HIDDEN; i++) r[k][i] = (int8_t)(next_random(&state) % 255 - 127);
    for (int i = 0; i < HIDDEN; i++) b[k][i] = (int32_t)(next_random(&state) % 4000) - 2000;
    for (int i = 0; i < HIDDEN * INPUTS; i++) w_f[k][i] = (float)w[k][i] / 64;
    for (int i = 0; i < HIDDEN * HIDDEN; i++) r_f[k][i] = (float)r[k][i] / 100;
    for (int i = 0; i < HIDDEN; i++) b_f[k][i] = (float)b[k][i] / 2000;
  }
}

/* A layer of one operator: the tensors, then the operator, to be changed by a test. */
static DraftOperator draft_layer(DraftTensor *t, bool codes) {
  for (int i = 0; i < N_TENSOR; i++) {
    bool matrix = i >= W && i < B, part = i >= W && i < H;
    int width = i < R ? INPUTS : HIDDEN, gate = (i - W + GATES) % GATES;
    t[i] = (DraftTensor){.name = names[i], .type = codes ? I8 : F32, .rank = 2, .dim = {1, HIDDEN}, .n_scale = codes};
    if (i == X || i == Y) t[i].rank = 3, t[i].dim[1] = STEPS, t[i].dim[2] = i == X ? INPUTS : HIDDEN;
    if (part) t[i].dim[0] = HIDDEN, t[i].dim[1] = width, t[i].rank = matrix ? 2 : 1;
    if (i < R) t[i].data = codes ? (const void *)w[gate] : w_f[gate];
    else if (i < B) t[i].data = codes ? (const void *)r[gate] : r_f[gate];
    else t[i].data = codes ? (const void *)b[gate] : b_f[gate];
    if (!part) t[i].data = NULL;
    t[i].n_data = (matrix ? HIDDEN * width : HIDDEN) * (codes && matrix ? 1 : 4);
    t[i].variable = i == H || i == C;
    t[i].scale[0] = matrix ? 0.011f + 0.004f * (float)gate : i == C ? 1.f / 4096 : 0.0075f;
    t[i].zero = i == X ? 11 : i == H || i == Y ? -5 : 0;
    if (i == X) t[i].scale[0] = 0.04f;
    if (codes && !matrix && part) t[i].type = I32;
    if (codes && i == C) t[i].type = I16;
  }
  DraftOperator o = {.builtin = LSTM, .n_in = 24, .n_out = 1, .out = {Y}, .n_option = 4, .option = {TANH}};
  for (int i = 0; i < 24; i++) o.in[i] = -1;
  o.in[0] = X, o.in[18] = H, o.in[19] = C;
  for (int k = 0; k < GATES; k++) o.in[1 + k] = W + k, o.in[5 + k] = R + k, o.in[12 + k] = B + k;
  const float clip = codes ? 1.5f : 0.75f;
  memcpy(&o.option[1], &clip, 4);
  return o;
}

static void save_layer(const DraftTensor *t, const DraftOperator *o) {
  Draft d;
  add_model(&d, N_TENSOR, t, 1, o);
  save(&d, d.n);
}

/* Each call goes on where the one before it left off. */
static void call_each(Graph *g, const void *x, int64_t x_bytes, void *y, int64_t y_bytes) {
  void *state[2];
  assert_int_equal(g->n_state, 2);
  assert_int_equal(n_inputs(g), 1);
  reset_states(g, state);
  Interp *it = new_interp(g);
  for (int i = 0; i < CALLS; i++) {
    const void *in[3] = {(const char *)x + i * x_bytes, state[0], state[1]};
    run_interp(it, in, NULL, NULL);
    memcpy((char *)y + i * y_bytes, interp_value(it, g->out[0]), (size_t)y_bytes);
    keep_states(g, it, state);
  }
  free_interp(it);
}

static const int8_t expected[CALLS * OUT] = {
    8,    -99, 48, 75, -119, 28, -95, -5, -5, -116, -5,  -5,  -17, 26, 44,  -5, -5,  -5,
    -73,  -5,  -5, -23, -5,  -6, -8,  98, -97, -5,  112, -36, 81,  -5, -37, 89, -50, 14};

static void is_exact(void **state) {
  (void)state;
  DraftTensor t[N_TENSOR];
  DraftOperator o = draft_layer(t, true);
  save_layer(t, &o);
  Arena *a = new_arena();
  Graph *g = lowered(a);
  int8_t x[CALLS * IN], y[CALLS * OUT];
  uint32_t random = 5;
  for (int i = 0; i < CALLS * IN; i++) x[i] = (int8_t)(next_random(&random) % 256 - 128);
  call_each(g, x, IN * (int64_t)sizeof *x, y, OUT * (int64_t)sizeof *y);
  for (int i = 0; i < CALLS * OUT; i++) assert_int_equal(y[i], expected[i]);
  free_arena(a);
}

static double sigmoid(double v) { return 1 / (1 + exp(-v)); }

/* One step by the formulas of the layer; the cell is cut off at `clip`. */
static void step(const float *x, double clip, double *h, double *c) {
  double gate[GATES][HIDDEN];
  for (int k = 0; k < GATES; k++)
    for (int i = 0; i < HIDDEN; i++) {
      double sum = (double)b_f[k][i];
      for (int j = 0; j < INPUTS; j++) sum += (double)(w_f[k][i * INPUTS + j] * x[j]);
      for (int j = 0; j < HIDDEN; j++) sum += (double)r_f[k][i * HIDDEN + j] * h[j];
      gate[k][i] = k == 2 ? tanh(sum) : sigmoid(sum);
    }
  for (int i = 0; i < HIDDEN; i++) {
    c[i] = fmax(-clip, fmin(clip, gate[1][i] * c[i] + gate[0][i] * gate[2][i]));
    h[i] = gate[3][i] * tanh(c[i]);
  }
}

static void computes_reals(void **state) {
  (void)state;
  DraftTensor t[N_TENSOR];
  DraftOperator o = draft_layer(t, false);
  for (int time_major = 0; time_major < 2; time_major++) {
    if (time_major) t[X].dim[0] = t[Y].dim[0] = STEPS, t[X].dim[1] = t[Y].dim[1] = 1;
    o.option[3] = time_major;
    save_layer(t, &o);
    Arena *a = new_arena();
    Graph *g = lowered(a);
    float x[CALLS * IN], y[CALLS * OUT];
    double h[HIDDEN] = {0}, c[HIDDEN] = {0};
    uint32_t random = 5;
    for (int i = 0; i < CALLS * IN; i++) x[i] = (float)(next_random(&random) % 2001) / 500 - 2;
    call_each(g, x, IN * (int64_t)sizeof *x, y, OUT * (int64_t)sizeof *y);
    for (int i = 0; i < CALLS * STEPS; i++) {
      step(x + i * INPUTS, 0.75, h, c);
      for (int k = 0; k < HIDDEN; k++) assert_true(fabs((double)y[i * HIDDEN + k] - h[k]) < 1e-6);
    }
    free_arena(a);
  }
}

/* Input i of the operator becomes tensor `is`, or the tensor is changed. */
static void refuses(void **state) {
  (void)state;
  static const struct { int input, is; const char *expected; } faults[] = {
    {1, -1, "input 1: input gates that follow from forget gates are not supported"},
    {9, B, "input 9: weights of peepholes are not supported"},
    {16, R, "input 16: projections are not supported"},
    {20, B, "input 20: layer normalizations are not supported"},
    {18, -1, "input 18, a state, is absent"},
    {18, W, "input 18, 'w_i', is no variable tensor"},
    {6, W, "input 6, 'w_i', is not a constant of shape [3,3]"},
    {12, W, "input 12, 'w_i', is not a constant of shape [3]"},
  };
  DraftTensor t[N_TENSOR];
  DraftOperator o = draft_layer(t, true);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    DraftOperator bad = o;
    bad.in[faults[i].input] = faults[i].is;
    save_layer(t, &bad);
    complains(faults[i].expected);
  }
  DraftOperator relu = o;
  relu.option[0] = 1;
  save_layer(t, &relu);
  complains("activation function 1 of the cell is not supported, expected 4, TANH");
  t[C].scale[0] = 0.001f;
  save_layer(t, &o);
  complains("input 19, the cell, has scale 0.001 and zero point 0: expected a power of two from 2^-20 to 1 and 0");
  o = draft_layer(t, true);
  t[W].zero = 1;
  save_layer(t, &o);
  complains("input 1, 'w_i', has zero point 1, expected 0");
  o = draft_layer(t, true);
  t[H].dim[1] = t[H].rank = 1;
  save_layer(t, &o);
  complains("input 18, 'h', is [1]: expected a state of 3 units for each of 1 samples");
}

static void survives_flipped_bits(void **state) {
  (void)state;
  DraftTensor t[N_TENSOR];
  for (int codes = 0; codes < 2; codes++) {
    DraftOperator o = draft_layer(t, codes);
    Draft d;
    add_model(&d, N_TENSOR, t, 1, &o);
    change_bytes(&d, 8, 5);
  }
}

int main(void) {
  if (!begin_files()) return 1;
  fill_weights();
  const struct CMUnitTest tests[] = {cmocka_unit_test(is_exact), cmocka_unit_test(computes_reals),
                                     cmocka_unit_test(refuses), cmocka_unit_test(survives_flipped_bits)};
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  end_files();
  return failed;
}
