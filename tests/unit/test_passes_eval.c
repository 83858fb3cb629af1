/* test_passes_eval.c - passes keep what a network computes.  Random networks are run by the
 * interpreter before and after every pass: the simplifying ones may only change the last bits,
 * lowering to integers must agree with simulated quantization within a few codes, and both must
 * stay near the float network.  test_passes_eval FIRST COUNT runs other networks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "passes/passes.h"
#include "tests/passes/random_net.h"

enum { SAMPLES = 3, CALIBRATION = 8 };
static uint64_t first_seed = 1;
static int n_nets = 300;

static Context context(Arena *a, const Policy *p, const Samples *s, PlanReport *report) {
  return (Context){.arena = a, .policy = p, .calib = s, .report = report};
}

/* Largest difference of float outputs, relative to the largest output (at least 1). */
static double float_distance(const float *a, const float *b, int64_t n) {
  double largest = 1, worst = 0;
  for (int64_t i = 0; i < n; i++) {
    largest = fmax(largest, fabs((double)a[i]));
    if (!(a[i] == b[i]))
      worst = fmax(worst, isnan(a[i] - b[i]) ? INFINITY : fabs((double)a[i] - b[i]));
  }
  return worst / largest;
}

static void check_simplifying(uint64_t seed, bool flow) {
  Arena *a = new_arena();
  Graph *g = flow ? random_flow_net(a, seed) : random_net(a, seed);
  Samples *s = random_samples(g, seed, SAMPLES);
  PlanReport report = {0};
  Context cx = context(a, read_policy(a, NULL), NULL, &report);
  const float *want[SAMPLES];
  int64_t n = output_size(g) / 4;
  verify_graph(g);
  for (int i = 0; i < SAMPLES; i++) want[i] = (const float *)(const void *)run_graph(a, g, s, i);
  for (int k = 0; k < n_passes && strcmp(passes[k].name, "calibrate") != 0; k++) {
    passes[k].run(g, &cx);
    remove_dead(g);
    settle_loops(g);
    verify_graph(g);
    for (int i = 0; i < g->n_node && strcmp(passes[k].name, "conv_transpose") == 0; i++)
      assert_false(is_op(g->node[i], "ConvTranspose"));
    if (output_size(g) != n * 4)
      fail_msg("network %llu: outputs change size in %s", (unsigned long long)seed, passes[k].name);
    for (int i = 0; i < SAMPLES; i++) {
      double d = float_distance(want[i], (const float *)(const void *)run_graph(a, g, s, i), n);
      if (d > 1e-5)
        fail_msg("network %llu: pass %s changes an output by %g", (unsigned long long)seed,
                 passes[k].name, d);
    }
  }
  free_arena(a);
}

static void simplifying_passes_keep_outputs(void **state) {
  (void)state;
  for (int i = 0; i < n_nets; i++) check_simplifying(first_seed + (unsigned)i, false);
  for (int i = 0; i < n_nets; i += 3) check_simplifying(first_seed + (unsigned)i, true);
}

/* ---- integers -------------------------------------------------------------------------------- */

/* The real numbers of all outputs. */
static float *real_outputs(Arena *a, const Graph *g, const Samples *s, int64_t i) {
  const uint8_t *from = run_graph(a, g, s, i);
  int64_t n = 0;
  for (int k = 0; k < g->n_out; k++) n += n_elements(g->out[k]);
  float *all = arena_alloc(a, n * 4 + 1), *to = all;
  for (int k = 0; k < g->n_out; k++) {
    const Tensor *y = g->out[k];
    if (y->dtype == DT_F32) memcpy(to, from, (size_t)tensor_bytes(y));
    else dequantize_codes(y, from, to);
    to += n_elements(y);
    from += tensor_bytes(y);
  }
  return all;
}

/* Signal-to-noise ratio in dB of b against a. */
static double ratio_db(const float *a, const float *b, int64_t n) {
  double signal = 1e-30, noise = 1e-30;
  for (int64_t i = 0; i < n; i++) {
    signal += (double)a[i] * a[i];
    noise += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
  }
  return 10 * log10(signal / noise);
}

typedef struct Quality { double quantized, lowered, simulated; } Quality;

/* dB of the quantized and of the lowered network against the float one, and between the two. */
static Quality check_integers(uint64_t seed, const Policy *p) {
  Arena *a = new_arena();
  Graph *g = random_net(a, seed);
  Samples *s = random_samples(g, seed, CALIBRATION);
  PlanReport report = {0};
  Context cx = context(a, p, s, &report);
  const float *exact = real_outputs(a, g, s, 0);
  const char *last = "quantize";
  run_passes(g, &cx, NULL, last);
  verify_graph(g);
  const float *simulated = real_outputs(a, g, s, 0);
  int64_t n = 0;
  for (int k = 0; k < g->n_out; k++) n += n_elements(g->out[k]);
  run_passes(g, &cx, last, "fuse_activation");
  verify_graph(g);
  const float *lowered = real_outputs(a, g, s, 0);
  Quality q = {ratio_db(exact, simulated, n), ratio_db(exact, lowered, n),
               ratio_db(simulated, lowered, n)};
  free_arena(a);
  return q;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The preset with the quickest way of calibration. */
static Policy *quick_policy(Arena *a, const char *preset) {
  Policy *p = preset_policy(a, preset);
  for (int i = 0; i < p->defaults.n; i++)
    if (strcmp(p->defaults.s[i].key, "calibration.method") == 0) p->defaults.s[i].value = "minmax";
  return p;
}

/* What lowering adds to the noise must be small beside quantization's own. */
static void check_preset(const char *preset, double median, double least) {
  Arena *a = new_arena();
  double *db = arena_alloc(a, n_nets * (int64_t)sizeof *db);
  for (int i = 0; i < n_nets; i++) {
    uint64_t seed = first_seed + (unsigned)i;
    Quality q = check_integers(seed, quick_policy(a, preset));
    db[i] = q.lowered;
    if (q.lowered < q.quantized - 3 && q.simulated < least)
      fail_msg("network %llu: %.1f dB quantized, %.1f dB lowered, %.1f dB between them",
               (unsigned long long)seed, q.quantized, q.lowered, q.simulated);
  }
  qsort(db, (size_t)n_nets, sizeof *db, by_value);
  print_message("%s: %.1f dB median, %.1f dB in the worst of ten\n", preset, db[n_nets / 2],
                db[n_nets / 10]);
  assert_true(db[n_nets / 2] > median);
  free_arena(a);
}

static void int8_stays_near_float(void **state) {
  (void)state;
  check_preset("int8", 30, 25);
}

static void int4_stays_near_float(void **state) {
  (void)state;
  check_preset("w4a8", 15, 15);
}

int main(int argc, char **argv) {
  if (argc == 3) first_seed = strtoull(argv[1], NULL, 10), n_nets = atoi(argv[2]);
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(simplifying_passes_keep_outputs),
    cmocka_unit_test(int8_stays_near_float),
    cmocka_unit_test(int4_stays_near_float),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
