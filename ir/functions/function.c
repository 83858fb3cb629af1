/* function.c - where the body of a function is put: in the graph, in the operator's place; or aside, in a
 * graph that lives no longer than the question after the operator's types or values. */
#include <string.h>

#include "ir/functions.h"

typedef struct Function {
  const char *op;
  bool (*applies)(const Node *n);
  BodyFn *body;
} Function;

/* Real numbers that no kernel is written for. */
static bool is_double(const Node *n) { return n->in[0]->dtype == DT_F64; }

static bool has_vector(const Node *n) { return n->in[0]->rank == 1 || n->in[1]->rank == 1; }

static bool has_mask(const Node *n) { return has_out(n, 1); }

/* Those of constants are for pass fold_bn. */
static bool has_computed_moments(const Node *n) {
  for (int i = 1; i < 5; i++)
    if (!is_const(n->in[i]) || n->in[i]->dtype != DT_F32) return true;
  return n->in[0]->dtype != DT_F32;
}

/* What pass `import` has left of QuantizeLinear and DequantizeLinear. */
static bool at_run_time(const Node *n) { return attr_int(n, "run_time", 0); }

static const Function functions[] = {
#define FUNCTION(op, applies, body) {#op, applies, body},
#include "ir/functions.def"
#undef FUNCTION
};

static const Function *find_function(const Node *n) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
    if (is_op(n, functions[i].op)) return &functions[i];
  return NULL;
}

/* ---- aside */

/* A graph of its own with the inputs of n as constants, whose data may be missing. */
static Body begin_aside(Arena *a, const Node *n, const void *const *in) {
  Body b = {.g = new_graph(a, "function"), .n = n, .n_in = n->n_in};
  if (n->n_in > (int)(sizeof b.in / sizeof *b.in))
    error_at(n->loc, "%s has %d inputs", n->op->name, n->n_in);
  b.g->opset = 26;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *x = n->in[i];
    if (!x) continue;
    b.in[i] = new_tensor(b.g, fresh_name(b.g, x->name), x->dtype, x->rank, x->dim);
    b.in[i]->layout = x->layout;
    b.in[i]->data = in ? (void *)in[i] : x->data;
  }
  return b;
}

void infer_function(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  Arena *a = new_arena();
  Body b = begin_aside(a, n, NULL);
  if (find_function(n)->body(&b))
    for (int i = 0; i < MAX_BODY_OUTPUTS; i++)
      if (b.out[i] && has_out(n, i))
        set_type(n, i, b.out[i]->dtype, b.out[i]->rank, b.out[i]->dim, LAYOUT_NONE);
  free_arena(a);
}

void eval_function(const Node *n, const void *const *in, void *const *out) {
  Arena *a = new_arena();
  Body b = begin_aside(a, n, in);
  if (!find_function(n)->body(&b)) bug("%s has no values", n->op->name);
  for (int i = 0; i < b.g->n_node; i++) {
    Node *part = b.g->node[i];
    void *data[MAX_BODY_OUTPUTS] = {NULL};
    for (int k = 0; k < part->n_out; k++)
      data[k] = part->out[k]->data = arena_alloc(a, tensor_bytes(part->out[k]) + 1);
    eval_constants(part, data);
  }
  for (int i = 0; i < MAX_BODY_OUTPUTS; i++)
    if (b.out[i] && has_out(n, i)) memcpy(out[i], b.out[i]->data, (size_t)tensor_bytes(b.out[i]));
  free_arena(a);
}

/* ---- in the graph */

bool expand_function(Graph *g, Node *n) {
  const Function *f = find_function(n);
  if (!f || !inputs_ready(n) || (f->applies && !f->applies(n))) return false;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] && !has_static_shape(n->out[i])) return false;
  Body b = {.g = g, .at = node_index(g, n), .n = n, .n_in = n->n_in};
  bool half = false;
  for (int i = 0; i < n->n_in; i++) {
    b.in[i] = n->in[i];
    if (!n->in[i] || !dtype_is_half(n->in[i]->dtype)) continue;
    b.in[i] = put_cast(&b, n->in[i], DT_F32);
    half = true;
  }
  if (!f->body(&b)) return false;
  for (int i = 0; i < n->n_out; i++) {
    Tensor *y = n->out[i];
    if (!y) continue;
    Tensor *made = half ? put_cast(&b, b.out[i], y->dtype) : b.out[i];
    y->def = NULL, n->out[i] = NULL;
    add_node(g, b.at++, "Identity", fresh_name(g, arena_printf(g->arena, "%s_out", n->name)), 1, &made, 1,
             &y)->loc = n->loc;
  }
  remove_node(g, n);
  return true;
}
