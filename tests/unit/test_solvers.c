/* test_solvers.c - solvers that look at a layer's inputs: what the methods promise, on random
 * layers with fixed seeds. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/solver_case.h"

/* Scales of groups that are fitted on the way are such as the format has, too. */
static void fitted_groups_keep_to_the_format(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  c.choice.format = find_format("mxfp4");
  c.choice.granularity = GRAN_GROUP;
  c.choice.group = 16;
  c.choice.act_order = false;
  const char *note;
  const QuantSpec *q = solve(&c, "gptq", &note)->quant;
  for (int64_t i = 0; i < q->n; i++) assert_int_equal(q->multiple[i] & (q->multiple[i] - 1), 0);
  free_arena(a);
}

/* ---- the factor ------------------------------------------------------------------------------ */

static void factors_multiply_back(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  int64_t bytes = COLUMNS * COLUMNS * (int64_t)sizeof(double);
  double *hessian = memcpy(arena_alloc(a, bytes), c.m.hessian, (size_t)bytes);
  for (int order = ORDER_AS_IS; order <= ORDER_BACKWARDS; order++) {
    Factor *f = factor_hessian(c.m.hessian, COLUMNS, 0, order, 1);
    assert_non_null(f);
    assert_true(f->damp == 0);
    for (int i = 0; i < COLUMNS; i++)
      for (int j = 0; j < COLUMNS; j++) {
        double sum = 0, h = hessian[f->order[i] * COLUMNS + f->order[j]];
        for (int k = i > j ? i : j; k < COLUMNS; k++)
          sum += f->r[i * COLUMNS + k] * f->d[k] * f->r[j * COLUMNS + k];
        assert_true(fabs(sum - h) < 1e-10 * (1 + fabs(h)));
        assert_true(j >= i || f->r[i * COLUMNS + j] == h);
      }
    for (int k = 1; order == ORDER_BY_SIZE && k < COLUMNS; k++)
      assert_true(hessian[f->order[k] * (COLUMNS + 1)] <=
                  hessian[f->order[k - 1] * (COLUMNS + 1)]);
    free_factor(f);
    assert_memory_equal(c.m.hessian, hessian, (size_t)bytes);
  }
  free_arena(a);
}

/* Fewer samples than columns: the matrix has no factor until enough is added to its diagonal. */
static void singular_hessians_are_damped(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, COLUMNS / 4);
  Factor *f = factor_hessian(c.m.hessian, COLUMNS, 0, ORDER_AS_IS, 1);
  assert_non_null(f);
  assert_true(f->damp > 0 && f->damp < 0.01);
  free_factor(f);
  const char *note;
  c.choice.damp = 0;
  solve(&c, "gptq", &note);
  assert_non_null(strstr(note, "damping"));
  c.choice.damp = 0.01;
  solve(&c, "gptq", &note);
  assert_null(note);
  free_arena(a);
}

static void hopeless_hessians_round_to_nearest(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  for (int i = 0; i < COLUMNS * COLUMNS; i += COLUMNS + 1) c.m.hessian[i] *= -1;
  assert_null(factor_hessian(c.m.hessian, COLUMNS, 0.01, ORDER_BY_SIZE, 1));
  const char *note;
  Tensor *t = solve(&c, "gptq", &note);
  assert_non_null(strstr(note, "rounded to nearest"));
  const float *w = c.w->data;
  for (int i = 0; i < ROWS * COLUMNS; i++)
    assert_int_equal(((int8_t *)t->data)[i],
                     nearest_code(w[i], t->quant->scale[i / COLUMNS], c.choice.format));
  free_arena(a);
}

/* ---- gptq ------------------------------------------------------------------------------------ */

static double round_all(Case *c, Tensor *t, int64_t block) {
  Layer l = layer_of(c, t);
  Factor *f = factor_hessian(c->m.hessian, COLUMNS, c->choice.damp, order_of(&l),
                             c->choice.format->vector);
  double loss = round_with_feedback(&l, f, 0, ROWS, NULL, block);
  free_factor(f);
  return loss;
}

/* The sum of the squared steps is the error of the layer's output, damping included. */
static void loss_is_the_output_error(void **state) {
  (void)state;
  Arena *a = new_arena();
  for (int k = 0; k < 4; k++) {
    Case c = new_case(a, VECTORS);
    const char *note;
    if (k >= 2) c.choice.format = find_format("e8p");
    Tensor *t = solve(&c, "gptq", &note);
    c.choice.act_order = k % 2;
    double loss = round_all(&c, t, FEEDBACK_BLOCK), *e = new_doubles(a, ROWS * COLUMNS);
    const float *w = c.w->data;
    for (int i = 0; i < ROWS * COLUMNS; i++)
      e[i] = (double)w[i] - (double)t->quant->scale[i / COLUMNS] * ((int8_t *)t->data)[i];
    double direct = quadratic(e, ROWS, c.m.hessian, COLUMNS, c.choice.damp);
    assert_true(fabs(loss - direct) < 1e-10 * direct);
  }
  free_arena(a);
}

/* Inputs that have nothing to do with each other leave nothing to make up for. */
static void independent_inputs_round_to_nearest(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  for (int i = 0; i < COLUMNS * COLUMNS; i++) c.m.hessian[i] = i % (COLUMNS + 1) == 0 ? 3.5 : 0;
  for (int group = 0; group <= 16; group += 16) {
    c.choice.granularity = group > 0 ? GRAN_GROUP : GRAN_CHANNEL;
    c.choice.group = group;
    for (int act_order = 0; act_order < 2; act_order++) {
      c.choice.act_order = act_order;
      assert_memory_equal(codes_of(&c, "gptq"), codes_of(&c, "mse"), ROWS * COLUMNS);
    }
  }
  free_arena(a);
}

static void codes_do_not_depend_on_blocks(void **state) {
  (void)state;
  static const int64_t blocks[] = {1, 7, 32, COLUMNS, 1000};
  Arena *a = new_arena();
  for (int group = 0; group <= 16; group += 16) {
    Case c = new_case(a, VECTORS);
    c.choice.act_order = group == 0;
    c.choice.granularity = group > 0 ? GRAN_GROUP : GRAN_CHANNEL;
    c.choice.group = group;
    const char *note;
    Tensor *t = solve(&c, "gptq", &note);
    int8_t want[ROWS * COLUMNS];
    round_all(&c, t, FEEDBACK_BLOCK);
    memcpy(want, t->data, sizeof want);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
      round_all(&c, t, blocks[i]);
      assert_memory_equal(t->data, want, sizeof want);
    }
  }
  free_arena(a);
}

/* Output errors of a solver over some layers, relative to mse's. */
static double relative_error(const char *solver, const char *format, int group, bool act_order) {
  double sum = 0, nearest = 0;
  for (int i = 0; i < 4; i++) {
    Arena *a = new_arena();
    Case c = new_case(a, VECTORS);
    const char *note;
    double *e = new_doubles(a, ROWS * COLUMNS);
    c.choice.format = find_format(format);
    c.choice.act_order = act_order;
    c.choice.granularity = group > 0 ? GRAN_GROUP : GRAN_CHANNEL;
    c.choice.group = group;
    errors_of(solve(&c, solver, &note), c.w->data, e);
    sum += quadratic(e, ROWS, c.m.hessian, COLUMNS, 0);
    errors_of(solve(&c, "mse", &note), c.w->data, e);
    nearest += quadratic(e, ROWS, c.m.hessian, COLUMNS, 0);
    free_arena(a);
  }
  return sum / nearest;
}

static void feedback_lowers_the_output_error(void **state) {
  (void)state;
  static const char *const formats[] = {"int8", "int4", "int3", "int2", "ternary"};
  random_state = 7;
  for (int f = 0; f < 5; f++)
    for (int group = 0; group <= 32; group += 32) {
      double as_is = relative_error("gptq", formats[f], group, false);
      double by_size = relative_error("gptq", formats[f], group, true);
      print_message("%s, group %d: %.3f of mse's error, %.3f with act_order\n", formats[f], group,
                    as_is, by_size);
      assert_true(as_is < 0.8 && by_size < 0.7);
    }
}

/* An input that is always 0 takes no part: its weights are rounded to nearest. */
static void dead_inputs_keep_their_weights(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  for (int i = 0; i < COLUMNS; i++) c.m.hessian[5 * COLUMNS + i] = c.m.hessian[i * COLUMNS + 5] = 0;
  const char *note;
  Tensor *t = solve(&c, "gptq", &note);
  const float *w = c.w->data;
  for (int r = 0; r < ROWS; r++)
    assert_int_equal(((int8_t *)t->data)[r * COLUMNS + 5],
                     nearest_code(w[r * COLUMNS + 5], t->quant->scale[r], c.choice.format));
  free_arena(a);
}

/* A grouped convolution is as many layers as it has groups. */
static void groups_have_hessians_of_their_own(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case one = new_case(a, VECTORS), other = new_case(a, VECTORS), both = new_case(a, VECTORS);
  int8_t want[ROWS * COLUMNS];
  size_t half = sizeof want / 2, square = COLUMNS * COLUMNS * sizeof(double);
  memcpy(both.w->data, one.w->data, half * 4);
  memcpy((float *)both.w->data + half, (float *)other.w->data + half, half * 4);
  memcpy(want, codes_of(&one, "gptq"), half);
  memcpy(want + half, codes_of(&other, "gptq") + half, half);
  both.m.groups = 2;
  both.m.hessian = new_doubles(a, 2 * COLUMNS * COLUMNS);
  memcpy(both.m.hessian, one.m.hessian, square);
  memcpy(both.m.hessian + COLUMNS * COLUMNS, other.m.hessian, square);
  assert_memory_equal(codes_of(&both, "gptq"), want, sizeof want);
  free_arena(a);
}

/* ---- gptaq ----------------------------------------------------------------------------------- */

static void without_mismatch_gptaq_is_gptq(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  int8_t plain[ROWS * COLUMNS];
  memcpy(plain, codes_of(&c, "gptq"), sizeof plain);
  assert_memory_not_equal(codes_of(&c, "gptaq"), plain, sizeof plain);
  c.choice.alpha = 0;
  assert_memory_equal(codes_of(&c, "gptaq"), plain, sizeof plain);
  c.choice.alpha = 0.25;
  memset(c.m.mismatch, 0, COLUMNS * COLUMNS * sizeof(double));
  assert_memory_equal(codes_of(&c, "gptaq"), plain, sizeof plain);
  free_arena(a);
}

/* Squared distance of the layer's outputs from what the float layer makes of the float inputs. */
static double distance_from_float(const Case *c, const Tensor *t) {
  float back[ROWS * COLUMNS];
  const float *w = c->w->data;
  double sum = 0;
  dequantize_codes(t, t->data, back);
  for (int v = 0; v < VECTORS; v++)
    for (int r = 0; r < ROWS; r++) {
      double d = 0;
      for (int i = 0; i < COLUMNS; i++)
        d += (double)w[r * COLUMNS + i] * c->exact[v * COLUMNS + i] -
             (double)back[r * COLUMNS + i] * c->x[v * COLUMNS + i];
      sum += d * d;
    }
  return sum;
}

static void gptaq_comes_nearer_to_float(void **state) {
  (void)state;
  random_state = 11;
  double gptq = 0, gptaq = 0;
  for (int i = 0; i < 4; i++) {
    Arena *a = new_arena();
    Case c = new_case(a, VECTORS);
    const char *note;
    gptq += distance_from_float(&c, solve(&c, "gptq", &note));
    gptaq += distance_from_float(&c, solve(&c, "gptaq", &note));
    free_arena(a);
  }
  print_message("distance from float: gptaq %.3f of gptq's\n", gptaq / gptq);
  assert_true(gptaq < 0.8 * gptq);
}

/* ---- adaround -------------------------------------------------------------------------------- */

static void learned_rounding_takes_a_neighbour(void **state) {
  (void)state;
  static const char *const formats[] = {"int8", "int4", "nf4", "fp4", "int2", "binary"};
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  const char *note;
  const float *w = c.w->data;
  for (int f = 0; f < 6; f++) {
    const Format *format = c.choice.format = find_format(formats[f]);
    double *e = new_doubles(a, ROWS * COLUMNS);
    Tensor *nearest = solve(&c, "mse", &note), *t = solve(&c, "adaround", &note);
    memcpy(nearest->quant->scale, t->quant->scale, ROWS * sizeof(float));
    for (int i = 0; i < ROWS * COLUMNS; i++) {
      double x = (double)w[i] / (double)t->quant->scale[i / COLUMNS], code = ((int8_t *)t->data)[i];
      ((int8_t *)nearest->data)[i] = nearest_code(w[i], t->quant->scale[i / COLUMNS], format);
      /* No code lies between the weight and the one that it has got. */
      for (double v = x; code > x ? v < code - 0.5 : v > code + 0.5; v += code > x ? 0.5 : -0.5) {
        double other = nearest_code((float)v, 1, format);
        assert_true(code > x ? other <= x || other >= code : other >= x || other <= code);
      }
    }
    for (int r = 0; r < ROWS; r++) {
      errors_of(t, w, e);
      double learned = quadratic(e + r * COLUMNS, 1, c.m.hessian, COLUMNS, 0);
      errors_of(nearest, w, e);
      assert_true(learned <= quadratic(e + r * COLUMNS, 1, c.m.hessian, COLUMNS, 0) * (1 + 1e-6));
    }
  }
  free_arena(a);
}

static void learned_rounding_lowers_the_output_error(void **state) {
  (void)state;
  random_state = 13;
  for (int group = 0; group <= 32; group += 32) {
    double error = relative_error("adaround", "int4", group, true);
    print_message("adaround, group %d: %.3f of mse's error\n", group, error);
    assert_true(error < 0.7);
  }
}

/* ---- wanda, sparsegpt ------------------------------------------------------------------------ */

static int count_zeros(const int8_t *codes, int n) {
  int zeros = 0;
  for (int i = 0; i < n; i++) zeros += codes[i] == 0;
  return zeros;
}

/* Weights far from 0, so that a code of 8 bits is 0 only where it was dropped. */
static void keep_away_from_zero(Case *c) {
  float *w = c->w->data;
  for (int i = 0; i < ROWS * COLUMNS; i++) w[i] += w[i] < 0 ? -1 : 1;
  c->choice.format = find_format("int8");
}

static void sparsity_is_exact(void **state) {
  (void)state;
  static const double shares[] = {0.1, 0.37, 0.5, 0.9};
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  keep_away_from_zero(&c);
  for (int i = 0; i < 4; i++)
    for (int group = 0; group <= 16; group += 16) {
      c.choice.sparsity = shares[i];
      c.choice.granularity = group > 0 ? GRAN_GROUP : GRAN_CHANNEL;
      c.choice.group = group;
      c.choice.act_order = group == 0;
      const int8_t *codes = codes_of(&c, "sparsegpt");
      /* What makes up for others may become 0 by itself. */
      int zeros = count_zeros(codes, ROWS * COLUMNS), want = (int)(shares[i] * ROWS * COLUMNS);
      assert_true(zeros >= want && zeros <= want + 3);
      codes = codes_of(&c, "wanda");
      for (int r = 0; r < ROWS; r++)
        assert_int_equal(count_zeros(codes + r * COLUMNS, COLUMNS), (int)(shares[i] * COLUMNS));
    }
  free_arena(a);
}

/* Without feedback no weight comes near 0: as many codes are 0 as were dropped. */
static void sparsity_is_exact_without_feedback(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  keep_away_from_zero(&c);
  for (int i = 0; i < COLUMNS * COLUMNS; i++) c.m.hessian[i] = i % (COLUMNS + 1) == 0 ? 3.5 : 0;
  for (int percent = 7; percent < 100; percent += 23) {
    c.choice.sparsity = percent / 100.0;
    assert_int_equal(count_zeros(codes_of(&c, "sparsegpt"), ROWS * COLUMNS),
                     (int)(c.choice.sparsity * ROWS * COLUMNS));
  }
  free_arena(a);
}

/* Of every m weights n are left, the last few of a row too. */
static void patterns_keep_n_of_m(void **state) {
  (void)state;
  static const int keep[] = {1, 2, 2, 3}, of[] = {2, 4, 7, 8};
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  keep_away_from_zero(&c);
  for (int i = 0; i < 4; i++)
    for (int solver = 0; solver < 2; solver++) {
      c.choice.keep = keep[i], c.choice.of = of[i];
      const int8_t *codes = codes_of(&c, solver ? "sparsegpt" : "wanda");
      int left = 0, most = 0;
      for (int k = 0; k < ROWS * COLUMNS; k++) {
        int column = k % COLUMNS, n = COLUMNS - column < of[i] ? COLUMNS - column : of[i];
        if (column % of[i] != 0) continue;
        int here = n - count_zeros(codes + k, n), allowed = n < keep[i] ? n : keep[i];
        assert_true(here <= allowed);
        left += here, most += allowed;
      }
      assert_true(solver ? left >= most - 3 : left == most);
    }
  free_arena(a);
}

static void without_zeros_sparsegpt_is_gptq(void **state) {
  (void)state;
  Arena *a = new_arena();
  Case c = new_case(a, VECTORS);
  int8_t plain[ROWS * COLUMNS];
  memcpy(plain, codes_of(&c, "gptq"), sizeof plain);
  assert_memory_equal(codes_of(&c, "sparsegpt"), plain, sizeof plain);
  c.choice.sparsity = 0.5;
  assert_memory_not_equal(codes_of(&c, "sparsegpt"), plain, sizeof plain);
  free_arena(a);
}

/* Output errors of half as many weights, in all formats that have 0: by SparseGPT, by Wanda, and by
 * their size alone, which is Wanda without knowledge of the inputs. */
static void pruning_looks_at_inputs(void **state) {
  (void)state;
  static const char *const formats[] = {"int8", "int4", "nf4", "int4"};
  random_state = 5;
  for (int i = 0; i < 4; i++) {
    Arena *a = new_arena();
    Case c = new_case(a, VECTORS);
    double *e = new_doubles(a, ROWS * COLUMNS), *known = c.m.hessian, error[3];
    const char *note;
    c.choice.format = find_format(formats[i]);
    if (i < 3) c.choice.sparsity = 0.5;
    else c.choice.keep = 2, c.choice.of = 4;
    double *unknown = new_doubles(a, COLUMNS * COLUMNS);
    for (int k = 0; k < COLUMNS; k++) unknown[k * (COLUMNS + 1)] = 1;
    for (int s = 0; s < 3; s++) {
      c.m.hessian = s == 2 ? unknown : known;
      const Tensor *t = solve(&c, s == 0 ? "sparsegpt" : "wanda", &note);
      assert_true(count_zeros(t->data, ROWS * COLUMNS) >= ROWS * COLUMNS / 2);
      errors_of(t, c.w->data, e);
      error[s] = quadratic(e, ROWS, known, COLUMNS, 0);
    }
    print_message("%s%s: of magnitude's error sparsegpt %.3f, wanda %.3f\n", formats[i],
                  i < 3 ? "" : ", 2:4", error[0] / error[2], error[1] / error[2]);
    assert_true(error[0] < error[1] && error[1] < error[2]);
    free_arena(a);
  }
}

/* ---- moments of a network's layers ----------------------------------------------------------- */

enum { SAMPLES = 9 };

/* A grouped convolution with padding, then a Gemm, and samples for them. */
static Graph *small_network(Arena *a, Samples *s) {
  Graph *g = new_graph(a, "g");
  Tensor *x = new_tensor(g, "x", DT_F32, 4, (int64_t[]){2, 4, 5, 6});
  x->layout = LAYOUT_NHWC;
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[g->n_in++] = x;
  Tensor *w = random_tensor(g, DT_F32, 4, (int64_t[]){4, 2, 3, 3});
  w->layout = LAYOUT_NHWC;
  Node *conv = make_node(g, "Conv", 2, (Tensor *[]){x, w});
  set_int(g, conv, "group", 2);
  set_ints(g, conv, "pads", 4, (int64_t[]){1, 0, 0, 2});
  set_ints(g, conv, "strides", 2, (int64_t[]){2, 1});
  infer_node(g, conv);
  Tensor *y = conv->out[0];
  int64_t row = n_elements(y) / 2;
  Tensor *shape = new_const_i64(g, "shape", 2, (int64_t[]){2, row});
  Tensor *flat = add_op(g, -1, "Reshape", "flat", 2, (Tensor *[]){y, shape});
  Node *gemm =
      make_node(g, "Gemm", 2, (Tensor *[]){flat, random_tensor(g, DT_F32, 2, (int64_t[]){3, row})});
  set_int(g, gemm, "transB", 1);
  infer_node(g, gemm);
  g->out = arena_alloc(a, sizeof *g->out);
  g->out[g->n_out++] = gemm->out[0];
  Tensor *all = random_tensor(g, DT_F32, 2, (int64_t[]){SAMPLES, n_elements(x)});
  void **data = arena_alloc(a, sizeof *data);
  data[0] = all->data;
  *s = (Samples){.n = SAMPLES, .n_in = 1, .data = data};
  return g;
}

/* Element of the input that tap (i, j), channel c of position (oy, ox) sees; 0 in the padding. */
static double seen(const float *x, int64_t b, int oy, int ox, int i, int j, int c) {
  int iy = oy * 2 - 1 + i, ix = ox + j;
  if (iy < 0 || iy >= 4 || ix >= 5) return 0;
  return (double)x[((b * 4 + iy) * 5 + ix) * 6 + c];
}

static void convolutions_see_their_windows(void **state) {
  (void)state;
  Arena *a = new_arena();
  Samples s;
  Graph *g = small_network(a, &s);
  Node *conv = g->node[0];
  const Tensor *y = conv->out[0];
  Context cx = {.arena = a, .calib = &s};
  Moments *m = collect_moments(g, conv, g, &cx, NEEDS_HESSIAN | NEEDS_MEANS);
  assert_int_equal(m->k, 2 * 3 * 3);
  assert_int_equal(m->groups, 2);
  assert_int_equal(m->count, SAMPLES * 2 * y->dim[1] * y->dim[2]);
  for (int group = 0; group < 2; group++)
    for (int p = 0; p < 18; p++)
      for (int q = 0; q < 18; q++) {
        double sum = 0, mean = 0;
        for (int n = 0; n < SAMPLES; n++)
          for (int64_t at = 0; at < 2 * y->dim[1] * y->dim[2]; at++) {
            const float *x = (const float *)s.data[0] + n * 240;
            int64_t b = at / (y->dim[1] * y->dim[2]);
            int oy = (int)(at / y->dim[2] % y->dim[1]), ox = (int)(at % y->dim[2]);
            double u = seen(x, b, oy, ox, p / 9, p / 3 % 3, group * 3 + p % 3);
            double v = seen(x, b, oy, ox, q / 9, q / 3 % 3, group * 3 + q % 3);
            sum += 2 * u * v / (double)m->count;
            mean += u / (double)m->count;
          }
        assert_true(fabs(sum - m->hessian[(group * 18 + p) * 18 + q]) < 1e-9 * (1 + fabs(sum)));
        assert_true(fabs(mean - m->mean[group * 18 + p]) < 1e-9);
        assert_true(m->mean[group * 18 + p] == m->float_mean[group * 18 + p]);
      }
  free_moments(m);
  free_arena(a);
}

/* Other weights in front of the Gemm, so that its inputs differ from the float network's. */
static void round_first_layer(Graph *g) {
  const Tensor *w = g->node[0]->in[1];
  Tensor *rounded = new_const(g, "rounded", DT_F32, w->rank, w->dim, NULL);
  float *v = arena_alloc(g->arena, tensor_bytes(w));
  for (int64_t i = 0; i < n_elements(w); i++) v[i] = rintf(((float *)w->data)[i]);
  rounded->data = v;
  rounded->layout = w->layout;
  set_input(g, g->node[0], 1, rounded);
}

static void threads_do_not_change_moments(void **state) {
  (void)state;
  Arena *a = new_arena();
  Samples s;
  Graph *g = small_network(a, &s), *exact = clone_graph(g);
  Context cx = {.arena = a, .calib = &s};
  int what = NEEDS_HESSIAN | NEEDS_MISMATCH, before = omp_get_max_threads();
  round_first_layer(g);
  omp_set_num_threads(1);
  Moments *one = collect_moments(g, g->node[2], exact, &cx, what);
  omp_set_num_threads(3);
  Moments *three = collect_moments(g, g->node[2], exact, &cx, what);
  omp_set_num_threads(before);
  size_t bytes = (size_t)(one->k * one->k) * sizeof(double);
  double largest = 0;
  for (int64_t i = 0; i < one->k * one->k; i++) largest = fmax(largest, fabs(one->mismatch[i]));
  assert_true(largest > 0);
  assert_memory_equal(one->hessian, three->hessian, bytes);
  assert_memory_equal(one->mismatch, three->mismatch, bytes);
  free_moments(one);
  free_moments(three);
  free_arena(a);
}

/* Mean over the samples of each element of the output's rows; returns that of their magnitudes. */
static double mean_outputs(const Graph *g, const Samples *s, double *mean) {
  Interp *it = new_interp(g);
  double size = 0;
  const Tensor *y = g->out[0];
  for (int64_t i = 0; i < s->n; i++) {
    const void *in = sample_at(g, s, 0, i);
    run_interp(it, &in, NULL, NULL);
    const float *v = interp_value(it, y);
    for (int64_t k = 0; k < n_elements(y); k++) {
      mean[k % y->dim[1]] += (double)v[k] / (double)(s->n * y->dim[0]);
      size += fabs((double)v[k]) / (double)(s->n * n_elements(y));
    }
  }
  free_interp(it);
  return size;
}

static void corrected_biases_keep_the_mean(void **state) {
  (void)state;
  Arena *a = new_arena();
  Samples s;
  Graph *g = small_network(a, &s), *exact = clone_graph(g);
  Context cx = {.arena = a, .calib = &s};
  Node *gemm = g->node[2];
  round_first_layer(g);
  double want[3] = {0}, before[3] = {0}, after[3] = {0};
  double size = mean_outputs(exact, &s, want);
  mean_outputs(g, &s, before);
  Moments *m = collect_moments(g, gemm, exact, &cx, NEEDS_MEANS);
  WeightChoice c = {.format = find_format("int2"), .granularity = GRAN_CHANNEL, .solver = "mse"};
  const char *note;
  const Tensor *w = gemm->in[1];
  Tensor *codes = quantize_weights(g, w, &c, &(LayerInput){.scale = 1, .moments = m}, NULL, &note);
  Tensor *decoded = add_op(g, node_index(g, gemm), "Dequantize", "decoded", 1, &codes);
  correct_bias(g, gemm, decoded->def, &(LowRankPair){0}, m);
  set_input(g, gemm, 1, decoded);
  mean_outputs(g, &s, after);
  for (int k = 0; k < 3; k++) {
    assert_true(fabs(before[k] - want[k]) > 1e-2);
    assert_true(fabs(after[k] - want[k]) < 1e-6 * size);
  }
  free_moments(m);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fitted_groups_keep_to_the_format),
      cmocka_unit_test(factors_multiply_back),
      cmocka_unit_test(singular_hessians_are_damped),
      cmocka_unit_test(hopeless_hessians_round_to_nearest),
      cmocka_unit_test(loss_is_the_output_error),
      cmocka_unit_test(independent_inputs_round_to_nearest),
      cmocka_unit_test(codes_do_not_depend_on_blocks),
      cmocka_unit_test(feedback_lowers_the_output_error),
      cmocka_unit_test(dead_inputs_keep_their_weights),
      cmocka_unit_test(groups_have_hessians_of_their_own),
      cmocka_unit_test(without_mismatch_gptaq_is_gptq),
      cmocka_unit_test(gptaq_comes_nearer_to_float),
      cmocka_unit_test(learned_rounding_takes_a_neighbour),
      cmocka_unit_test(learned_rounding_lowers_the_output_error),
      cmocka_unit_test(sparsity_is_exact),
      cmocka_unit_test(sparsity_is_exact_without_feedback),
      cmocka_unit_test(patterns_keep_n_of_m),
      cmocka_unit_test(without_zeros_sparsegpt_is_gptq),
      cmocka_unit_test(pruning_looks_at_inputs),
      cmocka_unit_test(convolutions_see_their_windows),
      cmocka_unit_test(threads_do_not_change_moments),
      cmocka_unit_test(corrected_biases_keep_the_mean),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
