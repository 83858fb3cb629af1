/* cmd_verify.c - qcc verify: the generated code against the interpreter, bit for bit, and
 * against float. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "driver/driver.h"

int cmd_verify(Arena *a, const Options *o);

/* How far reals may be apart, as a share of the largest: 1e-5 for float32 sums in another order;
 * these may round a float16 value to the other neighbour, 2^-11 for each node that makes some, and 2^-8 where it is
 * bfloat16.  Sums in
 * float16 have four standard deviations of 2^-11 * 2.3 besides, of outputs a quarter of the largest. */
static float tolerance_of(const Graph *g) {
  float tolerance = 1e-5f;
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    bool half = n->n_out > 0 && n->out[0] && n->out[0]->dtype == DT_F16;
    if (n->n_out > 0 && n->out[0] && n->out[0]->dtype == DT_BF16 && !(n->op->flags & OP_MOVE)) tolerance += 0x1p-8f;
    if (half && !(n->op->flags & OP_MOVE)) tolerance += sums_in_half(n) ? 3.3f * 0x1p-11f : 0x1p-11f;
  }
  return tolerance;
}

/* Elements of output t that differ. */
static int64_t count_differing(Arena *a, const Tensor *t, float tolerance, const uint8_t *want,
                               const uint8_t *got) {
  int64_t n = n_elements(t), differing = 0;
  if (!dtype_is_float(t->dtype)) {
    int bytes = dtype_bytes(t->dtype);
    for (int64_t i = 0; i < n; i++)
      differing += memcmp(want + i * bytes, got + i * bytes, (size_t)bytes) != 0;
    return differing;
  }
  float *x = arena_alloc(a, n * 4), *y = arena_alloc(a, n * 4), largest = 0;
  output_reals(t, want, x);
  output_reals(t, got, y);
  for (int64_t i = 0; i < n; i++) largest = fmaxf(largest, fabsf(x[i]));
  for (int64_t i = 0; i < n; i++)
    differing += !(fabsf(x[i] - y[i]) <= tolerance * largest + 1e-30f);
  return differing;
}

typedef struct Verdict {
  int64_t outputs, differing;
  Score score;
  bool exact;
  RunResult run;
} Verdict;

static void compare_sample(const Job *j, Verdict *v, const uint8_t *exact, const uint8_t *want,
                           const uint8_t *got) {
  Arena *scratch = new_arena();
  for (int k = 0; k < n_outputs(j->g); k++) {
    const Tensor *t = j->g->out[k], *f = j->model->out[k];
    int64_t n = n_elements(t);
    float *x = arena_alloc(scratch, n * 4), *y = arena_alloc(scratch, n * 4);
    v->outputs += n;
    v->differing += count_differing(scratch, t, tolerance_of(j->g), want, got);
    v->exact &= !dtype_is_float(t->dtype);
    output_reals(f, exact, x);
    output_reals(t, got, y);
    add_score(&v->score, x, y, n, -1);
    exact += stored_bytes(f), want += stored_bytes(t), got += stored_bytes(t);
  }
  free_arena(scratch);
}

static json_t *real_or_null(double v) { return isfinite(v) ? json_real(v) : json_null(); }

static void print_verdict(const Job *j, const Verdict *v, int64_t n, bool random, bool json) {
  double agreement = v->score.samples ? (double)v->score.agree / (double)v->score.samples : 0;
  if (json) {
    json_t *o = json_pack("{s:I, s:I, s:I, s:o, s:o, s:f, s:s?}", "samples", (json_int_t)n, "outputs",
                          (json_int_t)v->outputs, "differing", (json_int_t)v->differing, "sqnr_db",
                          real_or_null(sqnr_db(&v->score)), "cosine",
                          real_or_null(cosine_of(&v->score)), "agreement", agreement,
                          "variant", variant_name(j, &v->run));
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(o);
    return;
  }
  printf("%s on %s, %lld %ssamples\n", j->name, target_text(j, &v->run), (long long)n,
         random ? "random " : "");
  printf("  generated code against eval: %lld of %lld outputs differ (",
         (long long)v->differing, (long long)v->outputs);
  if (v->exact) printf("bit for bit)\n");
  else printf("reals within %.2g of the largest)\n", (double)tolerance_of(j->g));
  printf("  against float: SQNR %.1f dB, cosine %.6f, top-1 agreement %.2f %%\n",
         sqnr_db(&v->score), cosine_of(&v->score), 100 * agreement);
}

int cmd_verify(Arena *a, const Options *o) {
  if (!o->target) error("no target given: --target T");
  Job *j = new_job(a, o, o->target);
  compile_job(j, NULL, NULL);
  bool random;
  Samples *s = job_samples(j, 16, &random), *real = s;
  if (!random)
    real = o->input ? read_samples(a, read_model(a, o), j->policy, o->input, o->limit) : j->calib;
  int64_t per = output_bytes(j->g), per_float = output_bytes(j->model);
  uint8_t *want = sample_room(a, s->n, per), *got = sample_room(a, s->n, per);
  uint8_t *exact = sample_room(a, s->n, per_float);
  run_samples_on(j->g, s, want);
  Samples reals = *real;
  reals.n = s->n;
  if (random) {  /* random codes as the reals that they stand for */
    reals.data = arena_alloc(a, (s->n_in + 1) * (int64_t)sizeof *reals.data);
    for (int k = 0; k < s->n_in; k++) {
      const Tensor *t = j->g->in[k], *f = j->model->in[k];
      reals.data[k] = s->data[k];
      if (t->dtype == f->dtype) continue;
      float *x = sample_room(a, s->n, tensor_bytes(f));
      for (int64_t i = 0; i < s->n; i++)
        dequantize_codes(t, sample_at(j->g, s, k, i), x + i * n_elements(f));
      reals.data[k] = x;
    }
  }
  run_samples_on(j->model, &reals, exact);
  Verdict v = {.exact = true};
  const char *dir = work_folder(a, o->keep);
  run_job(j, dir, s, got, false, 0, &v.run);
  for (int64_t i = 0; i < s->n; i++)
    compare_sample(j, &v, exact + i * per_float, want + i * per, got + i * per);
  print_verdict(j, &v, s->n, random, o->json);
  return v.differing ? EXIT_CHECK_FAILED : 0;
}
