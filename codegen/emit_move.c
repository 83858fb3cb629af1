/* emit_move.c - calls of the kernels that move elements: everything is a strided view, rows of
 * bytes, a padded copy or a gather. */
#include <string.h>

#include "codegen/emit.h"

static const char *at_byte(Emitter *e, const Tensor *t, int64_t byte) {
  const char *base = pointer_to(e, t);
  return byte ? arena_printf(e->a, "(%schar *)%s + %lld", is_const(t) ? "const " : "", base,
                             (long long)byte)
              : base;
}

static void copy_rows(Emitter *e, const Kernel *k, int64_t rows, int64_t bytes, int64_t x_step,
                      int64_t y_step, const char *x, const char *y) {
  call(e, "qcc_%s(%lld, %lld, %lld, %lld, %s, %s)", k->name, (long long)rows, (long long)bytes,
       (long long)x_step, (long long)y_step, x, y);
}

/* The planner has put a part of a Concat where it belongs. */
static bool lies_in_place(const Tensor *part, const Tensor *whole, int64_t outer, int64_t at) {
  return !is_const(part) && outer == 1 && part->offset == whole->offset + at;
}

/* Concat, Split and plain copies. */
void emit_copy_rows(Emitter *e, const Node *n, const Kernel *k) {
  if (is_op(n, "Identity")) {
    int64_t bytes = stored_bytes(n->in[0]);
    copy_rows(e, k, 1, bytes, bytes, bytes, pointer_to(e, n->in[0]), pointer_to(e, n->out[0]));
    return;
  }
  bool split = is_op(n, "Split");
  const Tensor *whole = split ? n->in[0] : n->out[0];
  int axis = axis_of(n, whole, split ? 0 : 1), size = dtype_bytes(whole->dtype);
  int64_t outer = count_in(whole, 0, axis), inner = count_in(whole, axis + 1, whole->rank) * size;
  int64_t step = inner * whole->dim[axis], at = 0;
  for (int i = 0; i < (split ? n->n_out : n->n_in); i++) {
    const Tensor *part = split ? n->out[i] : n->in[i];
    if (!part) continue;
    int64_t bytes = part->dim[axis] * inner, from = at;
    at += bytes;
    if (!split && lies_in_place(part, whole, outer, from)) continue;
    /* Parts of a constant have arrays of their own. */
    const char *own = is_const(part) ? constant_array(e, part, arena_printf(e->a, "c%d_", i))
                                     : pointer_to(e, part);
    if (split) copy_rows(e, k, outer, bytes, step, bytes, at_byte(e, whole, from), own);
    else copy_rows(e, k, outer, bytes, bytes, step, own, at_byte(e, whole, from));
  }
}

typedef struct View {
  int rank;
  int64_t start, dim[MAX_RANK], step[MAX_RANK];
} View;

static void add_dim(View *v, int64_t dim, int64_t step) {
  v->dim[v->rank] = dim;
  v->step[v->rank++] = step;
}

/* Dimensions that x steps through as if they were one make longer lines. */
static void join_last(View *v) {
  for (int d = v->rank - 1; d > 0 && v->step[d - 1] == v->dim[d] * v->step[d]; d--) {
    v->dim[d - 1] *= v->dim[d];
    v->step[d - 1] = v->step[d];
    v->rank--;
  }
}

static void steps_of(const Tensor *x, int64_t *step) {
  int64_t s = 1;
  for (int d = x->rank - 1; d >= 0; d--) step[d] = s, s *= x->dim[d];
}

static void view_transpose(const Node *n, const int64_t *step, View *v) {
  const Tensor *x = n->in[0];
  int64_t perm[MAX_RANK];
  int rank = attr_ints(n, "perm", perm, MAX_RANK);
  for (int i = 0; i < x->rank; i++) {
    int64_t from = rank ? perm[i] : x->rank - 1 - i;
    add_dim(v, x->dim[from], step[from]);
  }
}

static void view_slice(const Node *n, const int64_t *step, View *v) {
  int64_t start[MAX_RANK], by[MAX_RANK];
  if (!get_slice_range(n, start, by))
    error_at(n->loc, "no kernel for Slice with bounds that are computed");
  for (int d = 0; d < n->in[0]->rank; d++) {
    v->start += start[d] * step[d];
    add_dim(v, n->out[0]->dim[d], step[d] * by[d]);
  }
}

static void view_expand(const Node *n, const int64_t *step, View *v) {
  const Tensor *x = n->in[0], *y = n->out[0];
  for (int d = 0; d < y->rank; d++) {
    int own = d - (y->rank - x->rank);
    add_dim(v, y->dim[d], own < 0 || x->dim[own] == 1 ? 0 : step[own]);
  }
}

static void view_tile(const Node *n, const int64_t *step, View *v) {
  const Tensor *x = n->in[0], *y = n->out[0];
  for (int d = 0; d < x->rank; d++) {
    add_dim(v, y->dim[d] / x->dim[d], 0);
    add_dim(v, x->dim[d], step[d]);
  }
}

/* Channels last: x[N][H][W][b][b][C] (DCR) or x[N][H][W][C][b][b] (CRD) to y[N][H][b][W][b][C]. */
static void view_depth_to_space(const Node *n, View *v) {
  const Tensor *x = n->in[0];
  int64_t b = attr_int(n, "blocksize", 1), h = x->dim[1], w = x->dim[2], all = x->dim[3],
          c = all / (b * b);
  bool crd = strcmp(attr_str(n, "mode", "DCR"), "CRD") == 0;
  add_dim(v, x->dim[0], h * w * all);
  add_dim(v, h, w * all);
  add_dim(v, b, crd ? b : b * c);
  add_dim(v, w, all);
  add_dim(v, b, crd ? 1 : c);
  add_dim(v, c, crd ? b * b : 1);
}

static void view_space_to_depth(const Node *n, View *v) {
  const Tensor *x = n->in[0];
  int64_t b = attr_int(n, "blocksize", 1), h = x->dim[1], w = x->dim[2], c = x->dim[3];
  add_dim(v, x->dim[0], h * w * c);
  add_dim(v, h / b, b * w * c);
  add_dim(v, w / b, b * c);
  add_dim(v, b, w * c);
  add_dim(v, b, c);
  add_dim(v, c, 1);
}

void emit_copy_view(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  View v = {0};
  int64_t step[MAX_RANK];
  steps_of(x, step);
  if (is_op(n, "Transpose")) view_transpose(n, step, &v);
  else if (is_op(n, "Slice")) view_slice(n, step, &v);
  else if (is_op(n, "Expand")) view_expand(n, step, &v);
  else if (is_op(n, "Tile")) view_tile(n, step, &v);
  else if (x->layout != LAYOUT_NHWC)
    error_at(n->loc, "no kernel for %s outside of NHWC", n->op->name);
  else if (is_op(n, "DepthToSpace")) view_depth_to_space(n, &v);
  else view_space_to_depth(n, &v);
  join_last(&v);
  open_params(e, "qcc_view");
  field(e, "rank", v.rank);
  field(e, "elem", dtype_bytes(x->dtype));
  field(e, "start", v.start);
  field_ints(e, "dim", v.rank, v.dim);
  field_ints(e, "step", v.rank, v.step);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s)", k->name, pointer_to(e, x), pointer_to(e, n->out[0]));
}

void emit_pad(Emitter *e, const Node *n, const Kernel *k) {
  static const struct { const char *mode, *name; } modes[] = {
    {"constant", "CONSTANT"}, {"reflect", "REFLECT"}, {"edge", "EDGE"}, {"wrap", "WRAP"}};
  const Tensor *x = n->in[0], *value = n->n_in > 2 ? n->in[2] : NULL;
  int64_t given[2 * MAX_RANK], before[MAX_RANK] = {0}, axes[MAX_RANK];
  int count = n->n_in > 1 && n->in[1] ? const_ints(n->in[1], given, 2 * MAX_RANK)
                                      : attr_ints(n, "pads", given, 2 * MAX_RANK);
  int n_axes = n->n_in > 3 && n->in[3] ? const_ints(n->in[3], axes, MAX_RANK) : x->rank;
  if (count < 0 || n_axes < 0) error_at(n->loc, "no kernel for Pad with pads that are computed");
  for (int i = 0; i < n_axes; i++) {
    int64_t axis = n->n_in > 3 && n->in[3] ? axes[i] : i;
    before[axis < 0 ? axis + x->rank : axis] = given[i];
  }
  const char *mode = attr_str(n, "mode", "constant"), *name = "CONSTANT";
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(mode, modes[i].mode) == 0) name = modes[i].name;
  open_params(e, "qcc_pad");
  field(e, "rank", x->rank), field(e, "elem", dtype_bytes(x->dtype));
  fprintf(e->calls, ".mode = QCC_PAD_%s, ", name);
  field_ints(e, "in", x->rank, x->dim), field_ints(e, "out", x->rank, n->out[0]->dim);
  field_ints(e, "before", x->rank, before);
  close_params(e);
  const char *fill = "NULL";
  if (strcmp(name, "CONSTANT") == 0 && value) {
    fill = is_const(value) ? constant_array(e, value, "c") : pointer_to(e, value);
  } else if (strcmp(name, "CONSTANT") == 0) {
    if (x->dtype != DT_F32 && attr_float(n, "value", 0) != 0)
      error_at(n->loc, "no kernel for Pad of %s with a value attribute", dtype_name(x->dtype));
    float *real = arena_alloc(e->a, sizeof *real);
    *real = (float)attr_float(n, "value", 0);
    fill = float_array(e, "c", 1, real);
  }
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, fill, pointer_to(e, x), pointer_to(e, n->out[0]));
}

void emit_gather(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0], *index = n->in[1];
  int axis = axis_of(n, x, 0);
  open_params(e, "qcc_gather");
  field(e, "outer", count_in(x, 0, axis)), field(e, "axis", x->dim[axis]);
  field(e, "inner_bytes", count_in(x, axis + 1, x->rank) * dtype_bytes(x->dtype)),
      field(e, "n", n_elements(index));
  close_params(e);
  const char *data = is_const(x) ? constant_array(e, x, "w") : pointer_to(e, x);
  const char *where = is_const(index) ? constant_array(e, index, "i") : pointer_to(e, index);
  call(e, "qcc_%s(&p, %s, %s, %s)", k->name, where, data, pointer_to(e, n->out[0]));
}
