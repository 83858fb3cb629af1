/* cmd_eval.c - qcc eval: how good the network is, in float, quantized, and as generated code. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "driver/driver.h"

int cmd_eval(Arena *a, const Options *o);

/* Scores all outputs of `got` (of graph g) against the float outputs; labels belong to output 0. */
static Score score_outputs(Arena *a, const Job *j, const Graph *g, const uint8_t *exact,
                           const uint8_t *got, int64_t n, const int *label) {
  Score s = {0};
  int64_t per = output_bytes(g), per_float = output_bytes(j->model);
  int64_t most = 1;
  for (int k = 0; k < g->n_out; k++)
    most = n_elements(g->out[k]) > most ? n_elements(g->out[k]) : most;
  float *x = arena_alloc(a, most * 4), *y = arena_alloc(a, most * 4);
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *p = exact + i * per_float, *q = got + i * per;
    for (int k = 0; k < g->n_out; k++) {
      output_reals(j->model->out[k], p, x);
      output_reals(g->out[k], q, y);
      int64_t samples = s.samples, agree = s.agree, right = s.right;
      add_score(&s, x, y, n_elements(g->out[k]), label ? label[i] : -1);
      if (k > 0) s.samples = samples, s.agree = agree, s.right = right;
      p += stored_bytes(j->model->out[k]);
      q += stored_bytes(g->out[k]);
    }
  }
  return s;
}

static double metric_of(const Score *s, bool top1) {
  return top1 ? (double)s->right / (double)s->samples : sqnr_db(s);
}

static json_t *score_json(const Score *s, bool top1) {
  double v = s ? metric_of(s, top1) : NAN;
  return isfinite(v) ? json_real(v) : json_null();
}

static void print_line(const char *what, const Score *s, bool top1) {
  if (top1)
    printf("  %-10s %.2f %% (%lld of %lld)", what, 100 * metric_of(s, true), (long long)s->right,
           (long long)s->samples);
  else
    printf("  %-10s", what);
  if (s->noise > 0)
    printf("  SQNR %.1f dB, top-1 agreement with float %.2f %%", sqnr_db(s),
           100.0 * (double)s->agree / (double)s->samples);
  printf("\n");
}

int cmd_eval(Arena *a, const Options *o) {
  if (!o->input) error("no samples given: --input X.npy");
  if (o->metric && strcmp(o->metric, "top1") && strcmp(o->metric, "sqnr"))
    error("--metric: expected top1 or sqnr, found '%s'", o->metric);
  bool top1 = o->metric ? strcmp(o->metric, "top1") == 0 : o->labels != NULL;
  if (top1 && !o->labels) error("--metric top1 needs --labels Y.npy");
  if (o->on_target && !o->target) error("--on-target needs --target T");
  Job *j = new_job(a, o, o->target ? o->target : "host");
  Samples *raw = read_samples(a, read_model(a, o), j->policy, o->input, o->limit);
  int *label = o->labels ? read_labels(a, o->labels, raw->n, n_elements(j->model->out[0])) : NULL;
  compile_job(j, NULL, NULL);
  Samples *s = samples_for(j, raw);
  uint8_t *exact = sample_room(a, s->n, output_bytes(j->model));
  uint8_t *out = sample_room(a, s->n, output_bytes(j->g));
  run_samples_on(j->model, raw, exact);
  run_samples_on(j->g, s, out);
  Score real = score_outputs(a, j, j->model, exact, exact, s->n, label);
  Score quantized = score_outputs(a, j, j->g, exact, out, s->n, label), target = {0};
  RunResult result = {0};
  if (o->on_target) {
    run_job(j, work_folder(a, o->keep), s, out, false, 0, &result);
    target = score_outputs(a, j, j->g, exact, out, s->n, label);
  }
  if (o->json) {
    json_t *r = json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:f}", "samples", (json_int_t)s->n, "metric",
                          top1 ? "top1" : "sqnr", "float", score_json(&real, top1), "quantized",
                          score_json(&quantized, top1), "target",
                          score_json(o->on_target ? &target : NULL, top1), "sqnr_db",
                          score_json(&quantized, false), "agreement",
                          (double)quantized.agree / (double)quantized.samples);
    json_dumpf(r, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(r);
    return 0;
  }
  printf("%s, %lld samples\n", j->name, (long long)s->n);
  print_line("float", &real, top1);
  print_line("quantized", &quantized, top1);
  if (o->on_target) print_line(target_text(j, &result), &target, top1);
  return 0;
}
