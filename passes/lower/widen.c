/* widen.c - narrow weight codes in a wider type, where the target has vector kernels for that only,
 * or kernels at all, which int16 activations have for int8 weights.  Else nodes with the attribute
 * `compact` (policy: `layout: compact`) keep what they have.
 *
 *   y = QConv(x, const int2 w)   ==>   y = QConv(x, const int4 w_as_int4)
 *
 * Formats that are packed their own way have vector kernels for wider types only: binary is stored
 * as int2, int3 as int4, others as the bytes that they are.
 */
#include "passes/passes.h"
#include "targets/kernels.h"

#include <string.h>

/* The same codes in a wider type; one copy for all nodes that want it. */
static Tensor *widen(Graph *g, Tensor *w, const Format *f) {
  const char *name = arena_printf(g->arena, "%s_as_%s", w->name, f->name);
  for (int i = 0; i < g->n_tensor; i++)
    if (strcmp(g->tensor[i]->name, name) == 0 && g->tensor[i]->data == w->data)
      return g->tensor[i];
  Tensor *t = copy_tensor(g, fresh_name(g, name), w);
  t->dtype = f->dtype;
  t->data = w->data;
  if (!w->quant) return t;
  t->quant = arena_alloc(g->arena, sizeof *t->quant);
  *t->quant = *w->quant;
  t->quant->format = f;
  return t;
}

static bool is_vector(const Target *t, const Node *n) {
  const Kernel *k = choose_kernel(t, n);
  return k && k->isa;
}

/* Has the target a vector kernel for the levels as bytes, but not for their indices? */
static bool takes_bytes(const Target *t, const Node *n) {
  const Kernel *k = choose_kernel(t, n);
  return k && k->isa && !k->indices;
}

/* Variants of the target, or the target, of which a condition holds. */
static int count_variants(const Target *t, const Node *n, bool (*holds)(const Target *, const Node *)) {
  int count = 0;
  for (int v = 0; v < t->n_variant; v++) count += holds(t->variant[v].target, n);
  return t->n_variant == 0 ? holds(t, n) : count;
}

/* Those that have a vector kernel for such weights. */
static int count_vector(const Target *t, Node *n, DType type) {
  Tensor *w = n->in[1], copy = *w;
  copy.dtype = type;
  n->in[1] = &copy;
  int count = count_variants(t, n, is_vector);
  n->in[1] = w;
  return count;
}

static bool is_dense(const Node *n) { return is_op(n, "QConv") || is_op(n, "QGemm"); }

/* Has f more bits and all codes of w? */
static bool is_wider(const Format *f, const Tensor *w) {
  const Format *own = w->quant ? w->quant->format : format_of(w->dtype);
  return f->bits > own->bits && f->lo <= own->lo && own->hi <= f->hi;
}

void widen_weights(Graph *g, const Target *target, Node *n) {
  static const char *const wider[] = {"int2", "int4", "int8"};
  if (!is_dense(n)) return;
  Tensor *w = n->in[1];
  if (n->in[0]->dtype == DT_I16 && w->dtype != DT_I8) {
    set_input(g, n, 1, widen(g, w, find_format("int8")));
    return;
  }
  if (attr_int(n, "compact", 0)) return;
  /* No vector kernel reads codes that are packed their own way, but indices of levels. */
  bool own = w->quant && has_spare_bits(w->quant->format);
  int most = own ? 0 : count_vector(target, n, w->dtype);
  const Format *best = NULL;
  for (size_t i = 0; i < sizeof wider / sizeof *wider; i++) {
    const Format *f = find_format(wider[i]);
    int count = is_wider(f, w) ? count_vector(target, n, f->dtype) : 0;
    if (count > most) most = count, best = f;
  }
  if (best && best->dtype != w->dtype) set_input(g, n, 1, widen(g, w, best));
}

void pass_widen(Graph *g, Context *cx) {
  for (int i = 0; cx->target && i < g->n_node; i++) {
    Node *n = g->node[i];
    const Tensor *w = n->n_in > 1 ? n->in[1] : NULL;
    widen_weights(g, cx->target, n);
    if (w && n->in[1] == w && w->quant && has_spare_bits(w->quant->format) && is_dense(n) &&
        !attr_int(n, "compact", 0) && count_variants(cx->target, n, takes_bytes) > 0)
      add_note(cx, n->name, "its %s weights are stored as bytes, for which there is a vector kernel",
               w->quant->format->name);
    if (w && n->in[1] != w)
      add_note(cx, n->name, "its %s weights are stored as %s, for which there is a %s",
               w->quant ? w->quant->format->name : dtype_name(w->dtype), dtype_name(n->in[1]->dtype),
               n->in[0]->dtype == DT_I16 ? "kernel with int16 activations" : "vector kernel");
  }
}
