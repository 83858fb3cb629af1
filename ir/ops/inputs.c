/* inputs.c - what infer() and eval() functions ask about a node's inputs: is it there, is its shape
 * known, which integers does it hold.  The need_... functions report the user's mistake.
 *
 * A rule for every infer(): while an input's shape, or the value of an input that gives a shape, is
 * not known, the output stays unknown; constant folding comes back later. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

Tensor *in_tensor(const Node *n, int i) { return i >= 0 && i < n->n_in ? n->in[i] : NULL; }

const void *in_data(const Node *n, const void *const *in, int i) {
  return in_tensor(n, i) ? in[i] : NULL;
}

bool has_out(const Node *n, int i) { return i < n->n_out && n->out[i]; }

bool has_static_shape(const Tensor *t) {
  return t->dtype != DT_NONE && t->rank >= 0 && n_elements(t) >= 0;
}

bool inputs_ready(const Node *n) {
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && !has_static_shape(n->in[i])) return false;
  return true;
}

int64_t dims_product(const int64_t *dim, int from, int to) {
  int64_t p = 1;
  for (int d = from; d < to; d++) p *= dim[d];
  return p;
}

const char *op_name(const Node *n) { return n->op->name; }

void set_like(Node *n, int out, const Tensor *x) {
  set_type(n, out, x->dtype, x->rank, x->dim, x->layout);
}

void infer_same(Graph *g, Node *n) {
  (void)g;
  if (inputs_ready(n)) set_like(n, 0, n->in[0]);
}

int get_axis(const Node *n, int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    error_at(n->loc, "%s: axis %lld is outside the tensor's %d dimensions", op_name(n),
             (long long)axis, rank);
  return (int)(axis < 0 ? axis + rank : axis);
}

const char *dims_text(char *buf, size_t size, const Tensor *t) {
  size_t at = (size_t)snprintf(buf, size, "[");
  for (int d = 0; d < t->rank && at < size; d++)
    at += (size_t)snprintf(buf + at, size - at, d ? ",%lld" : "%lld", (long long)t->dim[d]);
  if (at < size) snprintf(buf + at, size - at, "]");
  return buf;
}

void need_type(const Node *n, int i, DType t) {
  const Tensor *x = in_tensor(n, i);
  if (x && x->dtype != t)
    error_at(n->loc, "%s: input %d is %s, expected %s", op_name(n), i + 1, dtype_name(x->dtype),
             dtype_name(t));
}

void need_float(const Node *n, int i) {
  const Tensor *x = in_tensor(n, i);
  if (x && !dtype_is_float(x->dtype))
    error_at(n->loc, "%s: input %d is %s, expected a float type", op_name(n), i + 1,
             dtype_name(x->dtype));
}

void need_same_type(const Node *n, int i, int j) {
  const Tensor *a = in_tensor(n, i), *b = in_tensor(n, j);
  if (a && b && a->dtype != b->dtype)
    error_at(n->loc, "%s: input %d is %s, but input %d is %s", op_name(n), i + 1,
             dtype_name(a->dtype), j + 1, dtype_name(b->dtype));
}

void need_vector(const Node *n, int i, const char *what, int64_t count) {
  const Tensor *x = in_tensor(n, i);
  char text[DIMS_TEXT];
  if (x && (x->rank != 1 || x->dim[0] != count))
    error_at(n->loc, "%s: %s has shape %s, expected [%lld]", op_name(n), what,
             dims_text(text, sizeof text, x), (long long)count);
}

int get_ints(const Node *n, const char *attr, int i, const void *const *in, int64_t *v, int max) {
  const Tensor *t = in_tensor(n, i);
  if (!t) {
    if (!attr || !find_attr(n, attr)) return INTS_ABSENT;
    return attr_ints(n, attr, v, max);
  }
  const void *data = in ? in[i] : t->data;
  if (!data || !has_static_shape(t)) return INTS_UNKNOWN;
  int64_t count = n_elements(t);
  if (!dtype_is_int(t->dtype))
    error_at(n->loc, "%s: input %d is %s, expected int64", op_name(n), i + 1,
             dtype_name(t->dtype));
  if (t->rank > 1 || count > max)
    error_at(n->loc, "%s: input %d has %lld elements, at most %d are expected", op_name(n), i + 1,
             (long long)count, max);
  for (int64_t k = 0; k < count; k++) v[k] = get_int(t->dtype, data, k);
  return (int)count;
}

int64_t get_index(const Node *n, const void *const *in, int64_t i, int64_t size) {
  int64_t k = get_int(n->in[1]->dtype, in[1], i);
  if (k < -size || k >= size)
    error_at(n->loc, "%s: index %lld is outside a dimension of %lld", op_name(n), (long long)k,
             (long long)size);
  return k < 0 ? k + size : k;
}

void put_int(DType t, void *data, int64_t i, int64_t v) {
  switch (t) {
    case DT_I64: ((int64_t *)data)[i] = v; return;
    case DT_U64: ((uint64_t *)data)[i] = (uint64_t)v; return;
    case DT_I32: ((int32_t *)data)[i] = (int32_t)(uint32_t)v; return;
    case DT_U32: ((uint32_t *)data)[i] = (uint32_t)v; return;
    case DT_I16: ((int16_t *)data)[i] = (int16_t)(uint16_t)v; return;
    case DT_U16: ((uint16_t *)data)[i] = (uint16_t)v; return;
    case DT_I8: ((int8_t *)data)[i] = (int8_t)(uint8_t)v; return;
    case DT_U8: ((uint8_t *)data)[i] = (uint8_t)v; return;
    case DT_BOOL: ((uint8_t *)data)[i] = v != 0; return;
    case DT_I4: case DT_I2: case DT_U4: case DT_U2: {
      int64_t top = 1 << (dtype_bits(t) - 1), low = v & (2 * top - 1);
      ((int8_t *)data)[i] = (int8_t)(t == DT_I4 || t == DT_I2 ? (low ^ top) - top : low);
      return;
    }
    default: set_real(t, data, i, (double)v);
  }
}

void *scratch(int64_t n, size_t element_bytes) {
  int64_t bytes = mul_size(n, (int64_t)element_bytes);
  void *p = bytes < 0 ? NULL : calloc(1, (size_t)bytes + 1);
  if (!p) error("out of memory for %lld elements of working space", (long long)n);
  return p;
}
