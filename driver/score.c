/* score.c - runs graphs over samples and compares outputs: signal to quantization noise, cosine,
 * top-1. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "driver/driver.h"

int64_t output_bytes(const Graph *g) {
  int64_t n = 0;
  for (int i = 0; i < g->n_out; i++) n += stored_bytes(g->out[i]);
  return n;
}

void *sample_room(Arena *a, int64_t n, int64_t bytes) {
  int64_t all = mul_size(n, bytes);
  if (all < 0 || all == INT64_MAX)
    error("out of memory: %lld samples of %lld bytes", (long long)n, (long long)bytes);
  return arena_alloc(a, all + 1);
}

int64_t input_bytes(const Graph *g) {
  int64_t n = 0;
  for (int i = 0; i < g->n_in; i++) n += stored_bytes(g->in[i]);
  return n;
}

void run_samples_on(const Graph *g, const Samples *s, uint8_t *outputs) {
  int64_t bytes = output_bytes(g);
#pragma omp parallel
  {
    Interp *it = new_interp(g);
    const void *in[MAX_IO];
#pragma omp for schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
      for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, s, k, i);
      run_interp(it, in, NULL, NULL);
      uint8_t *to = outputs + i * bytes;
      for (int k = 0; k < g->n_out; k++) {
        memcpy(to, interp_value(it, g->out[k]), (size_t)stored_bytes(g->out[k]));
        to += stored_bytes(g->out[k]);
      }
    }
    free_interp(it);
  }
}

void output_reals(const Tensor *t, const void *data, float *out) {
  if (t->quant) {
    dequantize_codes(t, data, out);
    return;
  }
  for (int64_t i = 0; i < n_elements(t); i++) out[i] = (float)get_real(t->dtype, data, i);
}

Samples *samples_for(const Job *j, const Samples *s) {
  const Graph *from = j->model, *to = j->g;
  Samples *r = arena_alloc(j->a, sizeof *r);
  *r = *s;
  r->data = arena_alloc(j->a, (s->n_in + 1) * (int64_t)sizeof *r->data);
  for (int k = 0; k < s->n_in; k++) {
    const Tensor *t = to->in[k];
    r->data[k] = s->data[k];
    if (t->dtype == from->in[k]->dtype) continue;
    int64_t bytes = tensor_bytes(t);
    uint8_t *codes = r->data[k] = sample_room(j->a, s->n, bytes);
    for (int64_t i = 0; i < s->n; i++)
      quantize_reals(t, sample_at(from, s, k, i), codes + i * bytes);
  }
  return r;
}

static int64_t largest(const float *v, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (v[i] > v[best]) best = i;
  return best;
}

void add_score(Score *s, const float *exact, const float *got, int64_t n, int label) {
  s->samples++;
  s->agree += largest(exact, n) == largest(got, n);
  s->right += label >= 0 && largest(got, n) == label;
  for (int64_t i = 0; i < n; i++) {
    double a = exact[i], b = got[i];
    s->signal += a * a;
    s->noise += (a - b) * (a - b);
    s->dot += a * b;
    s->energy += b * b;
  }
}

double sqnr_db(const Score *s) {
  if (s->noise == 0) return INFINITY;
  return 10 * log10(s->signal / s->noise);
}

double cosine(const Score *s) {
  double d = sqrt(s->signal) * sqrt(s->energy);
  return d > 0 ? s->dot / d : 1;
}

/* Reproducible noise: all codes of integer inputs, the calibrated range (or -1..1) of real ones. */
static Samples *random_samples(Job *j, int64_t n) {
  const Graph *g = j->g;
  Samples *s = arena_alloc(j->a, sizeof *s);
  s->n = n;
  s->n_in = g->n_in;
  s->data = arena_alloc(j->a, (g->n_in + 1) * (int64_t)sizeof *s->data);
  uint32_t x = 12345;
  for (int k = 0; k < g->n_in; k++) {
    const Tensor *t = g->in[k];
    s->data[k] = sample_room(j->a, n, tensor_bytes(t));
    int64_t count = n * n_elements(t);
    for (int64_t i = 0; i < count; i++) {
      x = x * 1664525u + 1013904223u;
      double unit = (double)(x >> 8) / (1 << 24), code = (double)(x >> 24);
      if (dtype_is_float(t->dtype))
        set_real(t->dtype, s->data[k], i,
                 t->has_range ? t->lo + unit * (t->hi - t->lo) : 2 * unit - 1);
      else
        set_real(t->dtype, s->data[k], i,
                 t->dtype == DT_I8   ? code - 128
                 : t->dtype == DT_U8 ? code
                                     : 0);
    }
  }
  return s;
}

Samples *job_samples(Job *j, int64_t otherwise, bool *random) {
  const Options *o = j->o;
  *random = false;
  if (o->input) {
    Graph *model = read_model(j->a, o);
    return samples_for(j, read_samples(j->a, model, j->policy, o->input, o->limit));
  }
  if (j->calib) {
    Samples *s = samples_for(j, j->calib);
    if (o->limit && s->n > o->limit) s->n = o->limit;
    return s;
  }
  *random = true;
  return random_samples(j, o->limit ? o->limit : otherwise);
}
