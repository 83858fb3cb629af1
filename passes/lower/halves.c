/* halves.c - float nodes whose outputs the policy keeps as float16: their tensors and constants
 * become float16, with a Cast where a float32 node or the outside of the network begins.
 *
 *   y = Conv(x, w, b)      ==>   x_half = Cast<to=float16>(x)
 *   z = Softmax(y)               y_half = Conv(x_half, w as float16, b)
 *                                y = Cast<to=float>(y_half)
 *                                z = Softmax(y)                      where Softmax is float32
 *
 * The values are rounded to float16; what a node computes in between is as before (ir/halves.c).
 * Weights alone may be float16 or bfloat16, too: then they are widened as they are read. */
#include <math.h>
#include <string.h>

#include "passes/passes.h"
#include "targets/kernels.h"

typedef struct Halves {
  Graph *g;
  Context *cx;
  int n_node;
  Node **node;           /* [n_node] before the pass ... */
  bool *half;            /* [n_node] ... and whether it is to be float16 */
  bool *made;            /* [n_tensor] a float16 node makes the tensor */
  Tensor **twin;         /* [n_tensor] the tensor in the other type, or NULL */
} Halves;

static bool is_weighted(const Node *n) {
  return (is_op(n, "Conv") || is_op(n, "Gemm")) && n->in[1] && is_const(n->in[1]) &&
         n->in[1]->dtype == DT_F32;
}

static bool is_move(const Node *n) { return (n->op->flags & OP_MOVE) != 0; }

/* Is there a kernel for float16, or is any type as good as another? */
static bool has_half_form(const Node *n) {
  if (is_move(n) || is_op(n, "Resize")) return true;
  for (int i = 0; i < n_kernels(); i++)
    if (strcmp(kernel_at(i)->op, n->op->name) == 0 && ends_with(kernel_at(i)->name, "_f16"))
      return true;
  return false;
}

/* Are all values within the largest number of such floats of 16 bits? */
static bool fits_in(DType type, const Tensor *t) {
  double largest = type == DT_F16 ? 65504 : 0x1.fep127;
  if (t->has_range) return fabs((double)t->lo) <= largest && fabs((double)t->hi) <= largest;
  for (int64_t i = 0; is_const(t) && t->dtype == DT_F32 && i < n_elements(t); i++)
    if (fabs(get_real(DT_F32, t->data, i)) > largest) return false;
  return true;
}

static bool wants_half(Halves *h, const Node *n) {
  if (n->n_out < 1 || !n->out[0] || n->out[0]->dtype != DT_F32 || n->n_in < 1) return false;
  if ((n->op->flags & (OP_QDQ | OP_INTEGER)) || is_op(n, "Cast")) return false;
  if (act_choice(h->g, h->cx, n).real != DT_F16) return false;
  if (!has_half_form(n)) {
    add_note(h->cx, n->name, "%s stays in float32: no kernel for float16", n->op->name);
    return false;
  }
  if (is_weighted(n) && weight_choice(h->g, h->cx, n).real != DT_F16) {
    add_note(h->cx, n->name, "%s stays in float32: its weights are not float16", n->op->name);
    return false;
  }
  bool fits = fits_in(DT_F16, n->out[0]);
  for (int i = 0; i < n->n_in; i++) fits &= !n->in[i] || fits_in(DT_F16, n->in[i]);
  if (!fits)
    add_note(h->cx, n->name, "%s stays in float32: it has values above 65504", n->op->name);
  return fits;
}

/* ---- constants */

static Tensor *half_const(Halves *h, DType type, Tensor *t) {
  Tensor *twin = h->twin[t->id];
  if (twin && twin->dtype == type) return twin;
  int64_t n = n_elements(t);
  void *v = arena_alloc(h->g->arena, (n + 1) * dtype_bytes(type));
  for (int64_t i = 0; i < n; i++) set_real(type, v, i, get_real(DT_F32, t->data, i));
  Tensor *y = new_const(h->g, fresh_name(h->g, arena_printf(h->g->arena, "%s_half", t->name)),
                        type, t->rank, t->dim, v);
  y->layout = t->layout;
  set_origin(y, t);
  return h->twin[t->id] = y;
}

/* Is constant input i one of the operands, not a parameter that kernels take as float32? */
static bool is_operand(const Node *n, int i) {
  if (is_op(n, "Conv") || is_op(n, "Gemm")) return i < 2;
  return is_move(n) || is_op(n, "MatMul") || (n->op->flags & OP_POINTWISE) ? !is_op(n, "Clip")
                                                                           : i == 0;
}

/* ---- activations */

static Tensor *add_cast(Halves *h, int at, Tensor *x, Tensor *y) {
  Node *cast = add_node(h->g, at, "Cast", y->name, 1, &x, 1, &y);
  set_int(h->g, cast, "to", y->dtype);
  infer_node(h->g, cast);
  return y;
}

static bool has_other_readers(const Halves *h, const Tensor *x) {
  for (int i = 0; i < h->n_node; i++)
    for (int k = 0; k < h->node[i]->n_in; k++)
      if (!h->half[i] && h->node[i]->in[k] == x) return true;
  return is_graph_output(h->g, x);
}

/* x in float16, for a node that reads it.  Codes become such at once. */
static Tensor *half_of(Halves *h, Tensor *x) {
  if (h->made[x->id]) return x;
  if (is_op(x->def, "Dequantize") && !has_floats(x->def->in[0]->quant->format) &&
      !has_other_readers(h, x)) {
    x->dtype = DT_F16;
    h->made[x->id] = true;
    return x;
  }
  if (h->twin[x->id]) return h->twin[x->id];
  Tensor *y = copy_tensor(h->g, fresh_name(h->g, arena_printf(h->g->arena, "%s_half", x->name)), x);
  y->dtype = DT_F16;
  return h->twin[x->id] = add_cast(h, x->def ? node_index(h->g, x->def) + 1 : 0, x, y);
}

static void read_halves(Halves *h, Node *n) {
  for (int i = 0; i < n->n_in; i++) {
    Tensor *x = n->in[i];
    if (!x || x->dtype != DT_F32) continue;
    if (!is_const(x)) n->in[i] = half_of(h, x);
    else if (is_operand(n, i)) n->in[i] = half_const(h, DT_F16, x);
  }
}

/* The tensor that float16 node n makes gets a float32 twin for all other readers.  A graph output
 * stays float32, under its name. */
static void make_halves(Halves *h, Tensor *y) {
  Graph *g = h->g;
  bool is_output = is_graph_output(g, y), needed = has_other_readers(h, y);
  y->dtype = DT_F16;
  if (!needed) return;
  const char *name = y->name;
  if (is_output) y->name = fresh_name(g, arena_printf(g->arena, "%s_half", name));
  Tensor *real =
      copy_tensor(g, is_output ? name : fresh_name(g, arena_printf(g->arena, "%s_float", name)), y);
  real->dtype = DT_F32;
  add_cast(h, node_index(g, y->def) + 1, y, real);
  for (int i = 0; i < h->n_node; i++)
    for (int k = 0; k < h->node[i]->n_in; k++)
      if (!h->half[i] && h->node[i]->in[k] == y) h->node[i]->in[k] = real;
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == y) g->out[i] = real;
}

void pass_halves(Graph *g, Context *cx) {
  Halves h = {.g = g, .cx = cx, .n_node = g->n_node};
  h.half = arena_alloc(g->arena, g->n_node + 1);
  h.node = arena_alloc(g->arena, (g->n_node + 1) * (int64_t)sizeof *h.node);
  memcpy(h.node, g->node, (size_t)g->n_node * sizeof *h.node);
  h.made = arena_alloc(g->arena, g->n_tensor + 1);
  h.twin = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *h.twin);
  for (int i = 0; i < h.n_node; i++) {
    Node *n = h.node[i];
    h.half[i] = wants_half(&h, n);
    for (int k = 0; h.half[i] && k < n->n_out; k++)
      if (n->out[k]) h.made[n->out[k]->id] = true;
  }
  for (int i = 0; i < h.n_node; i++)
    if (h.half[i]) read_halves(&h, h.node[i]);
  for (int i = 0; i < h.n_node; i++) {
    Node *n = h.node[i];
    for (int k = 0; h.half[i] && k < n->n_out; k++)
      if (n->out[k] && n->out[k]->dtype == DT_F32) make_halves(&h, n->out[k]);
    if (h.half[i] || !is_weighted(n)) continue;
    DType type = weight_choice(g, cx, n).real;
    if (dtype_is_half(type) && fits_in(type, n->in[1]))
      n->in[1] = half_const(&h, type, n->in[1]);
  }
}
