/* fused.c - activations that fusion keeps as attributes of the node before them (passes
 * fuse_clamp and fuse_activation).  Any float node may carry one; the interpreter applies it to
 * the node's output. */
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"

static void clamp_values(const Node *n, float *y) {
  float lo = (float)attr_float(n, "activation_min", -INFINITY);
  float hi = (float)attr_float(n, "activation_max", INFINITY);
  int64_t count = n_elements(n->out[0]);
  for (int64_t i = 0; i < count; i++) y[i] = y[i] < lo ? lo : y[i] > hi ? hi : y[i];
}

void apply_fused_activation(const Node *n, void *out) {
  const char *name = attr_str(n, "activation", NULL);
  /* That of a function is its own affair. */
  if (!name || n->out[0]->dtype != DT_F32 || n->op->eval == eval_function) return;
  if (strcmp(name, "Clip") == 0) {
    clamp_values(n, out);
    return;
  }
  const OpDef *op = find_op(name);
  if (!op) bug("unknown fused activation %s", name);
  /* The operator itself, in place, on a node that exists only here. */
  Attr attr[2] = {{.name = "alpha", .kind = ATTR_FLOAT, .f = attr_float(n, "activation_alpha", 0)},
                  {.name = "beta", .kind = ATTR_FLOAT, .f = attr_float(n, "activation_beta", 0)}};
  Tensor *t[1] = {n->out[0]};
  int count = find_attr(n, "activation_beta") ? 2 : find_attr(n, "activation_alpha") ? 1 : 0;
  Node shim = {.op = op, .name = n->name, .n_in = 1, .n_out = 1, .n_attr = count, .in = t, .out = t,
               .attr = attr, .loc = n->loc};
  op->eval(&shim, (const void *const[]){out}, (void *const[]){out});
}
