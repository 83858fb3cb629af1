/* move.c - operators that keep every element and change only the shape (Reshape, Flatten,
 * Squeeze ...) or the order (Transpose, DepthToSpace, SpaceToDepth). Any element type; codes
 * move as they are. */
#include <string.h>

#include "ir/ops/ops.h"

void eval_copy(const Node *n, const void *const *in, void *const *out) {
  memcpy(out[0], in[0], (size_t)tensor_bytes(n->in[0]));
}

/* ---- Dropout: nothing is dropped in inference; the mask is all true */

void infer_dropout(Graph *g, Node *n) {
  if (!has_static_shape(n->in[0])) return;
  const Tensor *training = in_tensor(n, 2), *x = n->in[0];
  if (training && (!training->data || get_int(training->dtype, training->data, 0)))
    error_at(n->loc, "Dropout: training_mode is not supported; expected a constant that is false");
  infer_same(g, n);
  if (has_out(n, 1)) set_type(n, 1, DT_BOOL, x->rank, x->dim, x->layout);
}

void eval_dropout(const Node *n, const void *const *in, void *const *out) {
  eval_copy(n, in, out);
  if (has_out(n, 1)) memset(out[1], 1, (size_t)n_elements(n->out[1]));
}

/* ---- new shapes */

void infer_reshape(Graph *g, Node *n) {
  (void)g;
  int64_t want[MAX_RANK];
  const Tensor *x = n->in[0];
  int rank = get_ints(n, "shape", 1, NULL, want, MAX_RANK);
  if (!has_static_shape(x) || rank == INTS_UNKNOWN) return;
  if (rank == INTS_ABSENT) error_at(n->loc, "Reshape: shape is missing");
  bool keep_zero = attr_int(n, "allowzero", 0) != 0;
  int64_t known = 1, total = n_elements(x);
  int free_dim = -1;
  for (int d = 0; d < rank; d++) {
    if (want[d] == 0 && !keep_zero) {
      if (d >= x->rank)
        error_at(n->loc, "Reshape: dimension %d is copied from an input that has %d", d, x->rank);
      want[d] = x->dim[d];
    }
    if (want[d] == -1 && free_dim >= 0) error_at(n->loc, "Reshape: shape has more than one -1");
    if (want[d] < -1)
      error_at(n->loc, "Reshape: shape has the dimension %lld", (long long)want[d]);
    if (want[d] == -1)
      free_dim = d;
    else
      known = known < 0 ? -1 : mul_size(known, want[d]);
  }
  if (free_dim >= 0) want[free_dim] = known > 0 ? total / known : 0;
  int64_t product = free_dim >= 0 && known >= 0 ? mul_size(known, want[free_dim]) : known;
  if (product != total) {
    char from[DIMS_TEXT], to[DIMS_TEXT];
    Tensor y = {.rank = rank};
    if (free_dim >= 0) want[free_dim] = -1;
    memcpy(y.dim, want, sizeof want);
    error_at(n->loc, "Reshape: %s has %lld elements and can't become %s",
             dims_text(from, sizeof from, x), (long long)total, dims_text(to, sizeof to, &y));
  }
  /* An attribute of ours: the new dimensions are those of an image with channels last. */
  bool last = strcmp(attr_str(n, "layout", ""), "NHWC") == 0;
  set_type(n, 0, x->dtype, rank, want, last ? LAYOUT_NHWC : LAYOUT_NONE);
}

void infer_flatten(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  if (!inputs_ready(n)) return;
  int64_t axis = attr_int(n, "axis", 1);
  if (axis < -x->rank || axis > x->rank)
    error_at(n->loc, "Flatten: axis %lld is outside the tensor's %d dimensions", (long long)axis,
             x->rank);
  if (axis < 0) axis += x->rank;
  int64_t dim[2] = {dims_product(x->dim, 0, (int)axis), dims_product(x->dim, (int)axis, x->rank)};
  set_type(n, 0, x->dtype, 2, dim, LAYOUT_NONE);
}

void infer_squeeze(Graph *g, Node *n) {
  (void)g;
  int64_t axes[MAX_RANK], dim[MAX_RANK];
  bool drop[MAX_RANK] = {false};
  const Tensor *x = n->in[0];
  int count = get_ints(n, "axes", 1, NULL, axes, MAX_RANK), rank = 0;
  if (!has_static_shape(x) || count == INTS_UNKNOWN) return;
  for (int d = 0; count == INTS_ABSENT && d < x->rank; d++) drop[d] = x->dim[d] == 1;
  for (int i = 0; i < count; i++) {
    int axis = get_axis(n, axes[i], x->rank);
    if (x->dim[axis] != 1)
      error_at(n->loc, "Squeeze: dimension %d is %lld, expected 1", axis,
               (long long)x->dim[axis]);
    drop[axis] = true;
  }
  for (int d = 0; d < x->rank; d++)
    if (!drop[d]) dim[rank++] = x->dim[d];
  set_type(n, 0, x->dtype, rank, dim, rank == x->rank ? x->layout : LAYOUT_NONE);
}

void infer_unsqueeze(Graph *g, Node *n) {
  (void)g;
  int64_t axes[MAX_RANK], dim[MAX_RANK];
  bool is_new[MAX_RANK] = {false};
  const Tensor *x = n->in[0];
  int count = get_ints(n, "axes", 1, NULL, axes, MAX_RANK), from = 0;
  if (!has_static_shape(x) || count == INTS_UNKNOWN) return;
  if (count == INTS_ABSENT) error_at(n->loc, "Unsqueeze: axes is missing");
  int rank = x->rank + count;
  if (rank > MAX_RANK)
    error_at(n->loc, "Unsqueeze: the output has %d dimensions, at most %d are possible", rank,
             MAX_RANK);
  for (int i = 0; i < count; i++) {
    int axis = get_axis(n, axes[i], rank);
    if (is_new[axis]) error_at(n->loc, "Unsqueeze: axis %d appears twice", axis);
    is_new[axis] = true;
  }
  for (int d = 0; d < rank; d++) dim[d] = is_new[d] ? 1 : x->dim[from++];
  set_type(n, 0, x->dtype, rank, dim, LAYOUT_NONE);
}

/* ---- Transpose */

void get_permutation(const Node *n, int rank, int64_t *perm) {
  bool seen[MAX_RANK] = {false};
  int count = attr_ints(n, "perm", perm, MAX_RANK);
  if (count == 0)
    for (int d = 0; d < rank; d++) perm[d] = rank - 1 - d;
  else if (count != rank)
    error_at(n->loc, "Transpose: perm has %d values, the input has %d dimensions", count, rank);
  for (int d = 0; d < rank; d++) {
    if (perm[d] < 0 || perm[d] >= rank || seen[perm[d]])
      error_at(n->loc, "Transpose: perm is not a permutation of 0 to %d", rank - 1);
    seen[perm[d]] = true;
  }
}

void infer_transpose(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  const Tensor *x = n->in[0];
  int64_t perm[MAX_RANK], dim[MAX_RANK];
  get_permutation(n, x->rank, perm);
  for (int d = 0; d < x->rank; d++) dim[d] = x->dim[perm[d]];
  bool last = strcmp(attr_str(n, "layout", ""), "NHWC") == 0;
  set_type(n, 0, x->dtype, x->rank, dim, last ? LAYOUT_NHWC : LAYOUT_NONE);
}

void eval_transpose(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t perm[MAX_RANK], own[MAX_RANK], dim[MAX_RANK], step[MAX_RANK];
  get_permutation(n, x->rank, perm);
  row_steps(x->rank, x->dim, own);
  for (int d = 0; d < x->rank; d++) {
    dim[d] = x->dim[perm[d]];
    step[d] = own[perm[d]];
  }
  copy_strided(out[0], in[0], (size_t)dtype_bytes(x->dtype), x->rank, dim, step);
}

/* ---- DepthToSpace, SpaceToDepth: both as a copy with the block's two dimensions apart */

/* Checked `blocksize` of a four-dimensional input. */
static int64_t get_block(const Node *n) {
  const Tensor *x = n->in[0];
  char text[DIMS_TEXT];
  int64_t block = attr_int(n, "blocksize", 0);
  if (x->rank != 4)
    error_at(n->loc, "%s: input has shape %s, expected 4 dimensions", op_name(n),
             dims_text(text, sizeof text, x));
  if (block < 1 || block > INT16_MAX)
    error_at(n->loc, "%s: blocksize is missing or out of range", op_name(n));
  return block;
}

/* Dimensions n, c, h, w of a tensor and the elements between neighbours in each. */
typedef struct Image {
  int64_t dim[4], step[4];
} Image;

static Image get_image(const Tensor *x) {
  static const int order[2][4] = {{0, 1, 2, 3}, {0, 3, 1, 2}};
  const int *from = order[x->layout == LAYOUT_NHWC];
  int64_t step[MAX_RANK];
  Image image;
  row_steps(4, x->dim, step);
  for (int i = 0; i < 4; i++) {
    image.dim[i] = x->dim[from[i]];
    image.step[i] = step[from[i]];
  }
  return image;
}

static void set_image(Node *n, int64_t c, int64_t h, int64_t w) {
  const Tensor *x = n->in[0];
  int64_t nchw[4] = {x->dim[0], c, h, w}, nhwc[4] = {x->dim[0], h, w, c};
  set_type(n, 0, x->dtype, 4, x->layout == LAYOUT_NHWC ? nhwc : nchw, x->layout);
}

void infer_depth_to_space(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  int64_t b = get_block(n);
  const char *mode = attr_str(n, "mode", "DCR");
  if (strcmp(mode, "DCR") != 0 && strcmp(mode, "CRD") != 0)
    error_at(n->loc, "DepthToSpace: unknown mode '%s'", mode);
  Image x = get_image(n->in[0]);
  if (x.dim[1] % (b * b))
    error_at(n->loc, "DepthToSpace: %lld channels can't be divided in blocks of %lld",
             (long long)x.dim[1], (long long)(b * b));
  int64_t h = mul_size(x.dim[2], b), w = mul_size(x.dim[3], b);
  if (h < 0 || w < 0) error_at(n->loc, "DepthToSpace: the output is too large");
  set_image(n, x.dim[1] / (b * b), h, w);
}

void infer_space_to_depth(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  int64_t b = get_block(n);
  Image x = get_image(n->in[0]);
  if (x.dim[2] % b || x.dim[3] % b)
    error_at(n->loc, "SpaceToDepth: an image of %lld x %lld can't be divided in blocks of %lld",
             (long long)x.dim[2], (long long)x.dim[3], (long long)b);
  int64_t c = mul_size(x.dim[1], b * b);
  if (c < 0) error_at(n->loc, "SpaceToDepth: the output is too large");
  set_image(n, c, x.dim[2] / b, x.dim[3] / b);
}

/* A dimension of the copy: how many and the input's step. */
typedef struct Axis {
  int64_t dim, step;
} Axis;

static void copy_axes(const Node *n, const void *x, void *y, const Axis axes[6]) {
  int64_t dim[6], step[6];
  for (int d = 0; d < 6; d++) {
    dim[d] = axes[d].dim;
    step[d] = axes[d].step;
  }
  copy_strided(y, x, (size_t)dtype_bytes(n->in[0]->dtype), 6, dim, step);
}

void eval_depth_to_space(const Node *n, const void *const *in, void *const *out) {
  int64_t b = attr_int(n, "blocksize", 1);
  bool columns_first = strcmp(attr_str(n, "mode", "DCR"), "CRD") == 0;
  Image x = get_image(n->in[0]);
  int64_t depth = x.dim[1] / (b * b), s = x.step[1];
  Axis batch = {x.dim[0], x.step[0]}, c = {depth, columns_first ? b * b * s : s};
  Axis h = {x.dim[2], x.step[2]}, w = {x.dim[3], x.step[3]};
  Axis down = {b, columns_first ? b * s : b * depth * s};
  Axis right = {b, columns_first ? s : depth * s};
  const Axis nchw[6] = {batch, c, h, down, w, right}, nhwc[6] = {batch, h, down, w, right, c};
  copy_axes(n, in[0], out[0], n->in[0]->layout == LAYOUT_NHWC ? nhwc : nchw);
}

void eval_space_to_depth(const Node *n, const void *const *in, void *const *out) {
  int64_t b = attr_int(n, "blocksize", 1);
  Image x = get_image(n->in[0]);
  Axis batch = {x.dim[0], x.step[0]}, c = {x.dim[1], x.step[1]};
  Axis h = {x.dim[2] / b, x.step[2] * b}, w = {x.dim[3] / b, x.step[3] * b};
  Axis down = {b, x.step[2]}, right = {b, x.step[3]};
  const Axis nchw[6] = {batch, down, right, c, h, w}, nhwc[6] = {batch, h, w, down, right, c};
  copy_axes(n, in[0], out[0], n->in[0]->layout == LAYOUT_NHWC ? nhwc : nchw);
}
