/* broadcast.c - elements in strided order: broadcasting as numpy does it, and copies in which the
 * source is read with any step (Transpose, Slice, Expand, Tile ...) or through one index map per
 * dimension (Pad, nearest Resize).
 *
 * Walk merges neighbouring dimensions that all inputs step through alike, so inputs of one shape
 * are a single long row. */
#include <string.h>

#include "ir/ops/ops.h"

void row_steps(int rank, const int64_t *dim, int64_t *step) {
  int64_t s = 1;
  for (int d = rank - 1; d >= 0; d--) {
    step[d] = s;
    s *= dim[d];
  }
}

int broadcast_dims(const Node *n, int from, int count, int64_t *dim) {
  int rank = 0;
  for (int i = from; i < from + count; i++)
    if (n->in[i]->rank > rank) rank = n->in[i]->rank;
  for (int d = 0; d < rank; d++) dim[d] = 1;
  for (int i = from; i < from + count; i++) {
    const Tensor *x = n->in[i];
    for (int d = 0; d < x->rank; d++) {
      int64_t *y = &dim[rank - x->rank + d];
      if (x->dim[d] == 1 || x->dim[d] == *y) continue;
      if (*y != 1) {
        char a[DIMS_TEXT], b[DIMS_TEXT];
        error_at(n->loc, "%s: shapes %s and %s do not broadcast", op_name(n),
                 dims_text(a, sizeof a, n->in[from]), dims_text(b, sizeof b, x));
      }
      *y = x->dim[d];
    }
  }
  return rank;
}

Layout broadcast_layout(const Node *n, int from, int count, int rank) {
  for (int i = from; i < from + count; i++)
    if (n->in[i]->rank == rank && n->in[i]->layout == LAYOUT_NHWC) return LAYOUT_NHWC;
  return LAYOUT_NONE;
}

/* Steps of x's elements through the dimensions of y; 0 where x repeats. */
static void broadcast_steps(const Tensor *y, const Tensor *x, int64_t *step) {
  int64_t own[MAX_RANK];
  row_steps(x->rank, x->dim, own);
  int lead = y->rank - x->rank;
  for (int d = 0; d < y->rank; d++) {
    bool repeats = d < lead || x->dim[d - lead] == 1;
    step[d] = repeats ? 0 : own[d - lead];
  }
}

/* Whether dimension d (the last merged one) and the next, of `size`, are one for every input. */
static bool can_merge(const Walk *w, int d, int64_t size, int64_t steps[][MAX_RANK], int next) {
  for (int j = 0; j < w->n; j++)
    if (w->step[j][d] != steps[j][next] * size) return false;
  return true;
}

void start_walk(Walk *w, const Tensor *y, int n, Tensor *const *x) {
  int64_t steps[WALK_INPUTS][MAX_RANK];
  *w = (Walk){.n = n};
  for (int j = 0; j < n; j++) broadcast_steps(y, x[j], steps[j]);
  int rank = 0;
  for (int d = 0; d < y->rank; d++) {
    if (y->dim[d] == 1) continue;
    if (rank && can_merge(w, rank - 1, y->dim[d], steps, d)) {
      w->dim[rank - 1] *= y->dim[d];
      for (int j = 0; j < n; j++) w->step[j][rank - 1] = steps[j][d];
      continue;
    }
    w->dim[rank] = y->dim[d];
    for (int j = 0; j < n; j++) w->step[j][rank] = steps[j][d];
    rank++;
  }
  w->row = 1;
  if (rank) {
    rank--;
    w->row = w->dim[rank];
    for (int j = 0; j < n; j++) w->row_step[j] = w->step[j][rank];
  }
  w->rank = rank;
  w->rows = w->row ? dims_product(w->dim, 0, rank) : 0;
}

void next_row(Walk *w) {
  for (int d = w->rank - 1; d >= 0; d--) {
    for (int j = 0; j < w->n; j++) w->pos[j] += w->step[j][d];
    if (++w->at[d] < w->dim[d]) return;
    for (int j = 0; j < w->n; j++) w->pos[j] -= w->step[j][d] * w->dim[d];
    w->at[d] = 0;
  }
}

/* ---- copies */

static void copy_row(char *dst, const char *src, size_t bytes, int64_t count, int64_t step) {
  if (step == 1) {
    memcpy(dst, src, (size_t)count * bytes);
    return;
  }
  int64_t stride = step * (int64_t)bytes;
  switch (bytes) {
    case 1:
      for (int64_t i = 0; i < count; i++) dst[i] = src[i * stride];
      return;
    case 4:
      for (int64_t i = 0; i < count; i++) memcpy(dst + 4 * i, src + i * stride, 4);
      return;
    default:
      for (int64_t i = 0; i < count; i++)
        memcpy(dst + (size_t)i * bytes, src + i * stride, bytes);
  }
}

void copy_strided(void *dst, const void *src, size_t bytes, int rank, const int64_t *dim,
                  const int64_t *step) {
  int64_t at[COPY_RANK] = {0}, pos = 0;
  if (rank == 0) {
    memcpy(dst, src, bytes);
    return;
  }
  int64_t rows = dims_product(dim, 0, rank - 1), row = dim[rank - 1];
  char *to = dst;
  for (int64_t r = 0; row && r < rows; r++) {
    copy_row(to, (const char *)src + pos * (int64_t)bytes, bytes, row, step[rank - 1]);
    to += (size_t)row * bytes;
    for (int d = rank - 2; d >= 0; d--) {
      pos += step[d];
      if (++at[d] < dim[d]) break;
      pos -= step[d] * dim[d];
      at[d] = 0;
    }
  }
}

void copy_mapped(void *dst, const void *src, size_t bytes, int rank, const int64_t *dim,
                 const int64_t *src_dim, int64_t *const *map, const void *fill) {
  int64_t at[MAX_RANK] = {0}, step[MAX_RANK];
  row_steps(rank, src_dim, step);
  int64_t total = dims_product(dim, 0, rank);
  char *to = dst;
  for (int64_t i = 0; i < total; i++, to += bytes) {
    int64_t pos = 0;
    bool inside = true;
    for (int d = 0; d < rank; d++) {
      int64_t k = map[d][at[d]];
      inside &= k >= 0;
      pos += k * step[d];
    }
    memcpy(to, inside ? (const char *)src + pos * (int64_t)bytes : fill, bytes);
    for (int d = rank - 1; d >= 0; d--) {
      if (++at[d] < dim[d]) break;
      at[d] = 0;
    }
  }
}
