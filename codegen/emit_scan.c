/* emit_scan.c - loops over the lines along one dimension, in the generated code: running sums and products,
 * whose expressions are those of the reductions in targets/loops.def, and the first of an order.
 *
 *     for (int32_t i0 = 0; i0 < 4; i0++)
 *       {
 *         float s = 0;
 *         for (int32_t k = 0; k < 8; k++) {
 *           int32_t at = i0 * 8 + k;
 *           float v = x[at];
 *           s = s + v;
 *           y[at] = s;
 *         }
 *       }
 */
#include "codegen/emit_loop.h"

void emit_scan(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Tensor *x = n->in[0], *y = n->out[0];
  bool real = numbers_of(n) == NUMBERS_REALS;
  const Loop *loop = find_loop_of(scan_step(n), numbers_of(n));
  int64_t dim[2 * MAX_RANK], step[2][MAX_RANK], given;
  if (const_ints(n->in[1], &given, 1) != 1) bug("%s without its axis", n->op->name);
  int axis = (int)(given < 0 ? given + x->rank : given), rank;
  int kept = split_dimensions(x, 1u << axis, &rank, dim, step);
  Values v = values_of(n, "", "");
  const char *type = !real ? "int64_t" : v.wide ? "double" : "float";
  const char *place = attr_int(n, "reverse", 0)
                          ? arena_printf(e->a, "(%lld - k)", (long long)x->dim[axis] - 1)
                          : "k";
  const char *step_text = arena_printf(e->a, "s = %s;", expand_text(e, n, loop->text, &v));
  const char *store = arena_printf(
      e->a, "y[at] = %s;",
      stored_text(e, n, real,
                  real || dtype_is_float(y->dtype) ? "s" : arena_printf(e->a, "(%s)s", v.type)));
  bool exclusive = attr_int(n, "exclusive", 0) != 0;
  declare_operand(e, x, "x", 0);
  declare_output(e, y);
  open_nest(e, 0, kept, dim);
  fprintf(e->calls,
          "{\n      %s s = %s;\n      for (int32_t k = 0; k < %lld; k++) {\n"
          "        int32_t at = %s + %s * %lld;\n        %s v = %s;\n        %s\n        %s\n"
          "      }\n    }\n",
          type, loop->start, (long long)x->dim[axis], index_text(e, kept, step[0]), place,
          (long long)count_in(x, axis + 1, x->rank), type, element_of(e, x->dtype, "x", "at"),
          exclusive ? store : step_text, exclusive ? step_text : store);
}

/* An insertion into the places of the best so far, which are the second output. */
void emit_topk(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t dim[2 * MAX_RANK], step[2][MAX_RANK];
  int axis = axis_of(n, x, -1), rank;
  int kept = split_dimensions(x, 1u << axis, &rank, dim, step);
  long long most = y->dim[axis], inner = count_in(x, axis + 1, x->rank);
  const char *from = index_text(e, kept, step[0]);
  const char *candidate = arena_printf(e->a, "from + k * %lld", inner),
             *other = arena_printf(e->a, "from + (int32_t)best[(at - 1) * %lld] * %lld", inner, inner);
  declare_operand(e, x, "x", 0);
  declare_output(e, y);
  fprintf(e->calls, "    int64_t *place = %s;\n", pointer_to(e, n->out[1]));
  open_nest(e, 0, kept, dim);
  fprintf(e->calls,
          "{\n      int32_t from = %s, to = from / %lld * %lld + from %% %lld, n = 0;\n"
          "      int64_t *best = place + to;\n"
          "      for (int32_t k = 0; k < %lld; k++) {\n"
          "        int32_t at = n < %lld ? n++ : %lld;\n"
          "        for (; at > 0 && %s %c %s; at--)\n"
          "          if (at < %lld)\n            best[at * %lld] = best[(at - 1) * %lld];\n"
          "        if (at < %lld)\n          best[at * %lld] = k;\n      }\n"
          "      for (int32_t k = 0; k < %lld; k++)\n"
          "        y[to + k * %lld] = x[from + (int32_t)best[k * %lld] * %lld];\n    }\n",
          from, (long long)x->dim[axis] * inner, most * inner, inner, (long long)x->dim[axis], most,
          most, element_of(e, x->dtype, "x", candidate), attr_int(n, "largest", 1) ? '>' : '<',
          element_of(e, x->dtype, "x", other), most, inner, inner, most, inner, most, inner, inner,
          inner);
}
