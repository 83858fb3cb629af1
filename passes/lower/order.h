/* order.h - the order of steps that needs the least memory at any one time, without any notion of
 * graphs: steps read values and make values; a value takes memory from the first step that makes
 * it, or a part of it, to the last one that reads it. */
#ifndef QCC_ORDER_H
#define QCC_ORDER_H

#include "ir/ir.h"

typedef struct Value {
  int64_t bytes;
  int n_read;                /* steps that read it, plus one when it is kept to the end */
  int n_made;                /* steps that make it; more than one: parts of it each */
  bool is_input;             /* alive before the first step */
} Value;

typedef struct Step {
  int n_read, n_made, n_over, n_after;
  int *read;                 /* [n_read] values, each once */
  int *made;                 /* [n_made] values */
  int *over;                 /* [n_over] values that made[0] may be written over if they die here */
  int *after;                /* [n_after] steps that must come later, each once per reason */
  int n_before;              /* how often this step is in a list `after` */
  int64_t scratch;           /* bytes during the step */
} Step;

/* Steps are numbered in an order that is possible. */
typedef struct OrderProblem {
  int n_step, n_value;
  Step *step;                /* [n_step] */
  Value *value;              /* [n_value] */
  int64_t start_bytes;       /* alive before the first step */
} OrderProblem;

/* Largest number of bytes alive at a step when they run in this order. */
int64_t order_peak(Arena *a, const OrderProblem *p, const int *order);
/* Fills in order[n_step] and returns its peak: the given order 0, 1, 2 ... unless another has a
 * lower peak.  *proved tells whether no order is better. */
int64_t find_order(Arena *a, const OrderProblem *p, int *order, bool *proved);

/* ---- what order.c and beam.c share: the moment between two steps */

typedef struct Progress {
  int *readers;              /* [n_value] readers still to come */
  int *makers;               /* [n_value] makers still to come */
  int *missing;              /* [n_step] steps that still must come before */
  uint64_t *done;            /* [n_word] bit set of the steps that have run */
  int *ready;                /* [n_ready] steps that may run now, in no particular order */
  int n_ready, n_word;
  int64_t live;              /* bytes */
} Progress;

Progress new_progress(Arena *a, const OrderProblem *p);  /* room only */
void start_progress(const OrderProblem *p, Progress *s);
void copy_progress(const OrderProblem *p, Progress *to, const Progress *from);
int64_t step_peak(const OrderProblem *p, const Progress *s, int step);   /* bytes during it */
int64_t step_growth(const OrderProblem *p, const Progress *s, int step); /* of live, by it */
void run_step(const OrderProblem *p, Progress *s, int step);
void undo_step(const OrderProblem *p, Progress *s, int step);
/* A ready step that frees as much as it takes, or more, within the limit; -1 when there is none.
 * Running it at once is never wrong: wherever it stood later, the steps between only get
 * less memory to live with.  */
int free_step(const OrderProblem *p, const Progress *s, int64_t limit);

/* beam.c: a good order of many steps; keeps the best `width` beginnings of each length. */
int64_t beam_order(Arena *a, const OrderProblem *p, int width, int *order);

#endif
