/* tflite_golden.c - MODEL.tflite FOLDER: the integer graph of an int8 model gives the bytes that TensorFlow Lite
 * Micro gives: FOLDER has X.in.bin and X.out.bin, and lcg.opNN.bin, what operator NN of the file makes of
 * lcg.in.bin.  Exit status 77, after a line `skipped: ...`, where they are not there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "passes/passes.h"

/* Names of what the operators of the file make, in their order: operators on codes end in a Quantize, which
 * has the tensor's name as moves have. */
typedef struct Golden {
  Arena *a;
  const char *folder;
  int n, found, wrong;
  const char **name;       /* [n] by operator */
} Golden;

static const void *golden(Golden *x, const char *name, int64_t bytes) {
  size_t len;
  char *path = arena_printf(x->a, "%s/%s.bin", x->folder, name), *data = read_file(x->a, path, &len);
  if ((int64_t)len != bytes) error("%s has %zu bytes, expected %lld", path, len, (long long)bytes);
  return data;
}

static void compare(Golden *x, const char *what, const void *want, const void *got, int64_t bytes) {
  const int8_t *a = want, *b = got;
  int64_t different = 0;
  for (int64_t i = 0; i < bytes; i++) different += a[i] != b[i];
  if (!different) return;
  printf("%s: %lld of %lld codes are wrong\n", what, (long long)different, (long long)bytes);
  x->wrong++;
}

static void observe(void *ctx, const Tensor *t, const void *data) {
  Golden *x = ctx;
  for (int i = 0; i < x->n; i++) {
    if (!x->name[i] || strcmp(x->name[i], t->name) != 0) continue;
    const char *what = arena_printf(x->a, "lcg.op%02d", i);
    compare(x, what, golden(x, what, tensor_bytes(t)), data, tensor_bytes(t));
    x->found++;
  }
}

/* "operator 3 (CONV_2D)" -> 3 */
static int operator_of(const Node *n) {
  int i = -1;
  return n->loc.what && sscanf(n->loc.what, "operator %d", &i) == 1 ? i : -1;
}

static void list_names(Golden *x, const Graph *g) {
  x->name = arena_alloc(x->a, (g->n_node + 1) * (int64_t)sizeof *x->name);
  for (int k = 0; k < g->n_node; k++) {
    int i = operator_of(g->node[k]);
    if (i < 0 || g->node[k]->out[0]->dtype != DT_I8) continue;
    x->name[i] = g->node[k]->out[0]->name;
    if (i >= x->n) x->n = i + 1;
  }
}

int main(int argc, char **argv) {
  static const char *const inputs[] = {"zero", "ramp", "lcg"};
  if (argc != 3) return 1;
  if (access(argv[1], R_OK) || access(argv[2], R_OK)) {
    printf("skipped: no %s or %s\n", argv[1], argv[2]);
    return 77;
  }
  Golden x = {.a = new_arena(), .folder = argv[2]};
  Graph *g = read_tflite(x.a, argv[1]);
  PlanReport report = {0};
  Context cx = {.arena = x.a, .policy = read_policy(x.a, NULL), .report = &report};
  list_names(&x, g);
  run_passes(g, &cx, NULL, LAST_COMMON_PASS);
  for (int i = 0; i < g->n_node; i++)
    if (g->node[i]->out[0]->dtype == DT_F32) printf("%s stays in float\n", g->node[i]->name), x.wrong++;
  Interp *it = new_interp(g);
  for (int i = 0; i < 3; i++) {
    const void *in = golden(&x, arena_printf(x.a, "%s.in", inputs[i]), tensor_bytes(g->in[0]));
    const char *out = arena_printf(x.a, "%s.out", inputs[i]);
    run_interp(it, &in, i == 2 ? observe : NULL, &x);
    compare(&x, out, golden(&x, out, tensor_bytes(g->out[0])), interp_value(it, g->out[0]), tensor_bytes(g->out[0]));
  }
  free_interp(it);
  printf("%d of %d operators found, %d wrong\n", x.found, x.n, x.wrong);
  free_arena(x.a);
  return x.found == x.n && !x.wrong ? 0 : 1;
}
