/* emit_tflite.c - calls of the kernels that compute as TensorFlow Lite's do. */
#include "codegen/emit.h"

static void write_factor(Emitter *e, const Node *n, const char *name, const char *m, const char *exponent) {
  fprintf(e->calls, ".%s = {%lld, %lld}, ", name, (long long)attr_int(n, m, 0), (long long)attr_int(n, exponent, 0));
}

static void write_bounds(Emitter *e, const Node *n) {
  field(e, "lo", attr_int(n, "lo", -128));
  field(e, "hi", attr_int(n, "hi", 127));
}

static void open_binary(Emitter *e, const Node *n, const char *name) {
  open_params(e, name);
  field(e, "a_zero", attr_int(n, "a_zero", 0)), field(e, "b_zero", attr_int(n, "b_zero", 0));
  field(e, "y_zero", attr_int(n, "y_zero", 0));
  write_factor(e, n, "y", "m", "exponent");
  write_bounds(e, n);
}

void emit_tadd(Emitter *e, const Node *n, const Kernel *k) {
  open_binary(e, n, "qcc_tflite_add");
  write_factor(e, n, "a", "a_m", "a_exponent");
  write_factor(e, n, "b", "b_m", "b_exponent");
  field(e, "sign", attr_int(n, "subtract", 0) ? -1 : 1);
  close_params(e);
  call_binary(e, n, k);
}

void emit_tmul(Emitter *e, const Node *n, const Kernel *k) {
  open_binary(e, n, "qcc_tflite_mul");
  close_params(e);
  call_binary(e, n, k);
}

void emit_taveragepool(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_avgpool_tflite");
  write_window(e, n, NULL);
  write_bounds(e, n);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s)", k->name, pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
}

void emit_tlstm(Emitter *e, const Node *n, const Kernel *k) {
  TLstm r;
  get_tlstm(n, &r);
  open_params(e, "qcc_lstm_tflite");
  field(e, "batch", r.batch), field(e, "steps", r.steps), field(e, "inputs", r.inputs), field(e, "hidden", r.hidden);
  field(e, "x_step", r.x_step), field(e, "x_sample", r.x_sample);
  field(e, "y_step", r.y_step), field(e, "y_sample", r.y_sample);
  field(e, "tanh_m", r.tanh_m), field(e, "tanh_shift", r.tanh_shift);
  field(e, "keep_m", r.m[0]), field(e, "keep_exponent", r.exponent[0]);
  field(e, "in_m", r.m[1]), field(e, "in_exponent", r.exponent[1]);
  field(e, "out_m", r.m[2]), field(e, "out_exponent", r.exponent[2]);
  field(e, "zero", r.zero), field(e, "clip", r.clip);
  close_params(e);
  const char *w = constant_array(e, n->in[1], "w"), *v = constant_array(e, n->in[2], "w");
  const char *b = constant_array(e, n->in[3], "b"), *m = constant_array(e, n->in[4], "m");
  call(e, "qcc_%s(&p, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), w, v, b, m,
       constant_array(e, n->in[5], "t"), pointer_to(e, n->in[6]), pointer_to(e, n->in[7]), scratch_place(e, n),
       pointer_to(e, n->out[0]), pointer_to(e, n->out[1]), pointer_to(e, n->out[2]));
}
