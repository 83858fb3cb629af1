/* emit_resize_line.c - Resize in the general case: a call for each dimension that changes, which go through
 * working memory in between. */
#include <string.h>

#include "codegen/emit.h"

/* Where the result of dimension i goes: every second one lies at the beginning of the working memory. */
static const char *line_output(Emitter *e, const Node *n, const ResizeLine *l, int i, int count) {
  if (i == count - 1) return pointer_to(e, n->out[0]);
  int64_t at = 0;
  for (int k = 0; i % 2 && k < count - 1; k += 2) {
    int64_t bytes = l[k].outer * l[k].out * l[k].inner * dtype_bytes(n->in[0]->dtype);
    at = bytes > at ? bytes : at;
  }
  return arena_printf(e->a, "(void *)((unsigned char *)(%s) + %lld)", scratch_place(e, n),
                      (long long)((at + 15) & ~(int64_t)15));
}

static void emit_line(Emitter *e, const Node *n, const Kernel *k, const ResizeLine *l, const char *x,
                      const char *y) {
  bool moves = strcmp(k->name, "move_line") == 0;
  DType t = n->in[0]->dtype;
  double outside = attr_float(n, "extrapolation_value", 0);
  const char *from = int_array(e, "from", "int32_t", l->out * l->taps, l->from);
  const char *with;
  if (moves) {
    uint8_t value[16] = {0};
    set_real(t, value, 0, outside);
    int64_t *bytes = arena_alloc(e->a, dtype_bytes(t) * (int64_t)sizeof *bytes);
    for (int i = 0; i < dtype_bytes(t); i++) bytes[i] = value[i];
    with = int_array(e, "outside", "uint8_t", dtype_bytes(t), bytes);
  } else {
    with = float_array(e, "weight", l->out * l->taps, l->weight);
  }
  open_params(e, "qcc_resize_line");
  field(e, "outer", l->outer), field(e, "in", l->in), field(e, "out", l->out);
  field(e, "inner", l->inner), field(e, "taps", l->taps), field(e, "elem", dtype_bytes(t));
  fprintf(e->calls, ".outside = %s, ", float_text(e, outside));
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s, %s, %s)", k->name, from, with, x, y);
}

void emit_resize_line(Emitter *e, const Node *n, const Kernel *k) {
  ResizeLine l[MAX_RANK];
  int count = resize_lines(n, e->a, l);
  const char *x = pointer_to(e, n->in[0]);
  if (count < 0) error_at(n->loc, "no kernel for Resize with scales, sizes or roi that are computed");
  if (count == 0) {   /* a copy */
    l[0] = (ResizeLine){1, 1, 1, n_elements(n->in[0]), 1, arena_alloc(e->a, sizeof *l->from),
                        arena_alloc(e->a, sizeof *l->weight)};
    l[0].weight[0] = 1;
    count = 1;
  }
  for (int i = 0; i < count; i++) {
    const char *y = line_output(e, n, l, i, count);
    fprintf(e->calls, "    {\n");
    emit_line(e, n, k, &l[i], x, y);
    fprintf(e->calls, "    }\n");
    x = y;
  }
}
