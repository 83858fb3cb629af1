/* test_functions.c - operators that are functions of others against their definitions as plain loops, and that
 * pass `functions` leaves the same values with none of them in the graph. */
#include <math.h>

#include "op_fixture.h"
#include "passes/passes.h"

void pass_functions(Graph *g, Context *cx);

static double at(const Tensor *t, int64_t i) { return get_real(t->dtype, t->data, i); }

static Tensor *reals(Graph *g, int rank, const int64_t *dim) { return random_tensor(g, DT_F32, rank, dim); }

static Tensor *ints(Graph *g, int n, const int64_t *v) { return new_const_i64(g, fresh_name(g, "n"), n, v); }

/* The node by itself and as the pass leaves it. */
static Tensor *run_both(Graph *g, Node *n) {
  Tensor *y = run_node(g, n);
  void *alone = y->data;
  y->data = NULL;
  g->n_out = 1;
  g->out = &y;
  /* Inputs that the pass does not know, so that nothing is folded. */
  Tensor *in[MAX_INPUTS];
  const void *data[MAX_INPUTS];
  int count = 0;
  for (int i = 0; i < n->n_in; i++) {
    if (!n->in[i] || n->in[i]->dtype != DT_F32 || n->in[i]->rank == 0) continue;
    data[count] = n->in[i]->data;
    n->in[i]->data = NULL;
    in[count++] = n->in[i];
  }
  g->in = in, g->n_in = count;
  pass_functions(g, NULL);
  for (int i = 0; i < g->n_node; i++) assert_ptr_not_equal(g->node[i]->op->eval, n->op->eval);
  Interp *it = new_interp(g);
  run_interp(it, data, NULL, NULL);
  Tensor got = *y;
  got.data = (void *)interp_value(it, y);
  y->data = alone;
  assert_near(y, &got, 1e-6);
  free_interp(it);
  for (int i = 0; i < count; i++) in[i]->data = (void *)data[i];
  return y;
}

static void expect(const Tensor *y, int64_t i, double want) {
  if (!(fabs(at(y, i) - want) <= 2e-4 * (1 + fabs(want))))
    fail_msg("element %lld is %g, not %g", (long long)i, at(y, i), want);
}

static void group_norm_normalizes_groups(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int per_group = 0; per_group < 2; per_group++) {
    Graph *g = new_graph(a, "group");
    Tensor *in[] = {reals(g, 3, (int64_t[]){2, 6, 5}), reals(g, 1, (int64_t[]){per_group ? 3 : 6}),
                    reals(g, 1, (int64_t[]){per_group ? 3 : 6})};
    Node *n = make_node(g, "GroupNormalization", 3, in);
    set_int(g, n, "num_groups", 3);
    set_float(g, n, "epsilon", 0.5);
    Tensor *y = run_both(g, n);
    for (int row = 0; row < 6; row++) {
      double mean = 0, square = 0;
      for (int i = 0; i < 10; i++) mean += at(in[0], row * 10 + i) / 10;
      for (int i = 0; i < 10; i++) square += pow(at(in[0], row * 10 + i) - mean, 2) / 10;
      for (int i = 0; i < 10; i++) {
        int p = per_group ? row % 3 : row % 3 * 2 + i / 5;
        expect(y, row * 10 + i,
               (at(in[0], row * 10 + i) - mean) / sqrt(square + 0.5) * at(in[1], p) + at(in[2], p));
      }
    }
  }
  free_arena(a);
}

static void norms_divide(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int p = 1; p <= 2; p++) {
    Graph *g = new_graph(a, "norm");
    Tensor *x = reals(g, 3, (int64_t[]){2, 4, 3});
    for (int i = 0; i < 4; i++) ((float *)x->data)[i * 3] = 0; /* a norm of 0 gives 0 */
    Node *n = make_node(g, "LpNormalization", 1, &x);
    set_int(g, n, "p", p);
    set_int(g, n, "axis", 1);
    Tensor *y = run_both(g, n);
    for (int i = 0; i < 24; i++) {
      double sum = 0;
      for (int k = 0; k < 4; k++) sum += pow(fabs(at(x, i / 12 * 12 + k * 3 + i % 3)), p);
      expect(y, i, sum > 0 ? at(x, i) / pow(sum, 1.0 / p) : 0);
    }
  }
  free_arena(a);
}

static void lrn_as_its_kernel_says(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int size = 1; size < 6; size++) {
    Graph *g = new_graph(a, "lrn");
    Tensor *x = reals(g, 4, (int64_t[]){2, 5, 2, 3});
    Node *n = make_node(g, "LRN", 1, &x);
    set_int(g, n, "size", size);
    set_float(g, n, "alpha", 0.7);
    run_both(g, n);
  }
  free_arena(a);
}

/* Attention of grouped heads with a cap, a mask and everything masked in one row. */
static void attention_is_its_definition(void **state) {
  (void)state;
  enum { B = 2, HQ = 4, HK = 2, S = 3, T = 5, D = 4 };
  Arena *a = new_arena();
  Graph *g = new_graph(a, "attention");
  Tensor *in[] = {reals(g, 4, (int64_t[]){B, HQ, S, D}), reals(g, 4, (int64_t[]){B, HK, T, D}),
                  reals(g, 4, (int64_t[]){B, HK, T, D}), random_tensor(g, DT_BOOL, 2, (int64_t[]){S, T})};
  bool *kept = in[3]->data;
  for (int i = 0; i < S * T; i++) kept[i] = i / T != 1 && random_int(0, 3) > 0;
  kept[0] = kept[2 * T] = true;
  Node *n = make_node(g, "Attention", 4, in);
  set_float(g, n, "softcap", 3);
  set_int(g, n, "is_causal", 1);
  Tensor *y = run_both(g, n);
  for (int b = 0; b < B; b++)
    for (int h = 0; h < HQ; h++)
      for (int s = 0; s < S; s++) {
        int q = ((b * HQ + h) * S + s) * D, k = (b * HK + h / (HQ / HK)) * T * D;
        double weight[T], sum = 0;
        for (int t = 0; t < T; t++) {
          double product = 0;
          for (int d = 0; d < D; d++) product += at(in[0], q + d) * at(in[1], k + t * D + d);
          weight[t] = kept[s * T + t] && t <= s ? exp(3 * tanh(product / 2 / 3)) : 0;
          sum += weight[t];
        }
        for (int d = 0; d < D; d++) {
          double want = 0;
          for (int t = 0; t < T; t++) want += sum > 0 ? weight[t] / sum * at(in[2], k + t * D + d) : 0;
          expect(y, q + d, want);
        }
      }
  free_arena(a);
}

/* With keys of the past and rotary places it is the Attention of what the operators before make. */
static void group_query_is_attention(void **state) {
  (void)state;
  enum { S = 2, P = 3, D = 4 };
  Arena *a = new_arena();
  Graph *g = new_graph(a, "gqa");
  int32_t last[1] = {P + S - 1};
  Tensor *q = reals(g, 3, (int64_t[]){1, S, 2 * D}), *k = reals(g, 3, (int64_t[]){1, S, D}),
         *v = reals(g, 3, (int64_t[]){1, S, D}), *past_k = reals(g, 4, (int64_t[]){1, 1, P, D}),
         *past_v = reals(g, 4, (int64_t[]){1, 1, P, D}),
         *length = new_const(g, "last", DT_I32, 1, (int64_t[]){1}, last),
         *total = new_const(g, "total", DT_I32, 1, (int64_t[]){1}, last);
  Node *n = make_node(g, "GroupQueryAttention", 7, (Tensor *[]){q, k, v, past_k, past_v, length, total});
  set_int(g, n, "num_heads", 2);
  set_int(g, n, "kv_num_heads", 1);
  Tensor *y = run_both(g, n);
  Graph *h = new_graph(a, "attention");
  Node *m = make_node(h, "Attention", 6, (Tensor *[]){q, k, v, NULL, past_k, past_v});
  set_int(h, m, "q_num_heads", 2);
  set_int(h, m, "kv_num_heads", 1);
  set_int(h, m, "is_causal", 1);
  assert_near(run_node(h, m), y, 1e-5);
  free_arena(a);
}

static void rotary_turns_pairs(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int interleaved = 0; interleaved < 2; interleaved++) {
    Graph *g = new_graph(a, "rotary");
    int64_t place[2] = {3, 1};
    Tensor *x = reals(g, 4, (int64_t[]){1, 2, 2, 6}), *c = reals(g, 2, (int64_t[]){5, 2}),
           *s = reals(g, 2, (int64_t[]){5, 2}), *p = new_const(g, "place", DT_I64, 2, (int64_t[]){1, 2}, place);
    Node *n = make_node(g, "RotaryEmbedding", 4, (Tensor *[]){x, c, s, p});
    set_int(g, n, "interleaved", interleaved);
    set_int(g, n, "rotary_embedding_dim", 4);
    Tensor *y = run_both(g, n);
    for (int row = 0; row < 4; row++)
      for (int i = 0; i < 6; i++) {
        int pair = interleaved ? i / 2 : i % 2, second = interleaved ? i % 2 : i / 2;
        int other = interleaved ? i + (second ? -1 : 1) : i + (second ? -2 : 2);
        double cosine = at(c, place[row % 2] * 2 + pair % 2), sine = at(s, place[row % 2] * 2 + pair % 2);
        double own = at(x, row * 6 + i);
        expect(y, row * 6 + i, i > 3 ? own : cosine * own + (second ? sine : -sine) * at(x, row * 6 + other));
      }
  }
  free_arena(a);
}

/* com.microsoft's is the standard's in another order of inputs; one place is that of the first row. */
static void places_come_first(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int one = 0; one < 2; one++) {
    Graph *g = new_graph(a, "rotary");
    int64_t place[4] = {2, 3, 2, 3};
    Tensor *x = reals(g, 3, (int64_t[]){2, 2, 12}), *c = reals(g, 2, (int64_t[]){5, 2}), *s = reals(g, 2, (int64_t[]){5, 2}),
           *p = new_const(g, "place", DT_I64, 2, (int64_t[]){2, 2}, place);
    Tensor *first = new_const(g, "first", DT_I64, 1, (int64_t[]){1}, place);
    Node *n = make_node(g, "RotaryEmbeddingPlaces", 4, (Tensor *[]){x, one ? first : p, c, s});
    Node *m = make_node(g, "RotaryEmbedding", 4, (Tensor *[]){x, c, s, p});
    set_int(g, m, "num_heads", 3);
    assert_near(run_node(g, m), run_both(g, n), 1e-6);
  }
  free_arena(a);
}

static void dft_is_its_sum(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int64_t length = 3; length < 8; length++) {
    Graph *g = new_graph(a, "dft");
    Tensor *x = reals(g, 3, (int64_t[]){5, 2, 1});
    Tensor *size = new_const(g, "size", DT_I64, 0, NULL, &length);
    Node *n = make_node(g, "DFT", 2, (Tensor *[]){x, size});
    set_int(g, n, "axis", 0);
    Tensor *y = run_both(g, n);
    for (int k = 0; k < length; k++)
      for (int c = 0; c < 2; c++) {
        double re = 0, im = 0;
        for (int i = 0; i < 5 && i < length; i++) {
          double turn = -2 * acos(-1.0) * i * k / (double)length;
          re += at(x, i * 2 + c) * cos(turn), im += at(x, i * 2 + c) * sin(turn);
        }
        expect(y, (k * 2 + c) * 2, re), expect(y, (k * 2 + c) * 2 + 1, im);
      }
    /* Half of it, and back. */
    Graph *h = new_graph(a, "back");
    Node *half = make_node(h, "DFT", 2, (Tensor *[]){x, size});
    set_int(h, half, "axis", 0), set_int(h, half, "onesided", 1);
    Tensor *spectrum = run_node(h, half);
    assert_int_equal(spectrum->dim[0], length / 2 + 1);
    Node *inverse = make_node(h, "DFT", 2, (Tensor *[]){spectrum, size});
    set_int(h, inverse, "axis", 0), set_int(h, inverse, "onesided", 1), set_int(h, inverse, "inverse", 1);
    Tensor *back = run_node(h, inverse);
    for (int i = 0; i < length * 2; i++) expect(back, i, i < 10 ? at(x, i) : 0);
  }
  free_arena(a);
}

static void windows_and_mel_bands(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "window");
  int64_t size = 8;
  Tensor *n = new_const(g, "n", DT_I64, 0, NULL, &size);
  Tensor *hann = run_node(g, make_node(g, "HannWindow", 1, &n));
  for (int i = 0; i < 8; i++) expect(hann, i, pow(sin(acos(-1.0) * i / 8), 2));
  int64_t bands = 4, length = 64, rate = 8000;
  float low = 0, high = 4000;
  Tensor *in[] = {new_const(g, "b", DT_I64, 0, NULL, &bands), new_const(g, "l", DT_I64, 0, NULL, &length),
                  new_const(g, "r", DT_I64, 0, NULL, &rate), new_const(g, "lo", DT_F32, 0, NULL, &low),
                  new_const(g, "hi", DT_F32, 0, NULL, &high)};
  Tensor *mel = run_node(g, make_node(g, "MelWeightMatrix", 5, in));
  assert_int_equal(mel->dim[0], 33);
  for (int b = 0; b < 4; b++) {
    double most = 0;
    for (int i = 0; i < 33; i++) most = fmax(most, at(mel, i * 4 + b));
    assert_true(most == 1);
  }
  free_arena(a);
}

/* Blocks that do not overlap are put back where they were. */
static void col2im_adds_blocks(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "col2im");
  Tensor *x = reals(g, 3, (int64_t[]){2, 3 * 4, 6});
  Node *n = make_node(g, "Col2Im", 3, (Tensor *[]){x, ints(g, 2, (int64_t[]){4, 6}), ints(g, 2, (int64_t[]){2, 2})});
  set_ints(g, n, "strides", 2, (int64_t[]){2, 2});
  Tensor *y = run_both(g, n);
  for (int c = 0; c < 6; c++)
    for (int i = 0; i < 24; i++) {
      int row = i / 6, column = i % 6;
      expect(y, c * 24 + i,
             at(x, (c * 4 + row % 2 * 2 + column % 2) * 6 + row / 2 * 3 + column / 2));
    }
  free_arena(a);
}

/* What a MaxPool finds goes back to where it was. */
static void unpool_undoes_the_places(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int sized = 0; sized < 2; sized++) {
    Graph *g = new_graph(a, "unpool");
    Tensor *x = reals(g, 4, (int64_t[]){2, 2, 4, 6});
    Tensor *y[2] = {new_tensor(g, "y", DT_NONE, -1, NULL), new_tensor(g, "places", DT_NONE, -1, NULL)};
    Node *pool = add_node(g, -1, "MaxPool", "pool", 1, &x, 2, y);
    set_ints(g, pool, "kernel_shape", 2, (int64_t[]){2, 2}), set_ints(g, pool, "strides", 2, (int64_t[]){2, 2});
    infer_node(g, pool);
    for (int i = 0; i < 2; i++) y[i]->data = arena_alloc(a, tensor_bytes(y[i]));
    pool->op->eval(pool, (const void *[]){x->data}, (void *[]){y[0]->data, y[1]->data});
    y[0]->def = y[1]->def = NULL, pool->out[0] = pool->out[1] = NULL;
    remove_node(g, pool);
    Tensor *in[] = {y[0], y[1], ints(g, 4, (int64_t[]){2, 2, 5, 6})};
    Node *n = make_node(g, "MaxUnpool", sized ? 3 : 2, in);
    set_ints(g, n, "kernel_shape", 2, (int64_t[]){2, 2}), set_ints(g, n, "strides", 2, (int64_t[]){2, 2});
    Tensor *back = run_both(g, n);
    int64_t size = sized ? 30 : 24;
    for (int64_t i = 0; i < 4 * size; i++) {
      int64_t plane = i / size, from = plane * 24 + i % size;
      double v = at(back, i);
      if (i % size >= 24) expect(back, i, 0);
      else if (v != 0) expect(back, i, at(x, from));
    }
  }
  free_arena(a);
}

static void crops_and_pads_around_the_middle(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "crop");
  Tensor *x = reals(g, 2, (int64_t[]){7, 2});
  Node *n = make_node(g, "CenterCropPad", 2, (Tensor *[]){x, ints(g, 2, (int64_t[]){4, 5})});
  Tensor *y = run_both(g, n);
  for (int i = 0; i < 20; i++)
    expect(y, i, i % 5 == 1 || i % 5 == 2 ? at(x, (i / 5 + 1) * 2 + i % 5 - 1) : 0);
  free_arena(a);
}

/* ---- a sequence in two parts, with the state between them, is the whole sequence */

static Tensor *part_of(Graph *g, const Tensor *x, int axis, int64_t from, int64_t to) {
  int64_t dim[MAX_RANK], outer = 1, inner = 1;
  memcpy(dim, x->dim, sizeof dim);
  dim[axis] = to - from;
  for (int d = 0; d < axis; d++) outer *= dim[d];
  for (int d = axis + 1; d < x->rank; d++) inner *= dim[d];
  Tensor *y = reals(g, x->rank, dim);
  for (int64_t o = 0; o < outer; o++)
    memcpy((float *)y->data + o * (to - from) * inner,
           (const float *)x->data + (o * x->dim[axis] + from) * inner, (size_t)((to - from) * inner) * sizeof(float));
  return y;
}

/* Both outputs of a node. */
static Node *run_with_state(Graph *g, const char *op, int n_in, Tensor *const *in, const char *rule) {
  Tensor *out[2];
  for (int i = 0; i < 2; i++) out[i] = new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, op, fresh_name(g, "n"), n_in, in, 2, out);
  set_int(g, n, "q_num_heads", 4), set_int(g, n, "kv_num_heads", 2);
  if (rule) set_str(g, n, is_op(n, "LinearAttention") ? "update_rule" : "activation", rule);
  infer_node(g, n);
  const void *value[MAX_INPUTS];
  void *made[2];
  for (int i = 0; i < n_in; i++) value[i] = in[i] ? in[i]->data : NULL;
  for (int i = 0; i < 2; i++) made[i] = out[i]->data = arena_alloc(g->arena, tensor_bytes(out[i]) + 1);
  n->op->eval(n, value, made);
  return n;
}

/* Inputs that run along the sequence are those of `moving` (a bit each); the state is input `state`. */
static void expect_parts_to_join(Graph *g, const char *op, int n_in, Tensor **in, const char *rule, int axis,
                                 unsigned moving, int state) {
  int64_t length = in[0]->dim[axis], cut = 3;
  Node *whole = run_with_state(g, op, n_in, in, rule);
  Tensor *first[MAX_INPUTS], *second[MAX_INPUTS];
  for (int i = 0; i < n_in; i++) {
    bool moves = moving >> i & 1 && in[i];
    first[i] = moves ? part_of(g, in[i], axis, 0, cut) : in[i];
    second[i] = moves ? part_of(g, in[i], axis, cut, length) : in[i];
  }
  Node *before = run_with_state(g, op, n_in, first, rule);
  second[state] = before->out[1];
  Node *after = run_with_state(g, op, n_in, second, rule);
  assert_near(before->out[0], part_of(g, whole->out[0], axis, 0, cut), 1e-5);
  assert_near(after->out[0], part_of(g, whole->out[0], axis, cut, length), 1e-5);
  assert_near(after->out[1], whole->out[1], 1e-5);
}

static void sequences_may_be_cut(void **state) {
  (void)state;
  static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
  Arena *a = new_arena();
  Graph *g = new_graph(a, "sequence");
  Tensor *conv[4] = {reals(g, 3, (int64_t[]){2, 3, 8}), reals(g, 3, (int64_t[]){3, 1, 4}),
                     reals(g, 1, (int64_t[]){3}), NULL};
  expect_parts_to_join(g, "CausalConvWithState", 4, conv, "silu", 2, 1, 3);
  Tensor *in[6] = {reals(g, 3, (int64_t[]){2, 7, 12}), reals(g, 3, (int64_t[]){2, 7, 6}),
                   reals(g, 3, (int64_t[]){2, 7, 4}), NULL, reals(g, 3, (int64_t[]){2, 7, 6}),
                   reals(g, 3, (int64_t[]){2, 7, 2})};
  for (int i = 0; i < 6; i++)
    for (int64_t k = 0; in[i] && k < n_elements(in[i]); k++)
      set_real(DT_F32, in[i]->data, k, at(in[i], k) / (i == 4 ? -8 : 8));
  for (int64_t k = 0; k < n_elements(in[4]); k++) set_real(DT_F32, in[4]->data, k, -fabs(at(in[4], k)));
  for (int r = 0; r < 4; r++) expect_parts_to_join(g, "LinearAttention", 6, in, rules[r], 1, 0x37, 3);

  /* Without a rule that forgets, a step reads the sum over all steps until then. */
  Node *n = run_with_state(g, "LinearAttention", 6, in, "linear");
  for (int h = 0; h < 4; h++)
    for (int v = 0; v < 2; v++) {
      double sum = 0;
      for (int t = 0; t <= 5; t++) {
        double product = 0;
        for (int k = 0; k < 3; k++)
          product += at(in[0], 5 * 12 + h * 3 + k) * at(in[1], t * 6 + h / 2 * 3 + k);
        sum += product * at(in[2], t * 4 + h / 2 * 2 + v);
      }
      expect(n->out[0], 5 * 8 + h * 2 + v, sum / sqrt(3.0));
    }
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(group_norm_normalizes_groups), cmocka_unit_test(norms_divide),
      cmocka_unit_test(lrn_as_its_kernel_says),       cmocka_unit_test(attention_is_its_definition),
      cmocka_unit_test(group_query_is_attention),     cmocka_unit_test(rotary_turns_pairs), cmocka_unit_test(places_come_first),
      cmocka_unit_test(dft_is_its_sum),               cmocka_unit_test(windows_and_mel_bands),
      cmocka_unit_test(col2im_adds_blocks),           cmocka_unit_test(crops_and_pads_around_the_middle),
      cmocka_unit_test(unpool_undoes_the_places),
      cmocka_unit_test(sequences_may_be_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
