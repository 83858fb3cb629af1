/* cost_nets.c - networks of layers of random shapes.  Every layer reads a run of the one input, so that
 * it has no layer before it to wait for, and its result is an output.  Shapes are such as small
 * networks have; the layers of a network are of one kind, so that each kernel gets many. */
#include "driver/cost_nets.h"

#include <math.h>

enum { INPUTS = 1 << 14, LAYERS = 54, MAX_SIDE = 48, MAX_PRODUCTS = 400000, MAX_OUTPUTS = 12288 };
/* A function that is called once is compiled into its caller, with all that is known of the call: there
 * are networks with many layers of one kind, and such with one of each; dense convolutions, of which some
 * targets have one kernel for all, have others beside them. */
enum { SINGLES = 14, SINGLE_CONVS = 14 };

typedef struct Net {
  Graph *g;
  uint64_t random;
  Tensor *x; /* [1,INPUTS or more] */
} Net;

/* ---- random numbers: a linear congruence, the high bits ---------------------------------------- */

static int pick(Net *t, int lo, int hi) {
  t->random = t->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return lo + (int)((t->random >> 33) % (uint64_t)(hi - lo + 1));
}

/* From 4, small ones as often as large ones; most are multiples of 8. */
static int64_t pick_channels(Net *t, int most) {
  int octave = 2;
  while (2 << octave <= most) octave++;
  int64_t least = (int64_t)1 << pick(t, 2, octave - 1), n = least + pick(t, 0, (int)least);
  return n > 8 && pick(t, 0, 4) ? n & ~7 : n;
}

static Tensor *random_reals(Net *t, int rank, const int64_t *dim, double bound) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dim[i];
  float *v = arena_alloc(t->g->arena, n * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = (float)(bound * pick(t, -1000, 1000) / 1000);
  return new_const(t->g, fresh_name(t->g, "w"), DT_F32, rank, dim, v);
}

/* ---- pieces ------------------------------------------------------------------------------------ */

static Tensor *fresh(Net *t) { return new_tensor(t->g, fresh_name(t->g, "t"), DT_NONE, -1, NULL); }

static Node *start(Net *t, const char *op, const char *name, int n_in, Tensor *const *in) {
  Tensor *y = fresh(t);
  return add_node(t->g, -1, op, fresh_name(t->g, name), n_in, in, 1, &y);
}

static Tensor *finish(Net *t, Node *n) {
  infer_node(t->g, n);
  return n->out[0];
}

static Tensor *apply(Net *t, const char *op, int n_in, Tensor *const *in) {
  return finish(t, start(t, op, op, n_in, in));
}

static Tensor *ints(Net *t, int n, const int64_t *v) {
  return new_const_i64(t->g, fresh_name(t->g, "i"), n, v);
}

static Tensor *transpose(Net *t, Tensor *x, const int64_t *perm) {
  Node *n = start(t, "Transpose", "move", 1, &x);
  set_ints(t->g, n, "perm", x->rank, perm);
  return finish(t, n);
}

/* A part of the input in another shape. */
static Tensor *part(Net *t, int rank, const int64_t *dim) {
  int64_t n = 1;
  for (int i = 0; i < rank; i++) n *= dim[i];
  int64_t from = 16 * pick(t, 0, (int)((INPUTS - n) / 16)), to = from + n, axis = 1;
  Tensor *in[] = {t->x, ints(t, 1, &from), ints(t, 1, &to), ints(t, 1, &axis)};
  Tensor *run = apply(t, "Slice", 4, in);
  return apply(t, "Reshape", 2, (Tensor *[]){run, ints(t, rank, dim)});
}

/* Images as they are computed, channels last, and as ONNX has them. */
static Tensor *image(Net *t, int64_t h, int64_t w, int64_t channels) {
  return transpose(t, part(t, 4, (int64_t[]){1, h, w, channels}), (int64_t[]){0, 3, 1, 2});
}

static void add_output(Net *t, Tensor *y) {
  t->g->out = arena_grow(t->g->arena, t->g->out, t->g->n_out, sizeof *t->g->out);
  t->g->out[t->g->n_out++] = y;
}

static void add_image(Net *t, Tensor *y) {
  add_output(t, transpose(t, y, (int64_t[]){0, 2, 3, 1}));
}

static Tensor *maybe_relu(Net *t, Tensor *y) { return pick(t, 0, 2) ? apply(t, "Relu", 1, &y) : y; }

/* ---- layers of weights in a format, whose name is theirs: a rule of the policy ------------------- */

typedef struct Shape {
  int64_t h, w, in, out, kernel_h, kernel_w, stride, group;
} Shape;

/* Height and width so that neither image nor work is too large; at least the kernel's. */
static void pick_size(Net *t, Shape *s) {
  int64_t work = s->out * s->in / s->group * s->kernel_h * s->kernel_w, side = 1;
  int64_t channels = s->in > s->out ? s->in : s->out;
  while (side < MAX_SIDE && (side + 1) * (side + 1) * work <= MAX_PRODUCTS &&
         (side + 1) * (side + 1) * channels <= MAX_OUTPUTS)
    side++;
  s->h = pick(t, (int)(side + 3) / 4, (int)side), s->w = pick(t, (int)(side + 3) / 4, (int)side);
  if (s->h < s->kernel_h) s->h = s->kernel_h;
  if (s->w < s->kernel_w) s->w = s->kernel_w;
}

static void add_conv(Net *t, const char *format, Shape s) {
  const int64_t dim[] = {s.out, s.in / s.group, s.kernel_h, s.kernel_w};
  double bound = sqrt(3.0 / (double)(dim[1] * dim[2] * dim[3]));
  pick_size(t, &s);
  Tensor *in[] = {image(t, s.h, s.w, s.in), random_reals(t, 4, dim, bound),
                  random_reals(t, 1, dim, 0.3)};
  Node *n = start(t, "Conv", format, 3, in);
  set_int(t->g, n, "group", s.group);
  set_ints(t->g, n, "strides", 2, (int64_t[]){s.stride, s.stride});
  if (s.kernel_h * s.kernel_w > 1 && pick(t, 0, 4)) set_str(t->g, n, "auto_pad", "SAME_UPPER");
  add_image(t, maybe_relu(t, finish(t, n)));
}

static void add_pointwise(Net *t, const char *format) {
  add_conv(t, format,
           (Shape){.in = pick_channels(t, 256),
                   .out = pick_channels(t, 256),
                   .kernel_h = 1,
                   .kernel_w = 1,
                   .stride = 1,
                   .group = 1});
}

static void add_dense_conv(Net *t, const char *format, int64_t in, int64_t out, int stride) {
  int64_t kernel = pick(t, 0, 2) ? 3 : pick(t, 1, 7),
          other = pick(t, 0, 3) ? kernel : pick(t, 1, 10);
  add_conv(t, format,
           (Shape){.in = in,
                   .out = out,
                   .kernel_h = other,
                   .kernel_w = kernel,
                   .stride = stride,
                   .group = 1});
}

/* Outputs that are larger than inputs, and such that are not: kernels tell them apart. */
static void add_growing_conv(Net *t, const char *format) {
  int stride = pick(t, 1, 2);
  int64_t in = pick(t, 0, 2) ? pick_channels(t, 32) : pick(t, 1, 4);
  int64_t out = in * stride * stride * pick(t, 2, 8);
  add_dense_conv(t, format, in, out < 96 ? (out + 7) & ~7 : 96, stride);
}

static void add_shrinking_conv(Net *t, const char *format) {
  int stride = pick(t, 1, 2);
  int64_t in = pick(t, 0, 2) ? pick_channels(t, 64) : pick(t, 3, 6), most = in * stride * stride;
  add_dense_conv(t, format, in, most > 8 ? pick_channels(t, most < 64 ? (int)most : 64) : most,
                 stride);
}

static void add_depthwise(Net *t, const char *format, int kernel_h, int kernel_w, int stride) {
  int64_t n = pick_channels(t, 256);
  add_conv(t, format,
           (Shape){.in = n,
                   .out = n,
                   .kernel_h = kernel_h,
                   .kernel_w = kernel_w,
                   .stride = stride,
                   .group = n});
}

static void add_depthwise3x3(Net *t, const char *format) { add_depthwise(t, format, 3, 3, 1); }

static void add_any_depthwise(Net *t, const char *format) {
  bool square = !pick(t, 0, 2);
  add_depthwise(t, format, square ? 3 : pick(t, 2, 7), square ? 3 : pick(t, 2, 7),
                square ? 2 : pick(t, 1, 2));
}

static void add_gemm(Net *t, const char *format, int64_t rows, int64_t depth, int64_t cols) {
  const int64_t x[] = {rows, depth}, w[] = {cols, depth};
  Tensor *in[] = {part(t, 2, x), random_reals(t, 2, w, sqrt(3.0 / (double)depth)),
                  random_reals(t, 1, w, 0.3)};
  Node *n = start(t, "Gemm", format, 3, in);
  set_int(t->g, n, "transB", 1);
  add_output(t, maybe_relu(t, finish(t, n)));
}

static void add_row(Net *t, const char *format) {
  add_gemm(t, format, 1, pick_channels(t, 1024), pick_channels(t, 256));
}

static void add_rows(Net *t, const char *format) {
  add_gemm(t, format, pick(t, 2, 32), pick_channels(t, 128), pick_channels(t, 128));
}

/* ---- layers without weights --------------------------------------------------------------------- */

static void add_pool(Net *t, const char *op) {
  int64_t n = pick_channels(t, 256);
  Shape s = {.in = n, .out = n, .stride = pick(t, 1, 3), .group = n};
  s.kernel_h = s.kernel_w = pick(t, 2, 3);
  pick_size(t, &s);
  if (op[0] == 'A' && pick(t, 0, 3)) s.kernel_h = s.h, s.kernel_w = s.w;
  Tensor *x = image(t, s.h, s.w, s.in);
  Node *pool = start(t, op, op, 1, &x);
  set_ints(t->g, pool, "kernel_shape", 2, (int64_t[]){s.kernel_h, s.kernel_w});
  set_ints(t->g, pool, "strides", 2, (int64_t[]){s.stride, s.stride});
  Tensor *y = finish(t, pool);
  /* What only moves is computed in integers where integers are wanted. */
  add_image(t, op[0] == 'M' ? apply(t, "Mul", 2, (Tensor *[]){y, y}) : y);
}

static void add_unary(Net *t, const char *op) {
  const int64_t dim[] = {pick(t, 1, 48), pick_channels(t, 128)};
  Tensor *x = part(t, 2, dim);
  add_output(t, apply(t, op, 1, &x));
}

/* The second operand now and then a row for all. */
static void add_binary(Net *t, const char *op) {
  int64_t dim[] = {pick(t, 1, 48), pick_channels(t, 128)};
  Tensor *in[2] = {part(t, 2, dim), NULL};
  if (!pick(t, 0, 2)) dim[0] = 1;
  in[1] = part(t, 2, dim);
  add_output(t, apply(t, op, 2, in));
}

static void add_product(Net *t, const char *op) {
  const int64_t a[] = {pick(t, 1, 24), pick_channels(t, 128)}, b[] = {a[1], pick_channels(t, 128)};
  Tensor *in[] = {part(t, 2, a), part(t, 2, b)};
  add_output(t, apply(t, op, 2, in));
}

/* ---- networks ---------------------------------------------------------------------------------- */

enum { N_WHAT = 3 };
static const struct {
  void (*add)(Net *t, const char *what); /* format or operator */
  int single;                            /* how many of these have kernels that no others have */
  const char *what[N_WHAT];              /* what there is to choose from */
} kinds[] = {
    {add_pointwise, 3, {"int8", "int4", "int2"}},
    {add_growing_conv, 3, {"int8", "int4", "int2"}},
    {add_shrinking_conv, 3, {"int8", "int4", "int2"}},
    {add_depthwise3x3, 3, {"int8", "int4", "int2"}},
    {add_any_depthwise, 3, {"int8", "int4", "int2"}},
    {add_row, 3, {"int8", "int4", "int2"}},
    {add_rows, 0, {"int8", "int4", "int2"}},
    {add_pool, 2, {"AveragePool", "MaxPool", "AveragePool"}},
    {add_binary, 1, {"Add", "Mul", "Add"}},
    {add_unary, 2, {"Sigmoid", "Softmax", "Tanh"}},
    {add_product, 1, {"MatMul", "MatMul", "MatMul"}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

int n_cost_nets(void) { return KINDS + SINGLES + SINGLE_CONVS; }

static void add_layers(Net *t, int kind, int n) {
  for (int i = 0; i < n; i++) kinds[kind].add(t, kinds[kind].what[i % N_WHAT]);
}

static void add_single_convs(Net *t, bool growing) {
  for (int i = 0; i < N_WHAT; i++) {
    add_pointwise(t, kinds[0].what[i]);
    (growing ? add_growing_conv : add_shrinking_conv)(t, kinds[0].what[i]);
  }
}

Graph *random_cost_net(Arena *a, int number) {
  Graph *g = new_graph(a, "costs");
  Net t = {.g = g, .random = (uint64_t)number + 1};
  g->opset = 17;
  t.x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){1, INPUTS + number * 512});
  g->in = arena_grow(a, g->in, 0, sizeof *g->in);
  g->in[g->n_in++] = t.x;
  if (number < KINDS) add_layers(&t, number, LAYERS);
  else if (number >= KINDS + SINGLES) add_single_convs(&t, number % 2);
  else
    for (int k = 0; k < KINDS; k++) add_layers(&t, k, kinds[k].single);
  return g;
}

Policy *cost_net_policy(Arena *a, const char *optimize) {
  static const char *const formats[] = {"int4", "int2"};
  const Setting defaults[] = {{.key = "optimize", .value = optimize},
                              {.key = "weights.solver", .value = "rtn"},
                              {.key = "calibration.method", .value = "minmax"}};
  static const float mean = 128, std = 64;
  Policy *p = preset_policy(a, "int8");
  p->input = arena_alloc(a, sizeof *p->input);
  p->n_input = 1;
  *p->input = (InputPolicy){.name = "x",
                            .storage = DT_U8,
                            .n_mean = 1,
                            .n_std = 1,
                            .mean = arena_alloc(a, sizeof mean),
                            .std = arena_alloc(a, sizeof std)};
  p->input->mean[0] = mean, p->input->std[0] = std;
  for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++) {
    p->defaults.s = arena_grow(a, p->defaults.s, p->defaults.n, sizeof *p->defaults.s);
    p->defaults.s[p->defaults.n++] = defaults[i];
  }
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    Rule *r;
    p->rule = arena_grow(a, p->rule, p->n_rule, sizeof *p->rule);
    r = &p->rule[p->n_rule++];
    *r = (Rule){.n_match = 1, .match = arena_alloc(a, sizeof *r->match)};
    *r->match =
        (Condition){.key = "name", .n = 1, .value = arena_alloc(a, sizeof *r->match->value)};
    r->match->value[0] = arena_printf(a, "%s*", formats[i]);
    r->set.s = arena_grow(a, r->set.s, 0, sizeof *r->set.s);
    r->set.s[r->set.n++] = (Setting){.key = "weights.format", .value = formats[i]};
  }
  return p;
}

Samples *random_cost_samples(Arena *a, const Graph *g) {
  Net t = {.random = 7};
  int64_t n = n_elements(g->in[0]);
  Samples *s = arena_alloc(a, sizeof *s);
  uint8_t *v = arena_alloc(a, n);
  for (int64_t i = 0; i < n; i++) v[i] = (uint8_t)pick(&t, 0, 255);
  *s = (Samples){.n = 1, .n_in = 1, .data = arena_alloc(a, sizeof *s->data)};
  s->data[0] = v;
  return s;
}
