/* random_net.c - grows a network step by step: each step takes a value made so far, mostly a late
 * one, and applies an operator with random attributes.  A step that does not suit the value's shape
 * does nothing; the next one tries something else. */
#include "tests/passes/random_net.h"

#include <math.h>
#include <string.h>

enum { MAX_VALUES = 64, MAX_ELEMENTS = 6000 };

typedef struct Net {
  Graph *g;
  Random r;
  bool flow;                   /* with choices and loops */
  int n;
  Tensor *value[MAX_VALUES];   /* [n] everything that a step may read */
} Net;

/* ---- random numbers: xorshift64* ------------------------------------------------------------- */

static uint64_t next_random(Random *r) {
  r->state ^= r->state >> 12;
  r->state ^= r->state << 25;
  r->state ^= r->state >> 27;
  return r->state * UINT64_C(2685821657736338717);
}

Random new_random(uint64_t seed) {
  Random r = {seed * UINT64_C(0x9e3779b97f4a7c15) + 0x1234567};
  for (int i = 0; i < 8; i++) next_random(&r);
  return r;
}

int random_int(Random *r, int lo, int hi) {
  return lo + (int)((next_random(r) >> 33) % (uint64_t)(hi - lo + 1));
}

float random_real(Random *r, float lo, float hi) {
  return lo + (hi - lo) * (float)(next_random(r) >> 40) / 16777216.0f;
}

bool one_in(Random *r, int n) { return random_int(r, 1, n) == 1; }

/* ---- pieces ---------------------------------------------------------------------------------- */

static Tensor *floats(Net *t, int rank, const int64_t *dim, float lo, float hi) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dim[i];
  float *v = arena_alloc(t->g->arena, n * 4);
  for (int64_t i = 0; i < n; i++) v[i] = random_real(&t->r, lo, hi);
  return new_const(t->g, fresh_name(t->g, "c"), DT_F32, rank, dim, v);
}

static Tensor *ints(Net *t, int n, const int64_t *v) {
  return new_const_i64(t->g, fresh_name(t->g, "i"), n, v);
}

static Tensor *fresh(Net *t) { return new_tensor(t->g, fresh_name(t->g, "t"), DT_NONE, -1, NULL); }

/* A node without attributes yet; finish() infers its output and makes it a value. */
static Node *start(Net *t, const char *op, int n_in, Tensor *const *in) {
  Tensor *y = fresh(t);
  return add_node(t->g, -1, op, y->name, n_in, in, 1, &y);
}

static Tensor *finish(Net *t, Node *n) {
  infer_node(t->g, n);
  if (t->n < MAX_VALUES) t->value[t->n++] = n->out[0];
  return n->out[0];
}

static Tensor *apply(Net *t, const char *op, int n_in, Tensor *const *in) {
  return finish(t, start(t, op, n_in, in));
}

static Tensor *pick(Net *t) {
  int back = one_in(&t->r, 3) ? random_int(&t->r, 1, t->n) : 1;
  return t->value[t->n - back];
}

static int64_t pick_divisor(Net *t, int64_t n) {
  int64_t d;
  do d = random_int(&t->r, 1, (int)n);
  while (n % d != 0);
  return d;
}

/* Strides, dilations and pads of a window with these kernel sizes; false when it does not fit. */
static bool set_window(Net *t, Node *n, const Tensor *x, const int64_t *kernel, bool pool) {
  int spatial = x->rank - 2;
  int64_t stride[3], dilation[3], pads[6];
  bool wide = one_in(&t->r, 4);
  for (int i = 0; i < spatial; i++) {
    stride[i] = one_in(&t->r, 3) ? 2 : 1;
    dilation[i] = wide && !pool ? random_int(&t->r, 1, 2) : 1;
    for (int side = 0; side < 2; side++)
      pads[side * spatial + i] = one_in(&t->r, 2) ? random_int(&t->r, 0, (int)kernel[i] - 1) : 0;
    int64_t span = dilation[i] * (kernel[i] - 1) + 1;
    if (x->dim[2 + i] + pads[i] + pads[spatial + i] < span) return false;
  }
  set_ints(t->g, n, "kernel_shape", spatial, kernel);
  set_ints(t->g, n, "strides", spatial, stride);
  if (!pool) set_ints(t->g, n, "dilations", spatial, dilation);
  if (one_in(&t->r, 5))
    set_str(t->g, n, "auto_pad", one_in(&t->r, 2) ? "SAME_UPPER" : "SAME_LOWER");
  else set_ints(t->g, n, "pads", 2 * spatial, pads);
  return true;
}

static bool is_image(const Tensor *x) { return x->rank == 4 || x->rank == 3; }

/* ---- steps ----------------------------------------------------------------------------------- */

static void step_conv(Net *t, Tensor *x) {
  if (!is_image(x)) return;
  int64_t c = x->dim[1], group = one_in(&t->r, 2) ? 1 : one_in(&t->r, 2) ? c : pick_divisor(t, c);
  int64_t per_group = random_int(&t->r, 1, group == 1 ? 12 : 2), dim[MAX_RANK], kernel[3],
          row = c / group;
  dim[0] = group * per_group;
  dim[1] = row;
  for (int i = 0; i < x->rank - 2; i++)
    row *= dim[2 + i] = kernel[i] = one_in(&t->r, 3) ? 1 : random_int(&t->r, 2, 4);
  float size = sqrtf(3.0f / (float)row);
  Tensor *w = floats(t, x->rank, dim, -size, size);
  Tensor *b = one_in(&t->r, 3) ? NULL : floats(t, 1, dim, -0.5f, 0.5f);
  Node *n = start(t, "Conv", b ? 3 : 2, (Tensor *[]){x, w, b});
  set_int(t->g, n, "group", group);
  if (!set_window(t, n, x, kernel, false)) remove_node(t->g, n);
  else finish(t, n);
}

static void step_conv_transpose(Net *t, Tensor *x) {
  if (!is_image(x)) return;
  int spatial = x->rank - 2;
  int64_t c = x->dim[1], group = one_in(&t->r, 2) ? 1 : pick_divisor(t, c), dim[MAX_RANK];
  int64_t stride[2], dilation[2], extra[2], size[2], pads[4], out = 1;
  dim[0] = c, dim[1] = random_int(&t->r, 1, 5);
  for (int i = 0; i < spatial; i++) {
    dim[2 + i] = random_int(&t->r, 1, 4);
    stride[i] = random_int(&t->r, 1, 3);
    dilation[i] = one_in(&t->r, 4) ? 2 : 1;
    extra[i] = random_int(&t->r, 0, (int)stride[i] - 1);
    pads[i] = random_int(&t->r, 0, 2), pads[spatial + i] = random_int(&t->r, 0, 2);
    int64_t full = (x->dim[2 + i] - 1) * stride[i] + (dim[2 + i] - 1) * dilation[i] + 1;
    if (full <= pads[i] + pads[spatial + i]) return;
    size[i] = full + random_int(&t->r, -1, 1);
    if (size[i] < 1) return;
    out *= full;
  }
  if (out * group * dim[1] > MAX_ELEMENTS) return;
  int64_t channels = group * dim[1];
  float reach = sqrtf(3.0f / (float)(c / group));
  Tensor *w = floats(t, x->rank, dim, -reach, reach);
  Tensor *b = one_in(&t->r, 3) ? NULL : floats(t, 1, &channels, -0.5f, 0.5f);
  Node *n = start(t, "ConvTranspose", b ? 3 : 2, (Tensor *[]){x, w, b});
  set_int(t->g, n, "group", group);
  set_ints(t->g, n, "strides", spatial, stride);
  set_ints(t->g, n, "dilations", spatial, dilation);
  switch (random_int(&t->r, 0, 4)) {
    case 0: set_str(t->g, n, "auto_pad", one_in(&t->r, 2) ? "SAME_UPPER" : "SAME_LOWER"); break;
    case 1: set_ints(t->g, n, "output_shape", spatial, size); break;
    case 2: set_ints(t->g, n, "output_padding", spatial, extra); /* fall through */
    default: set_ints(t->g, n, "pads", 2 * spatial, pads);
  }
  finish(t, n);
}

static void step_norm(Net *t, Tensor *x) {
  if (x->rank < 2 || x->rank > 4) return;
  int64_t c = x->dim[1];
  Tensor *in[5] = {x, floats(t, 1, &c, 0.5f, 1.5f), floats(t, 1, &c, -1, 1),
                   floats(t, 1, &c, -0.5f, 0.5f), floats(t, 1, &c, 0.25f, 2)};
  apply(t, "BatchNormalization", 5, in);
}

static void step_pool(Net *t, Tensor *x) {
  static const char *const global[] = {"GlobalAveragePool", "GlobalMaxPool"};
  if (!is_image(x)) return;
  if (one_in(&t->r, 4)) {
    apply(t, global[random_int(&t->r, 0, 1)], 1, &x);
    return;
  }
  int64_t kernel[3];
  for (int i = 0; i < x->rank - 2; i++) kernel[i] = random_int(&t->r, 1, 3);
  bool mean = one_in(&t->r, 2);
  Node *n = start(t, mean ? "AveragePool" : "MaxPool", 1, &x);
  if (one_in(&t->r, 4)) set_int(t->g, n, "ceil_mode", 1);
  else if (mean && one_in(&t->r, 3)) set_int(t->g, n, "count_include_pad", 1);
  if (!set_window(t, n, x, kernel, true)) remove_node(t->g, n);
  else finish(t, n);
}

static void step_gemm(Net *t, Tensor *x) {
  if (x->rank != 2) return;
  int64_t k = x->dim[1], n_out = random_int(&t->r, 1, 16);
  bool trans = one_in(&t->r, 2);
  int64_t dim[2] = {trans ? n_out : k, trans ? k : n_out}, bias[2] = {x->dim[0], n_out};
  float size = sqrtf(3.0f / (float)k);
  Tensor *c = NULL, *w = floats(t, 2, dim, -size, size);
  switch (random_int(&t->r, 0, 4)) {
    case 0: c = floats(t, 1, &n_out, -0.5f, 0.5f); break;
    case 1: c = floats(t, 2, bias, -0.5f, 0.5f); break;
    case 2: c = floats(t, 0, NULL, -0.5f, 0.5f); break;
    case 3: c = floats(t, 2, (int64_t[]){x->dim[0], 1}, -0.5f, 0.5f); break;
    default: break;
  }
  Node *n = start(t, "Gemm", c ? 3 : 2, (Tensor *[]){x, w, c});
  if (trans) set_int(t->g, n, "transB", 1);
  if (one_in(&t->r, 4)) set_float(t->g, n, "alpha", 0.5), set_float(t->g, n, "beta", 2);
  finish(t, n);
}

static void step_matmul(Net *t, Tensor *x) {
  if (x->rank < 2) return;
  int64_t k = x->dim[x->rank - 1], dim[MAX_RANK] = {k, random_int(&t->r, 1, 12)};
  float size = sqrtf(3.0f / (float)k);
  if (one_in(&t->r, 2)) {
    Tensor *w = floats(t, 2, dim, -size, size);
    apply(t, "MatMul", 2, (Tensor *[]){x, w});
    return;
  }
  /* x times its own transpose, scaled as attention does. */
  int64_t perm[MAX_RANK];
  for (int i = 0; i < x->rank; i++) perm[i] = i;
  perm[x->rank - 1] = x->rank - 2;
  perm[x->rank - 2] = x->rank - 1;
  if (n_elements(x) / k * x->dim[x->rank - 2] > MAX_ELEMENTS) return;
  Node *n = start(t, "Transpose", 1, &x);
  set_ints(t->g, n, "perm", x->rank, perm);
  infer_node(t->g, n);
  Tensor *y = apply(t, "MatMul", 2, (Tensor *[]){x, n->out[0]});
  apply(t, "Mul", 2, (Tensor *[]){y, floats(t, 0, NULL, 0.5f * size, size)});
}

static void step_const_binary(Net *t, Tensor *x) {
  static const char *const op[] = {"Add", "Mul", "Sub", "Div", "Add", "Mul", "Max", "Min", "PRelu"};
  int k = random_int(&t->r, 0, 8), rank = x->rank;
  int64_t dim[MAX_RANK];
  for (int i = 0; i < rank; i++) dim[i] = 1;
  if (rank > 1 && one_in(&t->r, 2)) dim[1] = x->dim[1];
  else if (rank > 0 && one_in(&t->r, 3)) dim[rank - 1] = x->dim[rank - 1];
  else if (one_in(&t->r, 4)) memcpy(dim, x->dim, sizeof dim);
  int skip = rank > 1 && dim[0] == 1 ? random_int(&t->r, 0, 1) : 0;
  Tensor *c = floats(t, rank - skip, dim + skip, k == 3 ? 0.5f : -1, k == 3 ? 2.0f : 1.5f);
  bool swap = k != 3 && k != 8 && one_in(&t->r, 3);
  apply(t, op[k], 2, (Tensor *[]){swap ? c : x, swap ? x : c});
}

static bool broadcasts(const Tensor *a, const Tensor *b) {
  for (int i = 1; i <= a->rank && i <= b->rank; i++) {
    int64_t x = a->dim[a->rank - i], y = b->dim[b->rank - i];
    if (x != y && x != 1 && y != 1) return false;
  }
  return true;
}

static void step_binary(Net *t, Tensor *x) {
  static const char *const op[] = {"Add", "Add", "Add", "Mul", "Mul", "Sub", "Max"};
  for (int tries = 0; tries < 12; tries++) {
    Tensor *y = t->value[random_int(&t->r, 0, t->n - 1)];
    if (!broadcasts(x, y) ||
        n_elements(x) * n_elements(y) > (int64_t)MAX_ELEMENTS * MAX_ELEMENTS / 4)
      continue;
    if (!same_shape(x, y) && tries < 6) continue;
    Node *n = start(t, op[random_int(&t->r, 0, 6)], 2, (Tensor *[]){x, y});
    infer_node(t->g, n);
    if (n_elements(n->out[0]) > MAX_ELEMENTS) remove_node(t->g, n);
    else finish(t, n);
    return;
  }
}

static void step_unary(Net *t, Tensor *x) {
  static const char *const op[] = {
      "Relu", "Relu",     "Relu", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh",
      "Elu",  "Softplus", "Abs",  "Neg",       "Identity",  "Dropout",     "Clip",    "Clip"};
  int k = random_int(&t->r, 0, 15);
  if (strcmp(op[k], "Clip") != 0) {
    apply(t, op[k], 1, &x);
    return;
  }
  Tensor *lo = one_in(&t->r, 3)
                   ? NULL
                   : new_scalar_f32(t->g, fresh_name(t->g, "lo"), one_in(&t->r, 2) ? 0 : -0.75f);
  Tensor *hi = one_in(&t->r, 3)
                   ? NULL
                   : new_scalar_f32(t->g, fresh_name(t->g, "hi"), one_in(&t->r, 2) ? 6 : 0.5f);
  apply(t, "Clip", 3, (Tensor *[]){x, lo, hi});
}

static void step_pad(Net *t, Tensor *x) {
  static const char *const mode[] = {"constant", "constant", "constant", "reflect", "edge"};
  int64_t pads[2 * MAX_RANK] = {0};
  const char *m = mode[random_int(&t->r, 0, 4)];
  if (x->rank < 2 || n_elements(x) > MAX_ELEMENTS / 4) return;
  for (int d = x->rank > 2 && !one_in(&t->r, 4) ? 2 : 1; d < x->rank; d++)
    for (int side = 0; side < 2; side++) {
      int most = strcmp(m, "reflect") == 0 && x->dim[d] < 3 ? (int)x->dim[d] - 1 : 2;
      pads[side * x->rank + d] = one_in(&t->r, 2) ? random_int(&t->r, 0, most) : 0;
    }
  Tensor *value = one_in(&t->r, 3) ? new_scalar_f32(t->g, fresh_name(t->g, "v"), 0.5f) : NULL;
  Node *n = start(t, "Pad", value ? 3 : 2, (Tensor *[]){x, ints(t, 2 * x->rank, pads), value});
  set_str(t->g, n, "mode", m);
  finish(t, n);
}

static void step_concat(Net *t, Tensor *x) {
  int axis = random_int(&t->r, x->rank > 1 ? 1 : 0, x->rank - 1), n_in = 1;
  Tensor *in[3] = {x};
  if (x->rank == 0) return;
  for (int tries = 0; tries < 12 && n_in < 3; tries++) {
    Tensor *y = t->value[random_int(&t->r, 0, t->n - 1)];
    bool fits = y->rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++) fits = d == axis || x->dim[d] == y->dim[d];
    if (fits) in[n_in++] = y;
  }
  if (n_in * n_elements(x) > MAX_ELEMENTS) return;
  if (n_in < 3 && one_in(&t->r, 4)) in[n_in++] = floats(t, x->rank, x->dim, -1, 1);
  Node *n = start(t, "Concat", n_in, in);
  set_int(t->g, n, "axis", one_in(&t->r, 4) ? axis - x->rank : axis);
  finish(t, n);
}

static void step_split(Net *t, Tensor *x) {
  int axis = random_int(&t->r, 0, x->rank - 1);
  if (x->rank == 0 || x->dim[axis] < 2 || t->n + 2 > MAX_VALUES) return;
  int64_t part[2] = {random_int(&t->r, 1, (int)x->dim[axis] - 1), 0};
  part[1] = x->dim[axis] - part[0];
  Tensor *out[2] = {fresh(t), fresh(t)};
  Node *n = add_node(t->g, -1, "Split", out[0]->name, 2, (Tensor *[]){x, ints(t, 2, part)}, 2, out);
  set_int(t->g, n, "axis", axis);
  finish(t, n);
  t->value[t->n++] = out[1];
}

static void step_slice(Net *t, Tensor *x) {
  int axis = random_int(&t->r, 0, x->rank - 1);
  if (x->rank == 0 || x->dim[axis] < 2) return;
  int64_t d = x->dim[axis], from = random_int(&t->r, 0, (int)d - 2),
          to = random_int(&t->r, (int)from + 1, (int)d);
  int64_t step = random_int(&t->r, 1, 2), at = one_in(&t->r, 2) ? axis : axis - x->rank;
  if (one_in(&t->r, 4)) step = -1, from = d - 1, to = -d - 1;
  else if (one_in(&t->r, 4)) from -= d, to = INT32_MAX;
  apply(t, "Slice", 5,
        (Tensor *[]){x, ints(t, 1, &from), ints(t, 1, &to), ints(t, 1, &at), ints(t, 1, &step)});
}

static void step_transpose(Net *t, Tensor *x) {
  int64_t perm[MAX_RANK];
  if (x->rank < 2) return;
  for (int i = 0; i < x->rank; i++) perm[i] = i;
  for (int i = x->rank - 1; i > 0; i--) {
    int k = random_int(&t->r, 0, i);
    int64_t keep = perm[i];
    perm[i] = perm[k], perm[k] = keep;
  }
  Node *n = start(t, "Transpose", 1, &x);
  set_ints(t->g, n, "perm", x->rank, perm);
  finish(t, n);
}

static void step_reshape(Net *t, Tensor *x) {
  int64_t n = n_elements(x), a = pick_divisor(t, n), b = pick_divisor(t, n / a),
          dim[4] = {1, a, b, n / a / b};
  switch (random_int(&t->r, 0, 4)) {
    case 0: apply(t, "Reshape", 2, (Tensor *[]){x, ints(t, 4, dim)}); break;
    case 1: apply(t, "Reshape", 2, (Tensor *[]){x, ints(t, 3, (int64_t[]){1, a, -1})}); break;
    case 2:
      if (x->rank < 5) apply(t, "Unsqueeze", 2, (Tensor *[]){x, ints(t, 1, (int64_t[]){0})});
      break;
    default: {
      Node *f = start(t, "Flatten", 1, &x);
      set_int(t->g, f, "axis", x->rank > 1 ? 1 : 0);
      finish(t, f);
    }
  }
}

static void step_reduce(Net *t, Tensor *x) {
  static const char *const op[] = {"ReduceMean", "ReduceMean", "ReduceMax", "ReduceSum"};
  if (x->rank < 2) return;
  int k = random_int(&t->r, 0, 3), axis = random_int(&t->r, 1, x->rank - 1);
  int64_t axes[2] = {axis, x->rank - 1}, n_axes = axis < x->rank - 1 && one_in(&t->r, 2) ? 2 : 1;
  if (x->rank == 4 && one_in(&t->r, 2)) axes[0] = 2, axes[1] = -1, n_axes = 2;
  Node *n =
      start(t, op[k], k == 3 ? 2 : 1, (Tensor *[]){x, k == 3 ? ints(t, (int)n_axes, axes) : NULL});
  if (k != 3) set_ints(t->g, n, "axes", (int)n_axes, axes);
  set_int(t->g, n, "keepdims", random_int(&t->r, 0, 1));
  finish(t, n);
}

static void step_resize(Net *t, Tensor *x) {
  static const char *const where[] = {"half_pixel", "asymmetric", "align_corners",
                                      "pytorch_half_pixel"};
  if (x->rank != 4 || n_elements(x) > MAX_ELEMENTS / 8) return;
  float *v = arena_alloc(t->g->arena, 16);
  v[0] = v[1] = 1;
  for (int i = 2; i < 4; i++) v[i] = one_in(&t->r, 3) ? 1.5f : 2;
  Tensor *scales = new_const(t->g, fresh_name(t->g, "scales"), DT_F32, 1, (int64_t[]){4}, v);
  Node *n = start(t, "Resize", 3, (Tensor *[]){x, NULL, scales});
  bool linear = one_in(&t->r, 2);
  set_str(t->g, n, "mode", linear ? "linear" : "nearest");
  set_str(t->g, n, "coordinate_transformation_mode", where[random_int(&t->r, 0, 3)]);
  if (!linear && one_in(&t->r, 2)) set_str(t->g, n, "nearest_mode", "floor");
  finish(t, n);
}

static void step_softmax(Net *t, Tensor *x) {
  if (x->rank < 2) return;
  Node *n = start(t, "Softmax", 1, &x);
  set_int(t->g, n, "axis", one_in(&t->r, 3) ? 1 : -1);
  finish(t, n);
}

static void step_layer_norm(Net *t, Tensor *x) {
  if (x->rank < 2 || x->dim[x->rank - 1] < 4) return;
  int64_t last = x->dim[x->rank - 1];
  apply(t, "LayerNormalization", 3,
        (Tensor *[]){x, floats(t, 1, &last, 0.5f, 1.5f), floats(t, 1, &last, -1, 1)});
}

static void step_shuffle(Net *t, Tensor *x) {
  if (x->rank != 4 || x->dim[1] % 4 != 0) return;
  Node *n = start(t, "DepthToSpace", 1, &x);
  set_int(t->g, n, "blocksize", 2);
  set_str(t->g, n, "mode", one_in(&t->r, 2) ? "DCR" : "CRD");
  finish(t, n);
}

/* A node whose output only this step reads. */
static Tensor *hidden(Net *t, const char *op, int n_in, Tensor *const *in) {
  Node *n = start(t, op, n_in, in);
  if (strncmp(op, "Reduce", 6) == 0) set_int(t->g, n, "keepdims", 0);
  infer_node(t->g, n);
  return n->out[0];
}

/* Shape-preserving: a pointwise operator, or two. */
static Tensor *side(Net *t, Tensor *x) {
  static const char *const op[] = {"Tanh", "Sigmoid", "Relu", "Neg", "Abs"};
  Tensor *y = hidden(t, op[random_int(&t->r, 0, 4)], 1, &x);
  return one_in(&t->r, 2) ? y : hidden(t, "Mul", 2, (Tensor *[]){y, floats(t, 0, NULL, -1, 1)});
}

/* The first input decides which of two values is taken. */
static void step_choice(Net *t, Tensor *x) {
  Tensor *largest = hidden(t, "ReduceMax", 1, &t->value[0]);
  Tensor *c = hidden(t, "Greater", 2, (Tensor *[]){largest, floats(t, 0, NULL, 1, 2)});
  apply(t, "Where", 3, (Tensor *[]){c, side(t, x), one_in(&t->r, 3) ? x : side(t, x)});
}

/* A loop of a few steps, and a choice in each. */
static void step_loop(Net *t, Tensor *x) {
  Graph *g = t->g;
  int64_t trips = random_int(&t->r, 1, 3);
  bool *yes = arena_alloc(g->arena, 1);
  *yes = true;
  Tensor *n = new_const(g, fresh_name(g, "trips"), DT_I64, 0, NULL, ints(t, 1, &trips)->data);
  Tensor *true_ = new_const(g, fresh_name(g, "true"), DT_BOOL, 0, NULL, yes);
  Tensor *out[3] = {fresh(t), fresh(t), fresh(t)}, *y = fresh(t), *next;
  infer_node(g, add_node(g, -1, "LoopBegin", out[0]->name, 3, (Tensor *[]){n, true_, x}, 3, out));
  next = side(t, out[2]);
  if (one_in(&t->r, 2)) next = hidden(t, "Add", 2, (Tensor *[]){next, x});
  if (one_in(&t->r, 2)) {
    Tensor *c = hidden(t, "Less", 2, (Tensor *[]){hidden(t, "ReduceMax", 1, &out[2]), floats(t, 0, NULL, -1, 1)});
    next = hidden(t, "Where", 3, (Tensor *[]){c, side(t, next), side(t, next)});
  }
  Node *end = add_node(g, -1, "LoopEnd", y->name, 6, (Tensor *[]){out[0], out[1], out[2], n, true_, next}, 1, &y);
  set_int(g, end, "states", 1);
  finish(t, end);
}

typedef void Step(Net *t, Tensor *x);
static const struct { Step *step; int weight; } steps[] = {
  {step_conv, 14},   {step_conv_transpose, 4}, {step_norm, 4},      {step_pool, 5},      {step_gemm, 8},   {step_matmul, 3},  {step_const_binary, 7},
  {step_binary, 8},  {step_unary, 12},    {step_pad, 4},       {step_concat, 4}, {step_split, 2},   {step_slice, 3},
  {step_reshape, 4}, {step_transpose, 3}, {step_reduce, 3},    {step_resize, 2}, {step_softmax, 2}, {step_layer_norm, 1},
  {step_shuffle, 1},
};
/* Those of nets with control flow. */
static const struct { Step *step; } flow_steps[] = {{step_choice}, {step_loop}};

static void grow(Net *t) {
  int total = 0, k = 0;
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) total += steps[i].weight;
  int at = random_int(&t->r, 0, total - 1);
  while (at >= steps[k].weight) at -= steps[k++].weight;
  Tensor *x = pick(t);
  if (t->flow && one_in(&t->r, 4)) {
    if (t->n < MAX_VALUES) flow_steps[random_int(&t->r, 0, 1)].step(t, x);
    return;
  }
  if (x->rank > 0 && t->n < MAX_VALUES && n_elements(x) <= MAX_ELEMENTS) steps[k].step(t, x);
}

static void add_input(Net *t, int rank, const int64_t *dim) {
  Graph *g = t->g;
  Tensor *x = new_tensor(g, fresh_name(g, "x"), DT_F32, rank, dim);
  g->in = arena_grow(g->arena, g->in, g->n_in, sizeof *g->in);
  t->value[t->n++] = g->in[g->n_in++] = x;
}

static Graph *random_graph(Arena *a, uint64_t seed, bool flow) {
  Net t = {.g = new_graph(a, "net"), .r = new_random(seed), .flow = flow};
  Graph *g = t.g;
  g->opset = 17;
  int64_t image[4] = {1, random_int(&t.r, 1, 8), random_int(&t.r, 3, 11), random_int(&t.r, 3, 11)};
  int64_t flat[2] = {random_int(&t.r, 1, 3), random_int(&t.r, 1, 24)};
  switch (random_int(&t.r, 0, 5)) {
    case 0: add_input(&t, 2, flat); break;
    case 1: add_input(&t, 3, image); break;
    case 2: add_input(&t, 4, image), add_input(&t, 4, image); break;
    default: add_input(&t, 4, image);
  }
  int wanted = random_int(&t.r, 2, 14);
  for (int tries = 0; g->n_node < wanted && tries < 100; tries++) grow(&t);
  if (g->n_node == 0) apply(&t, "Relu", 1, &t.value[0]);
  for (int i = 0; i < g->n_node; i++)
    for (int k = 0; k < g->node[i]->n_out; k++) {
      Tensor *y = g->node[i]->out[k];
      if (count_uses(g, y) > 0) continue;
      g->out = arena_grow(a, g->out, g->n_out, sizeof *g->out);
      g->out[g->n_out++] = y;
    }
  return g;
}

Graph *random_net(Arena *a, uint64_t seed) { return random_graph(a, seed, false); }

Graph *random_flow_net(Arena *a, uint64_t seed) { return random_graph(a, seed, true); }

/* ---- running --------------------------------------------------------------------------------- */

Samples *random_samples(const Graph *g, uint64_t seed, int64_t n) {
  Samples *s = arena_alloc(g->arena, sizeof *s);
  Random r = new_random(seed ^ 0xabcdef);
  s->n = n;
  s->n_in = g->n_in;
  s->data = arena_alloc(g->arena, g->n_in * (int64_t)sizeof *s->data);
  for (int k = 0; k < g->n_in; k++) {
    int64_t count = n * n_elements(g->in[k]);
    float *v = arena_alloc(g->arena, count * 4);
    for (int64_t i = 0; i < count; i++) v[i] = random_real(&r, -2, 2);
    s->data[k] = v;
  }
  return s;
}

int64_t output_size(const Graph *g) {
  int64_t bytes = 0;
  for (int i = 0; i < g->n_out; i++) bytes += tensor_bytes(g->out[i]);
  return bytes;
}

uint8_t *run_graph(Arena *a, const Graph *g, const Samples *s, int64_t i) {
  uint8_t *all = arena_alloc(a, output_size(g) + 1), *to = all;
  Interp *it = new_interp(g);
  const void *in[64];
  for (int k = 0; k < g->n_in; k++) {
    in[k] = sample_at(g, s, k, i);
    if (g->in[k]->dtype == DT_F32 || !g->in[k]->quant) continue;
    /* The graph's input has become codes; the samples are still real numbers. */
    void *codes = arena_alloc(a, tensor_bytes(g->in[k]) + 1);
    quantize_reals(g->in[k], (const float *)s->data[k] + i * n_elements(g->in[k]), codes);
    in[k] = codes;
  }
  run_interp(it, in, NULL, NULL);
  for (int k = 0; k < g->n_out; k++) {
    memcpy(to, interp_value(it, g->out[k]), (size_t)tensor_bytes(g->out[k]));
    to += tensor_bytes(g->out[k]);
  }
  free_interp(it);
  return all;
}
