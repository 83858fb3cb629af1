/* emit_recurrent.c - calls of RNN, GRU and LSTM. */
#include "codegen/emit.h"

static void write_recurrent(Emitter *e, const Node *n) {
  Recurrent r;
  get_recurrent(n, &r);
  open_params(e, "qcc_recurrent");
  field(e, "directions", r.directions), field(e, "batch", r.batch), field(e, "steps", r.steps);
  field(e, "inputs", r.inputs), field(e, "hidden", r.hidden), field(e, "backwards", r.backwards);
  field(e, "x_step", r.x_step), field(e, "x_sample", r.x_sample);
  field(e, "y_step", r.y_step), field(e, "y_sample", r.y_sample),
      field(e, "y_direction", r.y_direction);
  field(e, "h_sample", r.h_sample), field(e, "h_direction", r.h_direction);
  field(e, "variant", attr_int(n, is_op(n, "GRU") ? "linear_before_reset" : "input_forget", 0));
  fprintf(e->calls, ".clip = %s, ", float_text(e, r.clip));
  if (is_op(n, "LSTM")) fprintf(e->calls, ".cell_clip = %s, ", float_text(e, r.cell_clip));
  fprintf(e->calls, ".gate = {");
  for (int d = 0; d < r.directions; d++) {
    fprintf(e->calls, "%s{", d ? ", " : "");
    for (int i = 0; i < r.n_function; i++) {
      const GateFunction *f = &r.function[d][i];
      fprintf(e->calls, "%s{%d, %s, %s}", i ? ", " : "", f->function, float_text(e, f->alpha),
              float_text(e, f->beta));
    }
    fprintf(e->calls, "}");
  }
  fprintf(e->calls, "}, ");
  close_params(e);
}

/* Weights are constants mostly, and then lie with the weights. */
static const char *weights_of(Emitter *e, const Node *n, int i, const char *kind) {
  const Tensor *t = optional_input(n, i);
  return t && is_const(t) ? constant_array(e, t, kind) : pointer_to(e, t);
}

static const char *output_of(Emitter *e, const Node *n, int i) {
  return pointer_to(e, i < n->n_out ? n->out[i] : NULL);
}

void emit_recurrent(Emitter *e, const Node *n, const Kernel *k) {
  write_recurrent(e, n);
  const char *w = weights_of(e, n, 1, "w"), *v = weights_of(e, n, 2, "w"),
             *b = weights_of(e, n, 3, "b");
  const char *in = arena_printf(e->a, "%s, %s, %s, %s, %s, %s", pointer_to(e, n->in[0]), w, v, b,
                                pointer_to(e, optional_input(n, 4)),
                                pointer_to(e, optional_input(n, 5)));
  const char *out = arena_printf(e->a, "%s, %s, %s", scratch_pointer(e, n), output_of(e, n, 0),
                                 output_of(e, n, 1));
  if (is_op(n, "LSTM"))
    call(e, "qcc_%s(&p, %s, %s, %s, %s, %s)", k->name, in, pointer_to(e, optional_input(n, 6)),
         weights_of(e, n, 7, "b"), out, output_of(e, n, 2));
  else
    call(e, "qcc_%s(&p, %s, %s)", k->name, in, out);
}
