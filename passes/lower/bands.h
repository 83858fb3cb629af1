/* bands.h - a part of a graph computed in bands of rows instead of all at once. */
#ifndef QCC_BANDS_H
#define QCC_BANDS_H

#include "ir/ir.h"

enum { MAX_SECTION = 16 };

/* Nodes with one result that the rest of the graph reads, the output of the first.  Rows of each
 * depend on few rows of its inputs. */
typedef struct Section {
  int n;
  Node *node[MAX_SECTION];    /* [n] by falling position in the graph */
} Section;

/* Rows of the output can be computed by themselves: convolutions, pools and elementwise operators
 * of one image, channels last. */
bool splits_in_rows(const Node *n);
int64_t count_rows(const Section *r);             /* of its output */
/* The node that the section can grow by: the last one in the graph that only the section reads;
 * NULL when there is none, or no room. */
Node *next_node(const Graph *g, const Section *r);
/* Replaces the section by one copy of its nodes per band; bands of the output overlap nowhere,
 * those of inner values by what windows need.  The bands are joined in place by the planner.  Each node
 * has the attribute `rows`: which of the whole operator's output it computes.  False, with the
 * graph unchanged, when a band would need no row of some value. */
bool split_section(Graph *g, const Section *r, int64_t bands);

#endif
