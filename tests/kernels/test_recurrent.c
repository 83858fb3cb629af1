/* test_recurrent.c - RNN, GRU and LSTM over random shapes, directions, functions and lengths, against
 * eval: every optional input and output is there or not.  And TLSTM, whose codes must be the same. */
#include "ir/ir.h"
#include "tests/kernels/guard.h"

#include "runtime/lstm_tflite.h"
#include "runtime/recurrent_f32.h"

enum { MAX_IN = 8, MAX_OUT = 3, INPUT = 0, LENGTHS = 4, STATE = 5, CELL = 6, PEEPHOLE = 7 };

typedef struct Layer {
  Arena *a;
  Graph *g;
  Node *n;
  int n_in, n_out;
  Tensor *in[MAX_IN], *out[MAX_OUT];
  const void *data[MAX_IN];
} Layer;

static void add_input(Layer *l, int i, int rank, const int64_t *dim) {
  Tensor *t = new_tensor(l->g, fresh_name(l->g, "x"), i == LENGTHS ? DT_I32 : DT_F32, rank, dim);
  l->in[i] = t;
  l->data[i] = random_reals(n_elements(t));
  for (int64_t k = 0; i == LENGTHS && k < n_elements(t); k++) ((int32_t *)l->data[i])[k] = random_int(-1, 8);
}

static void set_words(Layer *l, const char *name, int n, const char **words) {
  set_attr(l->g, l->n, &(Attr){.name = name, .kind = ATTR_STRINGS, .n = n, .strings = words});
}

static void random_attributes(Layer *l, int gates, int directions) {
  static const char *const names[] = {"Sigmoid", "tanh", "Relu", "Affine", "LeakyRelu", "ThresholdedRelu",
                                      "ScaledTanh", "HardSigmoid", "Elu", "Softsign", "Softplus"};
  static double numbers[] = {0.25, 0.75, 0.5, 0.125, 0.5, 1};
  const char *words[6];
  int n = directions * (gates == 4 ? 3 : gates == 3 ? 2 : 1);
  for (int i = 0; i < n; i++) words[i] = names[random_int(0, 10)];
  if (random_int(0, 1)) set_words(l, "activations", n, words);
  Attr alpha = {.name = "activation_alpha", .kind = ATTR_FLOATS, .n = random_int(0, n), .floats = numbers};
  Attr beta = {.name = "activation_beta", .kind = ATTR_FLOATS, .n = random_int(0, n), .floats = numbers + 1};
  if (beta.n > 5) beta.n = 5;
  set_attr(l->g, l->n, &alpha);
  set_attr(l->g, l->n, &beta);
  if (random_int(0, 1)) set_float(l->g, l->n, "clip", 0.5);
  if (gates == 4 && random_int(0, 1)) set_float(l->g, l->n, "cell_clip", 0.25);
  set_int(l->g, l->n, gates == 3 ? "linear_before_reset" : "input_forget", random_int(0, 1));
}

static Layer random_layer(int gates) {
  Layer l = {.a = new_arena(), .n_in = gates == 4 ? 8 : 6, .n_out = gates == 4 ? 3 : 2};
  l.g = new_graph(l.a, "layer");
  int64_t inputs = random_int(1, 9), hidden = random_int(1, 11), steps = random_int(1, 5), batch = random_int(1, 3);
  int kind = random_int(0, 2), layout = random_int(0, 1);
  int64_t d = kind == 2 ? 2 : 1, rows = gates * hidden;
  add_input(&l, INPUT, 3, (int64_t[]){layout ? batch : steps, layout ? steps : batch, inputs});
  add_input(&l, 1, 3, (int64_t[]){d, rows, inputs});
  add_input(&l, 2, 3, (int64_t[]){d, rows, hidden});
  int64_t state[3] = {layout ? batch : d, layout ? d : batch, hidden};
  if (random_int(0, 1)) add_input(&l, 3, 2, (int64_t[]){d, 2 * rows});
  if (random_int(0, 1)) add_input(&l, LENGTHS, 1, &batch);
  if (random_int(0, 1)) add_input(&l, STATE, 3, state);
  if (gates == 4 && random_int(0, 1)) add_input(&l, CELL, 3, state);
  if (gates == 4 && random_int(0, 1)) add_input(&l, PEEPHOLE, 2, (int64_t[]){d, 3 * hidden});
  for (int i = 0; i < l.n_out; i++)
    if (i == 0 || random_int(0, 2)) l.out[i] = new_tensor(l.g, fresh_name(l.g, "y"), DT_NONE, -1, NULL);
  l.n = add_node(l.g, -1, gates == 4 ? "LSTM" : gates == 3 ? "GRU" : "RNN", "layer", l.n_in, l.in, l.n_out, l.out);
  static const char *const directions[] = {"forward", "reverse", "bidirectional"};
  set_str(l.g, l.n, "direction", directions[kind]);
  set_int(l.g, l.n, "layout", layout);
  random_attributes(&l, gates, (int)d);
  infer_node(l.g, l.n);
  return l;
}

static struct qcc_recurrent params_of(const Node *n) {
  Recurrent r;
  get_recurrent(n, &r);
  struct qcc_recurrent p = {
      .directions = r.directions, .batch = (int32_t)r.batch, .steps = (int32_t)r.steps,
      .inputs = (int32_t)r.inputs, .hidden = (int32_t)r.hidden, .backwards = r.backwards,
      .x_step = (int32_t)r.x_step, .x_sample = (int32_t)r.x_sample, .y_step = (int32_t)r.y_step,
      .y_sample = (int32_t)r.y_sample, .y_direction = (int32_t)r.y_direction,
      .h_sample = (int32_t)r.h_sample, .h_direction = (int32_t)r.h_direction, .clip = (float)r.clip,
      .cell_clip = (float)r.cell_clip,
      .variant = (int32_t)attr_int(n, r.gates == 3 ? "linear_before_reset" : "input_forget", 0)};
  for (int i = 0; i < 6; i++) {
    const GateFunction *f = &r.function[i / 3][i % 3];
    p.gate[i / 3][i % 3] = (struct qcc_gate){f->function, (float)f->alpha, (float)f->beta};
  }
  return p;
}

static void run_kernel(int gates, const Layer *l, float *const *y) {
  struct qcc_recurrent p = params_of(l->n);
  const void *const *x = l->data;
  float *scratch = new_buffer(4 * (int64_t)(3 + gates) * p.hidden);
  if (gates == 4) qcc_lstm_f32(&p, x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], scratch, y[0], y[1], y[2]);
  else if (gates == 3) qcc_gru_f32(&p, x[0], x[1], x[2], x[3], x[4], x[5], scratch, y[0], y[1]);
  else qcc_rnn_f32(&p, x[0], x[1], x[2], x[3], x[4], x[5], scratch, y[0], y[1]);
}

static void test_recurrent(void **state) {
  (void)state;
  for (int i = 0; i < 300; i++) {
    int gates = i % 3 == 0 ? 4 : i % 3 == 1 ? 3 : 1;
    Layer l = random_layer(gates);
    float *y[MAX_OUT] = {0};
    void *want[MAX_OUT] = {0};
    for (int k = 0; k < l.n_out; k++) {
      if (!l.out[k]) continue;
      y[k] = new_buffer(tensor_bytes(l.out[k]));
      want[k] = new_buffer(tensor_bytes(l.out[k]));
    }
    eval_node(l.n, l.data, want);
    run_kernel(gates, &l, y);
    for (int k = 0; k < l.n_out; k++) {
      if (!l.out[k]) continue;
      int64_t n = n_elements(l.out[k]);
      double *exact = new_buffer(8 * n);
      for (int64_t j = 0; j < n; j++) exact[j] = (double)((float *)want[k])[j];
      assert_close(y[k], exact, n);
    }
    free_buffers();
    free_arena(l.a);
  }
}

/* ---- TLSTM */

enum { CODE_INPUTS = 8, HIDDEN_STATE = 6, CELL_STATE = 7 };

/* Multipliers that bring sums of `count` products near the 16 bits of a gate, now and then beyond. */
static void random_multipliers(int32_t *m, int64_t count) {
  int bits = 14;
  while (count >> (bits - 14)) bits++;
  for (int k = 0; k < 4; k++) m[k] = random_int(1 << 30, INT32_MAX), m[4 + k] = 14 - bits + random_int(0, 2);
}

static void set_tlstm(Layer *l) {
  static const char *const m[] = {"keep_m", "in_m", "out_m"}, *const exponent[] = {"keep_exponent", "in_exponent",
                                                                                  "out_exponent"};
  int bits = random_int(0, 20);
  set_int(l->g, l->n, "cell_bits", bits);
  if (random_int(0, 1)) set_int(l->g, l->n, "cell_clip", random_int(1, 32767));
  for (int i = 0; i < 3; i++) {
    set_int(l->g, l->n, m[i], random_int(1 << 30, INT32_MAX));
    set_int(l->g, l->n, exponent[i], i == 2 ? random_int(-24, -20) : i == 1 ? random_int(-18, -13) : -14);
  }
  set_int(l->g, l->n, "y_zero", random_int(-128, 127));
}

static Layer random_tlstm(void) {
  Layer l = {.a = new_arena(), .n_in = CODE_INPUTS, .n_out = 3};
  l.g = new_graph(l.a, "layer");
  int64_t inputs = random_int(1, 19), hidden = random_int(1, 21), steps = random_int(1, 5), batch = random_int(1, 3);
  int layout = random_int(0, 1);
  const int64_t rows = 4 * hidden, dim[CODE_INPUTS][3] = {
      {layout ? batch : steps, layout ? steps : batch, inputs}, {rows, inputs}, {rows, hidden}, {2, rows}, {2, 2, 4},
      {256}, {batch, hidden}, {batch, hidden}};
  static const int rank[] = {3, 2, 2, 2, 3, 1, 2, 2};
  static const DType type[] = {DT_I8, DT_I8, DT_I8, DT_I32, DT_I32, DT_U16, DT_I8, DT_I16};
  for (int i = 0; i < CODE_INPUTS; i++) {
    l.in[i] = new_tensor(l.g, fresh_name(l.g, "x"), type[i], rank[i], dim[i]);
    void *data = new_buffer(tensor_bytes(l.in[i]));
    for (int64_t k = 0; k < n_elements(l.in[i]); k++)
      set_real(type[i], data, k, i == CELL_STATE ? random_int(-32768, 32767) : random_int(-128, 127));
    l.data[i] = data;
  }
  for (int64_t k = 0; k < 2 * rows; k++) ((int32_t *)l.data[3])[k] = random_int(-5000, 5000);
  random_multipliers((int32_t *)l.data[4], inputs);
  random_multipliers((int32_t *)l.data[4] + 8, hidden);
  memcpy((void *)l.data[5], sigmoid_points(l.a), 512);
  for (int i = 0; i < 3; i++) l.out[i] = new_tensor(l.g, fresh_name(l.g, "y"), DT_NONE, -1, NULL);
  l.n = add_node(l.g, -1, "TLSTM", "layer", l.n_in, l.in, l.n_out, l.out);
  set_int(l.g, l.n, "layout", layout);
  set_tlstm(&l);
  infer_node(l.g, l.n);
  return l;
}

static void test_tlstm(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Layer l = random_tlstm();
    TLstm r;
    get_tlstm(l.n, &r);
    struct qcc_lstm_tflite p = {
        .batch = (int32_t)r.batch, .steps = (int32_t)r.steps, .inputs = (int32_t)r.inputs, .hidden = (int32_t)r.hidden,
        .x_step = (int32_t)r.x_step, .x_sample = (int32_t)r.x_sample, .y_step = (int32_t)r.y_step,
        .y_sample = (int32_t)r.y_sample, .tanh_m = r.tanh_m, .tanh_shift = r.tanh_shift, .keep_m = r.m[0],
        .keep_exponent = r.exponent[0], .in_m = r.m[1], .in_exponent = r.exponent[1], .out_m = r.m[2],
        .out_exponent = r.exponent[2], .zero = r.zero, .clip = r.clip};
    void *y[3], *want[3];
    for (int k = 0; k < 3; k++) y[k] = new_buffer(tensor_bytes(l.out[k])), want[k] = new_buffer(tensor_bytes(l.out[k]));
    eval_node(l.n, l.data, want);
    const void *const *x = l.data;
    /* As in the firmware, states may be written where they are. */
    void *h = i % 2 ? (void *)x[HIDDEN_STATE] : y[1];
    qcc_lstm_tflite(&p, x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], new_buffer(8 * r.hidden), y[0], h, y[2]);
    assert_memory_equal(y[0], want[0], (size_t)tensor_bytes(l.out[0]));
    assert_memory_equal(h, want[1], (size_t)tensor_bytes(l.out[1]));
    assert_memory_equal(y[2], want[2], (size_t)tensor_bytes(l.out[2]));
    free_buffers();
    free_arena(l.a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_recurrent), cmocka_unit_test(test_tlstm)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
