/* scan.c - operators that look at the lines along one dimension: running sums and products (CumSum,
 * CumProd), the place of the greatest element (Hardmax), the greatest ones in order (TopK), and lines
 * whose beginnings are reversed (ReverseSequence). */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* Element k of line [outer][inner] is element (outer * size + k) * inner of the tensor. */
typedef struct Lines {
  int64_t outer, size, inner;
} Lines;

static Lines lines_along(const Tensor *x, int axis) {
  return (Lines){dims_product(x->dim, 0, axis), x->dim[axis],
                 dims_product(x->dim, axis + 1, x->rank)};
}

/* ---- CumSum, CumProd */

int get_scan_axis(const Node *n, const void *const *in) {
  int64_t axis;
  int count = get_ints(n, NULL, 1, in, &axis, 1);
  if (count == INTS_UNKNOWN) return -1;
  if (count != 1) error_at(n->loc, "%s: axis is not one number", op_name(n));
  return get_axis(n, axis, n->in[0]->rank);
}

void infer_scan(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  if (!inputs_ready(n) || get_scan_axis(n, NULL) < 0) return;
  if (!dtype_is_int(x->dtype)) need_float(n, 0);
  set_like(n, 0, x);
}

/* One line of `size` elements that are `step` apart, from `at` on. */
static void scan_line(const Node *n, const void *x, void *y, int64_t at, int64_t step, int64_t size) {
  DType t = n->in[0]->dtype;
  bool product = is_op(n, "CumProd"), exclusive = attr_int(n, "exclusive", 0) != 0;
  double real = product;
  uint64_t whole = product;
  for (int64_t k = 0; k < size; k++, at += step) {
    if (exclusive && dtype_is_int(t)) put_int(t, y, at, (int64_t)whole);
    if (exclusive && !dtype_is_int(t)) set_real(t, y, at, real);
    if (dtype_is_int(t)) {
      uint64_t v = (uint64_t)get_int(t, x, at);
      whole = product ? whole * v : whole + v;
      if (!exclusive) put_int(t, y, at, (int64_t)whole);
    } else {
      double v = get_real(t, x, at);
      real = product ? real * v : real + v;
      if (!exclusive) set_real(t, y, at, real);
    }
  }
}

void eval_scan(const Node *n, const void *const *in, void *const *out) {
  Lines l = lines_along(n->in[0], get_scan_axis(n, in));
  bool back = attr_int(n, "reverse", 0) != 0;
  for (int64_t o = 0; o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      int64_t first = o * l.size * l.inner + i;
      scan_line(n, in[0], out[0], back ? first + (l.size - 1) * l.inner : first,
                back ? -l.inner : l.inner, l.size);
    }
}

/* ---- Hardmax: 1 at the first of the greatest elements, 0 elsewhere; inferred as Softmax is */

void eval_hardmax(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  Lines l = lines_along(x, get_axis(n, attr_int(n, "axis", -1), x->rank));
  if (attr_int(n, "flat", 0)) l.size *= l.inner, l.inner = 1;
  memset(out[0], 0, (size_t)tensor_bytes(x));
  for (int64_t o = 0; l.size > 0 && o < l.outer; o++)
    for (int64_t i = 0; i < l.inner; i++) {
      int64_t first = o * l.size * l.inner + i, best = first;
      for (int64_t k = 1; k < l.size; k++) {
        int64_t at = first + k * l.inner;
        if (get_real(x->dtype, in[0], at) > get_real(x->dtype, in[0], best)) best = at;
      }
      set_real(x->dtype, out[0], best, 1);
    }
}

/* ---- TopK: values and places, the best first, of equal ones the first first.  k is an attribute before
 * opset 10. */

void infer_topk(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t k, dim[MAX_RANK];
  int count = get_ints(n, NULL, 1, NULL, &k, 1);
  if (!has_static_shape(x) || count == INTS_UNKNOWN) return;
  if (count == INTS_ABSENT) k = attr_int(n, "k", -1), count = 1;
  if (!dtype_is_int(x->dtype)) need_float(n, 0);
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  if (count != 1 || k < 0 || k > x->dim[axis])
    error_at(n->loc, "TopK: k is %lld, expected 0 to the dimension's %lld", (long long)k,
             (long long)x->dim[axis]);
  memcpy(dim, x->dim, sizeof dim);
  dim[axis] = k;
  set_type(n, 0, x->dtype, x->rank, dim, LAYOUT_NONE);
  set_type(n, 1, DT_I64, x->rank, dim, LAYOUT_NONE);
}

/* Is element a better than b? */
static bool is_better(DType t, bool largest, const void *x, int64_t a, int64_t b) {
  if (!largest) {
    int64_t swapped = a;
    a = b, b = swapped;
  }
  if (t == DT_U64) return ((const uint64_t *)x)[a] > ((const uint64_t *)x)[b];
  if (dtype_is_int(t)) return get_int(t, x, a) > get_int(t, x, b);
  return get_real(t, x, a) > get_real(t, x, b);
}

void eval_topk(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", -1), x->rank);
  Lines l = lines_along(x, axis);
  bool largest = attr_int(n, "largest", 1) != 0;
  int64_t most = n->out[0]->dim[axis];
  size_t bytes = (size_t)dtype_bytes(x->dtype);
  int64_t *best = scratch(most, sizeof *best);
  for (int64_t line = 0; line < l.outer * l.inner; line++) {
    int64_t o = line / l.inner, i = line % l.inner, first = o * l.size * l.inner + i, found = 0;
    for (int64_t k = 0; k < l.size; k++) {
      int64_t at = found < most ? found++ : most;
      for (; at > 0 && is_better(x->dtype, largest, in[0], first + k * l.inner,
                                 first + best[at - 1] * l.inner); at--)
        if (at < most) best[at] = best[at - 1];
      if (at < most) best[at] = k;
    }
    for (int64_t k = 0; k < most; k++) {
      int64_t to = (o * most + k) * l.inner + i;
      memcpy((char *)out[0] + (size_t)to * bytes,
             (const char *)in[0] + (size_t)(first + best[k] * l.inner) * bytes, bytes);
      ((int64_t *)out[1])[to] = best[k];
    }
  }
  free(best);
}

/* ---- ReverseSequence: batch and time are the first two dimensions, in either order */

void infer_reverse_sequence(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t batch = attr_int(n, "batch_axis", 1), time = attr_int(n, "time_axis", 0);
  if (!inputs_ready(n)) return;
  if (x->rank < 2 || batch + time != 1 || batch < 0 || batch > 1)
    error_at(n->loc, "ReverseSequence: batch_axis %lld and time_axis %lld are not 0 and 1 of at least "
             "2 dimensions", (long long)batch, (long long)time);
  need_type(n, 1, DT_I64);
  need_vector(n, 1, "sequence_lens", x->dim[batch]);
  set_like(n, 0, x);
}

void eval_reverse_sequence(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int batch = (int)attr_int(n, "batch_axis", 1);
  int64_t bytes = dims_product(x->dim, 2, x->rank) * dtype_bytes(x->dtype), inner = x->dim[1];
  for (int64_t i = 0; i < x->dim[0]; i++)
    for (int64_t k = 0; k < inner; k++) {
      int64_t length = ((const int64_t *)in[1])[batch == 0 ? i : k], t = batch == 0 ? k : i;
      if (length < 0 || length > x->dim[1 - batch])
        error_at(n->loc, "ReverseSequence: length %lld of a sequence of %lld", (long long)length,
                 (long long)x->dim[1 - batch]);
      if (t < length) t = length - 1 - t;
      int64_t from = batch == 0 ? i * inner + t : t * inner + k;
      memcpy((char *)out[0] + (i * inner + k) * bytes, (const char *)in[0] + from * bytes,
             (size_t)bytes);
    }
}
