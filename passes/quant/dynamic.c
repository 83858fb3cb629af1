/* dynamic.c - activations whose scales are found at run time (activations.mode: dynamic).
 *
 *   y = Gemm(x, w)   ==>   codes, scale = DynamicQuantize(x)
 *                          y = Gemm(DynamicDequantize(codes, scale), w)
 *
 * A token is a row of the last dimension: of a Gemm, or a pixel of a convolution that looks at one
 * at a time.  Windows span pixels, so that other convolutions have a scale per image. */
#include <string.h>

#include "passes/quant/quant.h"

/* Does each output pixel read one input pixel? */
static bool is_pointwise(const Node *n) {
  Window w;
  get_window(n, n->in[0], n->in[1], &w);
  for (int i = 0; i < w.spatial; i++)
    if (w.kernel[i] != 1 || w.stride[i] != 1 || w.pad[i] || w.pad_end[i]) return false;
  return w.group == 1;
}

/* Elements of a row, and of the runs in it that have a scale each. */
static void get_runs(const Node *n, const ActChoice *c, int64_t *row, int64_t *size) {
  const Tensor *x = n->in[0];
  int64_t last = x->dim[x->rank - 1];
  bool conv = is_op(n, "Conv");
  bool tokens = c->granularity != GRAN_TENSOR && (!conv || is_pointwise(n));
  *row = tokens ? last : n_elements(x) / (conv ? x->dim[0] : 1);
  *size = !conv && c->granularity == GRAN_GROUP && c->group < last ? c->group : *row;
}

static bool same_list(const Tensor *a, const Tensor *b) {
  if (!a || !b) return a == b;
  return n_elements(a) == n_elements(b) &&
         memcmp(a->data, b->data, (size_t)tensor_bytes(a)) == 0;
}

static bool same_codes(const Node *a, const Node *b) {
  return a->in[0] == b->in[0] && a->n_out == b->n_out &&
         same_list(a->n_in > 1 ? a->in[1] : NULL, b->n_in > 1 ? b->in[1] : NULL) &&
         attr_int(a, "row", 0) == attr_int(b, "row", 0) &&
         attr_int(a, "size", 0) == attr_int(b, "size", 0) &&
         attr_int(a, "hi", 0) == attr_int(b, "hi", 0) &&
         strcmp(attr_str(a, "format", "int8"), attr_str(b, "format", "int8")) == 0 &&
         attr_float(a, "clip", 1) == attr_float(b, "clip", 1);
}

/* The real numbers of another node's codes of x that are the same. */
static Tensor *find_equal(const Graph *g, const Node *quantize) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    if (is_op(n, "DynamicQuantize") && n != quantize && same_codes(n, quantize))
      return only_user(g, n->out[0])->out[0];
  }
  return NULL;
}

void quantize_at_run_time(Graph *g, Node *n, const ActChoice *choice, Tensor *skip) {
  Tensor *x = n->in[0];
  int64_t row, size;
  get_runs(n, choice, &row, &size);
  int at = x->def ? node_index(g, x->def) + 1 : 0;
  Tensor *codes = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_codes", x->name)), DT_NONE,
                             -1, NULL);
  Tensor *scale = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_scale", x->name)), DT_NONE,
                             -1, NULL);
  Node *q = add_node(g, at, "DynamicQuantize", codes->name, skip ? 2 : 1,
                     (Tensor *[]){x, skip}, 2, (Tensor *[]){codes, scale});
  q->loc = n->loc;
  set_int(g, q, "row", row);
  set_int(g, q, "size", size);
  set_int(g, q, "hi", choice->format->hi);
  if (has_floats(choice->format)) set_str(g, q, "format", choice->format->name);
  set_float(g, q, "clip", (float)choice->clip);
  Tensor *y = find_equal(g, q);
  if (y) {
    remove_node(g, q);
    set_input(g, n, 0, y);
    return;
  }
  infer_node(g, q);
  y = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_dq", codes->name)), DT_NONE, -1, NULL);
  Node *d = add_node(g, at + 1, "DynamicDequantize", y->name, 2, q->out, 1, &y);
  d->loc = n->loc;
  set_int(g, d, "row", row);
  set_int(g, d, "size", size);
  if (has_floats(choice->format)) set_str(g, d, "format", choice->format->name);
  infer_node(g, d);
  set_input(g, n, 0, y);
}
