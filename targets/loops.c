/* loops.c - which expression of loops.def computes a node. */
#include <string.h>

#include "targets/kernels.h"

static const Loop loops[] = {
#define LOOP(op, numbers, text) {#op, NUMBERS_##numbers, NULL, text, NULL},
#define FOLD(op, numbers, start, step, finish) {#op, NUMBERS_##numbers, start, step, finish},
#include "targets/loops.def"
#undef LOOP
#undef FOLD
};

bool has_elements(DType t) { return dtype_bytes(t) > 0; }

Numbers numbers_of(const Node *n) {
  DType first = DT_NONE;
  for (int i = 0; i < n->n_in; i++) {
    if (!n->in[i]) continue;
    if (dtype_is_float(n->in[i]->dtype)) return NUMBERS_REALS;
    if (first == DT_NONE) first = n->in[i]->dtype;
  }
  switch (first) {
    case DT_BOOL:
      return NUMBERS_BOOLS;
    case DT_U2:
    case DT_U4:
    case DT_U8:
    case DT_U16:
    case DT_U32:
    case DT_U64:
      return NUMBERS_UNSIGNED;
    default:
      return NUMBERS_SIGNED;
  }
}

const Loop *find_loop_of(const char *op, Numbers numbers) {
  for (size_t i = 0; i < sizeof loops / sizeof *loops; i++)
    if (strcmp(loops[i].op, op) == 0 &&
        (loops[i].numbers == NUMBERS_ANY || loops[i].numbers == numbers))
      return &loops[i];
  return NULL;
}

const Loop *find_loop(const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && (n->in[i]->quant || !has_elements(n->in[i]->dtype))) return NULL;
  if (n->out[0]->quant || !has_elements(n->out[0]->dtype)) return NULL;
  return find_loop_of(n->op->name, numbers_of(n));
}

const char *scatter_step(const Node *n) {
  static const struct { const char *reduction, *op; } steps[] = {
      {"add", "Add"}, {"mul", "Mul"}, {"min", "Min"}, {"max", "Max"}};
  const char *reduction = attr_str(n, "reduction", "none");
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    if (strcmp(reduction, steps[i].reduction) == 0) return steps[i].op;
  return NULL;
}

const char *scan_step(const Node *n) { return is_op(n, "CumSum") ? "ReduceSum" : "ReduceProd"; }
