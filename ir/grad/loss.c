/* loss.c - losses as nodes behind a network's output: what gradients start from. */
#include "ir/grad.h"

/* A node of one output, inferred; `keepdims` etc. are left as they are by default. */
static Tensor *append(Graph *g, const char *op, int n_in, Tensor *const *in) {
  Tensor *y = add_op(g, -1, op, "loss", n_in, in);
  infer_node(g, y->def);
  return y;
}

static Tensor *mean_of_all(Graph *g, Tensor *x) {
  Tensor *y = add_op(g, -1, "ReduceMean", "loss", 1, &x);
  set_int(g, y->def, "keepdims", 0);
  infer_node(g, y->def);
  return y;
}

bool is_distribution(const Tensor *y) { return is_op(y->def, "Softmax"); }

Tensor *add_loss(Graph *g, Tensor *y, LossKind kind, Tensor **target) {
  Tensor *t = copy_tensor(g, fresh_name(g, "target"), y);
  t->quant = NULL;
  g->in = arena_grow(g->arena, g->in, g->n_in, sizeof *g->in);
  g->in[g->n_in++] = *target = t;
  if (kind == LOSS_SQUARED_ERROR) {
    Tensor *e = append(g, "Sub", 2, (Tensor *[]){y, t});
    return mean_of_all(g, append(g, "Mul", 2, (Tensor *[]){e, e}));
  }
  int axis = y->rank - 1;
  Tensor *logits = y;
  if (is_distribution(y)) {
    logits = y->def->in[0];
    axis = axis_of(y->def, y, -1);
  }
  Tensor *p = add_op(g, -1, "LogSoftmax", "loss", 1, &logits);
  set_int(g, p->def, "axis", axis);
  infer_node(g, p->def);
  Tensor *mean = mean_of_all(g, append(g, "Mul", 2, (Tensor *[]){p, t}));
  Tensor *classes = new_scalar_f32(g, fresh_name(g, "loss"), -(float)y->dim[axis]);
  return append(g, "Mul", 2, (Tensor *[]){mean, classes});
}
