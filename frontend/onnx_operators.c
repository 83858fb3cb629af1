/* onnx_operators.c - which operator of ops.def a node of an ONNX file is, by its domain and name. */
#include <string.h>

#include "frontend/onnx_reader.h"

typedef struct Foreign {
  const char *domain, *name, *op;
} Foreign;

typedef struct LeftOut {
  const char *domain, *name, *why;
} LeftOut;

#define FOREIGN(domain, name, op) {domain, name, op},
#define LEFT_OUT(domain, name, why)
static const Foreign foreign[] = {
#include "frontend/onnx_operators.def"
};
#undef FOREIGN
#undef LEFT_OUT

#define FOREIGN(domain, name, op)
#define LEFT_OUT(domain, name, why) {domain, name, why},
static const LeftOut left_out[] = {
#include "frontend/onnx_operators.def"
};
#undef FOREIGN
#undef LEFT_OUT

enum { N_FOREIGN = sizeof foreign / sizeof *foreign, N_LEFT_OUT = sizeof left_out / sizeof *left_out };

const char *onnx_domain(const OnnxNode *p) {
  return p->domain && *p->domain ? p->domain : "ai.onnx";
}

/* Lowering's operators and our own quantizers are not in ONNX's name space. */
static bool is_plain(const OpDef *op) {
  return op && !(op->flags & (OP_INTEGER | OP_FOREIGN | OP_FLOW)) && strcmp(op->name, "Quantize") != 0 &&
         strcmp(op->name, "Dequantize") != 0;
}

static const OpDef *find_operator(const char *domain, const char *name) {
  for (int i = 0; i < N_FOREIGN; i++)
    if (strcmp(foreign[i].domain, domain) == 0 && strcmp(foreign[i].name, name) == 0)
      return find_op(foreign[i].op);
  const OpDef *op = strcmp(domain, "ai.onnx") == 0 ? find_op(name) : NULL;
  return is_plain(op) ? op : NULL;
}

static const char *nearest_operator(Arena *a, const char *domain, const char *name) {
  const char **names = arena_alloc(a, (n_ops() + N_FOREIGN + 1) * (int64_t)sizeof *names);
  int n = 0;
  for (int i = 0; i < n_ops(); i++)
    if (find_operator(domain, op_at(i)->name)) names[n++] = op_at(i)->name;
  for (int i = 0; i < N_FOREIGN; i++)
    if (find_operator(domain, foreign[i].name)) names[n++] = foreign[i].name;
  return nearest_name(name, names, n);
}

const OpDef *onnx_operator(Arena *a, const OnnxNode *p, Loc loc) {
  const char *domain = onnx_domain(p);
  const OpDef *op = find_operator(domain, p->op_type);
  if (op) return op;
  for (int i = 0; i < N_LEFT_OUT; i++)
    if (strcmp(left_out[i].domain, domain) == 0 &&
        (!left_out[i].name || strcmp(left_out[i].name, p->op_type) == 0))
      error_at(loc, "operator '%s' of domain '%s': %s", p->op_type, domain, left_out[i].why);
  const char *near = nearest_operator(a, domain, p->op_type);
  error_at(loc, "operator '%s' of domain '%s' is not supported%s%s%s", p->op_type, domain,
           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}
