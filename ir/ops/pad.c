/* pad.c - operators that repeat or invent elements: Pad, Expand, Tile. Any element type; codes
 * move as they are, so the constant of a Pad on codes is a code as well. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- Pad: amounts are an attribute before opset 11, an input since; negative amounts crop */

bool get_pads(const Node *n, const void *const *in, int64_t *begin, int64_t *end) {
  int rank = n->in[0]->rank;
  int64_t pads[2 * MAX_RANK], axes[MAX_RANK];
  int count = get_ints(n, "pads", 1, in, pads, 2 * MAX_RANK);
  int n_axes = get_ints(n, NULL, 3, in, axes, MAX_RANK);
  if (count == INTS_UNKNOWN || n_axes == INTS_UNKNOWN) return false;
  if (count == INTS_ABSENT) error_at(n->loc, "Pad: pads is missing");
  int places = n_axes >= 0 ? n_axes : rank;
  if (count != 2 * places)
    error_at(n->loc, "Pad: pads has %d values, expected %d", count, 2 * places);
  memset(begin, 0, MAX_RANK * sizeof *begin);
  memset(end, 0, MAX_RANK * sizeof *end);
  for (int i = 0; i < places; i++) {
    int axis = n_axes >= 0 ? get_axis(n, axes[i], rank) : i;
    begin[axis] = pads[i];
    end[axis] = pads[places + i];
    for (int k = i; k < 2 * places; k += places)
      if (pads[k] < -INT32_MAX || pads[k] > INT32_MAX)
        error_at(n->loc, "Pad: pads has the value %lld", (long long)pads[k]);
  }
  return true;
}

static const char *pad_mode(const Node *n) {
  const char *mode = attr_str(n, "mode", "constant");
  static const char *const known[] = {"constant", "reflect", "edge", "wrap"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(mode, known[i]) == 0) return mode;
  error_at(n->loc, "Pad: unknown mode '%s'", mode);
}

void infer_pad(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0], *value = in_tensor(n, 2);
  int64_t begin[MAX_RANK], end[MAX_RANK], dim[MAX_RANK];
  if (!has_static_shape(x) || !get_pads(n, NULL, begin, end)) return;
  const char *mode = pad_mode(n);
  if (value && has_static_shape(value)) {
    need_same_type(n, 0, 2);
    if (n_elements(value) != 1) error_at(n->loc, "Pad: constant_value is not one element");
  }
  for (int d = 0; d < x->rank; d++) {
    dim[d] = x->dim[d] + begin[d] + end[d];
    int64_t most = begin[d] > end[d] ? begin[d] : end[d];
    if (dim[d] < 0) error_at(n->loc, "Pad: dimension %d becomes %lld", d, (long long)dim[d]);
    if (most > 0 && x->dim[d] == 0 && strcmp(mode, "constant") != 0)
      error_at(n->loc, "Pad: dimension %d is empty, so mode %s has nothing to repeat", d, mode);
    if (strcmp(mode, "reflect") == 0 && x->dim[d] && most >= x->dim[d])
      error_at(n->loc, "Pad: %lld elements can't be reflected in a dimension of %lld",
               (long long)most, (long long)x->dim[d]);
  }
  set_type(n, 0, x->dtype, x->rank, dim, x->layout);
}

int64_t pad_source(char mode, int64_t i, int64_t size) {
  if (i >= 0 && i < size) return i;
  switch (mode) {
    case 'r': return i < 0 ? -i : 2 * (size - 1) - i;
    case 'e': return i < 0 ? 0 : size - 1;
    case 'w': return (i % size + size) % size;
    default: return -1;
  }
}

void eval_pad(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t begin[MAX_RANK], end[MAX_RANK], *map[MAX_RANK];
  uint8_t fill[16] = {0};
  if (!get_pads(n, in, begin, end)) return;
  char mode = *pad_mode(n);
  const void *value = in_data(n, in, 2);
  size_t bytes = (size_t)dtype_bytes(x->dtype);
  if (value)
    memcpy(fill, value, bytes);
  else if (find_attr(n, "value"))
    set_real(x->dtype, fill, 0, attr_float(n, "value", 0));
  for (int d = 0; d < x->rank; d++) {
    map[d] = scratch(y->dim[d], sizeof *map[d]);
    for (int64_t i = 0; i < y->dim[d]; i++) map[d][i] = pad_source(mode, i - begin[d], x->dim[d]);
  }
  copy_mapped(out[0], in[0], bytes, x->rank, y->dim, x->dim, map, fill);
  for (int d = 0; d < x->rank; d++) free(map[d]);
}

/* ---- Expand */

void infer_expand(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t want[MAX_RANK], dim[MAX_RANK];
  int count = get_ints(n, NULL, 1, NULL, want, MAX_RANK);
  if (!has_static_shape(x) || count < 0) return;
  int rank = count > x->rank ? count : x->rank;
  for (int d = 0; d < rank; d++) {
    int own = d - (rank - x->rank), asked = d - (rank - count);
    int64_t a = own < 0 ? 1 : x->dim[own], b = asked < 0 ? 1 : want[asked];
    if (b < 0) error_at(n->loc, "Expand: shape has the dimension %lld", (long long)b);
    if (a != b && a != 1 && b != 1)
      error_at(n->loc, "Expand: dimension %d is %lld and can't become %lld", d, (long long)a,
               (long long)b);
    dim[d] = a == 1 ? b : a;
  }
  set_type(n, 0, x->dtype, rank, dim, rank == x->rank ? x->layout : LAYOUT_NONE);
}

void eval_expand(const Node *n, const void *const *in, void *const *out) {
  size_t bytes = (size_t)dtype_bytes(n->in[0]->dtype);
  char *to = out[0];
  Walk w;
  start_walk(&w, n->out[0], 1, n->in);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w), to += (size_t)w.row * bytes)
    copy_strided(to, (const char *)in[0] + w.pos[0] * (int64_t)bytes, bytes, 1, &w.row,
                 &w.row_step[0]);
}

/* ---- Tile */

void infer_tile(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  int64_t repeats[MAX_RANK], dim[MAX_RANK];
  int count = get_ints(n, NULL, 1, NULL, repeats, MAX_RANK);
  if (!has_static_shape(x) || count < 0) return;
  if (count != x->rank)
    error_at(n->loc, "Tile: repeats has %d values, the input has %d dimensions", count, x->rank);
  for (int d = 0; d < x->rank; d++) {
    dim[d] = mul_size(x->dim[d], repeats[d]);
    if (dim[d] < 0) error_at(n->loc, "Tile: repeats has the value %lld", (long long)repeats[d]);
  }
  set_type(n, 0, x->dtype, x->rank, dim, x->layout);
}

/* Every dimension becomes two: the repetition, with a step of 0, and the original. */
void eval_tile(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *y = n->out[0];
  int64_t dim[COPY_RANK], step[COPY_RANK], own[MAX_RANK];
  if (n_elements(y) == 0) return;
  row_steps(x->rank, x->dim, own);
  for (int d = 0; d < x->rank; d++) {
    dim[2 * d] = y->dim[d] / x->dim[d], step[2 * d] = 0;
    dim[2 * d + 1] = x->dim[d], step[2 * d + 1] = own[d];
  }
  copy_strided(out[0], in[0], (size_t)dtype_bytes(x->dtype), 2 * x->rank, dim, step);
}
