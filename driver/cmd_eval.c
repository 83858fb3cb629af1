/* cmd_eval.c - qcc eval: how good the network is, in float, quantized, and as generated code. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "driver/driver.h"

int cmd_eval(Arena *a, const Options *o);

/* Scores all outputs of `got` (of graph g) against the float outputs; labels belong to output 0. 
 * `quality` [n] (or NULL) is how good each sample is by itself: is it right, or its noise with a minus. */
static Score score_outputs(Arena *a, const Job *j, const Graph *g, const uint8_t *exact,
                           const uint8_t *got, int64_t n, const int *label, double *quality) {
  Score s = {0};
  int64_t per = output_bytes(g), per_float = output_bytes(j->model);
  int64_t most = 1;
  for (int k = 0; k < n_outputs(g); k++)
    most = n_elements(g->out[k]) > most ? n_elements(g->out[k]) : most;
  float *x = arena_alloc(a, most * 4), *y = arena_alloc(a, most * 4);
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *p = exact + i * per_float, *q = got + i * per;
    Score before = s, own = {0};
    for (int k = 0; k < n_outputs(g); k++) {
      output_reals(j->model->out[k], p, x);
      output_reals(g->out[k], q, y);
      int64_t samples = s.samples, agree = s.agree, right = s.right;
      add_score(&s, x, y, n_elements(g->out[k]), label ? label[i] : -1);
      if (quality) add_score(&own, x, y, n_elements(g->out[k]), -1);
      if (k > 0) s.samples = samples, s.agree = agree, s.right = right;
      p += stored_bytes(j->model->out[k]);
      q += stored_bytes(g->out[k]);
    }
    if (quality) quality[i] = label ? (double)(s.right - before.right) : -own.noise;
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

/* A policy, compiled and run over all samples. */
typedef struct Evaluation {
  Job *j;
  Samples *s;        /* as the compiled graph takes them */
  uint8_t *exact;    /* [s->n][outputs of the float network] */
  int *label;        /* [s->n] or NULL */
  Score real, quantized;
  double *quality;   /* [s->n] of the quantized network */
} Evaluation;

static Evaluation evaluate(Arena *a, const Options *o, bool top1) {
  Evaluation e = {.j = new_job(a, o, o->target ? o->target : "host")};
  Job *j = e.j;
  Samples *raw = read_samples(a, read_model(a, o), j->policy, o->input, o->limit);
  if (o->labels) e.label = read_labels(a, o->labels, raw->n, n_elements(j->model->out[0]));
  compile_job(j, NULL, NULL);
  e.s = samples_for(j, raw);
  int64_t n = e.s->n;
  uint8_t *out = sample_room(a, n, output_bytes(j->g));
  e.exact = sample_room(a, n, output_bytes(j->model));
  e.quality = sample_room(a, n, (int64_t)sizeof *e.quality);
  run_samples_on(j->model, raw, e.exact);
  run_samples_on(j->g, e.s, out);
  e.real = score_outputs(a, j, j->model, e.exact, e.exact, n, e.label, NULL);
  e.quantized = score_outputs(a, j, j->g, e.exact, out, n, top1 ? e.label : NULL, e.quality);
  return e;
}

/* The samples on which one policy is better than another, and how likely so uneven a number is if
 * neither was: McNemar's exact test of what is right, the sign test of noise. */
typedef struct Paired {
  const char *policy;
  Score score;
  int64_t better, worse;
  double p;
} Paired;

static Paired compare_with(Arena *a, const Options *o, bool top1, const Evaluation *e) {
  Options other = *o;
  bool file = ends_with(o->against, ".yaml");
  other.policy = file ? o->against : NULL;
  other.preset = file ? NULL : o->against;
  Evaluation x = evaluate(a, &other, top1);
  Paired p = {.policy = o->against, .score = x.quantized};
  for (int64_t i = 0; i < e->s->n; i++) {
    p.better += e->quality[i] > x.quality[i];
    p.worse += e->quality[i] < x.quality[i];
  }
  p.p = sign_test(p.better, p.worse);
  return p;
}

static json_t *paired_json(const Paired *p, bool top1) {
  return json_pack("{s:s, s:o, s:I, s:I, s:f}", "policy", p->policy, "quantized",
                   score_json(&p->score, top1), "better", (json_int_t)p->better, "worse",
                   (json_int_t)p->worse, "p", p->p);
}

int cmd_eval(Arena *a, const Options *o) {
  if (!o->input) error("no samples given: --input X.npy");
  if (o->metric && strcmp(o->metric, "top1") && strcmp(o->metric, "sqnr"))
    error("--metric: expected top1 or sqnr, found '%s'", o->metric);
  bool top1 = o->metric ? strcmp(o->metric, "top1") == 0 : o->labels != NULL;
  if (top1 && !o->labels) error("--metric top1 needs --labels Y.npy");
  if (o->on_target && !o->target) error("--on-target needs --target T");
  Evaluation e = evaluate(a, o, top1);
  Job *j = e.j;
  Paired paired = {0};
  if (o->against) paired = compare_with(a, o, top1, &e);
  Score target = {0};
  RunResult result = {0};
  if (o->on_target) {
    uint8_t *out = sample_room(a, e.s->n, output_bytes(j->g));
    run_job(j, work_folder(a, o->keep), e.s, out, false, 0, &result);
    target = score_outputs(a, j, j->g, e.exact, out, e.s->n, e.label, NULL);
  }
  if (o->json) {
    json_t *r = json_pack(
        "{s:I, s:s, s:o, s:o, s:o, s:o, s:f, s:o}", "samples", (json_int_t)e.s->n, "metric",
        top1 ? "top1" : "sqnr", "float", score_json(&e.real, top1), "quantized",
        score_json(&e.quantized, top1), "target", score_json(o->on_target ? &target : NULL, top1),
        "sqnr_db", score_json(&e.quantized, false), "agreement",
        (double)e.quantized.agree / (double)e.quantized.samples, "against",
        o->against ? paired_json(&paired, top1) : json_null());
    json_dumpf(r, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(r);
    return 0;
  }
  printf("%s, %lld samples\n", j->name, (long long)e.s->n);
  print_line("float", &e.real, top1);
  print_line("quantized", &e.quantized, top1);
  if (o->on_target) print_line(target_text(j, &result), &target, top1);
  if (!o->against) return 0;
  print_line(paired.policy, &paired.score, top1);
  printf("  against %s: better on %lld samples, worse on %lld, p = %.3g\n", paired.policy,
         (long long)paired.better, (long long)paired.worse, paired.p);
  return 0;
}
