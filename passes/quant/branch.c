/* branch.c - products of low rank beside a layer: real numbers, whatever the layer's own weights are.
 *
 *   y = Gemm(x, w)   ==>   y = Add(Gemm(x, w), Gemm(Gemm(x, a), b))
 *   y = Conv(x, w)   ==>   y = Add(Conv(x, w), Conv(Conv(x, a), b))     b of windows of 1
 */
#include "passes/quant/branch.h"
#include "passes/simplify/simplify.h"

static const char branch_mark[] = "low_rank";

bool is_low_rank(const Node *n) { return n != NULL && find_attr(n, branch_mark) != NULL; }

/* Attributes of the activation go to the sum. */
static void move_activation(Graph *g, Node *from, Node *to) {
  static const char *const names[] = {"activation", "activation_min", "activation_max",
                                      "activation_alpha", "activation_beta"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const Attr *a = find_attr(from, names[i]);
    if (a == NULL) continue;
    set_attr(g, to, a);
    remove_attr(from, names[i]);
  }
}

void add_to_output(Graph *g, Node *n, Tensor *x, const char *rest, const char *name) {
  Tensor *y = n->out[0], *part = copy_tensor(g, fresh_name(g, rest), y);
  part->has_range = false;
  y->def = NULL, n->out[0] = part, part->def = n;
  Node *sum = add_node(g, node_index(g, x->def) + 1, "Add", fresh_name(g, name), 2,
                       (Tensor *[]){part, x}, 1, &y);
  sum->loc = n->loc;
  move_activation(g, n, sum);
  infer_node(g, sum);
}

/* x times v [rows][columns], which are weights of the shape dim, at position `at`. */
static Tensor *add_half(Graph *g, int at, const Node *layer, Tensor *x, const int64_t *dim, float *v,
                        const char *name) {
  const Tensor *like = layer->in[1];
  bool product = is_op(layer, "MatMul");
  const char *weights = fresh_name(g, arena_printf(g->arena, "%s.weight", name));
  Tensor *w = new_const(g, weights, DT_F32, like->rank, dim, v);
  w->layout = like->layout;
  if (product) {
    w->name = fresh_name(g, arena_printf(g->arena, "%s.rows", name));
    w = transpose_const(g, w, (const int64_t[]){1, 0});
    w->name = weights, w->origin = NULL;
  }
  Tensor *y = new_tensor(g, fresh_name(g, name), DT_NONE, -1, NULL);
  Node *n = add_node(g, at, layer->op->name, y->name, 2, (Tensor *[]){x, w}, 1, &y);
  n->loc = layer->loc;
  set_int(g, n, branch_mark, 1);
  if (is_op(layer, "Gemm")) set_int(g, n, "transB", 1);
  return y;
}

/* Attributes that say which inputs a window has. */
static void copy_window(Graph *g, const Node *from, Node *to) {
  static const char *const names[] = {"auto_pad", "dilations", "kernel_shape", "pads", "strides"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const Attr *a = find_attr(from, names[i]);
    if (a != NULL) set_attr(g, to, a);
  }
}

Tensor *add_low_rank(Graph *g, int at, const Node *layer, Tensor *x, const LowRankPair *p,
                     const char *name) {
  const Tensor *w = layer->in[1];
  int64_t a[MAX_RANK], b[MAX_RANK];
  for (int i = 0; i < w->rank; i++) a[i] = w->dim[i], b[i] = 1;
  if (!is_op(layer, "Conv")) a[1] = p->row;
  a[0] = p->rank;
  b[0] = p->outputs, b[w->layout == LAYOUT_NHWC ? w->rank - 1 : 1] = p->rank;
  Tensor *low = add_half(g, at, layer, x, a, p->a, arena_printf(g->arena, "%s_A", name));
  if (is_op(layer, "Conv")) copy_window(g, layer, low->def);
  infer_node(g, low->def);
  Tensor *y = add_half(g, at + 1, layer, low, b, p->b, arena_printf(g->arena, "%s_B", name));
  infer_node(g, y->def);
  return y;
}
