/* plan.h - shows what pass_plan decided. */
#ifndef QCC_PLAN_H
#define QCC_PLAN_H

#include "ir/ir.h"

/* A table of the buffers of a planned graph: bytes, offset, first and last node, name; then the
 * arena, its lower bound and the gap between them. */
void print_plan(FILE *f, const Graph *g);

#endif
