/* emit_loop.c - loops over single elements: operators and types that no kernel is written for, as
 * nests of loops in the generated code, with constant bounds and steps.
 *
 *     const int32_t *x0 = ..., *x1 = ...;
 *     int32_t *y = ...;
 *     for (int32_t i0 = 0; i0 < 4; i0++)
 *       for (int32_t i1 = 0; i1 < 8; i1++)
 *         y[i0 * 8 + i1] = x0[i0 * 8 + i1] % x1[i1];
 *
 * The expressions are targets/loops.def's. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/emit_loop.h"

/* ---- nests */

/* Dimensions that all operands step through as if they were one become one. */
static int join_steps(int rank, int64_t *dim, int n, int64_t step[][MAX_RANK]) {
  int to = 0;
  for (int d = 0; d < rank; d++) {
    if (dim[d] == 1) continue;
    bool joins = to > 0;
    for (int k = 0; k < n; k++) joins = joins && step[k][to - 1] == step[k][d] * dim[d];
    if (joins) dim[to - 1] *= dim[d];
    else dim[to++] = dim[d];
    for (int k = 0; k < n; k++) step[k][to - 1] = step[k][d];
  }
  return to;
}

const char *index_text(Emitter *e, int rank, const int64_t *step) {
  const char *text = "";
  for (int d = 0; d < rank; d++) {
    if (step[d] == 0) continue;
    const char *plus = *text ? " + " : "";
    text = step[d] == 1 ? arena_printf(e->a, "%s%si%d", text, plus, d)
                        : arena_printf(e->a, "%s%si%d * %lld", text, plus, d, (long long)step[d]);
  }
  return *text ? text : "0";
}

void open_nest(Emitter *e, int from, int to, const int64_t *dim) {
  for (int d = from; d < to; d++)
    fprintf(e->calls, "    %*sfor (int32_t i%d = 0; i%d < %lld; i%d++)\n", 2 * d, "", d, d,
            (long long)dim[d], d);
  fprintf(e->calls, "    %*s", 2 * to, "");
}

void declare_operand(Emitter *e, const Tensor *x, const char *name, int i) {
  fprintf(e->calls, "    const %s *%s = %s;\n", ctype_of(x->dtype), name,
          is_const(x) ? constant_array(e, x, arena_printf(e->a, "c%d_", i)) : pointer_to(e, x));
}

void declare_output(Emitter *e, const Tensor *y) {
  fprintf(e->calls, "    %s *y = %s;\n", ctype_of(y->dtype), pointer_to(e, y));
}

/* ---- elements of at most 8 bits */

static const char *fields_text(Emitter *e, DType t) {
  const SmallFloat *f = small_float(t);
  return arena_printf(e->a, "(struct qcc_fields){%d, %d, %d, %u, %u, %u}", f->exponent_bits,
                      f->fraction_bits, f->bias, f->top, f->infinity, f->nan);
}

static const char *decoded_text(Emitter *e, DType t, const char *text) {
  use_header(e, "narrow.h");
  if (t == DT_F8E8M0) return arena_printf(e->a, "qcc_power_to_float(%s)", text);
  return arena_printf(e->a, "qcc_narrow_to_float(%s, %s)", fields_text(e, t), text);
}

/* As the node, a Cast, may say. */
static const char *encoded_text(Emitter *e, const Node *n, DType t, const char *text) {
  bool saturates = attr_int(n, "saturate", 1) != 0 || dtype_bits(t) < 8;
  use_header(e, "narrow.h");
  if (t == DT_F8E8M0)
    return arena_printf(e->a, "qcc_to_power((double)(%s), %d, '%c')", text, saturates,
                        *attr_str(n, "round_mode", "up"));
  return arena_printf(e->a, "qcc_to_narrow(%s, (double)(%s), %d)", fields_text(e, t), text, saturates);
}

/* Integers of fewer than 8 bits: the low bits of a whole number. */
static const char *low_bits_text(Emitter *e, DType t, bool real, const char *text) {
  bool is_signed = t == DT_I4 || t == DT_I2;
  use_header(e, "narrow.h");
  return arena_printf(e->a, "(%s)qcc_low_%s(%s%s%s, %d)", ctype_of(t), is_signed ? "int" : "uint",
                      real ? "qcc_to_int(" : "", text, real ? ", INT64_MIN, INT64_MAX)" : "",
                      dtype_bits(t));
}

/* ---- expressions */

const char *element_of(Emitter *e, DType t, const char *name, const char *index) {
  const char *text = arena_printf(e->a, "%s[%s]", name, index);
  if (t == DT_F16) return arena_printf(e->a, "qcc_half_to_float(%s)", text);
  if (t == DT_BF16) return arena_printf(e->a, "qcc_bfloat_to_float(%s)", text);
  return dtype_is_float(t) && dtype_bits(t) <= 8 ? decoded_text(e, t, text) : text;
}

bool is_double(const Node *n) {
  for (int i = 0; i <= n->n_in; i++) {
    const Tensor *t = i < n->n_in ? n->in[i] : n->out[0];
    if (t && (t->dtype == DT_F64 || dtype_bytes(t->dtype) > 4 || t->dtype == DT_I32 ||
              t->dtype == DT_U32))
      return true;
  }
  return false;
}

const char *stored_text(Emitter *e, const Node *n, bool real, const char *text) {
  DType t = n->out[0]->dtype;
  static const struct {
    DType t;
    const char *lo, *hi;
  } bounds[] = {
      {DT_I8, "INT8_MIN", "INT8_MAX"},    {DT_U8, "0", "UINT8_MAX"},
      {DT_I16, "INT16_MIN", "INT16_MAX"}, {DT_U16, "0", "UINT16_MAX"},
      {DT_I32, "INT32_MIN", "INT32_MAX"}, {DT_U32, "0", "UINT32_MAX"},
      {DT_I64, "INT64_MIN", "INT64_MAX"},
  };
  if (t == DT_F16) return arena_printf(e->a, "qcc_float_to_half((float)(%s))", text);
  if (t == DT_BF16) return arena_printf(e->a, "qcc_float_to_bfloat((float)(%s))", text);
  if (t == DT_BOOL) return arena_printf(e->a, "(%s) != 0", text);
  if (small_float(t) || t == DT_F8E8M0) return encoded_text(e, n, t, text);
  if (dtype_is_float(t)) return arena_printf(e->a, "(%s)(%s)", ctype_of(t), text);
  if (dtype_bits(t) < 8) return low_bits_text(e, t, real, text);
  if (!real) return text;
  if (t == DT_U64) return arena_printf(e->a, "qcc_to_uint64(%s)", text);
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
    if (bounds[i].t == t)
      return arena_printf(e->a, "(%s)qcc_to_int(%s, %s, %s)", ctype_of(t), text, bounds[i].lo,
                          bounds[i].hi);
  bug("no bounds of %s", dtype_name(t));
}

static const char *number_text(Emitter *e, bool wide, double v) {
  return wide ? double_text(e, v) : float_text(e, v);
}

/* "$[name:value]": the attribute, an integer where its default has no point and the node has none. */
static const char *attribute_text(Emitter *e, const Node *n, bool wide, const char *name,
                                  const char *otherwise) {
  const Attr *a = find_attr(n, name);
  if (a && a->kind == ATTR_INT) return arena_printf(e->a, "%lld", (long long)attr_int(n, name, 0));
  if (!a && numbers_of(n) != NUMBERS_REALS) return otherwise;
  return number_text(e, wide, attr_float(n, name, atof(otherwise)));
}

/* Of the numbers that the node's output has: its own type in C, or what it is made from.  A number that is cut to a
 * byte first may no longer be true. */
static const char *number_type(const Node *n) {
  DType t = n->out[0]->dtype;
  if (t == DT_BOOL && is_op(n, "Cast")) return "_Bool";
  if (small_float(t) || t == DT_F8E8M0) return is_double(n) ? "double" : "float";
  return ctype_of(t);
}

Values values_of(const Node *n, const char *first, const char *second) {
  return (Values){.operand = {first, second, ""}, .type = number_type(n), .wide = is_double(n)};
}

const char *expand_text(Emitter *e, const Node *n, const char *text, const Values *v) {
  char *out = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&out, &size);
  if (!f) error("out of memory");
  for (; *text; text++) {
    if (*text != '$') {
      fputc(*text, f);
      continue;
    }
    switch (*++text) {
      case 'n':
        fprintf(f, "%lld", (long long)v->count);
        break;
      case 'T':
        fputs(v->type, f);
        break;
      case 'R':
        fputs(v->wide ? "double" : "float", f);
        break;
      case 'f':
        fputs(v->wide ? "" : "f", f);
        break;
      case '[': {
        const char *colon = text + strcspn(text, ":="), *end = strchr(text, ']');
        const char *name = arena_strndup(e->a, text + 1, (size_t)(colon - text - 1)),
                   *otherwise = arena_strndup(e->a, colon + 1, (size_t)(end - colon - 1));
        if (*colon == '=') fputc(strcmp(attr_str(n, name, otherwise), otherwise) == 0 ? '1' : '0', f);
        else fputs(attribute_text(e, n, v->wide, name, otherwise), f);
        text = end;
        break;
      }
      default:
        fputs(v->operand[*text - '0'], f);
    }
  }
  fclose(f);
  const char *kept = arena_strdup(e->a, out);
  free(out);
  return kept;
}

/* ---- pointwise operators */

/* Clip's bounds where they are attributes, or absent. */
static const char *absent_operand(Emitter *e, const Node *n, int i, bool wide) {
  const char *attr = i == 1 ? "min" : "max";
  switch (numbers_of(n)) {
    case NUMBERS_SIGNED:
      return i == 1 ? "INT64_MIN" : "INT64_MAX";
    case NUMBERS_UNSIGNED:
      return i == 1 ? "0" : "UINT64_MAX";
    default:
      return number_text(e, wide, attr_float(n, attr, i == 1 ? -INFINITY : INFINITY));
  }
}

void emit_loop(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Loop *loop = find_loop(n);
  const Tensor *y = n->out[0];
  bool raw = is_op(n, "Where"), folds = n->op->max_in < 0;
  int64_t dim[MAX_RANK],
      (*step)[MAX_RANK] = arena_alloc(e->a, (n->n_in + 1) * (int64_t)sizeof *step);
  for (int d = 0; d < y->rank; d++) dim[d] = y->dim[d];
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i]) broadcast_steps(n->in[i], y, step[i]);
  broadcast_steps(y, y, step[n->n_in]);
  int rank = join_steps(y->rank, dim, n->n_in + 1, step);

  const char **value = arena_alloc(e->a, (n->n_in + 3) * (int64_t)sizeof *value);
  Values v = values_of(n, "", "");
  for (int i = 0; i < n->n_in || i < 3; i++) {
    const Tensor *x = optional_input(n, i);
    value[i] = x || i >= 3 ? "" : absent_operand(e, n, i, v.wide);
    if (!x) continue;
    const char *name = arena_printf(e->a, "x%d", i), *index = index_text(e, rank, step[i]);
    declare_operand(e, x, name, i);
    value[i] =
        raw ? arena_printf(e->a, "%s[%s]", name, index) : element_of(e, x->dtype, name, index);
  }
  declare_output(e, y);
  const char *text = value[0];
  for (int i = 1; i < (folds ? n->n_in : 2); i++) {
    memcpy(v.operand, folds ? (const char *[]){text, value[i], ""} : value, sizeof v.operand);
    text = expand_text(e, n, loop->text, &v);
  }
  if (is_op(n, "Mean")) text = arena_printf(e->a, "(%s) / %d", text, n->n_in);
  bool real = numbers_of(n) == NUMBERS_REALS && !raw;
  open_nest(e, 0, rank, dim);
  fprintf(e->calls, "y[%s] = %s;\n", index_text(e, rank, step[n->n_in]),
          raw ? text : stored_text(e, n, real, text));
  finish_activation(e, n);
}

/* ---- reductions */

int split_dimensions(const Tensor *x, unsigned reduced, int *rank, int64_t *dim,
                            int64_t step[][MAX_RANK]) {
  int64_t own[MAX_RANK], d_kept[MAX_RANK], kept[2][MAX_RANK], s = 1;
  int n_kept = 0, n = 0;
  for (int d = x->rank - 1; d >= 0; d--) own[d] = s, s *= x->dim[d];
  for (int d = 0; d < x->rank; d++)
    if (!(reduced >> d & 1)) d_kept[n_kept] = x->dim[d], kept[0][n_kept++] = own[d];
  s = 1;
  for (int d = n_kept - 1; d >= 0; d--) kept[1][d] = s, s *= d_kept[d];
  n = n_kept = join_steps(n_kept, d_kept, 2, kept);
  for (int d = 0; d < n_kept; d++)
    dim[d] = d_kept[d], step[0][d] = kept[0][d], step[1][d] = kept[1][d];
  int64_t r_dim[MAX_RANK], r_step[1][MAX_RANK];
  int n_reduced = 0;
  for (int d = 0; d < x->rank; d++)
    if (reduced >> d & 1) r_dim[n_reduced] = x->dim[d], r_step[0][n_reduced++] = own[d];
  n_reduced = join_steps(n_reduced, r_dim, 1, r_step);
  for (int d = 0; d < n_reduced; d++, n++)
    dim[n] = r_dim[d], step[0][n] = r_step[0][d], step[1][n] = 0;
  *rank = n;
  return n_kept;
}

void emit_fold(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Loop *loop = find_loop(n);
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t dim[2 * MAX_RANK], step[2][MAX_RANK];
  int rank, kept = split_dimensions(x, reduced_mask(n), &rank, dim, step);
  bool real = numbers_of(n) == NUMBERS_REALS;
  Values v = {.type = ctype_of(y->dtype), .wide = is_double(n), .operand = {"", "", ""}};
  v.count = n_elements(y) ? n_elements(x) / n_elements(y) : 1;
  const char *type = !real ? "int64_t" : v.wide ? "double" : "float";
  declare_operand(e, x, "x", 0);
  declare_output(e, y);
  open_nest(e, 0, kept, dim);
  fprintf(e->calls, "{\n      %s s = %s;\n", type, loop->start);
  open_nest(e, kept, rank, dim);
  fprintf(e->calls, "{\n        %s v = %s;\n        s = %s;\n      }\n", type,
          element_of(e, x->dtype, "x", index_text(e, rank, step[0])),
          expand_text(e, n, loop->text, &v));
  const char *result = expand_text(e, n, loop->finish, &v);
  if (!real && !dtype_is_float(y->dtype)) result = arena_printf(e->a, "(%s)(%s)", v.type, result);
  fprintf(e->calls, "      y[%s] = %s;\n    }\n", index_text(e, kept, step[1]),
          stored_text(e, n, real, result));
}

/* ArgMax and ArgMin: the place of the best so far. */
void emit_arg(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const Tensor *x = n->in[0];
  int axis = axis_of(n, x, 0), rank;
  int64_t dim[2 * MAX_RANK], step[2][MAX_RANK], along = count_in(x, axis + 1, x->rank);
  int kept = split_dimensions(x, 1u << axis, &rank, dim, step);
  const char *at = index_text(e, kept, step[0]), *than = is_op(n, "ArgMax") ? ">" : "<";
  const char *equal = attr_int(n, "select_last_index", 0) ? "=" : "";
  const char *next = arena_printf(e->a, "%s + k * %lld", at, (long long)along),
             *best = arena_printf(e->a, "%s + best * %lld", at, (long long)along);
  declare_operand(e, x, "x", 0);
  declare_output(e, n->out[0]);
  open_nest(e, 0, kept, dim);
  fprintf(e->calls,
          "{\n      int32_t best = 0;\n      for (int32_t k = 1; k < %lld; k++)\n"
          "        if (%s %s%s %s)\n          best = k;\n      y[%s] = best;\n    }\n",
          (long long)x->dim[axis], element_of(e, x->dtype, "x", next), than, equal,
          element_of(e, x->dtype, "x", best), index_text(e, kept, step[1]));
}
