/* indexed.c - operators whose indices name single elements or runs of a large tensor: GatherElements,
 * GatherND, ScatterElements (Scatter before opset 11), ScatterND; and TensorScatter, which writes
 * behind what a cache holds.  One geometry, IndexedMove, serves the first four, here and in generated
 * code: the walk over the small tensor and what each index adds to the place in the large one. */
#include <string.h>

#include "ir/ops/ops.h"

static bool by_tuples(const Node *n) { return is_op(n, "GatherND") || is_op(n, "ScatterND"); }

static int batch_dims(const Node *n) {
  return is_op(n, "GatherND") ? (int)attr_int(n, "batch_dims", 0) : 0;
}

/* The last dimension of the indices holds tuples, each of the dimensions behind the batch's. */
static void find_tuples(const Node *n, const int64_t *step, IndexedMove *m) {
  const Tensor *x = n->in[0], *index = n->in[1];
  int batch = batch_dims(n);
  m->rank = index->rank - 1;
  m->depth = (int)index->dim[m->rank];
  for (int d = 0; d < m->rank; d++) {
    m->dim[d] = index->dim[d];
    m->step[d] = d < batch ? step[d] : 0;
  }
  for (int k = 0; k < m->depth; k++) {
    m->size[k] = x->dim[batch + k];
    m->stride[k] = step[batch + k];
  }
  m->run = dims_product(x->dim, batch + m->depth, x->rank);
}

/* An index takes the place of the one of its own dimension. */
static void find_elements(const Node *n, const int64_t *step, IndexedMove *m) {
  const Tensor *x = n->in[0], *index = n->in[1];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  m->rank = index->rank;
  m->depth = 1;
  for (int d = 0; d < m->rank; d++) {
    m->dim[d] = index->dim[d];
    m->step[d] = d == axis ? 0 : step[d];
  }
  m->size[0] = x->dim[axis];
  m->stride[0] = step[axis];
  m->run = 1;
}

void get_indexed_move(const Node *n, IndexedMove *m) {
  int64_t step[MAX_RANK];
  memset(m, 0, sizeof *m);
  row_steps(n->in[0]->rank, n->in[0]->dim, step);
  if (by_tuples(n)) find_tuples(n, step, m);
  else find_elements(n, step, m);
  m->entries = dims_product(m->dim, 0, m->rank);
}

/* Where the run of entry e begins; at [rank] is its place in the walk. */
static int64_t run_start(const Node *n, const void *const *in, const IndexedMove *m, const int64_t *at,
                         int64_t e) {
  int64_t start = 0;
  for (int d = 0; d < m->rank; d++) start += at[d] * m->step[d];
  for (int k = 0; k < m->depth; k++)
    start += get_index(n, in, e * m->depth + k, m->size[k]) * m->stride[k];
  return start;
}

static void next_entry(const IndexedMove *m, int64_t *at) {
  for (int d = m->rank - 1; d >= 0 && ++at[d] == m->dim[d]; d--) at[d] = 0;
}

/* ---- what they have in common to check */

static void check_indices(const Node *n) {
  const Tensor *index = n->in[1];
  if (index->dtype != DT_I64 && index->dtype != DT_I32)
    error_at(n->loc, "%s: indices are %s, expected int32 or int64", op_name(n),
             dtype_name(index->dtype));
}

/* Every dimension of the indices but that of the axis must fit into the tensor's. */
static void check_elements(const Node *n) {
  const Tensor *x = n->in[0], *index = n->in[1];
  char tx[DIMS_TEXT], ti[DIMS_TEXT];
  int axis = get_axis(n, attr_int(n, "axis", 0), x->rank);
  bool fits = x->rank == index->rank;
  for (int d = 0; fits && d < x->rank; d++) fits = d == axis || index->dim[d] <= x->dim[d];
  if (!fits)
    error_at(n->loc, "%s: indices have shape %s, which does not fit into %s", op_name(n),
             dims_text(ti, sizeof ti, index), dims_text(tx, sizeof tx, x));
}

static void check_tuples(const Node *n) {
  const Tensor *x = n->in[0], *index = n->in[1];
  char tx[DIMS_TEXT], ti[DIMS_TEXT];
  int batch = batch_dims(n);
  bool fits = batch >= 0 && index->rank > batch && x->rank > batch &&
              index->dim[index->rank - 1] <= x->rank - batch;
  for (int d = 0; fits && d < batch; d++) fits = x->dim[d] == index->dim[d];
  if (!fits)
    error_at(n->loc, "%s: indices have shape %s, which does not fit into %s", op_name(n),
             dims_text(ti, sizeof ti, index), dims_text(tx, sizeof tx, x));
}

/* There must be something that an index can name. */
static void check_sizes(const Node *n) {
  IndexedMove m;
  get_indexed_move(n, &m);
  for (int k = 0; k < m.depth; k++)
    if (m.entries > 0 && m.size[k] == 0)
      error_at(n->loc, "%s: indices of a dimension of 0", op_name(n));
}

/* ---- GatherElements, GatherND */

void infer_gather_indexed(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *index = n->in[1];
  check_indices(n);
  if (!by_tuples(n)) {
    check_elements(n);
    check_sizes(n);
    set_type(n, 0, x->dtype, index->rank, index->dim, LAYOUT_NONE);
    return;
  }
  check_tuples(n);
  check_sizes(n);
  int64_t dim[2 * MAX_RANK];
  int rank = 0;
  for (int d = 0; d < index->rank - 1; d++) dim[rank++] = index->dim[d];
  for (int d = batch_dims(n) + (int)index->dim[index->rank - 1]; d < x->rank; d++)
    dim[rank++] = x->dim[d];
  set_type(n, 0, x->dtype, rank, dim, LAYOUT_NONE);
}

void eval_gather_indexed(const Node *n, const void *const *in, void *const *out) {
  IndexedMove m;
  get_indexed_move(n, &m);
  int64_t at[MAX_RANK] = {0}, elem = dtype_bytes(n->in[0]->dtype), bytes = m.run * elem;
  for (int64_t e = 0; e < m.entries; e++, next_entry(&m, at))
    memcpy((char *)out[0] + e * bytes,
           (const char *)in[0] + run_start(n, in, &m, at, e) * elem, (size_t)bytes);
}

/* ---- ScatterElements, ScatterND */

typedef enum Reduction { REPLACE, ADD, MUL, MIN, MAX } Reduction;

static Reduction reduction_of(const Node *n) {
  static const char *const names[] = {"none", "add", "mul", "min", "max"};
  const char *name = attr_str(n, "reduction", "none");
  for (int i = 0; i < 5; i++)
    if (strcmp(name, names[i]) == 0) return (Reduction)i;
  error_at(n->loc, "%s: unknown reduction '%s'", op_name(n), name);
}

void infer_scatter(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *index = n->in[1], *updates = n->in[2];
  IndexedMove m;
  char text[DIMS_TEXT];
  check_indices(n);
  need_same_type(n, 0, 2);
  Reduction how = reduction_of(n);
  if (how != REPLACE && !dtype_is_int(x->dtype) && !dtype_is_float(x->dtype))
    error_at(n->loc, "%s: reduction '%s' of %s", op_name(n), attr_str(n, "reduction", ""),
             dtype_name(x->dtype));
  if (by_tuples(n)) check_tuples(n);
  else check_elements(n);
  check_sizes(n);
  get_indexed_move(n, &m);
  if (n_elements(updates) != mul_size(m.entries, m.run) ||
      (!by_tuples(n) && !same_shape(updates, index)))
    error_at(n->loc, "%s: updates have shape %s, which is not what the indices name", op_name(n),
             dims_text(text, sizeof text, updates));
  set_like(n, 0, x);
}

static double reduce_real(Reduction how, double y, double v) {
  switch (how) {
    case ADD: return y + v;
    case MUL: return y * v;
    case MIN: return y != y || y < v ? y : v;
    case MAX: return y != y || y > v ? y : v;
    default: return v;
  }
}

static int64_t reduce_int(DType t, Reduction how, int64_t y, int64_t v) {
  bool less = t == DT_U64 ? (uint64_t)y < (uint64_t)v : y < v;
  switch (how) {
    case ADD: return (int64_t)((uint64_t)y + (uint64_t)v);
    case MUL: return (int64_t)((uint64_t)y * (uint64_t)v);
    case MIN: return less ? y : v;
    case MAX: return less ? v : y;
    default: return v;
  }
}

static void reduce_into(DType t, Reduction how, void *y, int64_t i, const void *v, int64_t k) {
  if (dtype_is_int(t)) put_int(t, y, i, reduce_int(t, how, get_int(t, y, i), get_int(t, v, k)));
  else set_real(t, y, i, reduce_real(how, get_real(t, y, i), get_real(t, v, k)));
}

void eval_scatter(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  Reduction how = reduction_of(n);
  IndexedMove m;
  get_indexed_move(n, &m);
  int64_t at[MAX_RANK] = {0}, elem = dtype_bytes(x->dtype), bytes = m.run * elem;
  memcpy(out[0], in[0], (size_t)tensor_bytes(x));
  for (int64_t e = 0; e < m.entries; e++, next_entry(&m, at)) {
    int64_t start = run_start(n, in, &m, at, e);
    if (how == REPLACE)
      memcpy((char *)out[0] + start * elem, (const char *)in[2] + e * bytes, (size_t)bytes);
    for (int64_t i = 0; how != REPLACE && i < m.run; i++)
      reduce_into(x->dtype, how, out[0], start + i, in[2], e * m.run + i);
  }
}

/* ---- TensorScatter: entry s of the update goes to index[batch] + s of the cache's axis */

static int cache_axis(const Node *n) {
  const Tensor *x = n->in[0];
  int axis = get_axis(n, attr_int(n, "axis", -2), x->rank);
  if (axis == 0) error_at(n->loc, "TensorScatter: axis 0 is that of the batch");
  return axis;
}

void infer_tensor_scatter(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0], *update = n->in[1];
  char tx[DIMS_TEXT], tu[DIMS_TEXT];
  const char *mode = attr_str(n, "mode", "linear");
  if (strcmp(mode, "linear") != 0 && strcmp(mode, "circular") != 0)
    error_at(n->loc, "TensorScatter: unknown mode '%s'", mode);
  int axis = cache_axis(n);
  need_same_type(n, 0, 1);
  bool fits = x->rank == update->rank;
  for (int d = 0; fits && d < x->rank; d++)
    fits = d == axis ? update->dim[d] <= x->dim[d] : update->dim[d] == x->dim[d];
  if (!fits)
    error_at(n->loc, "TensorScatter: an update of shape %s does not fit into %s",
             dims_text(tu, sizeof tu, update), dims_text(tx, sizeof tx, x));
  if (in_tensor(n, 2)) need_type(n, 2, DT_I64);
  need_vector(n, 2, "write_indices", x->dim[0]);
  set_like(n, 0, x);
}

void eval_tensor_scatter(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0], *update = n->in[1];
  int axis = cache_axis(n);
  bool circular = strcmp(attr_str(n, "mode", "linear"), "circular") == 0;
  const int64_t *first = in_data(n, in, 2);
  int64_t batch = x->dim[0], middle = dims_product(x->dim, 1, axis), size = x->dim[axis];
  int64_t bytes = dims_product(x->dim, axis + 1, x->rank) * dtype_bytes(x->dtype);
  const char *from = in[1];
  memcpy(out[0], in[0], (size_t)tensor_bytes(x));
  for (int64_t b = 0; b < batch; b++) {
    int64_t at = first ? first[b] : 0;
    if (at < 0 || at > (circular ? size - 1 : size - update->dim[axis]))
      error_at(n->loc, "TensorScatter: write index %lld is outside a cache of %lld", (long long)at,
               (long long)size);
    for (int64_t o = b * middle; o < (b + 1) * middle; o++)
      for (int64_t s = 0; s < update->dim[axis]; s++, from += bytes)
        memcpy((char *)out[0] + (o * size + (at + s) % size) * bytes, from, (size_t)bytes);
  }
}
