/* emit_window3.c - calls of the general convolutions and pools, of one to three dimensions. */
#include <string.h>

#include "codegen/emit.h"

/* One to three values as three, the missing ones in front. */
static void field_three(Emitter *e, const char *name, int spatial, const int64_t *v, int64_t missing) {
  int64_t three[3] = {missing, missing, missing};
  memcpy(three + 3 - spatial, v, (size_t)spatial * sizeof *v);
  field_ints(e, name, 3, three);
}

static void write_window3(Emitter *e, const Node *n, const Window *w) {
  int k = w->spatial;
  fprintf(e->calls, ".g = {");
  field(e, "batch", w->batch), field(e, "in_c", w->channels), field(e, "out_c", w->out_channels);
  field_three(e, "in", k, w->in, 1), field_three(e, "out", k, w->out, 1);
  field_three(e, "kernel", k, w->kernel, 1), field_three(e, "stride", k, w->stride, 1);
  field_three(e, "dilation", k, w->dilation, 1), field_three(e, "pad", k, w->pad, 0);
  field_three(e, "in_step", k, w->in_step, 0), field(e, "in_channel", w->in_channel_step);
  field(e, "in_batch", w->in_batch_step);
  field_three(e, "out_step", k, w->out_step, 0), field(e, "out_channel", w->out_channel_step);
  field(e, "out_batch", w->out_batch_step);
  field(e, "transposed", is_op(n, "ConvTranspose"));
  fprintf(e->calls, "},\n      ");
}

/* Weights [O][I / g][taps] or [O][taps][I / g], transposed [I][O / g][taps] or [I][taps][O / g]. */
void emit_conv3(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *w = n->in[1], *bias = optional_input(n, 2);
  Window g;
  get_window(n, n->in[0], w, &g);
  bool last = w->layout == LAYOUT_NHWC, transposed = is_op(n, "ConvTranspose");
  int64_t outer = w->dim[0] ? n_elements(w) / w->dim[0] : 0, inner = w->dim[last ? w->rank - 1 : 1];
  int64_t taps = inner ? outer / inner : 0, step = last ? 1 : taps;
  open_params(e, "qcc_conv3");
  write_window3(e, n, &g);
  field(e, "group", g.group), field(e, "w_tap", last ? inner : 1);
  field(e, "w_in", transposed ? outer : step), field(e, "w_out", transposed ? step : outer);
  field(e, "w_group", w->dim[0] / g.group * outer);
  write_activation(e, n);
  close_params(e);
  const char *weights = is_const(w) ? constant_array(e, w, "w") : pointer_to(e, w);
  const char *b = bias && is_const(bias) ? constant_array(e, bias, "b") : pointer_to(e, bias);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, pointer_to(e, n->in[0]), weights, b,
       pointer_to(e, n->out[0]));
}

void emit_conv_integer(Emitter *e, const Node *n, const Kernel *k) {
  Window g;
  get_window(n, n->in[0], n->in[1], &g);
  open_params(e, "qcc_conv_integer");
  write_window3(e, n, &g);
  field(e, "group", g.group);
  write_codes8(e, n, 0, "x"), write_codes8(e, n, 1, "w");
  close_params(e);
  call_integer(e, n, k);
}

void emit_pool3(Emitter *e, const Node *n, const Kernel *k) {
  Window w;
  get_window(n, n->in[0], NULL, &w);
  open_params(e, "qcc_pool3");
  write_window3(e, n, &w);
  field(e, "count_pad", attr_int(n, "count_include_pad", 0));
  field_three(e, "pad_end", w.spatial, w.pad_end, 0);
  field(e, "by_columns", attr_int(n, "storage_order", 0));
  fprintf(e->calls, ".p = %s, ", float_text(e, is_op(n, "LpPool") ? (double)attr_int(n, "p", 2) : 0));
  close_params(e);
  const char *places = !is_op(n, "MaxPool") ? ""
                       : arena_printf(e->a, ", %s", pointer_to(e, n->n_out > 1 ? n->out[1] : NULL));
  call(e, "qcc_%s(&p, %s, %s%s)", k->name, pointer_to(e, n->in[0]), pointer_to(e, n->out[0]), places);
}
