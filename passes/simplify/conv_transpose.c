/* conv_transpose.c - a transposed convolution of constant weights becomes a convolution and moves,
 * so that it is quantized and computed as any other.  With a stride of s, output position t (before
 * the padding is cut off) gets input q - e by the tap at s * e + r, where t = s * q + r: so the
 * outputs of one phase r are a convolution with every s-th tap, in reverse.  All phases are
 * computed side by side as channels, with weights 0 where a phase has no tap, then put in their
 * places, and what the padding cuts off is cut off.  Where hardly any phase has a tap the node stays.
 * Channels are last here.
 *
 *   y = ConvTranspose<strides=[2,2]>(x, w[I,h,w,O])
 *   ==>  y = Slice(Reshape(Transpose<[0,3,1,4,2,5]>(Reshape(Conv(x, phases[4 O,h/2,w/2,I])))))
 */
#include <string.h>

#include "passes/passes.h"
#include "passes/simplify/simplify.h"

/* One spatial dimension. */
typedef struct Axis {
  int64_t stride;         /* phases */
  int64_t kernel, spread; /* of the transposed convolution: taps, and positions between them */
  int64_t taps, dilation; /* of the convolution */
  int64_t begin, end;     /* its padding */
  int64_t count;          /* its outputs */
  int64_t crop, size;     /* positions of the phases, joined, that come before y's; y's */
} Axis;

static int64_t positive(int64_t v) { return v > 0 ? v : 0; }

/* The convolution computes q from `first` on: at least those that y has positions of. */
static Axis phases_along(const Window *w, int d) {
  Axis a = {.stride = w->stride[d], .kernel = w->kernel[d], .spread = w->dilation[d]};
  bool any = a.stride > 1; /* the taps of a phase may lie anywhere */
  a.dilation = any ? 1 : a.spread;
  a.taps = any ? (a.kernel - 1) * a.spread / a.stride + 1 : a.kernel;
  int64_t reach = (a.taps - 1) * a.dilation;
  int64_t last = (w->pad[d] + w->out[d] - 1) / a.stride;
  a.begin = positive(reach - w->pad[d] / a.stride);
  a.end = positive(last - (w->in[d] - 1));
  a.count = w->in[d] + a.begin + a.end - reach;
  a.crop = w->pad[d] - (reach - a.begin) * a.stride;
  a.size = w->out[d];
  return a;
}

/* Which tap of the transposed convolution tap j of phase r is; -1 none. */
static int64_t tap_of(const Axis *a, int64_t r, int64_t j) {
  int64_t at = (a->taps - 1 - j) * a->dilation * a->stride + r;
  return at % a->spread == 0 && at / a->spread < a->kernel ? at / a->spread : -1;
}

/* Height and width; height is one position where there is only a width. */
typedef struct Phases {
  Window w;
  Axis h, v;
  int64_t group_out; /* y's channels of one group */
  int64_t channels;  /* of the convolution: [group][phase of h][phase of v][group_out] */
} Phases;

/* What imported weights remember of their codes: one scale, or those of y's channels, which are last in w. */
static QuantSpec *phase_quant(Graph *g, const Tensor *w, const Phases *p) {
  const QuantSpec *q = w->quant;
  if (!q || q->group || has_zero_points(q) || (q->n > 1 && q->axis != w->rank - 1)) return NULL;
  QuantSpec *own = new_quant(g, q->format, q->n > 1 ? 0 : -1, 0, q->n > 1 ? p->channels : 1);
  for (int64_t o = 0; o < own->n; o++) own->scale[o] = q->scale[q->n > 1 ? o % p->group_out : 0];
  return own;
}

/* Weights [channels][taps][taps][I / group] from [I][kernel][kernel][O / group]. */
static Tensor *phase_weights(Graph *g, const Tensor *w, const Phases *p) {
  const Axis *h = &p->h, *v = &p->v;
  int64_t in = p->w.channels / p->w.group, out = p->group_out, phases = h->stride * v->stride;
  int64_t dim[4] = {p->channels, h->taps, v->taps, in};
  int64_t flat[3] = {p->channels, v->taps, in};
  float *to = arena_alloc(g->arena, p->channels * h->taps * v->taps * in * (int64_t)sizeof *to);
  const float *from = floats_of(w);
  for (int64_t o = 0, n = 0; o < p->channels; o++) {
    int64_t first = o / (phases * out) * in, phase = o / out % phases;
    for (int64_t j = 0; j < h->taps * v->taps; j++) {
      int64_t kh = tap_of(h, phase / v->stride, j / v->taps);
      int64_t kv = tap_of(v, phase % v->stride, j % v->taps);
      for (int64_t i = first; i < first + in; i++, n++)
        to[n] = kh < 0 || kv < 0
                    ? 0
                    : from[((i * h->kernel + kh) * v->kernel + kv) * out + o % out];
    }
  }
  Tensor *t = new_floats(g, w->name, w->rank, w->rank == 4 ? dim : flat, to);
  t->layout = LAYOUT_NHWC;
  t->quant = phase_quant(g, w, p);
  return t;
}

static Tensor *phase_bias(Graph *g, const Tensor *b, const Phases *p) {
  int64_t out = p->group_out, per_group = p->h.stride * p->v.stride * out;
  float *to = arena_alloc(g->arena, p->channels * (int64_t)sizeof *to);
  for (int64_t o = 0; o < p->channels; o++)
    to[o] = floats_of(b)[o / per_group * out + o % out];
  return new_floats(g, b->name, 1, &p->channels, to);
}

static void set_conv_attrs(Graph *g, Node *conv, const Node *n, const Phases *p) {
  const Axis *h = &p->h, *v = &p->v;
  int spatial = p->w.spatial, flat = spatial == 1;
  int64_t dilations[2] = {h->dilation, v->dilation};
  int64_t pads[4] = {h->begin, v->begin, h->end, v->end}, pads1[2] = {v->begin, v->end};
  set_ints(g, conv, "dilations", spatial, dilations + flat);
  set_ints(g, conv, "pads", 2 * spatial, flat ? pads1 : pads);
  set_int(g, conv, "group", p->w.group);
  for (int i = 0; i < n->n_attr; i++)
    if (strncmp(n->attr[i].name, "activation", 10) == 0) set_attr(g, conv, &n->attr[i]);
}

/* A node that computes a new tensor, with constant integers as its inputs behind x. */
static Node *add_move(Graph *g, int at, const char *op, Tensor *x, int n_list,
                      const int64_t *const *list, int count, const char *base) {
  Tensor *in[4] = {x};
  for (int i = 0; i < n_list; i++)
    in[1 + i] =
        new_const_i64(g, fresh_name(g, arena_printf(g->arena, "%s_move", base)), count, list[i]);
  Tensor *y = add_op(g, at, op, fresh_name(g, arena_printf(g->arena, "%s_phases", base)),
                     1 + n_list, in);
  return y->def;
}

/* Puts the phases in their places: from [..][count][group][h][v][O] to [..][h][count][v][group, O]. */
static Node *join_phases(Graph *g, Node *conv, const Phases *p) {
  static const int64_t perm[6] = {0, 3, 1, 4, 2, 5};
  const Axis *h = &p->h, *v = &p->v;
  int at = node_index(g, conv) + 1, flat = p->w.spatial == 1;
  int64_t apart[6] = {p->w.batch * h->count, v->count, p->w.group, h->stride, v->stride,
                      p->group_out};
  int64_t joined[4] = {p->w.batch, h->count * h->stride, v->count * v->stride, p->w.out_channels};
  int64_t joined1[3] = {joined[0], joined[2], joined[3]};
  const int64_t *to_apart[] = {apart}, *to_joined[] = {flat ? joined1 : joined};
  Tensor *x = conv->out[0];
  if (h->stride * v->stride == 1) return conv;
  if (h->stride > 1 || p->w.group > 1) {
    x = add_move(g, at++, "Reshape", x, 1, to_apart, 6, conv->name)->out[0];
    Node *t = add_move(g, at++, "Transpose", x, 0, NULL, 0, conv->name);
    set_ints(g, t, "perm", 6, perm);
    infer_node(g, t);
    x = t->out[0];
  }
  Node *n = add_move(g, at, "Reshape", x, 1, to_joined, flat ? 3 : 4, conv->name);
  set_str(g, n, "layout", "NHWC");
  infer_node(g, n);
  return n;
}

static Node *crop(Graph *g, Node *n, const Phases *p, const char *base) {
  const Axis *axis[2] = {&p->h, &p->v};
  int64_t start[2], end[2], axes[2];
  int count = 0, flat = p->w.spatial == 1;
  for (int d = flat; d < 2; d++) {
    if (axis[d]->crop == 0 && axis[d]->size == axis[d]->count * axis[d]->stride) continue;
    start[count] = axis[d]->crop;
    end[count] = axis[d]->crop + axis[d]->size;
    axes[count++] = 1 + d - flat;
  }
  const int64_t *list[3] = {start, end, axes};
  if (count == 0) return n;
  return add_move(g, node_index(g, n) + 1, "Slice", n->out[0], 3, list, count, base);
}

/* Weights of the phases for each one of the transposed convolution, at most: others are zeros. */
enum { MAX_GROWTH = 256 };

static bool is_too_sparse(const Axis *h, const Axis *v) {
  int64_t size = mul_size(mul_size(h->stride, h->taps), mul_size(v->stride, v->taps));
  return size < 0 || size / MAX_GROWTH > h->kernel * v->kernel;
}

static bool read_phases(const Node *n, Phases *p) {
  if (!is_op(n, "ConvTranspose")) return false;
  const Tensor *x = n->in[0], *w = n->in[1], *b = n->n_in > 2 ? n->in[2] : NULL;
  if (x->layout != LAYOUT_NHWC || x->rank > 4) return false;
  if (!is_float_const(w) || w->layout != LAYOUT_NHWC || n_elements(x) < 1) return false;
  if (b && !is_float_const(b)) return false;
  get_window(n, x, w, &p->w);
  const Axis none = {1, 1, 1, 1, 1, 0, 0, 1, 0, 1};
  p->h = p->w.spatial == 1 ? none : phases_along(&p->w, 0);
  p->v = phases_along(&p->w, p->w.spatial - 1);
  if (is_too_sparse(&p->h, &p->v)) return false;
  p->group_out = p->w.out_channels / p->w.group;
  p->channels = p->w.out_channels * p->h.stride * p->v.stride;
  return true;
}

static void rewrite(Graph *g, Node *n, const Phases *p) {
  Tensor *x = n->in[0], *y = n->out[0], *b = n->n_in > 2 ? n->in[2] : NULL;
  Tensor *in[3] = {x, phase_weights(g, n->in[1], p), b ? phase_bias(g, b, p) : NULL};
  int at = node_index(g, n);
  Tensor *t = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_phases", n->name)), DT_NONE,
                         -1, NULL);
  const char *name = n->name;
  n->out[0]->def = NULL, n->out[0] = NULL;
  Node *conv = add_node(g, at, "Conv", fresh_name(g, name), b ? 3 : 2, in, 1, &t);
  conv->loc = n->loc;
  set_conv_attrs(g, conv, n, p);
  remove_node(g, n);
  conv->name = name;
  infer_node(g, conv);
  Node *last = crop(g, join_phases(g, conv, p), p, name);
  last->out[0]->def = NULL;
  last->out[0] = y, y->def = last;
  infer_node(g, last);
}

void pass_conv_transpose(Graph *g, Context *cx) {
  (void)cx;
  Phases p;
  for (int i = 0; i < g->n_node; i++)
    if (read_phases(g->node[i], &p)) rewrite(g, g->node[i], &p);
}
