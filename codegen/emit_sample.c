/* emit_sample.c - calls of the kernels that read images at computed places. */
#include <string.h>

#include "codegen/emit.h"

static const char *operand(Emitter *e, const Node *n, int i) {
  const Tensor *t = optional_input(n, i);
  return t && is_const(t) ? constant_array(e, t, arena_printf(e->a, "c%d_", i)) : pointer_to(e, t);
}

static bool is_word(const Node *n, const char *attribute, const char *otherwise, const char *word) {
  return strcmp(attr_str(n, attribute, otherwise), word) == 0;
}

void emit_grid_sample(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  bool nearest = is_word(n, "mode", "linear", "nearest");
  bool cubic = is_word(n, "mode", "linear", "cubic") || is_word(n, "mode", "linear", "bicubic");
  const char *padding = is_word(n, "padding_mode", "zeros", "border")       ? "BORDER"
                        : is_word(n, "padding_mode", "zeros", "reflection") ? "REFLECTION" : "ZEROS";
  open_params(e, "qcc_grid_sample");
  field(e, "batch", x->dim[0]), field(e, "channels", x->dim[1]), field(e, "dims", x->rank - 2);
  field_ints(e, "in", x->rank - 2, x->dim + 2);
  field(e, "points", count_in(n->out[0], 2, x->rank));
  field(e, "taps", nearest ? 1 : cubic ? 4 : 2);
  fprintf(e->calls, ".padding = QCC_GRID_%s, ", padding);
  field(e, "align_corners", attr_int(n, "align_corners", 0));
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, operand(e, n, 0), operand(e, n, 1), pointer_to(e, n->out[0]));
}

void emit_roi_align(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0], *y = n->out[0];
  open_params(e, "qcc_roi_align");
  field(e, "batch", x->dim[0]), field(e, "channels", x->dim[1]);
  field(e, "in_h", x->dim[2]), field(e, "in_w", x->dim[3]);
  field(e, "rois", y->dim[0]), field(e, "out_h", y->dim[2]), field(e, "out_w", y->dim[3]);
  field(e, "samples", attr_int(n, "sampling_ratio", 0));
  field(e, "half_pixel", is_word(n, "coordinate_transformation_mode", "half_pixel", "half_pixel"));
  field(e, "max", is_word(n, "mode", "avg", "max"));
  fprintf(e->calls, ".scale = %s, ", float_text(e, attr_float(n, "spatial_scale", 1)));
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, operand(e, n, 0), operand(e, n, 1), operand(e, n, 2),
       pointer_to(e, y));
}

void emit_deform_conv(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_deform_conv");
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  field(e, "batch", w.batch), field(e, "in_c", w.channels), field(e, "in_h", w.in[0]), field(e, "in_w", w.in[1]);
  field(e, "out_c", w.out_channels), field(e, "out_h", w.out[0]), field(e, "out_w", w.out[1]);
  field(e, "kernel_h", w.kernel[0]), field(e, "kernel_w", w.kernel[1]);
  field(e, "stride_h", w.stride[0]), field(e, "stride_w", w.stride[1]);
  field(e, "dilation_h", w.dilation[0]), field(e, "dilation_w", w.dilation[1]);
  field(e, "pad_top", w.pad[0]), field(e, "pad_left", w.pad[1]);
  field(e, "group", w.group), field(e, "offset_group", attr_int(n, "offset_group", 1));
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s, %s, %s, %s)", k->name, operand(e, n, 0), operand(e, n, 1), operand(e, n, 2),
       operand(e, n, 3), operand(e, n, 4), pointer_to(e, n->out[0]));
}
