/* recurrent.c - the bodies of LinearAttention and CausalConvWithState (ONNX 27), which carry a state from one part
 * of a sequence to the next. */
#include <math.h>
#include <string.h>

#include "ir/functions.h"

enum { MAX_STEPS = 1024 };

/* A depthwise convolution over the past columns and x[batch][channels][n]; the last columns are the state. */
bool body_causal_conv(Body *b) {
  Tensor *x = b->in[0], *w = b->in[1], *bias = body_input(b, 2), *past = body_input(b, 3);
  const char *activation = attr_str(b->n, "activation", "none");
  bool gated = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
  if (x->rank != 3 || w->rank != 3 || w->dim[0] != x->dim[1] || w->dim[1] != 1 || w->dim[2] < 1)
    error_at(b->n->loc, "CausalConvWithState: expected an input [n,c,length] and weights [c,1,size]");
  if (!gated && strcmp(activation, "none") != 0)
    error_at(b->n->loc, "CausalConvWithState: activation '%s', expected none, silu or swish", activation);
  int64_t dim[3] = {x->dim[0], x->dim[1], w->dim[2] - 1};
  if (!past && dim[2] > 0) {
    Tensor *zero = put_cast(b, put_real(b, DT_F32, 0), x->dtype);
    past = put2(b, "Expand", zero, put_ints(b, 3, dim));
  }
  if (dim[2] > 0) x = put_concat(b, 2, (Tensor *[]){past, x}, 2);
  Node *n = start_node(b, "Conv", bias ? 3 : 2, (Tensor *[]){x, w, bias});
  set_int(b->g, n, "group", dim[1]);
  Tensor *y = finish_node(b, n);
  b->out[0] = gated ? put2(b, "Mul", y, put1(b, "Sigmoid", y)) : y;
  if (body_wants(b, 1)) b->out[1] = put_slice(b, x, 2, x->dim[2] - dim[2], x->dim[2]);
  return true;
}

/* ---- LinearAttention
 *
 * With S[key size][value size] for each head of keys, for each step:
 *
 *     S = exp(decay) S           rules gated and gated_delta, a factor for each row of S or for all
 *     v = beta (v - S^T k)       rules delta and gated_delta
 *     S = S + k v^T
 *     y = scale S^T q */

typedef struct Lines {
  int64_t batch, steps, heads, group, key, value; /* group: heads of queries for each of keys */
} Lines;

/* Step t of x[batch][steps][heads * n] as [batch][heads][rows][columns]. */
static Tensor *put_step(Body *b, const Lines *l, Tensor *x, int64_t t, int64_t rows, int64_t columns) {
  return put_reshape(b, put_slice(b, x, 1, t, t + 1), 4, (int64_t[]){l->batch, l->heads, rows, columns});
}

static Lines get_lines(const Body *b) {
  const Tensor *q = b->in[0], *k = b->in[1], *v = b->in[2];
  int64_t n_q = attr_int(b->n, "q_num_heads", 0), n_kv = attr_int(b->n, "kv_num_heads", 0);
  if (q->rank != 3 || k->rank != 3 || v->rank != 3 || n_kv < 1 || n_q < 1 || n_q % n_kv ||
      q->dim[2] % n_q || k->dim[2] % n_kv || v->dim[2] % n_kv || q->dim[2] / n_q != k->dim[2] / n_kv)
    error_at(b->n->loc, "LinearAttention: %lld heads of queries and %lld of keys do not fit the inputs",
             (long long)n_q, (long long)n_kv);
  for (int d = 0; d < 2; d++)
    if (k->dim[d] != q->dim[d] || v->dim[d] != q->dim[d])
      error_at(b->n->loc, "LinearAttention: queries, keys and values differ in dimension %d", d);
  if (q->dim[1] < 1 || q->dim[1] > MAX_STEPS)
    error_at(b->n->loc, "LinearAttention: %lld steps, expected 1 to %d", (long long)q->dim[1], MAX_STEPS);
  return (Lines){q->dim[0], q->dim[1], n_kv, n_q / n_kv, k->dim[2] / n_kv, v->dim[2] / n_kv};
}

/* decay or beta, of `most` elements a head or of one for each, or (beta) one for all heads. */
static Tensor *put_factors(Body *b, const Lines *l, int input, int64_t t, int64_t most) {
  Tensor *x = b->in[input];
  int64_t columns = x->rank == 3 ? x->dim[2] : 0;
  if (columns == 1)
    return put_reshape(b, put_slice(b, x, 1, t, t + 1), 4, (int64_t[]){l->batch, 1, 1, 1});
  if (columns != l->heads && columns != l->heads * most)
    error_at(b->n->loc, "LinearAttention: input %d has %lld columns, expected %lld or %lld", input,
             (long long)columns, (long long)l->heads, (long long)(l->heads * most));
  return put_step(b, l, x, t, columns / l->heads, 1);
}

bool body_linear_attention(Body *b) {
  const char *rule = attr_str(b->n, "update_rule", "gated_delta");
  bool gated = strncmp(rule, "gated", 5) == 0, delta = strstr(rule, "delta") != NULL;
  if (!gated && !delta && strcmp(rule, "linear") != 0)
    error_at(b->n->loc, "LinearAttention: update_rule '%s', expected linear, gated, delta or gated_delta", rule);
  if ((gated && !body_input(b, 4)) || (delta && !body_input(b, 5)))
    error_at(b->n->loc, "LinearAttention: rule %s needs input %s", rule, gated && !body_input(b, 4) ? "decay" : "beta");
  Lines l = get_lines(b);
  DType type = b->in[0]->dtype;
  double scale = attr_float(b->n, "scale", 0);
  Tensor *factor = put_real(b, type, scale != 0 ? scale : 1 / sqrt((double)l.key));
  Tensor *s = body_input(b, 3);
  Tensor **y = arena_alloc(b->g->arena, l.steps * (int64_t)sizeof(Tensor *));
  for (int64_t t = 0; t < l.steps; t++) {
    Tensor *k = put_step(b, &l, b->in[1], t, l.key, 1), *v = put_step(b, &l, b->in[2], t, 1, l.value);
    if (gated && s) s = put2(b, "Mul", s, put1(b, "Exp", put_factors(b, &l, 4, t, l.key)));
    if (delta) {
      Tensor *row = put_step(b, &l, b->in[1], t, 1, l.key);
      if (s) v = put2(b, "Sub", v, put2(b, "MatMul", row, s));
      v = put2(b, "Mul", v, put_factors(b, &l, 5, t, 1));
    }
    Tensor *more = put2(b, "MatMul", k, v);
    s = s ? put2(b, "Add", s, more) : more;
    Tensor *read = put2(b, "MatMul", put_step(b, &l, b->in[0], t, l.group, l.key), s);
    y[t] = put_reshape(b, put2(b, "Mul", read, factor), 3,
                       (int64_t[]){l.batch, 1, l.heads * l.group * l.value});
  }
  b->out[0] = l.steps > 1 ? put_concat(b, (int)l.steps, y, 1) : y[0];
  b->out[1] = s;
  return true;
}
