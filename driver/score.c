/* score.c - runs graphs over samples; labels. */
#include <string.h>

#include "driver/driver.h"

int64_t output_bytes(const Graph *g) {
  int64_t n = 0;
  for (int i = 0; i < n_outputs(g); i++) n += stored_bytes(g->out[i]);
  return n;
}

int *read_labels(Arena *a, const char *path, int64_t n, int64_t classes) {
  Array *x = read_npy(a, path);
  int64_t count = x->rank > 0 ? x->dim[0] : 1;
  for (int d = 1; d < x->rank; d++)
    if (x->dim[d] != 1)
      error("%s: expected one label per sample, found %lld", path, (long long)x->dim[d]);
  if (!dtype_is_int(x->dtype))
    error("%s: labels must be integers, found %s", path, dtype_name(x->dtype));
  if (count < n) error("%s: %lld labels for %lld samples", path, (long long)count, (long long)n);
  int *label = arena_alloc(a, (n + 1) * (int64_t)sizeof *label);
  for (int64_t i = 0; i < n; i++) {
    int64_t v = get_int(x->dtype, x->data, i);
    if (v < 0 || v >= classes)
      error("%s: label %lld of sample %lld, expected 0 to %lld", path, (long long)v, (long long)i,
            (long long)classes - 1);
    label[i] = (int)v;
  }
  return label;
}

int64_t input_bytes(const Graph *g) {
  int64_t n = 0;
  for (int i = 0; i < n_inputs(g); i++) n += stored_bytes(g->in[i]);
  return n;
}

static void copy_outputs(const Graph *g, const Interp *it, uint8_t *to) {
  for (int k = 0; k < n_outputs(g); k++) {
    memcpy(to, interp_value(it, g->out[k]), (size_t)stored_bytes(g->out[k]));
    to += stored_bytes(g->out[k]);
  }
}

/* Samples that are steps, one behind the other. */
static void run_steps_on(const Graph *g, const Samples *s, uint8_t *outputs) {
  void *state[MAX_IO];
  const void *in[MAX_IO];
  reset_states(g, state);
  Interp *it = new_interp(g);
  for (int64_t i = 0; i < s->n; i++) {
    for (int k = 0; k < g->n_in; k++)
      in[k] = k < n_inputs(g) ? sample_at(g, s, k, i) : state[k - n_inputs(g)];
    run_interp(it, in, NULL, NULL);
    copy_outputs(g, it, outputs + i * output_bytes(g));
    keep_states(g, it, state);
  }
  free_interp(it);
}

void run_samples_on(const Graph *g, const Samples *s, uint8_t *outputs) {
  int64_t bytes = output_bytes(g);
  if (g->n_state > 0) {
    run_steps_on(g, s, outputs);
    return;
  }
#pragma omp parallel
  {
    Interp *it = new_interp(g);
    const void *in[MAX_IO];
#pragma omp for schedule(static)
    for (int64_t i = 0; i < s->n; i++) {
      for (int k = 0; k < g->n_in; k++) in[k] = sample_at(g, s, k, i);
      run_interp(it, in, NULL, NULL);
      copy_outputs(g, it, outputs + i * bytes);
    }
    free_interp(it);
  }
}

Samples *recorded_samples(const Job *j) {
  const Options *o = j->o;
  Samples *s = read_samples(j->a, read_model(j->a, o), j->policy, o->input, o->limit);
  record_states(j->a, j->model, s);
  return s;
}

Samples *samples_for(const Job *j, const Samples *s) {
  return convert_samples(j->a, j->model, j->g, s);
}

/* Reproducible noise: all codes of integer inputs, the calibrated range (or -1..1) of real ones. */
static Samples *random_samples(Job *j, int64_t n) {
  const Graph *g = j->g;
  Samples *s = arena_alloc(j->a, sizeof *s);
  s->n = n;
  s->n_in = n_inputs(g);
  s->data = arena_alloc(j->a, (s->n_in + 1) * (int64_t)sizeof *s->data);
  uint32_t x = 12345;
  for (int k = 0; k < s->n_in; k++) {
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
