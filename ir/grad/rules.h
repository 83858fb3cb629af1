/* rules.h - what the rules for gradients share.  A rule is the vjp column of ops.def: given a node and the
 * cotangents of its outputs, it appends nodes that compute cotangents of its inputs (vector-Jacobian
 * products), and gives them away with give(). */
#ifndef QCC_RULES_H
#define QCC_RULES_H

#include "ir/grad.h"

/* The rules, by the file that has them: the vjp column of ops.def. */
typedef void VjpRule(Vjp *v, const Node *n);
VjpRule vjp_add, vjp_sub, vjp_mul, vjp_div, vjp_pow, vjp_sum, vjp_mean, vjp_extreme, vjp_where;
VjpRule vjp_zero, vjp_abs, vjp_neg, vjp_sqrt, vjp_exp, vjp_log, vjp_reciprocal, vjp_erf, vjp_sin,
    vjp_cos, vjp_tan, vjp_atan, vjp_relu, vjp_leaky_relu, vjp_sigmoid, vjp_tanh, vjp_elu, vjp_celu,
    vjp_selu, vjp_hard_sigmoid, vjp_hard_swish, vjp_softplus, vjp_softsign, vjp_thresholded_relu,
    vjp_swish, vjp_mish, vjp_gelu, vjp_clip, vjp_prelu;
VjpRule vjp_gemm, vjp_matmul;
VjpRule vjp_reduce_sum, vjp_reduce_mean, vjp_reduce_extreme, vjp_reduce_prod, vjp_reduce_l1,
    vjp_reduce_l2, vjp_reduce_sum_square, vjp_reduce_log_sum, vjp_reduce_log_sum_exp;
VjpRule vjp_conv, vjp_conv_transpose;
VjpRule vjp_average_pool, vjp_global_average_pool, vjp_max_pool, vjp_global_max_pool;
VjpRule vjp_softmax, vjp_log_softmax, vjp_hadamard, vjp_batch_norm, vjp_instance_norm,
    vjp_layer_norm;
VjpRule vjp_same_elements, vjp_expand, vjp_cast, vjp_transpose, vjp_space_to_depth,
    vjp_depth_to_space, vjp_concat, vjp_split, vjp_gather, vjp_scatter_add, vjp_slice, vjp_tile,
    vjp_pad;
VjpRule vjp_quantize_linear, vjp_dequantize_linear, vjp_quantize, vjp_dequantize;

/* ---- gradient.c: the state of a walk backwards */

Graph *vjp_graph(const Vjp *v);
/* Of an output; NULL where the loss does not depend on it.  There is one for at least one of them. */
Tensor *cotangent(const Vjp *v, const Node *n, int out);
/* Whether the cotangent of an input is needed; false for absent inputs. */
bool wants(const Vjp *v, const Node *n, int in);
/* Adds d to the cotangent of an input, if that is needed: d has the input's shape, or one to which the
 * input broadcasts, over which it is summed. */
void give(Vjp *v, const Node *n, int in, Tensor *d);
/* Instead of a rule: z, of cotangent d, is computed by the nodes from `first` to the last one, which were made
 * for this out of a node's inputs; their rules take d on to these. */
void differentiate_from(Vjp *v, int first, Tensor *z, Tensor *d);

/* ---- build.c: the nodes that rules are made of */

/* A node of one output, whose attributes are still to be set ... */
Node *begin_op(Vjp *v, const char *op, int n_in, Tensor *const *in);
/* ... and that output, inferred. */
Tensor *end_op(Vjp *v, Node *n);
void copy_attributes(Vjp *v, Node *to, const Node *from);
Tensor *apply(Vjp *v, const char *op, int n_in, Tensor *const *in);
Tensor *apply1(Vjp *v, const char *op, Tensor *a);
Tensor *apply2(Vjp *v, const char *op, Tensor *a, Tensor *b);
Tensor *number(Vjp *v, double value);                         /* float32 constant of rank 0 */
Tensor *constant_like(Vjp *v, double value, const Tensor *x); /* of x's shape and layout */
Tensor *plus(Vjp *v, Tensor *a, Tensor *b);
Tensor *minus(Vjp *v, Tensor *a, Tensor *b);
Tensor *times(Vjp *v, Tensor *a, Tensor *b);
Tensor *over(Vjp *v, Tensor *a, Tensor *b);
Tensor *scaled(Vjp *v, Tensor *a, double factor);
Tensor *select_where(Vjp *v, Tensor *condition, Tensor *a, Tensor *b);
Tensor *as_float(Vjp *v, Tensor *condition); /* bool to 0 and 1 */
Tensor *reshape(Vjp *v, Tensor *x, int rank, const int64_t *dim, Layout layout);
Tensor *reshape_like(Vjp *v, Tensor *x, const Tensor *like);
Tensor *transpose(Vjp *v, Tensor *x, const int *perm, Layout layout);
Tensor *expand_like(Vjp *v, Tensor *x,
                    const Tensor *like); /* x broadcasts to the shape of `like` */
/* Sum over the dimensions that `reduced` marks, which become 1. */
Tensor *sum_over(Vjp *v, Tensor *x, const bool *reduced);
/* A one-dimensional tensor with an element per channel of x, shaped so that it broadcasts to x. */
Tensor *spread_channels(Vjp *v, Tensor *vector, const Tensor *x);

/* ---- conv.c */

/* A Conv or ConvTranspose over exactly this window; for a ConvTranspose, x is the window's output side. */
Tensor *slide_window(Vjp *v, const char *op, const Window *w, Tensor *x, Tensor *weights);

#endif
