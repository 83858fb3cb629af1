/* grad.h - gradients of graphs, as graphs: reverse-mode differentiation by the rules in the vjp
 * column of ops.def, losses, and products with the Hessian.
 *
 * A cotangent of a tensor is the gradient of the loss with respect to it.  It is a float tensor of the
 * same shape and layout.  For a tensor of codes it is that of the real numbers that the codes stand for,
 * so gradients pass rounding as if it were not there, wherever nothing is clipped. */
#ifndef QCC_GRAD_H
#define QCC_GRAD_H

#include "ir/ir.h"

/* ---- grad/gradient.c */

/* A copy of g, in its arena, that computes `loss` as output 0 and its gradient with respect to wrt[i], any
 * float tensor of g, as output 1 + i: zeros where the loss does not depend on it.  The gradient of a loss
 * of several elements is that of their sum.  Shapes must be static, tensors float32. error_at() where a
 * node between them has no rule; piecewise functions have the slope of one side in their kinks.
 *
 * The result is an ordinary graph, and its gradient can be taken again, where the rules of its operators
 * are made of operators that have rules. */
Graph *gradient(const Graph *g, const Tensor *loss, int n, Tensor *const *wrt);

#endif
