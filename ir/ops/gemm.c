/* gemm.c - Gemm and MatMul on real numbers.  matmul_f32 wants the second operand's rows along the
 * reduction, so operands are transposed into working space where they are not stored that way.  Products of
 * float64 are summed as they come, as their kernel does it. */
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

static void transpose(const float *x, int64_t rows, int64_t columns, float *y) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t c = 0; c < columns; c++) y[c * rows + r] = x[r * columns + c];
}

/* The type of all inputs, by that of the first. */
static DType need_reals(const Node *n) {
  DType t = n->in[0]->dtype == DT_F64 ? DT_F64 : DT_F32;
  for (int i = 0; i < n->n_in; i++) need_type(n, i, t);
  return t;
}

/* Sum of k products, with the steps between factors. */
static double dot_f64(int64_t k, const double *x, int64_t x_step, const double *w, int64_t w_step) {
  double sum = 0;
  for (int64_t i = 0; i < k; i++) sum += x[i * x_step] * w[i * w_step];
  return sum;
}

/* ---- Gemm: Y[M,N] = alpha * A[M,K] * B[K,N] + beta * C */

typedef struct GemmShape {
  int64_t m, n, k;
  bool trans_a, trans_b;
} GemmShape;

static GemmShape gemm_shape(const Node *n) {
  const Tensor *a = n->in[0], *b = n->in[1];
  GemmShape s = {.trans_a = attr_int(n, "transA", 0) != 0,
                 .trans_b = attr_int(n, "transB", 0) != 0};
  s.m = a->dim[s.trans_a], s.k = a->dim[!s.trans_a], s.n = b->dim[!s.trans_b];
  return s;
}

static void check_addend(const Node *n, const GemmShape *s) {
  const Tensor *c = in_tensor(n, 2);
  if (!c) return;
  const int64_t want[2] = {s->m, s->n};
  bool fits = c->rank <= 2;
  for (int d = 0; fits && d < c->rank; d++)
    fits = c->dim[d] == 1 || c->dim[d] == want[2 - c->rank + d];
  char text[DIMS_TEXT];
  if (!fits)
    error_at(n->loc, "Gemm: C has shape %s, which does not broadcast to [%lld,%lld]",
             dims_text(text, sizeof text, c), (long long)s->m, (long long)s->n);
}

void infer_gemm(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  char ta[DIMS_TEXT], tb[DIMS_TEXT];
  const Tensor *a = n->in[0], *b = n->in[1];
  DType type = need_reals(n);
  dims_text(ta, sizeof ta, a);
  dims_text(tb, sizeof tb, b);
  if (a->rank != 2 || b->rank != 2)
    error_at(n->loc, "Gemm: inputs have shapes %s and %s, expected two dimensions each", ta, tb);
  GemmShape s = gemm_shape(n);
  if (b->dim[s.trans_b] != s.k)
    error_at(n->loc, "Gemm: shapes %s and %s do not match along the reduction%s%s", ta, tb,
             s.trans_a ? ", transA" : "", s.trans_b ? ", transB" : "");
  check_addend(n, &s);
  int64_t dim[2] = {s.m, s.n};
  set_type(n, 0, type, 2, dim, LAYOUT_NONE);
}

static void eval_gemm_f64(const Node *n, const GemmShape *s, const void *const *in, double *y) {
  const double *a = in[0], *b = in[1], *c = in_data(n, in, 2);
  double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  int64_t a_row = s->trans_a ? 1 : s->k, a_step = s->trans_a ? s->m : 1;
  int64_t b_column = s->trans_b ? s->k : 1, b_step = s->trans_b ? 1 : s->n;
  const Tensor *t = c ? n->in[2] : NULL;
  int64_t columns = t && t->rank > 0 ? t->dim[t->rank - 1] : 1, c_column = columns > 1;
  int64_t c_row = t && t->rank == 2 && t->dim[0] > 1 ? columns : 0;
  for (int64_t i = 0; i < s->m; i++)
    for (int64_t j = 0; j < s->n; j++) {
      double sum = alpha * dot_f64(s->k, a + i * a_row, a_step, b + j * b_column, b_step);
      *y++ = sum + (c ? beta * c[i * c_row + j * c_column] : 0);
    }
}

static void add_addend(const Node *n, const float *c, double alpha, double beta, float *y) {
  Tensor none = {.dtype = DT_F32}, *t = c ? n->in[2] : &none;
  const float zero = 0;
  if (!c) c = &zero;
  Walk w;
  start_walk(&w, n->out[0], 1, &t);
  for (int64_t r = 0; r < w.rows; r++, next_row(&w))
    for (int64_t i = 0; i < w.row; i++, y++)
      *y = (float)(alpha * (double)*y + beta * (double)c[w.pos[0] + i * w.row_step[0]]);
}

void eval_gemm(const Node *n, const void *const *in, void *const *out) {
  GemmShape s = gemm_shape(n);
  if (n->in[0]->dtype == DT_F64) {
    eval_gemm_f64(n, &s, in, out[0]);
    return;
  }
  const float *a = in[0], *b = in[1], *c = in_data(n, in, 2);
  double alpha = attr_float(n, "alpha", 1), beta = attr_float(n, "beta", 1);
  float *a_rows = NULL, *b_rows = NULL;
  if (s.trans_a) transpose(a, s.k, s.m, a_rows = scratch(s.m * s.k, sizeof *a_rows));
  if (!s.trans_b) transpose(b, s.k, s.n, b_rows = scratch(s.n * s.k, sizeof *b_rows));
  bool plain = alpha == 1 && beta == 1 && c && n->in[2]->rank <= 2 &&
               n_elements(n->in[2]) == s.n && (n->in[2]->rank == 1 || n->in[2]->dim[0] == 1);
  matmul_f32(s.m, s.n, s.k, a_rows ? a_rows : a, b_rows ? b_rows : b, plain ? c : NULL, out[0]);
  if (!plain && (c || alpha != 1)) add_addend(n, c, alpha, beta, out[0]);
  free(a_rows);
  free(b_rows);
}

/* ---- MatMul, as numpy's */

static void mismatch(const Node *n) {
  char a[DIMS_TEXT], b[DIMS_TEXT];
  error_at(n->loc, "%s: shapes %s and %s do not match", op_name(n),
           dims_text(a, sizeof a, n->in[0]), dims_text(b, sizeof b, n->in[1]));
}

/* Steps of an operand's leading `own` dimensions within the batch dimensions. */
static void batch_steps(const Tensor *t, int own, int64_t matrix, int rank, int64_t *step) {
  int64_t s = matrix;
  for (int d = rank - 1; d >= 0; d--) {
    int k = d - (rank - own);
    step[d] = k < 0 || t->dim[k] == 1 ? 0 : s;
    if (k >= 0) s *= t->dim[k];
  }
}

void get_matmul_shape(const Node *n, MatMulShape *s) {
  const Tensor *a = n->in[0], *b = n->in[1];
  if (a->rank < 1 || b->rank < 1) mismatch(n);
  int a_own = a->rank > 2 ? a->rank - 2 : 0, b_own = b->rank > 2 ? b->rank - 2 : 0;
  *s = (MatMulShape){.k = a->dim[a->rank - 1], .rank = a_own > b_own ? a_own : b_own};
  s->m = a->rank > 1 ? a->dim[a->rank - 2] : 1;
  s->n = b->rank > 1 ? b->dim[b->rank - 1] : 1;
  if (b->dim[b->rank > 1 ? b->rank - 2 : 0] != s->k) mismatch(n);
  s->batches = 1;
  for (int d = 0; d < s->rank; d++) {
    int ka = d - (s->rank - a_own), kb = d - (s->rank - b_own);
    int64_t da = ka < 0 ? 1 : a->dim[ka], db = kb < 0 ? 1 : b->dim[kb];
    if (da != db && da != 1 && db != 1) mismatch(n);
    s->out_dim[d] = s->batch[d] = da == 1 ? db : da;
    s->batches *= s->batch[d];
  }
  batch_steps(a, a_own, s->m * s->k, s->rank, s->a_step);
  batch_steps(b, b_own, s->n * s->k, s->rank, s->b_step);
  s->out_rank = s->rank;
  if (a->rank > 1) s->out_dim[s->out_rank++] = s->m;
  if (b->rank > 1) s->out_dim[s->out_rank++] = s->n;
}

void matmul_offsets(const MatMulShape *s, int64_t batch, int64_t *a, int64_t *b) {
  *a = *b = 0;
  for (int d = s->rank - 1; d >= 0; d--) {
    int64_t at = batch % s->batch[d];
    batch /= s->batch[d];
    *a += at * s->a_step[d];
    *b += at * s->b_step[d];
  }
}

void infer_matmul(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  DType type = need_reals(n);
  MatMulShape s;
  get_matmul_shape(n, &s);
  set_type(n, 0, type, s.out_rank, s.out_dim, LAYOUT_NONE);
}

static void eval_matmul_f64(const MatMulShape *s, const double *x, const double *w, double *y) {
  for (int64_t batch = 0; batch < s->batches; batch++) {
    int64_t a, b;
    matmul_offsets(s, batch, &a, &b);
    for (int64_t i = 0; i < s->m; i++)
      for (int64_t j = 0; j < s->n; j++) *y++ = dot_f64(s->k, x + a + i * s->k, 1, w + b + j, s->n);
  }
}

void eval_matmul(const Node *n, const void *const *in, void *const *out) {
  MatMulShape s;
  get_matmul_shape(n, &s);
  if (n->in[0]->dtype == DT_F64) {
    eval_matmul_f64(&s, in[0], in[1], out[0]);
    return;
  }
  const float *x = in[0], *w = in[1];
  float *y = out[0], *rows = scratch(mul_size(s.n, s.k), sizeof *rows);
  int64_t transposed = -1;  /* offset of the matrix that `rows` holds */
  for (int64_t i = 0; i < s.batches; i++, y += s.m * s.n) {
    int64_t a, b;
    matmul_offsets(&s, i, &a, &b);
    if (b != transposed) transpose(w + b, s.k, s.n, rows);
    transposed = b;
    matmul_f32(s.m, s.n, s.k, x + a, rows, NULL, y);
  }
  free(rows);
}

int64_t gemm_macs(const Node *n) {
  const Tensor *x = n->in[0];
  int64_t k = x->rank ? x->dim[x->rank - 1] : 1;
  if (is_op(n, "Gemm")) k = gemm_shape(n).k;
  return mul_size(n_elements(n->out[0]), k);
}
