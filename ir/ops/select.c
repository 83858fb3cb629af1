/* select.c - operators that pick or mark places: Trilu, EyeLike, OneHot. */
#include <string.h>

#include "ir/ops/ops.h"

/* ---- Trilu: zeros below or above a diagonal of the last two dimensions */

void infer_trilu(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  char text[DIMS_TEXT];
  if (!inputs_ready(n)) return;
  if (x->rank < 2)
    error_at(n->loc, "Trilu: input has shape %s, expected at least 2 dimensions",
             dims_text(text, sizeof text, x));
  need_type(n, 1, DT_I64);
  if (in_tensor(n, 1) && n_elements(n->in[1]) != 1)
    error_at(n->loc, "Trilu: k is not one number");
  set_like(n, 0, x);
}

void eval_trilu(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  const int64_t *k = in_data(n, in, 1);
  int64_t rows = x->dim[x->rank - 2], columns = x->dim[x->rank - 1], diagonal = k ? *k : 0;
  size_t bytes = (size_t)dtype_bytes(x->dtype);
  bool upper = attr_int(n, "upper", 1) != 0;
  memset(out[0], 0, (size_t)tensor_bytes(x));
  for (int64_t i = 0; i < n_elements(x); i++) {
    int64_t over = i % columns - i / columns % rows;
    if (upper ? over >= diagonal : over <= diagonal)
      memcpy((char *)out[0] + (size_t)i * bytes, (const char *)in[0] + (size_t)i * bytes, bytes);
  }
}

/* ---- EyeLike: ones on a diagonal, in the input's shape */

void infer_eye_like(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  char text[DIMS_TEXT];
  if (!inputs_ready(n)) return;
  int64_t type = attr_int(n, "dtype", x->dtype);
  bool known = type > DT_NONE && type < DT_COUNT && dtype_bytes((DType)type) > 0;
  if (!known) error_at(n->loc, "EyeLike: type %lld is unknown or not supported", (long long)type);
  if (x->rank != 2)
    error_at(n->loc, "EyeLike: input has shape %s, expected 2 dimensions",
             dims_text(text, sizeof text, x));
  set_type(n, 0, (DType)type, 2, x->dim, LAYOUT_NONE);
}

void eval_eye_like(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  const Tensor *y = n->out[0];
  int64_t k = attr_int(n, "k", 0);
  memset(out[0], 0, (size_t)tensor_bytes(y));
  for (int64_t r = 0; r < y->dim[0]; r++)
    if (k >= -r && k < y->dim[1] - r) set_real(y->dtype, out[0], r * y->dim[1] + r + k, 1);
}

/* ---- OneHot: a new dimension, `on` at the index and `off` elsewhere */

void infer_one_hot(Graph *g, Node *n) {
  (void)g;
  const Tensor *index = n->in[0], *depth = n->in[1];
  int64_t dim[MAX_RANK + 1];
  int rank = 0;
  if (!inputs_ready(n) || !depth->data) return;
  if (n_elements(depth) != 1 || !(get_real(depth->dtype, depth->data, 0) >= 0) ||
      get_real(depth->dtype, depth->data, 0) > (double)INT32_MAX)
    error_at(n->loc, "OneHot: depth is not one number from 0 on");
  need_vector(n, 2, "values", 2);
  int axis = get_axis(n, attr_int(n, "axis", -1), index->rank + 1);
  for (int d = 0; d <= index->rank; d++)
    dim[rank++] = d == axis ? (int64_t)get_real(depth->dtype, depth->data, 0)
                            : index->dim[d < axis ? d : d - 1];
  set_type(n, 0, n->in[2]->dtype, rank, dim, LAYOUT_NONE);
}

void eval_one_hot(const Node *n, const void *const *in, void *const *out) {
  const Tensor *index = n->in[0], *y = n->out[0];
  int axis = get_axis(n, attr_int(n, "axis", -1), y->rank);
  int64_t depth = y->dim[axis], inner = dims_product(y->dim, axis + 1, y->rank);
  size_t bytes = (size_t)dtype_bytes(y->dtype);
  for (int64_t i = 0; i < n_elements(y); i++) {
    int64_t line = i / (depth * inner) * inner + i % inner;
    double k = get_real(index->dtype, in[0], line), at = (double)(i / inner % depth);
    bool on = k == at || k + (double)depth == at;
    memcpy((char *)out[0] + (size_t)i * bytes, (const char *)in[2] + (on ? bytes : 0), bytes);
  }
}
