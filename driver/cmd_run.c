/* cmd_run.c - qcc run: interprets the network as it stands after a pass. */
#include <string.h>

#include "driver/driver.h"

int cmd_run(Arena *a, const Options *o);

static const char *output_path(Arena *a, const char *path, int i) {
  if (i == 0) return path;
  const char *dot = strrchr(path, '.');
  size_t stem = dot ? (size_t)(dot - path) : strlen(path);
  return arena_printf(a, "%.*s.%d.npy", (int)stem, path, i);
}

/* All samples of output i as one array, samples first. */
static void write_output(Arena *a, const Graph *g, int i, const uint8_t *all, int64_t n,
                         const char *path) {
  const Tensor *t = g->out[i];
  int64_t bytes = stored_bytes(t), step = output_bytes(g), at = 0, dim[MAX_RANK + 1];
  for (int k = 0; k < i; k++) at += stored_bytes(g->out[k]);
  uint8_t *data = sample_room(a, n, bytes);
  for (int64_t s = 0; s < n; s++) memcpy(data + s * bytes, all + s * step + at, (size_t)bytes);
  /* A leading dimension of 1 is the batch. */
  int lead = t->rank > 0 && t->dim[0] == 1 ? 0 : 1, rank = t->rank + lead;
  if (rank > MAX_RANK) error("output '%s' has too many dimensions for a .npy file", t->name);
  for (int d = 0; d < t->rank; d++) dim[d + lead] = t->dim[d];
  dim[0] = n;
  const char *file = output_path(a, path, i);
  FILE *f = open_file(file);
  print_npy(f, t->dtype, rank, dim, data);
  close_file(f, file);
}

int cmd_run(Arena *a, const Options *o) {
  if (!o->input) error("no samples given: --input X.npy");
  if (!o->output) error("no output file given: -o Y.npy");
  Job *j = new_job(a, o, o->target);
  if (o->stop_after) compile_job(j, NULL, o->stop_after);
  else j->g = j->model;
  bool random;
  Samples *s = job_samples(j, 0, &random);
  uint8_t *out = sample_room(a, s->n, output_bytes(j->g));
  run_samples_on(j->g, s, out);
  for (int i = 0; i < n_outputs(j->g); i++) write_output(a, j->g, i, out, s->n, o->output);
  return 0;
}
