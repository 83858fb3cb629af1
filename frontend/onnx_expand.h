/* onnx_expand.h - what the files share that put things in the place of the ONNX nodes that call them. */
#ifndef QCC_ONNX_EXPAND_H
#define QCC_ONNX_EXPAND_H

#include "frontend/onnx_reader.h"

enum { MOST_NODES = 1 << 17 };  /* that a model may become */

typedef struct Scope Scope;
struct Scope {
  const Scope *outer;         /* NULL: the graph itself */
  const char *prefix;         /* of the names that are defined in it */
  const OnnxNode *call;       /* of a function, its names and attributes are resolved; else NULL */
  const OnnxFunction *function;
  const OnnxGraph *branch;    /* of an If, body of a Scan or Loop */
  size_t n_formal, n_actual;
  char **formal, **actual;    /* [n_formal] its inputs; [n_actual] names in the graph of what they are */
  int depth;
};

/* The side of an If with an unknown condition that is being expanded, and what it is a side of. */
typedef struct Side {
  const struct Side *outer;
  char *condition;            /* a scalar */
  bool holds;
} Side;

typedef struct Expander {
  Arena *a;
  const OnnxFile *file;
  const Source *src;
  OnnxModel *m;
  OnnxKnown *known;
  size_t n_function;
  OnnxFunction **function;    /* [n_function] */
  int n;
  OnnxNode **node;            /* [n] what the graph becomes */
  const Side *side;           /* NULL: everything runs */
  int64_t appended;           /* nodes, with those that were forgotten again */
  bool old_scan;              /* before opset 9, with a batch */
} Expander;

/* ---- onnx_expand.c -------------------------------------------------------------------------- */

_Noreturn void fail_expanding(const Expander *x, const OnnxNode *p, const char *what);
_Noreturn void fail_many_nodes(const Expander *x, const OnnxNode *p);
OnnxAttribute *find_onnx_attribute(const OnnxNode *p, const char *name);

/* Node of one output; its name is that of the output. */
OnnxNode *append_onnx_node(Expander *x, const char *op, size_t n_in, char *const *in, char *out);
/* LoopBegin or LoopEnd. */
OnnxNode *append_onnx_flow(Expander *x, const char *op, size_t n_in, char *const *in, size_t n_out, char *const *out);
/* Takes back what was appended as node `from` and behind it. */
void forget_nodes(Expander *x, int from);
OnnxAttribute *add_onnx_attribute(Expander *x, OnnxNode *p, const char *name);
void append_onnx_constant(Expander *x, OnnxTensor *value, char *name);
/* A scalar of type int64 or bool. */
char *append_onnx_scalar(Expander *x, DType t, int64_t value, char *name);

/* The graph of an attribute, of so many inputs and outputs. */
const OnnxGraph *onnx_branch(const Expander *x, const OnnxNode *p, const char *attribute, size_t n_in, size_t n_out);
/* Appends a branch or a body whose inputs are so many names in the graph; its outputs likewise. */
char **expand_branch(Expander *x, const Scope *outer, const OnnxGraph *g, const char *word, char **in);

/* What is known so far of a name in the graph, NULL: nothing. */
const Tensor *known_so_far(const Expander *x, const char *name);
/* The one element of a constant of that type; false where it is not known to be one. */
bool known_scalar(const Expander *x, const char *name, DType t, int64_t *value);

/* ---- onnx_loop.c ---------------------------------------------------------------------------- */

/* As many bodies as there are steps, or one in a loop, in the scope around the node. */
void expand_scan(Expander *x, const Scope *s, const OnnxNode *p);
void expand_loop(Expander *x, const Scope *s, const OnnxNode *p);

#endif
