/* emit_loop.h - what the files share that write loops over single elements into the generated code. */
#ifndef QCC_EMIT_LOOP_H
#define QCC_EMIT_LOOP_H

#include "codegen/emit.h"

/* What the words of an expression of loops.def stand for. */
typedef struct Values {
  const char *operand[3];
  int64_t count;    /* elements of a reduction */
  const char *type; /* of the output's numbers, in C */
  bool wide;        /* real numbers in double */
} Values;

/* Of an expression of two operands of the node. */
Values values_of(const Node *n, const char *first, const char *second);
const char *expand_text(Emitter *e, const Node *n, const char *text, const Values *v);
/* Are real numbers of the node computed in double? */
bool is_double(const Node *n);

/* `const TYPE *NAME = ...;` for an operand, `TYPE *y = ...;` */
void declare_operand(Emitter *e, const Tensor *x, const char *name, int i);
void declare_output(Emitter *e, const Tensor *y);
/* NAME[INDEX] as a number, and the value of an expression as an element of the node's output; `real`: what
 * it is. */
const char *element_of(Emitter *e, DType t, const char *name, const char *index);
const char *stored_text(Emitter *e, const Node *n, bool real, const char *text);

/* Loops over dimensions from..to, inside each other; what follows is their body. */
void open_nest(Emitter *e, int from, int to, const int64_t *dim);
/* "i0 * 8 + i1", "0" where nothing moves. */
const char *index_text(Emitter *e, int rank, const int64_t *step);
/* Dimensions of x with those that are kept first; step[0] goes through x, step[1] through y.  Returns
 * how many are kept, *rank becomes how many there are. */
int split_dimensions(const Tensor *x, unsigned reduced, int *rank, int64_t *dim,
                     int64_t step[][MAX_RANK]);

#endif
