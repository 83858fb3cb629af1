/* shape.c - operators that make numbers from shapes or from nothing (Shape, Size, Constant,
 * ConstantOfShape, Range), and Cast.  Constant folding evaluates them, so they rarely live to be
 * compiled. */
#include <math.h>
#include <string.h>

#include "ir/ops/ops.h"

static int64_t limit(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

/* Dimensions [from, to) that a Shape gives. */
static void shape_range(const Node *n, int *from, int *to) {
  int rank = n->in[0]->rank;
  int64_t start = attr_int(n, "start", 0), end = attr_int(n, "end", rank);
  *from = (int)limit(start < 0 ? start + rank : start, 0, rank);
  *to = (int)limit(end < 0 ? end + rank : end, *from, rank);
}

void infer_shape(Graph *g, Node *n) {
  (void)g;
  int from, to;
  if (n->in[0]->rank < 0) return;
  shape_range(n, &from, &to);
  int64_t count = to - from;
  set_type(n, 0, DT_I64, 1, &count, LAYOUT_NONE);
}

void eval_shape(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  int from, to;
  shape_range(n, &from, &to);
  for (int d = from; d < to; d++) ((int64_t *)out[0])[d - from] = n->in[0]->dim[d];
}

void infer_size(Graph *g, Node *n) {
  (void)g;
  const int64_t none = 0;
  set_type(n, 0, DT_I64, 0, &none, LAYOUT_NONE);
}

void eval_size(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  *(int64_t *)out[0] = n_elements(n->in[0]);
}

/* ---- Constant */

static const Attr *constant_value(const Node *n) {
  static const char *const names[] = {"value", "value_float", "value_int", "value_floats",
                                      "value_ints"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (find_attr(n, names[i])) return find_attr(n, names[i]);
  error_at(n->loc, "Constant: no value of a kind that is supported");
}

void infer_constant(Graph *g, Node *n) {
  (void)g;
  const Attr *a = constant_value(n);
  int64_t count = a->n;
  switch (a->kind) {
    case ATTR_TENSOR: set_like(n, 0, a->t); return;
    case ATTR_FLOAT: set_type(n, 0, DT_F32, 0, &count, LAYOUT_NONE); return;
    case ATTR_INT: set_type(n, 0, DT_I64, 0, &count, LAYOUT_NONE); return;
    case ATTR_FLOATS: set_type(n, 0, DT_F32, 1, &count, LAYOUT_NONE); return;
    case ATTR_INTS: set_type(n, 0, DT_I64, 1, &count, LAYOUT_NONE); return;
    default: error_at(n->loc, "Constant: %s has the wrong kind", a->name);
  }
}

void eval_constant(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  const Attr *a = constant_value(n);
  if (a->kind == ATTR_TENSOR) memcpy(out[0], a->t->data, (size_t)tensor_bytes(a->t));
  if (a->kind == ATTR_FLOAT) *(float *)out[0] = (float)a->f;
  if (a->kind == ATTR_INT) *(int64_t *)out[0] = a->i;
  for (int i = 0; i < a->n; i++) {
    if (a->kind == ATTR_FLOATS) ((float *)out[0])[i] = (float)a->floats[i];
    if (a->kind == ATTR_INTS) ((int64_t *)out[0])[i] = a->ints[i];
  }
}

/* ---- ConstantOfShape */

void infer_constant_of_shape(Graph *g, Node *n) {
  (void)g;
  int64_t dim[MAX_RANK];
  int rank = get_ints(n, NULL, 0, NULL, dim, MAX_RANK);
  if (rank < 0) return;
  for (int d = 0; d < rank; d++)
    if (dim[d] < 0)
      error_at(n->loc, "ConstantOfShape: shape has the dimension %lld", (long long)dim[d]);
  const Attr *a = find_attr(n, "value");
  if (a && (a->kind != ATTR_TENSOR || n_elements(a->t) != 1))
    error_at(n->loc, "ConstantOfShape: value is not a tensor of one element");
  set_type(n, 0, a ? a->t->dtype : DT_F32, rank, dim, LAYOUT_NONE);
}

void eval_constant_of_shape(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  const Attr *a = find_attr(n, "value");
  size_t bytes = (size_t)dtype_bytes(n->out[0]->dtype);
  char *y = out[0];
  for (int64_t i = 0; i < n_elements(n->out[0]); i++, y += bytes) {
    if (a)
      memcpy(y, a->t->data, bytes);
    else
      memset(y, 0, bytes);
  }
}

/* ---- Range */

void infer_range(Graph *g, Node *n) {
  (void)g;
  double v[3];
  if (!inputs_ready(n)) return;
  for (int i = 0; i < 3; i++) {
    if (n_elements(n->in[i]) != 1) error_at(n->loc, "Range: input %d is not one number", i + 1);
    need_same_type(n, 0, i);
    if (!n->in[i]->data) return;
    v[i] = get_real(n->in[i]->dtype, n->in[i]->data, 0);
  }
  if (v[2] == 0) error_at(n->loc, "Range: delta is 0");
  double count = ceil((v[1] - v[0]) / v[2]);
  if (!(count < (double)INT32_MAX)) error_at(n->loc, "Range: too many elements");
  int64_t dim = count > 0 ? (int64_t)count : 0;
  set_type(n, 0, n->in[0]->dtype, 1, &dim, LAYOUT_NONE);
}

void eval_range(const Node *n, const void *const *in, void *const *out) {
  DType t = n->in[0]->dtype;
  int64_t count = n_elements(n->out[0]);
  for (int64_t i = 0; i < count; i++) {
    if (dtype_is_int(t))
      put_int(t, out[0], i, get_int(t, in[0], 0) + i * get_int(t, in[2], 0));
    else
      set_real(t, out[0], i, get_real(t, in[0], 0) + (double)i * get_real(t, in[2], 0));
  }
}

/* ---- Cast: real numbers lose their fraction and saturate, but in integers of fewer than 8 bits; integers wrap */

void infer_cast(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  int64_t to = attr_int(n, "to", 0);
  bool known = to > DT_NONE && to < DT_COUNT && dtype_bytes((DType)to) > 0;
  if (!known || dtype_bytes(x->dtype) == 0)
    error_at(n->loc, "Cast: type %lld is missing, unknown or not supported", (long long)to);
  const char *mode = attr_str(n, "round_mode", "up");
  if (strcmp(mode, "up") != 0 && strcmp(mode, "down") != 0 && strcmp(mode, "nearest") != 0)
    error_at(n->loc, "Cast: round_mode is '%s', expected up, down or nearest", mode);
  set_type(n, 0, (DType)to, x->rank, x->dim, x->layout);
}

/* Towards 0. */
static int64_t whole_of(DType t, const void *data, int64_t i) {
  if (!dtype_is_float(t)) return get_int(t, data, i);
  double v = trunc(get_real(t, data, i));
  return get_int(DT_F64, &v, 0);
}

void eval_cast(const Node *n, const void *const *in, void *const *out) {
  DType from = n->in[0]->dtype, to = n->out[0]->dtype;
  int64_t count = n_elements(n->in[0]);
  bool to_real = dtype_is_float(to), from_real = dtype_is_float(from) && dtype_bits(to) >= 8;
  bool saturates = attr_int(n, "saturate", 1) != 0;
  char mode = *attr_str(n, "round_mode", "up");
  for (int64_t i = 0; i < count; i++) {
    if (to == DT_BOOL)
      ((uint8_t *)out[0])[i] = get_real(from, in[0], i) != 0;
    else if (to_real)
      set_narrow(to, out[0], i, get_real(from, in[0], i), saturates, mode);
    else if (from_real)
      set_real(to, out[0], i, trunc(get_real(from, in[0], i)));
    else
      put_int(to, out[0], i, whole_of(from, in[0], i));
  }
}

/* From here on a Cast. */
void infer_cast_like(Graph *g, Node *n) {
  if (n->in[1]->dtype == DT_NONE) return;
  set_int(g, n, "to", n->in[1]->dtype);
  n->op = find_op("Cast");
  n->n_in = 1;
  infer_cast(g, n);
}

void infer_bit_cast(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  int64_t to = attr_int(n, "to", 0);
  bool known = to > DT_NONE && to < DT_COUNT && dtype_bytes((DType)to) > 0;
  if (!known || dtype_bits((DType)to) != dtype_bits(x->dtype))
    error_at(n->loc, "BitCast: from %s to %s, which has not as many bits", dtype_name(x->dtype),
             known ? dtype_name((DType)to) : "no known type");
  set_type(n, 0, (DType)to, x->rank, x->dim, x->layout);
}
