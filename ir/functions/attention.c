/* attention.c - the bodies of Attention (ONNX 23 and 24) and GroupQueryAttention (com.microsoft): products
 * per head, a bias that is 0 or minus infinity where something is masked, Softmax, and products with the
 * values.
 *
 *     y = Softmax(cap(scale q k^T) + bias) v,   cap(x) = softcap tanh(x / softcap)
 *
 * Heads that share keys and values are rows of one product: q[batch][kv heads][heads per kv head * n][size]. */
#include <math.h>
#include <stdlib.h>

#include "ir/functions.h"

typedef struct Heads {
  int64_t batch, n_q, n_kv;      /* heads of queries, and of keys and values */
  int64_t queries, past, keys;   /* rows: of q, of past keys, of all keys */
  int64_t size, value_size;
  DType type;
} Heads;

/* Computed masks and cap of one attention. */
typedef struct Scores {
  double scale, cap;             /* cap 0: none */
  Tensor *bias;                  /* broadcasts to [batch][heads][queries][keys], or NULL */
  bool may_be_empty;             /* rows may be masked as a whole: these give 0 */
  int output;                    /* which step is also an output: 0 product, 1 capped, 2 biased, 3 Softmax */
} Scores;

/* [batch][n][heads * size] as [batch][heads][n][size]; four dimensions as they are. */
static Tensor *put_heads(Body *b, Tensor *x, int64_t heads, const char *what) {
  char text[DIMS_TEXT];
  if (x->rank == 4) return x;
  if (x->rank != 3 || heads < 1 || x->dim[2] % heads)
    error_at(b->n->loc, "%s: %s has shape %s, which has no %lld heads", op_name(b->n), what,
             dims_text(text, sizeof text, x), (long long)heads);
  int64_t dim[4] = {x->dim[0], x->dim[1], heads, x->dim[2] / heads};
  return put_transpose(b, put_reshape(b, x, 4, dim), "0213");
}

static Tensor *put_behind_past(Body *b, Tensor *past, Tensor *x) {
  return past ? put_concat(b, 2, (Tensor *[]){past, x}, 2) : x;
}

static Heads get_heads(const Body *b, const Tensor *q, const Tensor *k, const Tensor *v, int64_t past) {
  Heads h = {q->dim[0], q->dim[1], k->dim[1], q->dim[2], past, k->dim[2], q->dim[3], v->dim[3], q->dtype};
  if (k->dim[0] != h.batch || v->dim[0] != h.batch || v->dim[1] != h.n_kv || v->dim[2] != h.keys ||
      k->dim[3] != h.size || h.n_kv < 1 || h.n_q % h.n_kv)
    error_at(b->n->loc, "%s: queries [%lld,%lld,%lld,%lld] do not fit keys [%lld,%lld,%lld,%lld] and values "
             "[%lld,%lld,%lld,%lld]", op_name(b->n), (long long)q->dim[0], (long long)q->dim[1],
             (long long)q->dim[2], (long long)q->dim[3], (long long)k->dim[0], (long long)k->dim[1],
             (long long)k->dim[2], (long long)k->dim[3], (long long)v->dim[0], (long long)v->dim[1],
             (long long)v->dim[2], (long long)v->dim[3]);
  return h;
}

/* ---- masks: 0 or minus infinity */

static void add_bias(Body *b, Scores *s, Tensor *bias) {
  s->bias = s->bias ? put2(b, "Add", s->bias, bias) : bias;
}

static Tensor *put_bias_where(Body *b, const Heads *h, Tensor *kept) {
  return put_op(b, "Where", 3,
                (Tensor *[]){kept, put_real(b, h->type, 0), put_real(b, h->type, -INFINITY)});
}

/* [queries][keys]: a query sees keys up to its own, and with a window not further back than that. */
static Tensor *put_causal(Body *b, const Heads *h, int64_t window) {
  int64_t dim[2] = {h->queries, h->keys};
  double *v = scratch(mul_size(dim[0], dim[1]), sizeof *v);
  for (int64_t i = 0; i < dim[0]; i++)
    for (int64_t j = 0; j < dim[1]; j++) {
      int64_t own = i + h->past;
      if (j > own || (window > 0 && j <= own - window)) v[i * dim[1] + j] = -INFINITY;
    }
  Tensor *t = put_reals(b, h->type, 2, dim, v);
  free(v);
  return t;
}

/* 0, 1, ... along one of four dimensions. */
static Tensor *put_count(Body *b, int64_t n, int axis) {
  int64_t *v = arena_alloc(b->g->arena, mul_size(n, (int64_t)sizeof *v) + 1);
  for (int64_t i = 0; i < n; i++) v[i] = i;
  return put_along(b, new_const(b->g, fresh_name(b->g, "count"), DT_I64, 1, &n, v), 4, axis);
}

/* Keys from length[batch] on are padding; causal: the last query's own key is the last that is none. */
static void mask_padding(Body *b, const Heads *h, Scores *s, Tensor *length, bool causal) {
  need_vector(b->n, is_op(b->n, "Attention") ? 6 : 5, "the lengths", h->batch);
  length = put_along(b, put_cast(b, length, DT_I64), 4, 0);
  Tensor *place = put_count(b, h->keys, 3);
  if (causal) {
    Tensor *first = put2(b, "Sub", length, put_ints(b, 1, &h->queries));
    Tensor *own = put2(b, "Add", put_count(b, h->queries, 2), first);
    add_bias(b, s, put_bias_where(b, h, put2(b, "LessOrEqual", place, own)));
  }
  add_bias(b, s, put_bias_where(b, h, put2(b, "Less", place, length)));
  s->may_be_empty = true;
}

/* The mask that is given: booleans, or what is added; keys that it leaves out are masked. */
static void mask_given(Body *b, const Heads *h, Scores *s, Tensor *mask) {
  if (mask->rank < 2 || mask->rank > 4 || mask->dim[mask->rank - 1] > h->keys)
    error_at(b->n->loc, "Attention: attn_mask does not fit %lld keys", (long long)h->keys);
  int64_t missing = h->keys - mask->dim[mask->rank - 1], pads[8] = {0};
  if (mask->dtype == DT_BOOL) mask = put_bias_where(b, h, mask);
  else mask = put_cast(b, mask, h->type);
  pads[2 * mask->rank - 1] = missing;
  if (missing > 0 && mask->dim[mask->rank - 1] != 1)
    mask = put_op(b, "Pad", 3, (Tensor *[]){mask, put_ints(b, 2 * mask->rank, pads),
                                            put_real(b, h->type, -INFINITY)});
  add_bias(b, s, mask);
  s->may_be_empty = true;
}

/* ---- the products */

static Tensor *put_group(Body *b, const Heads *h, Tensor *x) {
  int64_t dim[4] = {h->batch, h->n_kv, h->n_q / h->n_kv * h->queries, x->dim[3]};
  return put_reshape(b, x, 4, dim);
}

/* [batch][heads][queries][..] of the rows of a group. */
static Tensor *put_ungroup(Body *b, const Heads *h, Tensor *x) {
  int64_t dim[4] = {h->batch, h->n_q, h->queries, x->dim[3]};
  return put_reshape(b, x, 4, dim);
}

static Tensor *put_safe_softmax(Body *b, const Heads *h, const Scores *s, Tensor *x) {
  Tensor *y = put1_with(b, "Softmax", x, "axis", -1);
  if (!s->may_be_empty) return y;
  int64_t last = -1;
  Tensor *most = put_reduce(b, "ReduceMax", s->bias, 1, &last);
  Tensor *empty = put2(b, "Equal", most, put_real(b, h->type, -INFINITY));
  return put_op(b, "Where", 3, (Tensor *[]){empty, put_real(b, h->type, 0), y});
}

/* What each query makes of the values, [batch][heads][queries][value size]; *step is the one asked for. */
static Tensor *put_attention(Body *b, const Heads *h, const Scores *s, Tensor *q, Tensor *k, Tensor *v,
                             Tensor **step) {
  Tensor *steps[4];
  q = put_group(b, h, put2(b, "Mul", q, put_real(b, h->type, s->scale)));
  Tensor *x = steps[0] = put_ungroup(b, h, put2(b, "MatMul", q, put_transpose(b, k, "0132")));
  if (s->cap != 0) {
    x = put1(b, "Tanh", put2(b, "Div", x, put_real(b, h->type, s->cap)));
    x = put2(b, "Mul", x, put_real(b, h->type, s->cap));
  }
  steps[1] = x;
  steps[2] = x = s->bias ? put2(b, "Add", x, s->bias) : x;
  steps[3] = x = put_safe_softmax(b, h, s, x);
  *step = steps[s->output];
  return put_ungroup(b, h, put2(b, "MatMul", put_group(b, h, x), v));
}

/* [batch][heads][n][size] as [batch][n][heads * size]. */
static Tensor *put_flat(Body *b, Tensor *x) {
  int64_t dim[3] = {x->dim[0], x->dim[2], x->dim[1] * x->dim[3]};
  return put_reshape(b, put_transpose(b, x, "0213"), 3, dim);
}

static Scores get_scores(const Body *b, const Heads *h) {
  Scores s = {.scale = attr_float(b->n, "scale", 0), .cap = attr_float(b->n, "softcap", 0)};
  if (s.scale == 0) s.scale = h->size > 0 ? 1 / sqrt((double)h->size) : 1;
  return s;
}

/* ---- the operators */

static int64_t past_rows(const Body *b, int i) {
  const Tensor *past = body_input(b, i), *other = body_input(b, i + 1);
  if (!past != !other || (past && (past->rank != 4 || other->rank != 4)))
    error_at(b->n->loc, "%s: expected past keys and past values of four dimensions, or neither",
             op_name(b->n));
  return past ? past->dim[2] : 0;
}

bool body_attention(Body *b) {
  Tensor *mask = body_input(b, 3), *length = body_input(b, 6);
  int64_t n_q = attr_int(b->n, "q_num_heads", 0), n_kv = attr_int(b->n, "kv_num_heads", 0);
  bool flat = b->in[0]->rank == 3, causal = attr_int(b->n, "is_causal", 0) != 0;
  for (int i = 0; i < 3; i++) need_float(b->n, i);
  int64_t past = past_rows(b, 4);
  Tensor *q = put_heads(b, b->in[0], n_q, "Q");
  Tensor *k = put_behind_past(b, body_input(b, 4), put_heads(b, b->in[1], n_kv, "K"));
  Tensor *v = put_behind_past(b, body_input(b, 5), put_heads(b, b->in[2], n_kv, "V"));
  Heads h = get_heads(b, q, k, v, past);
  Scores s = get_scores(b, &h);
  int64_t mode = attr_int(b->n, "qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3)
    error_at(b->n->loc, "Attention: qk_matmul_output_mode is %lld, expected 0 to 3", (long long)mode);
  s.output = (int)mode;
  if (mask) mask_given(b, &h, &s, mask);
  if (causal && !length) add_bias(b, &s, put_causal(b, &h, 0));
  if (length) mask_padding(b, &h, &s, length, causal);
  Tensor *y = put_attention(b, &h, &s, q, k, v, &b->out[3]);
  b->out[0] = flat ? put_flat(b, y) : y;
  b->out[1] = k, b->out[2] = v;
  return true;
}

/* Queries, keys and values that lie side by side in one input. */
static Tensor *put_part(Body *b, int64_t from, int64_t heads, int64_t size) {
  return put_heads(b, put_slice(b, b->in[0], 2, from * size, (from + heads) * size), heads, "query");
}

/* Rows of a cache for the places of the queries: behind all that is past. */
static Tensor *put_cached(Body *b, Tensor *cache, const Heads *h) {
  if (!cache || cache->rank != 2 || cache->dim[0] < h->past + h->queries)
    error_at(b->n->loc, "GroupQueryAttention: expected cos_cache and sin_cache of at least %lld rows",
             (long long)(h->past + h->queries));
  Tensor *rows = put_slice(b, cache, 0, h->past, h->past + h->queries);
  int64_t dim[3] = {1, rows->dim[0], rows->dim[1]};
  return put_reshape(b, rows, 3, dim);
}

/* Inputs: query, key, value, past key, past value, last place of each sequence, length of the longest one,
 * cosines and sines. */
bool body_group_query(Body *b) {
  int64_t n_q = attr_int(b->n, "num_heads", 0), n_kv = attr_int(b->n, "kv_num_heads", 0);
  int64_t window = attr_int(b->n, "local_window_size", -1), all = n_q + 2 * n_kv;
  Tensor *x = b->in[0], *q, *k, *v;
  if (!body_input(b, 5) || !body_input(b, 1) != !body_input(b, 2))
    error_at(b->n->loc, "GroupQueryAttention: expected keys and values, or neither, and seqlens_k");
  if (n_q < 1 || n_kv < 1 || n_q > INT32_MAX || n_kv > INT32_MAX || x->rank != 3)
    error_at(b->n->loc, "GroupQueryAttention: expected queries of three dimensions, num_heads and "
             "kv_num_heads");
  if (body_input(b, 1)) {
    q = put_heads(b, x, n_q, "query");
    k = put_heads(b, b->in[1], n_kv, "key"), v = put_heads(b, b->in[2], n_kv, "value");
  } else {
    if (x->dim[2] % all)
      error_at(b->n->loc, "GroupQueryAttention: %lld columns can't be divided in %lld heads",
               (long long)x->dim[2], (long long)all);
    q = put_part(b, 0, n_q, x->dim[2] / all), k = put_part(b, n_q, n_kv, x->dim[2] / all);
    v = put_part(b, n_q + n_kv, n_kv, x->dim[2] / all);
  }
  Heads h = {.past = past_rows(b, 3), .queries = q->dim[2]};
  if (attr_int(b->n, "do_rotary", 0)) {
    Tensor *cosines = put_cached(b, body_input(b, 7), &h), *sines = put_cached(b, body_input(b, 8), &h);
    bool interleaved = attr_int(b->n, "rotary_interleaved", 0) != 0;
    q = put_rotated(b, q, cosines, sines, interleaved);
    k = put_rotated(b, k, cosines, sines, interleaved);
  }
  k = put_behind_past(b, body_input(b, 3), k), v = put_behind_past(b, body_input(b, 4), v);
  h = get_heads(b, q, k, v, h.past);
  Scores s = get_scores(b, &h);
  s.bias = put_causal(b, &h, window);
  Tensor *last = put_cast(b, b->in[5], DT_I64);
  mask_padding(b, &h, &s, put2(b, "Add", last, put_ints(b, 1, (int64_t[]){1})), false);
  Tensor *step;
  b->out[0] = put_flat(b, put_attention(b, &h, &s, q, k, v, &step));
  b->out[1] = k, b->out[2] = v;
  return true;
}
