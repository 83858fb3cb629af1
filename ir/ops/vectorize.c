/* vectorize.c - numbers of whole matrices and rows: Det, and TfIdfVectorizer of integers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ngrams.h"
#include "ir/ops/ops.h"

/* ---- Det */

void infer_det(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  char text[DIMS_TEXT];
  if (!inputs_ready(n)) return;
  need_float(n, 0);
  if (x->rank < 2 || x->dim[x->rank - 1] != x->dim[x->rank - 2])
    error_at(n->loc, "Det: input has shape %s, expected square matrices", dims_text(text, sizeof text, x));
  set_type(n, 0, x->dtype, x->rank - 2, x->dim, LAYOUT_NONE);
}

/* The first row of m[n][n] is taken away from the others, with the column of its largest element; returns
 * that element with the sign of its place.  What is left is m[n-1][n-1]. */
static double take_row(int64_t n, double *m) {
  int64_t best = 0;
  for (int64_t c = 1; c < n; c++)
    if (fabs(m[c]) > fabs(m[best])) best = c;
  double pivot = m[best];
  double *to = scratch(n * n, sizeof *to);
  for (int64_t r = 1; pivot != 0 && r < n; r++)
    for (int64_t c = 0, k = 0; c < n; c++)
      if (c != best) to[(r - 1) * (n - 1) + k++] = m[r * n + c] - m[r * n + best] / pivot * m[c];
  memcpy(m, to, (size_t)(n * n) * sizeof *m);
  free(to);
  return best % 2 ? -pivot : pivot;
}

void eval_det(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t size = x->dim[x->rank - 1];
  double *m = scratch(size * size, sizeof *m);
  for (int64_t i = 0; i < n_elements(n->out[0]); i++) {
    double det = 1;
    for (int64_t k = 0; k < size * size; k++) m[k] = get_real(x->dtype, in[0], i * size * size + k);
    for (int64_t left = size; left > 0 && det != 0; left--) det *= take_row(left, m);
    set_real(x->dtype, out[0], i, det);
  }
  free(m);
}

/* ---- TfIdfVectorizer */

/* An attribute that is a list of integers, or NULL. */
static const Attr *ints_of(const Node *n, const char *name) {
  const Attr *a = find_attr(n, name);
  return a && a->kind == ATTR_INTS ? a : NULL;
}

/* Appends the n-gram whose members begin at `from`; its place and weight are number k of theirs. */
static void add_ngram(NGrams *p, const int64_t *from, int64_t length, int64_t place, const double *weight) {
  memcpy(p->pool + p->members, from, (size_t)length * sizeof *from);
  p->members += length;
  p->place[p->n] = place;
  p->length[p->n] = length;
  if (p->weight) p->weight[p->n] = (float)*weight;
  p->n++;
}

bool get_ngrams(Arena *a, const Node *n, NGrams *p) {
  const Attr *pool = ints_of(n, "pool_int64s"), *counts = ints_of(n, "ngram_counts"),
             *place = ints_of(n, "ngram_indexes"), *weight = find_attr(n, "weights");
  int64_t least = attr_int(n, "min_gram_length", 1), most = attr_int(n, "max_gram_length", 1), all = 0;
  if (!pool || !counts || !place || (weight && (weight->kind != ATTR_FLOATS || weight->n != place->n))) return false;
  int64_t bytes = (place->n + 1) * (int64_t)sizeof(int64_t);
  *p = (NGrams){.pool = arena_alloc(a, (pool->n + 1) * (int64_t)sizeof *p->pool), .length = arena_alloc(a, bytes),
                .place = arena_alloc(a, bytes), .weight = weight ? arena_alloc(a, bytes) : NULL,
                .skips = attr_int(n, "max_skip_count", 0)};
  for (int64_t k = 0; k < counts->n; k++) {
    int64_t from = counts->ints[k], end = k + 1 < counts->n ? counts->ints[k + 1] : pool->n, length = k + 1;
    if (from < 0 || from > end || end > pool->n || (end - from) % length) return false;
    for (; from < end; from += length, all++) {
      if (all >= place->n || place->ints[all] < 0 || place->ints[all] >= INT32_MAX) return false;
      if (place->ints[all] >= p->out) p->out = place->ints[all] + 1;
      if (length >= least && length <= most)
        add_ngram(p, pool->ints + from, length, place->ints[all], weight ? &weight->floats[all] : NULL);
    }
  }
  return all == place->n && p->skips >= 0 && p->skips < INT32_MAX;
}

void infer_tfidf(Graph *g, Node *n) {
  const Tensor *x = n->in[0];
  const char *mode = attr_str(n, "mode", "TF");
  NGrams p;
  if (!inputs_ready(n)) return;
  if (find_attr(n, "pool_strings")) error_at(n->loc, "TfIdfVectorizer: tensors of strings are not supported");
  if (x->dtype != DT_I32 && x->dtype != DT_I64)
    error_at(n->loc, "TfIdfVectorizer: input is %s, expected int32 or int64", dtype_name(x->dtype));
  if (x->rank != 1 && x->rank != 2)
    error_at(n->loc, "TfIdfVectorizer: input has %d dimensions, expected 1 or 2", x->rank);
  if (strcmp(mode, "TF") != 0 && strcmp(mode, "IDF") != 0 && strcmp(mode, "TFIDF") != 0)
    error_at(n->loc, "TfIdfVectorizer: unknown mode '%s'", mode);
  if (!get_ngrams(g->arena, n, &p))
    error_at(n->loc, "TfIdfVectorizer: pool_int64s, ngram_counts, ngram_indexes and weights do not fit together");
  int64_t dim[2] = {x->dim[0], p.out};
  set_type(n, 0, DT_F32, x->rank, x->rank == 2 ? dim : dim + 1, LAYOUT_NONE);
}

/* How often an n-gram comes in row[columns], members up to `skips` further apart than neighbours. */
static int64_t count_gram(const int64_t *gram, int64_t length, int64_t skips, const Tensor *x, const void *data,
                          int64_t row, int64_t columns) {
  int64_t found = 0, last_step = length > 1 ? skips + 1 : 1;
  for (int64_t step = 1; step <= last_step && (length - 1) * step < columns; step++)
    for (int64_t at = 0; at + (length - 1) * step < columns; at++) {
      int64_t i = 0;
      while (i < length && get_int(x->dtype, data, row * columns + at + i * step) == gram[i]) i++;
      found += i == length;
    }
  return found;
}

void eval_tfidf(const Node *n, const void *const *in, void *const *out) {
  Arena *a = new_arena();
  const Tensor *x = n->in[0];
  const char *mode = attr_str(n, "mode", "TF");
  NGrams p;
  if (!get_ngrams(a, n, &p)) bug("n-grams that infer has not seen");
  int64_t columns = x->dim[x->rank - 1], rows = x->rank == 2 ? x->dim[0] : 1;
  memset(out[0], 0, (size_t)tensor_bytes(n->out[0]));
  for (int64_t r = 0; r < rows; r++) {
    const int64_t *gram = p.pool;
    for (int64_t k = 0; k < p.n; gram += p.length[k], k++) {
      int64_t count = count_gram(gram, p.length[k], p.skips, x, in[0], r, columns);
      float v = mode[0] == 'T' ? (float)count : (float)(count > 0);
      ((float *)out[0])[r * p.out + p.place[k]] = strcmp(mode, "TF") != 0 && p.weight ? v * p.weight[k] : v;
    }
  }
  free_arena(a);
}
