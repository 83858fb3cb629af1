/* found.c - operators whose output has as many entries as there are in the values of the input: NonZero,
 * Unique, NonMaxSuppression.  The output's shape is known when these values are constant.  Otherwise pass
 * capacity gives NonMaxSuppression and NonZero the attribute `capacity`: the output is then as large as it can be, with
 * -1 behind what was found, and a second output says how much that is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- NonZero: places, one column each */

static int64_t count_nonzero(const Tensor *x, const void *data) {
  int64_t n = 0;
  for (int64_t i = 0; i < n_elements(x); i++) n += get_real(x->dtype, data, i) != 0;
  return n;
}

void infer_nonzero(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  bool room = attr_int(n, "capacity", 0) != 0;
  if (!inputs_ready(n) || (!room && !x->data)) return;
  int64_t one = 1, dim[2] = {x->rank ? x->rank : 1, room ? n_elements(x) : count_nonzero(x, x->data)};
  set_type(n, 0, DT_I64, 2, dim, LAYOUT_NONE);
  if (room) set_type(n, 1, DT_I64, 1, &one, LAYOUT_NONE);
}

void eval_nonzero(const Node *n, const void *const *in, void *const *out) {
  const Tensor *x = n->in[0];
  int64_t found = n->out[0]->dim[1], at = 0, *y = out[0], step[MAX_RANK];
  row_steps(x->rank, x->dim, step);
  for (int64_t i = 0; i < n_elements(n->out[0]); i++) y[i] = -1;
  for (int64_t i = 0; i < n_elements(x); i++) {
    if (get_real(x->dtype, in[0], i) == 0) continue;
    for (int d = 0; d < x->rank; d++) y[d * found + at] = i / step[d] % x->dim[d];
    if (x->rank == 0) y[at] = 0;
    at++;
  }
  if (has_out(n, 1)) *(int64_t *)out[1] = at;
}

/* ---- Unique: the different entries of an axis, or elements of all; where each is first, which each is, and
 * how often */

typedef struct Entries {
  DType t;
  int64_t outer, n, inner;   /* element [o][entry][i] */
  const void *data;
} Entries;

static int compare_entries(const Entries *e, int64_t a, int64_t b) {
  for (int64_t k = 0; k < e->outer * e->inner; k++) {
    int64_t from = k / e->inner * e->n * e->inner + k % e->inner;
    int64_t i = from + a * e->inner, j = from + b * e->inner;
    if (dtype_is_int(e->t) && e->t != DT_U64) {
      int64_t x = get_int(e->t, e->data, i), y = get_int(e->t, e->data, j);
      if (x != y) return x < y ? -1 : 1;
    } else {
      double x = get_real(e->t, e->data, i), y = get_real(e->t, e->data, j);
      if (x != y) return x < y ? -1 : 1;
    }
  }
  return 0;
}

static Entries entries_of(const Node *n, const void *data) {
  const Tensor *x = n->in[0];
  const Attr *axis = find_attr(n, "axis");
  if (!axis) return (Entries){x->dtype, 1, n_elements(x), 1, data};
  int d = get_axis(n, axis->i, x->rank);
  return (Entries){x->dtype, dims_product(x->dim, 0, d), x->dim[d], dims_product(x->dim, d + 1, x->rank), data};
}

/* The different entries: first[k] is the place of the k-th, times[k] how often it comes, which[entry] its number.
 * By value where `sorted`, else in order of appearance.  Returns how many. */
static int64_t find_unique(const Entries *e, bool sorted, int64_t *first, int64_t *times, int64_t *which) {
  int64_t found = 0;
  for (int64_t i = 0; i < e->n; i++) {
    int64_t k = 0;
    int order = 1;
    while (k < found && (order = compare_entries(e, first[k], i)) != 0 && !(sorted && order > 0)) k++;
    if (k < found && order == 0) {
      times[k]++;
      continue;
    }
    memmove(first + k + 1, first + k, (size_t)(found - k) * sizeof *first);
    memmove(times + k + 1, times + k, (size_t)(found - k) * sizeof *times);
    first[k] = i, times[k] = 1, found++;
  }
  for (int64_t i = 0; which && i < e->n; i++)
    for (which[i] = 0; compare_entries(e, first[which[i]], i) != 0;) which[i]++;
  return found;
}

void infer_unique(Graph *g, Node *n) {
  (void)g;
  const Tensor *x = n->in[0];
  if (!inputs_ready(n) || !x->data) return;
  Entries e = entries_of(n, x->data);
  int64_t *first = scratch(e.n + 1, sizeof *first), *times = scratch(e.n + 1, sizeof *times), dim[MAX_RANK];
  int64_t found = find_unique(&e, attr_int(n, "sorted", 1) != 0, first, times, NULL), all = e.n;
  free(times);
  free(first);
  bool flat = !find_attr(n, "axis");
  memcpy(dim, x->dim, sizeof dim);
  dim[flat ? 0 : get_axis(n, attr_int(n, "axis", 0), x->rank)] = found;
  set_type(n, 0, x->dtype, flat ? 1 : x->rank, dim, LAYOUT_NONE);
  set_type(n, 1, DT_I64, 1, &found, LAYOUT_NONE);
  set_type(n, 2, DT_I64, 1, &all, LAYOUT_NONE);
  set_type(n, 3, DT_I64, 1, &found, LAYOUT_NONE);
}

static void put_ints_if(const Node *n, void *const *out, int i, const int64_t *v, int64_t count) {
  if (has_out(n, i)) memcpy(out[i], v, (size_t)count * sizeof *v);
}

void eval_unique(const Node *n, const void *const *in, void *const *out) {
  Entries e = entries_of(n, in[0]);
  int64_t *first = scratch(e.n + 1, sizeof *first), *times = scratch(e.n + 1, sizeof *times),
          *which = scratch(e.n + 1, sizeof *which);
  int64_t found = find_unique(&e, attr_int(n, "sorted", 1) != 0, first, times, which);
  int64_t bytes = e.inner * dtype_bytes(e.t);
  char *to = out[0];
  for (int64_t o = 0; to && o < e.outer; o++)
    for (int64_t k = 0; k < found; k++, to += bytes)
      memcpy(to, (const char *)in[0] + (o * e.n + first[k]) * bytes, (size_t)bytes);
  put_ints_if(n, out, 1, first, found);
  put_ints_if(n, out, 2, which, e.n);
  put_ints_if(n, out, 3, times, found);
  free(which);
  free(times);
  free(first);
}

/* ---- NonMaxSuppression: boxes by falling score, but those that overlap one that was taken */

typedef struct Suppression {
  int64_t batches, classes, boxes, most;   /* most: taken of each class of a batch */
  double overlap, score;                   /* thresholds */
  bool scored, centered;
  const float *box, *scores;
} Suppression;

static double real_input(const Node *n, const void *const *in, int i, double otherwise) {
  const Tensor *t = in_tensor(n, i);
  return t && n_elements(t) > 0 ? get_real(t->dtype, in ? in[i] : t->data, 0) : otherwise;
}

static Suppression get_suppression(const Node *n, const void *const *in) {
  const Tensor *box = n->in[0], *scores = n->in[1];
  double most = real_input(n, in, 2, 0);
  Suppression s = {.batches = box->dim[0], .classes = scores->dim[1], .boxes = box->dim[1],
                   .overlap = real_input(n, in, 3, 0), .score = real_input(n, in, 4, 0),
                   .scored = in_tensor(n, 4) != NULL, .centered = attr_int(n, "center_point_box", 0) != 0,
                   .box = in ? in[0] : box->data, .scores = in ? in[1] : scores->data};
  s.most = most < 0 ? 0 : most < (double)s.boxes ? (int64_t)most : s.boxes;
  return s;
}

/* Corners in any order, or the middle and the size. */
static void box_sides(const Suppression *s, const float *b, double *low, double *high) {
  for (int d = 0; d < 2; d++) {
    double u = (double)b[d], v = (double)b[d + 2];
    low[d] = s->centered ? u - v / 2 : fmin(u, v);
    high[d] = s->centered ? u + v / 2 : fmax(u, v);
  }
}

static bool overlaps(const Suppression *s, const float *a, const float *b) {
  double low_a[2], high_a[2], low_b[2], high_b[2], both = 1, area_a = 1, area_b = 1;
  box_sides(s, a, low_a, high_a);
  box_sides(s, b, low_b, high_b);
  for (int d = 0; d < 2; d++) {
    both *= fmax(0, fmin(high_a[d], high_b[d]) - fmax(low_a[d], low_b[d]));
    area_a *= high_a[d] - low_a[d];
    area_b *= high_b[d] - low_b[d];
  }
  double whole = area_a + area_b - both;
  return whole > 0 && both / whole > s->overlap;
}

/* Boxes that are taken of one class, best first; returns how many. */
static int64_t suppress(const Suppression *s, int64_t batch, int64_t class, int64_t *taken) {
  const float *score = s->scores + (batch * s->classes + class) * s->boxes, *box = s->box + batch * s->boxes * 4;
  bool *done = scratch(s->boxes, sizeof *done);
  int64_t n = 0;
  while (n < s->most) {
    int64_t best = -1;
    for (int64_t i = 0; i < s->boxes; i++)
      if (!done[i] && (!s->scored || (double)score[i] > s->score) && (best < 0 || score[i] > score[best])) best = i;
    if (best < 0) break;
    done[best] = true;
    bool keep = true;
    for (int64_t k = 0; keep && k < n; k++) keep = !overlaps(s, box + 4 * best, box + 4 * taken[k]);
    if (keep) taken[n++] = best;
  }
  free(done);
  return n;
}

static void check_suppression(const Node *n) {
  const Tensor *box = n->in[0], *scores = n->in[1];
  char tb[DIMS_TEXT], ts[DIMS_TEXT];
  need_type(n, 0, DT_F32);
  need_type(n, 1, DT_F32);
  if (box->rank != 3 || scores->rank != 3 || box->dim[2] != 4 || box->dim[0] != scores->dim[0] ||
      box->dim[1] != scores->dim[2])
    error_at(n->loc, "NonMaxSuppression: boxes and scores have shapes %s and %s, expected [b,n,4] and [b,c,n]",
             dims_text(tb, sizeof tb, box), dims_text(ts, sizeof ts, scores));
}

static bool has_data(const Node *n, int from) {
  for (int i = from; i < n->n_in; i++)
    if (n->in[i] && !n->in[i]->data) return false;
  return true;
}

/* Rows for all that can be found. */
static void set_capacity(Node *n) {
  if (!has_data(n, 2))
    error_at(n->loc, "NonMaxSuppression: the number of boxes and the thresholds must be constants");
  Suppression s = get_suppression(n, NULL);
  int64_t one = 1, rows = mul_size(mul_size(s.batches, s.classes), s.most), dim[2] = {rows, 3};
  if (rows < 0) error_at(n->loc, "NonMaxSuppression: the output is too large");
  set_type(n, 0, DT_I64, 2, dim, LAYOUT_NONE);
  set_type(n, 1, DT_I64, 1, &one, LAYOUT_NONE);
}

void infer_suppression(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  check_suppression(n);
  if (attr_int(n, "capacity", 0)) {
    set_capacity(n);
    return;
  }
  if (!has_data(n, 0)) return;
  Suppression s = get_suppression(n, NULL);
  int64_t *taken = scratch(s.most + 1, sizeof *taken), dim[2] = {0, 3};
  for (int64_t b = 0; b < s.batches; b++)
    for (int64_t c = 0; c < s.classes; c++) dim[0] += suppress(&s, b, c, taken);
  free(taken);
  set_type(n, 0, DT_I64, 2, dim, LAYOUT_NONE);
}

void eval_suppression(const Node *n, const void *const *in, void *const *out) {
  Suppression s = get_suppression(n, in);
  int64_t *taken = scratch(s.most + 1, sizeof *taken), *y = out[0];
  for (int64_t b = 0; b < s.batches; b++)
    for (int64_t c = 0; c < s.classes; c++) {
      int64_t found = suppress(&s, b, c, taken);
      for (int64_t k = 0; k < found; k++, y += 3) y[0] = b, y[1] = c, y[2] = taken[k];
    }
  free(taken);
  int64_t *end = (int64_t *)out[0] + n_elements(n->out[0]);
  if (has_out(n, 1)) *(int64_t *)out[1] = n->out[0]->dim[0] - (end - y) / 3;
  while (y < end) *y++ = -1;
}
