/* slice.c - operators that take tensors apart or put them together: Slice, Split, Concat,
 * Gather. Any element type; codes move as they are. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- Slice: attributes before opset 10, inputs since */

typedef struct SliceShape {
  int64_t start[MAX_RANK], step[MAX_RANK], dim[MAX_RANK];
} SliceShape;

static int64_t limit(int64_t v, int64_t lo, int64_t hi) { return v < lo ? lo : v > hi ? hi : v; }

static void slice_axis(const Node *n, int64_t size, int64_t start, int64_t end, int64_t step,
                       int axis, SliceShape *s) {
  if (step == 0) error_at(n->loc, "Slice: step is 0");
  if (step < -INT32_MAX || step > INT32_MAX) step = step < 0 ? -INT32_MAX : INT32_MAX;
  if (start < 0) start += size;
  if (end < 0) end = end < -size ? -1 : end + size;
  start = step > 0 ? limit(start, 0, size) : limit(start, size ? 0 : -1, size - 1);
  end = step > 0 ? limit(end, 0, size) : limit(end, -1, size - 1);
  int64_t room = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
  s->start[axis] = start;
  s->step[axis] = step;
  s->dim[axis] = room > 0 ? (room - 1) / stride + 1 : 0;
}

/* False while starts, ends, axes or steps are unknown. */
static bool get_slice(const Node *n, const void *const *in, SliceShape *s) {
  const Tensor *x = n->in[0];
  int64_t start[MAX_RANK], end[MAX_RANK], axes[MAX_RANK], step[MAX_RANK];
  int count = get_ints(n, "starts", 1, in, start, MAX_RANK);
  int n_end = get_ints(n, "ends", 2, in, end, MAX_RANK);
  int n_axes = get_ints(n, "axes", 3, in, axes, MAX_RANK);
  int n_step = get_ints(n, "steps", 4, in, step, MAX_RANK);
  if (count == INTS_UNKNOWN || n_end == INTS_UNKNOWN || n_axes == INTS_UNKNOWN ||
      n_step == INTS_UNKNOWN)
    return false;
  if (count == INTS_ABSENT || n_end == INTS_ABSENT)
    error_at(n->loc, "Slice: starts or ends are missing");
  if (n_end != count || (n_axes >= 0 && n_axes != count) || (n_step >= 0 && n_step != count))
    error_at(n->loc, "Slice: starts, ends, axes and steps have different lengths");
  if (count > x->rank)
    error_at(n->loc, "Slice: %d starts for %d dimensions", count, x->rank);
  for (int d = 0; d < x->rank; d++) {
    s->start[d] = 0;
    s->step[d] = 1;
    s->dim[d] = x->dim[d];
  }
  for (int i = 0; i < count; i++) {
    int axis = get_axis(n, n_axes >= 0 ? axes[i] : i, x->rank);
    slice_axis(n, x->dim[axis], start[i], end[i], n_step >= 0 ? step[i] : 1, axis, s);
  }
  return true;
}

void infer_slice(Graph *g, Node *n) {
  (void)g;
  SliceShape s;
  const Tensor *x = n->in[0];
  if (has_static_shape(x) && get_slice(n, NULL, &s))
    set_type(n, 0, x->dtype, x->rank, s.dim, x->layout);
}

bool get_slice_range(const Node *n, int64_t *start, int64_t *step) {
  SliceShape s;
  if (!get_slice(n, NULL, &s)) return false;
  memcpy(start, s.start, sizeof s.start);
  memcpy(step, s.step, sizeof s.step);
  return true;
}

void eval_slice(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  SliceShape s;
  int64_t step[MAX_RANK], first = 0, bytes = dtype_bytes(x->dtype);
  if (n_elements(n->out[0]) == 0 || !get_slice(n, in, &s)) return;
  row_steps(x->rank, x->dim, step);
  for (int d = 0; d < x->rank; d++) {
    first += s.start[d] * step[d];
    step[d] *= s.step[d];
  }
  copy_strided(out[0], (const char *)in[0] + first * bytes, (size_t)bytes, x->rank, s.dim, step);
}

/* ---- Split: sizes by attribute, input, or equal parts */

/* Sizes of the outputs along the axis; false while they are unknown. */
static bool get_parts(const Node *n, const void *const *in, int64_t size, int64_t *part, int max) {
  int count = get_ints(n, "split", 1, in, part, max);
  if (count == INTS_UNKNOWN) return false;
  if (count == INTS_ABSENT) {
    int64_t parts = attr_int(n, "num_outputs", n->n_out);
    if (parts != n->n_out)
      error_at(n->loc, "Split: num_outputs is %lld, the node has %d outputs", (long long)parts,
               n->n_out);
    if (size % parts && !find_attr(n, "num_outputs"))
      error_at(n->loc, "Split: %lld elements can't be divided in %lld equal parts",
               (long long)size, (long long)parts);
    int64_t each = (size + parts - 1) / parts, rest = size;
    for (int i = 0; i < n->n_out; i++, rest -= part[i - 1]) part[i] = limit(each, 0, rest);
    return true;
  }
  int64_t total = 0;
  for (int i = 0; i < count; i++) {
    if (part[i] < 0 || part[i] > size - total)
      error_at(n->loc, "Split: part %d has the size %lld", i, (long long)part[i]);
    total += part[i];
  }
  if (count != n->n_out || total != size)
    error_at(n->loc, "Split: %d parts of together %lld elements, expected %d of together %lld",
             count, (long long)total, n->n_out, (long long)size);
  return true;
}

enum { MAX_PARTS = 256 };

void infer_split(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t part[MAX_PARTS], dim[MAX_RANK];
  if (!has_static_shape(x)) return;
  if (n->n_out > MAX_PARTS)
    error_at(n->loc, "Split: %d outputs, at most %d are possible", n->n_out, MAX_PARTS);
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  if (!get_parts(n, NULL, x->dim[axis], part, MAX_PARTS)) return;
  memcpy(dim, x->dim, sizeof dim);
  for (int i = 0; i < n->n_out; i++) {
    dim[axis] = part[i];
    set_type(n, i, x->dtype, x->rank, dim, x->layout);
  }
}

void eval_split(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t part[MAX_PARTS];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  int64_t outer = dims_product(x->dim, 0, axis);
  int64_t unit = dims_product(x->dim, axis + 1, x->rank) * dtype_bytes(x->dtype);
  const char *from = in[0];
  if (!get_parts(n, in, x->dim[axis], part, MAX_PARTS)) return;
  for (int i = 0; i < n->n_out; from += part[i] * unit, i++) {
    size_t bytes = (size_t)(part[i] * unit);
    for (int64_t o = 0; out[i] && o < outer; o++)
      memcpy((char *)out[i] + (size_t)o * bytes, from + o * x->dim[axis] * unit, bytes);
  }
}

/* ---- Concat */

static void check_part(const Node *n, int i, int axis) {
  const Tensor *a = n->in[0], *b = n->in[i];
  bool fits = a->rank == b->rank;
  for (int d = 0; fits && d < a->rank; d++) fits = d == axis || a->dim[d] == b->dim[d];
  char ta[DIMS_TEXT], tb[DIMS_TEXT];
  if (!fits)
    error_at(n->loc, "Concat: shapes %s and %s differ in more than dimension %d",
             dims_text(ta, sizeof ta, a), dims_text(tb, sizeof tb, b), axis);
}

void infer_concat(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  int64_t dim[MAX_RANK];
  for (int i = 0; i < n->n_in; i++)
    if (!n->in[i]) error_at(n->loc, "Concat: input %d is absent", i + 1);
  if (!find_attr(n, "axis") && g->opset >= 4) error_at(n->loc, "Concat: axis is missing");
  int axis = get_axis(n, attr_int(n, "axis", 1), x->rank);
  memcpy(dim, x->dim, sizeof dim);
  for (int i = 1; i < n->n_in; i++) {
    need_same_type(n, 0, i);
    check_part(n, i, axis);
    if (n->in[i]->dim[axis] > INT64_MAX - dim[axis])
      error_at(n->loc, "Concat: the output is too large");
    dim[axis] += n->in[i]->dim[axis];
  }
  set_type(n, 0, x->dtype, x->rank, dim, broadcast_layout(n, 0, n->n_in, x->rank));
}

void eval_concat(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0];
  int axis = get_axis(n, attr_int(n, "axis", 1), x->rank);
  int64_t outer = dims_product(x->dim, 0, axis);
  int64_t unit = dims_product(x->dim, axis + 1, x->rank) * dtype_bytes(x->dtype);
  char *to = out[0];
  for (int i = 0; i < n->n_in; i++) {
    int64_t bytes = n->in[i]->dim[axis] * unit;
    for (int64_t o = 0; o < outer; o++)
      memcpy(to + o * y->dim[axis] * unit, (const char *)in[i] + o * bytes, (size_t)bytes);
    to += bytes;
  }
}

/* ---- Gather */

void infer_gather(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *index = n->in[1];
  int64_t dim[MAX_RANK];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank), rank = 0;
  if (!dtype_is_int(index->dtype))
    error_at(n->loc, "Gather: indices are %s, expected int64", dtype_name(index->dtype));
  if (x->rank - 1 + index->rank > MAX_RANK)
    error_at(n->loc, "Gather: the output has %d dimensions, at most %d are possible",
             x->rank - 1 + index->rank, MAX_RANK);
  for (int d = 0; d < axis; d++) dim[rank++] = x->dim[d];
  for (int d = 0; d < index->rank; d++) dim[rank++] = index->dim[d];
  for (int d = axis + 1; d < x->rank; d++) dim[rank++] = x->dim[d];
  set_type(n, 0, x->dtype, rank, dim, rank == x->rank ? x->layout : LAYOUT_NONE);
}

void eval_gather(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *index = n->in[1];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  int64_t outer = dims_product(x->dim, 0, axis), size = x->dim[axis], count = n_elements(index);
  int64_t bytes = dims_product(x->dim, axis + 1, x->rank) * dtype_bytes(x->dtype);
  char *to = out[0];
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < count; i++, to += bytes) {
      int64_t k = get_index(n, in, i, size);
      memcpy(to, (const char *)in[0] + (o * size + k) * bytes, (size_t)bytes);
    }
}

/* ---- ScatterAdd: what Gather does, backwards.  For the result x of a Gather of `index` from a dimension of
 * `size` at `axis`, it adds x's elements up in the places that they came from. */

void infer_scatter_add(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *index = n->in[1];
  int64_t dim[MAX_RANK], size = attr_int(n, "size", 0);
  int axis = (int)attr_int(n, "axis", 0), rank = 0;
  need_type(n, 0, DT_F32);
  bool fits = axis >= 0 && axis + index->rank <= x->rank && size >= 0 && dtype_is_int(index->dtype);
  for (int d = 0; fits && d < index->rank; d++) fits = x->dim[axis + d] == index->dim[d];
  if (!fits) error_at(n->loc, "ScatterAdd: the indices do not fit the input");
  for (int d = 0; d < axis; d++) dim[rank++] = x->dim[d];
  dim[rank++] = size;
  for (int d = axis + index->rank; d < x->rank; d++) dim[rank++] = x->dim[d];
  set_type(n, 0, DT_F32, rank, dim, rank == x->rank ? x->layout : LAYOUT_NONE);
}

void eval_scatter_add(const Node *n, const void *const *in, void *const *out) {
  const Tensor *y = n->out[0];
  const float *x = in[0];
  int axis = (int)attr_int(n, "axis", 0);
  int64_t outer = dims_product(y->dim, 0, axis), size = y->dim[axis], count = n_elements(n->in[1]);
  int64_t inner = dims_product(y->dim, axis + 1, y->rank), total = n_elements(y);
  double *sums = scratch(total, sizeof *sums);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < count; i++) {
      double *to = sums + (o * size + get_index(n, in, i, size)) * inner;
      for (int64_t k = 0; k < inner; k++) to[k] += (double)*x++;
    }
  for (int64_t i = 0; i < total; i++) ((float *)out[0])[i] = (float)sums[i];
  free(sums);
}
