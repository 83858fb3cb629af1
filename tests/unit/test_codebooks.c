/* test_codebooks.c - solvers of codes that stand together: vectors of a lattice, sums of vectors, levels of
 * a codebook. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/solver_case.h"

/* ---- LDLQ ------------------------------------------------------------------------------------ */

/* Single codes: GPTQ on columns that are read from the last to the first. */
static void ldlq_is_gptq_backwards(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  const char *note;
  c.choice.act_order = false;
  c.choice.sweeps = 0;
  Tensor *t = solve(&c, "ldlq", &note);
  Layer l = layer_of(&c, t);
  float *w = arena_alloc(a, ROWS * COLUMNS * 4);
  double *h = new_doubles(a, COLUMNS * COLUMNS);
  int8_t *codes = arena_alloc(a, ROWS * COLUMNS);
  for (int i = 0; i < ROWS * COLUMNS; i++)
    w[i] = l.w[i / COLUMNS * COLUMNS + COLUMNS - 1 - i % COLUMNS];
  for (int i = 0; i < COLUMNS * COLUMNS; i++) h[i] = c.m.hessian[COLUMNS * COLUMNS - 1 - i];
  c.m.hessian = h;
  l.w = w, l.codes = codes;
  round_gptq(&l);
  for (int i = 0; i < ROWS * COLUMNS; i++)
    assert_int_equal(codes[i],
                     ((int8_t *)t->data)[i / COLUMNS * COLUMNS + COLUMNS - 1 - i % COLUMNS]);
  free_arena(a);
}

/* Rounding with feedback is better than without, and a sweep never makes it worse; also where the
 * last vector of a row is short. */
static void sweeps_lower_the_loss(void **state) {
  (void)state;
  static const char *const formats[] = {"e8p", "int4", "int2"};
  Arena *a = new_arena();
  for (int f = 0; f < 3; f++) {
    Case c = new_case(a, VECTORS);
    double *e = new_doubles(a, ROWS * COLUMNS), last;
    const char *note;
    c.choice.format = find_format(formats[f]);
    errors_of(solve(&c, "mse", &note), c.w->data, e);
    last = quadratic(e, ROWS, c.m.hessian, COLUMNS, c.choice.damp);
    for (int sweeps = 0; sweeps < 3; sweeps++) {
      c.choice.sweeps = sweeps;
      errors_of(solve(&c, "ldlq", &note), c.w->data, e);
      double loss = quadratic(e, ROWS, c.m.hessian, COLUMNS, c.choice.damp);
      assert_true(loss < last);
      last = loss;
    }
  }
  free_arena(a);
}

/* Losses of more and more sweeps never grow from `last`; what is coded comes back, and a codebook of a size
 * of its own has nothing twice and costs at most a bit for each weight. */
static void assert_falling(Case *c, const double *h, double *e, int row, const char *format, double last) {
  const char *note;
  c->choice.format = find_format(format);
  for (c->choice.sweeps = 0; c->choice.sweeps < 4; c->choice.sweeps++) {
    const Tensor *t = solve(c, "aqlm", &note);
    const QuantSpec *q = t->quant;
    for (int i = 0; i < ROWS * row; i++)
      e[i] = (double)((float *)c->w->data)[i] - (double)q->scale[i / row] * ((int8_t *)t->data)[i];
    double loss = quadratic(e, ROWS, h, row, c->choice.damp);
    assert_true(loss <= last * (1 + 1e-12));
    last = loss;
    for (int r = 0; r < ROWS; r++) {
      const int8_t *codes = (int8_t *)t->data + r * row;
      uint8_t packed[COLUMNS];
      int8_t back[COLUMNS];
      assert_int_equal(pack_codes(q, r, codes, row, packed), (row + 7) / 8 * 2);
      q->format->unpack_book(q->book, packed, row, back);
      assert_memory_equal(codes, back, (size_t)row);
    }
    assert_true(q->entries <= ROWS * ((row + 7) / 8) / 8);
    for (int64_t i = 1; i < q->entries; i++)
      assert_true(memcmp(q->book + 8 * i - 8, q->book + 8 * i, 8) < 0);
  }
}

/* Codebooks and codes of vectors become better in turn, never worse; sums of two are better than codes that have
 * two bits each. */
static void additive_codebooks_lower_the_loss(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int row = COLUMNS; row > 12; row -= COLUMNS - 13) {
    Case c = new_case(a, VECTORS);
    double *e = new_doubles(a, ROWS * COLUMNS), *h = new_doubles(a, (int64_t)row * row);
    const char *note;
    c.w->dim[1] = c.m.k = row;
    for (int i = 0; i < row * row; i++) h[i] = c.m.hessian[i / row * COLUMNS + i % row];
    c.m.hessian = h;
    c.choice.format = find_format("int2");
    const Tensor *t = solve(&c, "gptq", &note);
    for (int i = 0; i < ROWS * row; i++)
      e[i] = (double)((float *)c.w->data)[i] - (double)t->quant->scale[i / row] * ((int8_t *)t->data)[i];
    assert_falling(&c, h, e, row, "aq2x8", quadratic(e, ROWS, h, row, c.choice.damp));
    assert_falling(&c, h, e, row, "aq1x16", INFINITY);
  }
  free_arena(a);
}

/* Vectors that end with their row, whatever its length; nothing but codes of the format. */
static void short_vectors_are_rounded(void **state) {
  (void)state;
  Arena *a = new_arena();
  const Format *f = find_format("e8p");
  const char *const solvers_of_vectors[] = {"rtn", "mse", "gptq", "ldlq"};
  for (int64_t row = 1; row < 20; row += 6)
    for (int s = 0; s < 4; s++) {
      Case c = new_case(a, VECTORS);
      uint8_t packed[6];
      int8_t back[20];
      double *h = new_doubles(a, row * row);
      const char *note;
      c.w->dim[1] = c.m.k = row;
      for (int64_t i = 0; i < row * row; i++) h[i] = c.m.hessian[i / row * COLUMNS + i % row];
      c.m.hessian = h;
      c.choice.format = f;
      c.choice.sweeps = 2;
      Tensor *t = solve(&c, solvers_of_vectors[s], &note);
      for (int64_t i = 0; i < ROWS; i++) {
        const int8_t *codes = (int8_t *)t->data + i * row;
        assert_int_equal(f->pack(codes, row, packed), (row + 7) / 8 * 2);
        f->unpack(packed, row, back);
        assert_memory_equal(codes, back, (size_t)row);
      }
      assert_int_equal(code_bits(t), ROWS * ((row + 7) / 8) * 16);
    }
  free_arena(a);
}

/* ---- codebooks ------------------------------------------------------------------------------- */

/* Weighted squared distance of points to the nearest of the levels. */
static double distance(const double *x, const double *weight, int n, int count, const int8_t *levels) {
  double sum = 0;
  for (int i = 0; i < n; i++) {
    double least = INFINITY;
    for (int k = 0; k < count; k++) least = fmin(least, (x[i] - levels[k]) * (x[i] - levels[k]));
    sum += weight[i] * least;
  }
  return sum;
}

/* Points in [-span, span] and weights, all 1 with `plain`. */
static void new_points(double *x, double *weight, int n, double span, bool plain) {
  for (int i = 0; i < n; i++) x[i] = span * uniform(), weight[i] = plain ? 1 : 0.01 + fabs(normal());
}

/* The best of all sets of `count` levels in [-span, span], by trying them. */
static double best_of_all(const double *x, const double *weight, int n, int count, int span) {
  int at[4];
  double least = INFINITY;
  for (int k = 0; k < count; k++) at[k] = k - span;
  for (;;) {
    int8_t levels[4];
    for (int k = 0; k < count; k++) levels[k] = (int8_t)at[k];
    least = fmin(least, distance(x, weight, n, count, levels));
    int k = count - 1;
    while (k >= 0 && at[k] == span - (count - 1 - k)) k--;
    if (k < 0) return least;
    for (at[k]++; k + 1 < count; k++) at[k + 1] = at[k] + 1;
  }
}

static void levels_are_the_best_of_all(void **state) {
  (void)state;
  random_state = 41;
  for (int i = 0; i < 60; i++) {
    enum { MOST = 12, SPAN = 6 };
    double x[MOST], weight[MOST];
    int n = random_int(1, MOST), count = random_int(1, 4);
    int8_t levels[4];
    new_points(x, weight, n, SPAN, i % 2);
    double cost = choose_levels(x, weight, n, count, levels);
    double best = best_of_all(x, weight, n, count, SPAN);
    assert_true(fabs(cost - best) <= 1e-9 * (1 + best));
    assert_true(fabs(distance(x, weight, n, count, levels) - best) <= 1e-9 * (1 + best));
    for (int k = 1; k < count; k++) assert_true(levels[k - 1] < levels[k]);
  }
}

/* Lloyd's k-means from quantiles, its centres rounded to the grid. */
static void lloyd(const double *x, const double *weight, int n, int count, int8_t *levels) {
  double centre[16];
  for (int k = 0; k < count; k++) centre[k] = x[(2 * k + 1) * n / (2 * count)];
  for (int step = 0; step < 50; step++) {
    double sum[16] = {0}, mass[16] = {0};
    for (int i = 0; i < n; i++) {
      int near = 0;
      for (int k = 1; k < count; k++)
        if (fabs(x[i] - centre[k]) < fabs(x[i] - centre[near])) near = k;
      sum[near] += weight[i] * x[i], mass[near] += weight[i];
    }
    for (int k = 0; k < count; k++)
      if (mass[k] > 0) centre[k] = sum[k] / mass[k];
  }
  for (int k = 0; k < count; k++) levels[k] = (int8_t)rint(centre[k]);
}

/* As good as any other way to choose: Lloyd's, levels in equal steps, one level less. */
static void levels_beat_other_choices(void **state) {
  (void)state;
  enum { N = 400 };
  static double x[N], weight[N];
  random_state = 42;
  for (int count = 4; count <= 16; count *= 2)
    for (int i = 0; i < 5; i++) {
      int8_t levels[16], other[16];
      for (int k = 0; k < N; k++) x[k] = 42 * normal(), weight[k] = 0.1 + fabs(normal());
      double cost = choose_levels(x, weight, N, count, levels) * (1 - 1e-9);
      lloyd(x, weight, N, count, other);
      assert_true(cost <= distance(x, weight, N, count, other));
      for (int k = 0; k < count; k++) other[k] = (int8_t)(-127 + 254 * k / (count - 1));
      assert_true(cost <= distance(x, weight, N, count, other));
      assert_true(cost < choose_levels(x, weight, N, count - 1, other));
      double one = choose_levels(x, weight, N, count, levels), many[N];
      for (int k = 0; k < N; k++) many[k] = 7 * weight[k];
      assert_true(fabs(7 * one - choose_levels(x, many, N, count, other)) < 1e-6 * one);
      assert_memory_equal(levels, other, (size_t)count);
    }
}

static void enough_levels_leave_no_error(void **state) {
  (void)state;
  static const double x[] = {-127, -127, 5, 90, 5, -40, 127, 90};
  static const double weight[] = {1, 2, 0.5, 3, 1, 1e-3, 1, 1};
  int8_t levels[8];
  for (int count = 5; count <= 8; count++)
    assert_true(choose_levels(x, weight, 8, count, levels) < 1e-9);
}

/* Weights of a layer by a solver, with a codebook of its own for each channel or one for all: codes
 * are of the book, each the nearest, and the Hessian's diagonal decides what is worth more. */
static double book_error(Case *c, const char *solver, bool own_books) {
  const char *note;
  c->choice.own_books = own_books;
  const Tensor *t = solve(c, solver, &note);
  const QuantSpec *q = t->quant;
  const float *w = c->w->data;
  double sum = 0;
  assert_int_equal(q->n_book, own_books ? ROWS : 1);
  for (int i = 0; i < ROWS * COLUMNS; i++) {
    int r = i / COLUMNS, code = ((const int8_t *)t->data)[i];
    double d = w[i] - (double)q->scale[r] * code;
    assert_int_equal(code, book_code_near(q, r, code));
    if (strcmp(solver, "gptq") != 0)
      assert_int_equal(code, book_code_near(q, r, (double)w[i] / (double)q->scale[r]));
    sum += d * d * c->m.hessian[i % COLUMNS * (COLUMNS + 1)];
  }
  return sum;
}

static void kmeans_counts_what_matters(void **state) {
  (void)state;
  static const char *const formats[] = {"lut4", "lut3", "lut2"}, *const plain[] = {"int4", "int3", "int2"};
  random_state = 43;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  for (int f = 0; f < 3; f++) {
    c.choice.format = find_format(formats[f]);
    double shared = book_error(&c, "kmeans", false), own = book_error(&c, "kmeans", true);
    assert_true(own < shared);
    c.m.what = NEEDS_NOTHING;
    double *h = c.m.hessian;
    c.m.hessian = NULL;
    const char *note;
    Tensor *t = solve(&c, "rtn", &note);
    c.m.hessian = h, c.m.what = NEEDS_HESSIAN;
    double e[ROWS * COLUMNS], unweighted = 0, uniform_grid = 0;
    errors_of(t, c.w->data, e);
    for (int i = 0; i < ROWS * COLUMNS; i++)
      unweighted += e[i] * e[i] * h[i % COLUMNS * (COLUMNS + 1)];
    c.choice.format = find_format(plain[f]);
    errors_of(solve(&c, "kmeans", &note), c.w->data, e);
    for (int i = 0; i < ROWS * COLUMNS; i++)
      uniform_grid += e[i] * e[i] * h[i % COLUMNS * (COLUMNS + 1)];
    print_message("%s: %.1f, own books %.1f, rtn %.1f, %s %.1f\n", formats[f], shared, own, unweighted,
                  plain[f], uniform_grid);
    assert_true(own < unweighted && own < uniform_grid);
  }
  free_arena(a);
}

/* Feedback works with the levels of the channel: the output comes out better than by the nearest. */
static void feedback_takes_levels(void **state) {
  (void)state;
  random_state = 44;
  for (int own_books = 0; own_books < 2; own_books++) {
    Arena *a = new_arena();
    Case c = new_case(a, VECTORS);
    double e[ROWS * COLUMNS], loss[2];
    const char *note;
    c.choice.format = find_format("lut3");
    for (int i = 0; i < 2; i++) {
      book_error(&c, i ? "gptq" : "kmeans", own_books);
      errors_of(solve(&c, i ? "gptq" : "kmeans", &note), c.w->data, e);
      loss[i] = quadratic(e, ROWS, c.m.hessian, COLUMNS, 0);
    }
    assert_true(loss[1] < 0.7 * loss[0]);
    free_arena(a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(levels_are_the_best_of_all),
      cmocka_unit_test(levels_beat_other_choices),
      cmocka_unit_test(enough_levels_leave_no_error),
      cmocka_unit_test(kmeans_counts_what_matters),
      cmocka_unit_test(feedback_takes_levels),
      cmocka_unit_test(ldlq_is_gptq_backwards),
      cmocka_unit_test(sweeps_lower_the_loss),
      cmocka_unit_test(short_vectors_are_rounded),
      cmocka_unit_test(additive_codebooks_lower_the_loss),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
