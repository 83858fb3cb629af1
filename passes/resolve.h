/* resolve.h - how the policy's files in passes/ share matching and printing (private to them). */
#ifndef QCC_RESOLVE_H
#define QCC_RESOLVE_H

#include "passes/passes.h"

/* ---- match.c --------------------------------------------------------------------------------- */

typedef enum MatchPart { PART_WEIGHTS, PART_ACTIVATIONS } MatchPart;

/* The rules of a policy ready to be matched against one graph. */
typedef struct Matcher Matcher;
Matcher *new_matcher(const Graph *g, const Policy *p);
void free_matcher(Matcher *m);
/* Whether rule number `rule` says something of a part of a node. */
bool rule_matches(const Matcher *m, int rule, const Node *n, MatchPart part);
bool rule_matches_input(const Matcher *m, int rule, const Tensor *t);

/* ---- resolve.c ------------------------------------------------------------------------------- */

typedef struct NodeChoice {
  const Node *node;
  const Tensor *out;       /* first output */
  const Tensor *weights;   /* or NULL */
  WeightChoice w;
  ActChoice act;
} NodeChoice;

typedef struct InputChoice {
  const Tensor *input;
  ActChoice act;
} InputChoice;

typedef struct Resolution {
  int n_node, n_in, n_tensor;
  NodeChoice *node;        /* [n_node] in execution order */
  InputChoice *input;      /* [n_in] */
  const Tensor **tensor;   /* [n_tensor] of the graph that was resolved */
  const char **name;       /* [n_tensor] their names then: quantization renames inputs and outputs */
} Resolution;

/* The name by which rules and ranges know a tensor. */
const char *resolved_name(const Resolution *res, const Tensor *t);

const char *granularity_name(int granularity);
int find_granularity(const char *word);   /* of the table, by its word */

/* ---- expand.c -------------------------------------------------------------------------------- */

void print_yaml_text(FILE *f, const char *s);           /* in double quotes, escaped */
void print_policy_inputs(FILE *f, const Policy *p);
/* Every setting at the top of the file, as YAML; calibration data only where `with_data`. */
void print_policy_globals(FILE *f, const Policy *p, bool with_data);

#endif
