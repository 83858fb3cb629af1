/* lower.h - shared by the files that lower operators to integer forms. */
#ifndef QCC_LOWER_H
#define QCC_LOWER_H

#include "passes/passes.h"

/* Rule q31 for n scales of codes y: multipliers and the common shift.  `bound` is the largest
 * |accumulator|.  False when no shift keeps the accumulator in int32, to which those of int16 codes
 * may be shifted from 64 bits. */
bool pick_rescale(const Tensor *y, int64_t n, const double *scale, double bound, int32_t *m,
                  int *shift);

/* Rule float, for n scales: their bits. */
void pick_bits(int64_t n, const double *scale, int32_t *m);
/* a * b / y, each step in float32, as runtimes of quantized models have it. */
double scale_in_float(double a, double b, double y);
/* Shall the node's numbers become codes by rule float? */
bool wants_float(const Context *cx, const Tensor *y);

/* The codes behind a Dequantize, or NULL. */
Tensor *codes_of(const Tensor *t);
/* Scale and zero point of a tensor of codes with one scale. */
double scale_of(const Tensor *codes);
int32_t zero_of(const Tensor *codes);
/* Scale of output channel c of weights, of a group for a multiple of 1. */
double weight_scale(const QuantSpec *q, int64_t c);
/* The multiples of the groups as a constant [channels][groups], or NULL where there are none. */
Tensor *weight_multiples(Graph *g, const char *name, const Tensor *w);
/* The largest |sum of w x| of channel c, of `row` weights, over all codes of x's type. */
double largest_sum(const Tensor *x, const Tensor *w, int64_t c, int64_t row);
/* The same of sums of (w - its zero point) * (x - any zero point), and of what kernels make them of; int8 codes. */
double largest_shifted_sum(const Tensor *w, int64_t c);
/* The largest |code - zero point| of an activation. */
double largest_code(const Tensor *codes);
int32_t code_of(const Tensor *y, double real); /* clamped to y's format */
/* Output range in codes of tensor y with the node's fused clamp. */
void clamp_codes(const Node *n, const Tensor *y, int32_t *lo, int32_t *hi);
/* Replaces n and the Quantize after it by an integer operator that writes the codes directly. */
Node *replace_by(Graph *g, Node *n, Node *quantize, const char *op, int n_in, Tensor *const *in);
/* Replaces the Quantize by an operator in its place and with its location. */
Node *replace_quantize(Graph *g, Node *quantize, const char *op, const char *name, int n_in,
                       Tensor *const *in);
void set_rescale(Graph *g, Node *q, int shift, int32_t y_zero, int32_t lo, int32_t hi);

/* Each lowers node n, read by `quantize`, and says whether it could; a note tells why not. */
typedef bool Lowering(Graph *g, Context *cx, Node *n, Node *quantize);
Lowering lower_weighted, lower_matmul, lower_add, lower_mul, lower_average_pool, lower_softmax,
    lower_move;
/* int16 codes behind nothing or a clamp in other codes. */
bool lower_requantize(Graph *g, Node *quantize);
/* Pointwise nodes of one variable between codes and `quantize` become a table. */
bool lower_lookup(Graph *g, Context *cx, Node *quantize);

/* ---- tflite.c: the rule of TensorFlow Lite */

/* Shall the node's numbers become codes by it: the policy says so, or leaves it to the importer? */
bool wants_tflite(const Context *cx, const Node *n);
/* The operators whose form is another one by that rule; false where there is none. */
bool lower_tflite(Graph *g, Node *n, Node *quantize);
/* tflite_tables.c: the codes of y for each of x's, where node n is a function of x by that rule (Dequantize: of
 * another scale only); false where it has no such form. */
bool tflite_table(const Node *n, const Tensor *x, const Tensor *y, int8_t *table);

#endif
