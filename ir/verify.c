/* verify.c - the invariants of a graph, checked after every pass in debug builds.
 *
 * A front end reports what is wrong with a model; so whatever is found here is a bug of the pass
 * that ran last, and is reported as one with its name:
 *   - ids are positions, names are unique;
 *   - nodes stand after the definitions of their inputs, and def points at the defining node;
 *   - constants have data, a type and a static shape;
 *   - quantizations have as many scales as their axis and group ask for. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

typedef enum Known { UNKNOWN, KNOWN, DEFINED } Known;

static const char *stage(const Graph *g) { return g->stage != NULL ? g->stage : "the front end"; }

#define broken(g, ...) broken_at(__LINE__, g, __VA_ARGS__)
_Noreturn __attribute__((format(printf, 3, 4)))
static void broken_at(int line, const Graph *g, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  bug_at(__FILE__, line, "after %s: %s", stage(g), text);
}

/* ---- tensors */

static void verify_shape(const Graph *g, const Tensor *t) {
  if ((int)t->dtype < 0 || (int)t->dtype >= DT_COUNT || t->rank < -1 || t->rank > MAX_RANK)
    broken(g, "tensor '%s' has type %d and rank %d", t->name, (int)t->dtype, t->rank);
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] < -1)
      broken(g, "tensor '%s' has dimension %d of %lld", t->name, i, (long long)t->dim[i]);
  if (!is_const(t)) return;
  if (t->dtype == DT_NONE) broken(g, "constant '%s' has no element type", t->name);
  if (tensor_bytes(t) < 0) broken(g, "constant '%s' has no static shape", t->name);
  if (t->def != NULL) broken(g, "constant '%s' is computed by '%s'", t->name, t->def->name);
}

static int64_t expected_scales(const Tensor *t, const QuantSpec *q) {
  if (q->axis < 0) return 1;
  int64_t channels = t->dim[q->axis], rest = 1;
  if (q->group <= 0) return channels;
  for (int i = 0; i < t->rank; i++)
    if (i != q->axis) rest *= t->dim[i];
  return channels * ((rest + q->group - 1) / q->group);
}

static void verify_scales(const Graph *g, const Tensor *t, const QuantSpec *q) {
  for (int64_t i = 0; i < q->n; i++) {
    if (!(q->scale[i] > 0) || !isfinite(q->scale[i]))
      broken(g, "tensor '%s' has scale[%lld] = %g", t->name, (long long)i, (double)q->scale[i]);
    if (q->zero[i] < q->format->lo || q->zero[i] > q->format->hi)
      broken(g, "tensor '%s' has zero[%lld] = %d", t->name, (long long)i, (int)q->zero[i]);
  }
}

static void verify_quant(const Graph *g, const Tensor *t) {
  const QuantSpec *q = t->quant;
  if (q == NULL) return;
  if (q->format == NULL || q->scale == NULL || q->zero == NULL)
    broken(g, "the quantization of '%s' is incomplete", t->name);
  if (t->dtype != q->format->dtype && !(is_const(t) && t->dtype == DT_F32))
    broken(g, "tensor '%s' of %s is quantized as %s", t->name, dtype_name(t->dtype),
           q->format->name);
  if (q->axis < -1 || q->axis >= MAX_RANK || (t->rank >= 0 && q->axis >= t->rank))
    broken(g, "tensor '%s' of rank %d is quantized along axis %d", t->name, t->rank, q->axis);
  if ((q->multiple != NULL) != (q->channel_scale != NULL))
    broken(g, "tensor '%s' has multiples without channel scales or the reverse", t->name);
  if (n_elements(t) >= 0 && q->n != expected_scales(t, q))
    broken(g, "tensor '%s' has %lld scales instead of %lld", t->name, (long long)q->n,
           (long long)expected_scales(t, q));
  verify_scales(g, t, q);
  if ((q->book != NULL) != (q->format->book_size > 0) || (q->book != NULL) != (q->n_book > 0) ||
      (q->n_book > 1 && (q->axis < 0 || q->n_book != t->dim[q->axis])))
    broken(g, "tensor '%s' of format %s has %lld codebooks", t->name, q->format->name,
           (long long)q->n_book);
  if ((q->entries > 0) != (q->format->terms == 1) || book_bytes(q) > q->format->book_size)
    broken(g, "tensor '%s' of format %s has a codebook of %lld vectors", t->name, q->format->name,
           (long long)q->entries);
}

/* Follows the chain of tensors in the same memory; longer than the list is a cycle. */
static void verify_alias(const Graph *g, const Tensor *t) {
  const Tensor *at = t;
  for (int steps = 0; at->alias != -1; steps++) {
    if (at->alias < 0 || at->alias >= g->n_tensor || steps > g->n_tensor)
      broken(g, "tensor '%s' has an alias that leads nowhere", t->name);
    at = g->tensor[at->alias];
  }
  if (at != t && is_const(at))
    broken(g, "tensor '%s' shares memory with the constant '%s'", t->name, at->name);
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(Tensor *const *)a)->name, (*(Tensor *const *)b)->name);
}

static void verify_names(const Graph *g) {
  size_t n = (size_t)g->n_tensor;
  Tensor **sorted = malloc((n + 1) * sizeof *sorted);
  if (sorted == NULL) error("out of memory");
  for (size_t i = 0; i < n; i++) sorted[i] = g->tensor[i];
  qsort(sorted, n, sizeof *sorted, by_name);
  for (size_t i = 1; i < n; i++)
    if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
      broken(g, "two tensors are named '%s'", sorted[i]->name);
  free(sorted);
}

static void verify_tensors(const Graph *g) {
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (t == NULL || t->name == NULL) broken(g, "tensor %d has no name", i);
    if (t->id != i) broken(g, "tensor '%s' has id %d at position %d", t->name, t->id, i);
    verify_shape(g, t);
    verify_quant(g, t);
  }
  for (int i = 0; i < g->n_tensor; i++) verify_alias(g, g->tensor[i]);
}

/* ---- nodes */

static void check_listed(const Graph *g, const Tensor *t, const char *where) {
  if (t->id < 0 || t->id >= g->n_tensor || g->tensor[t->id] != t)
    broken(g, "tensor '%s' at %s is not in the graph's list", t->name, where);
}

static int given(int n, Tensor *const *list) {
  while (n > 0 && list[n - 1] == NULL) n--;
  return n;
}

static void verify_arity(const Graph *g, const Node *n) {
  const OpDef *op = n->op;
  if (op == NULL || n->name == NULL) broken(g, "a node has no operator or no name");
  int in = given(n->n_in, n->in), out = given(n->n_out, n->out);
  if (in < op->min_in || (op->max_in >= 0 && in > op->max_in))
    broken(g, "%s '%s' has %d inputs", op->name, n->name, in);
  if (out < op->min_out || (op->max_out >= 0 && out > op->max_out))
    broken(g, "%s '%s' has %d outputs", op->name, n->name, out);
  for (int i = 0; i < op->min_in; i++)
    if (n->in[i] == NULL) broken(g, "%s '%s' lacks input %d", op->name, n->name, i);
}

static void verify_node(const Graph *g, const Node *n, Known *known) {
  verify_arity(g, n);
  for (int i = 0; i < n->n_in; i++) {
    if (n->in[i] == NULL) continue;
    check_listed(g, n->in[i], n->name);
    if (known[n->in[i]->id] == UNKNOWN)
      broken(g, "'%s' reads '%s', which is not computed before it", n->name, n->in[i]->name);
  }
  for (int i = 0; i < n->n_out; i++) {
    const Tensor *t = n->out[i];
    if (t == NULL) continue;
    check_listed(g, t, n->name);
    if (known[t->id] != UNKNOWN) broken(g, "'%s' defines '%s' again", n->name, t->name);
    if (t->def != n) broken(g, "'%s' defines '%s', whose def says otherwise", n->name, t->name);
    known[t->id] = DEFINED;
  }
}

static void verify_nodes(const Graph *g, Known *known) {
  for (int i = 0; i < g->n_in; i++) {
    check_listed(g, g->in[i], "the graph's inputs");
    if (is_const(g->in[i])) broken(g, "graph input '%s' is a constant", g->in[i]->name);
    if (known[g->in[i]->id] != UNKNOWN) broken(g, "'%s' is an input twice", g->in[i]->name);
    known[g->in[i]->id] = KNOWN;
  }
  for (int i = 0; i < g->n_tensor; i++)
    if (is_const(g->tensor[i])) known[i] = KNOWN;
  for (int i = 0; i < g->n_node; i++) verify_node(g, g->node[i], known);
  for (int i = 0; i < g->n_out; i++) {
    check_listed(g, g->out[i], "the graph's outputs");
    if (known[g->out[i]->id] == UNKNOWN)
      broken(g, "graph output '%s' is not computed", g->out[i]->name);
  }
  for (int i = 0; i < g->n_tensor; i++)
    if ((known[i] == DEFINED) != (g->tensor[i]->def != NULL))
      broken(g, "the def of '%s' is not a node of the graph", g->tensor[i]->name);
}

void verify_graph(const Graph *g) {
  verify_tensors(g);
  verify_names(g);
  Known *known = calloc((size_t)g->n_tensor + 1, sizeof *known);
  if (known == NULL) error("out of memory");
  verify_nodes(g, known);
  free(known);
}
