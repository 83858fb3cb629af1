/* fuzz.c - random networks to C: fuzz DIR FIRST COUNT compiles the networks of seeds FIRST ... with
 * one of nine policies each, and writes into DIR their code, samples with the outputs that the
 * interpreter computes, and main.c, which runs them all and compares (fuzz.sh builds it).
 *
 * Outputs that only integer operators lead to must be the same bit for bit; float ones may
 * differ by rounding; codes that were rounded from computed floats may be off by a few. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "tests/passes/random_net.h"

enum { SAMPLES = 4, POLICIES = 9 };

static const char *const policies[POLICIES] = {
  "version: 1\nschedule: {patch: auto}\n",
  "version: 1\npreset: int8\ncalibration: {method: minmax}\nschedule: {patch: auto}\n",
  "version: 1\npreset: int4\ncalibration: {method: percentile}\noptimize: speed\n",
  "version: 1\npreset: w4a8\ncalibration: {method: mse}\ndefaults: {weights: {group: 8}}\n",
  "version: 1\noptimize: size\ndefaults: {weights: {format: int4, granularity: group, group: 8}}\n",
  "version: 1\npreset: int2\ndefaults: {weights: {format: int2, solver: rtn}}\n"
  "rules: [{match: {op: Gemm}, weights: {format: ternary, group: 8}, require: 0}]\n",
  "version: 1\ndefaults: {weights: {format: ternary, layout: compact}}\n"
  "rules: [{match: {op: Conv}, activations: {format: int8}, require: 0},\n"
  "        {match: {op: Gemm}, weights: {format: fp8_e5m2}, require: 0}]\n",
  "version: 1\npreset: int8\ndefaults: {activations: {format: int16}}\ncalibration: {method: minmax}\n",
  "version: 1\npreset: int4\noptimize: speed\nschedule: {patch: auto}\n"
  "rules: [{match: {op: [Conv, Add, MaxPool, Concat]}, activations: {format: int16}, require: 0}]\n",
};

typedef enum Trust { EXACT, CLOSE, LOOSE } Trust;

/* How far what a node computes may be from the interpreter's result. */
static Trust node_trust(const Node *n, Trust in) {
  static const char *const exact[] = {"Quantize", "Dequantize", "MaxPool",
                                      "Relu",     "Identity",   "Cast"};
  bool weight_only = is_op(n, "WConv") || is_op(n, "WGemm");
  bool moves = (n->op->flags & OP_MOVE) || (is_op(n, "Resize") && n->out[0]->dtype != DT_F32);
  if (is_op(n, "Quantize") && in == CLOSE) return LOOSE;
  if (moves || ((n->op->flags & OP_INTEGER) && !weight_only)) return in;
  for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
    if (is_op(n, exact[i])) return in;
  if (is_op(n, "LayerNormalization")) return LOOSE; /* of nearly equal values: all rounding */
  return in == EXACT ? CLOSE : in;
}

static Trust *graph_trust(Arena *a, const Graph *g) {
  Trust *t = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *t);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    Trust in = EXACT;
    for (int k = 0; k < n->n_in; k++)
      if (n->in[k] && t[n->in[k]->id] > in) in = t[n->in[k]->id];
    for (int k = 0; k < n->n_out; k++)
      if (n->out[k]) t[n->out[k]->id] = node_trust(n, in);
  }
  return t;
}

static FILE *create(Arena *a, const char *dir, const char *name, const char *suffix) {
  const char *path = arena_printf(a, "%s/%s%s", dir, name, suffix);
  FILE *f = fopen(path, "wb");
  if (!f) error("%s: cannot be written", path);
  return f;
}

/* For every sample the inputs, then the outputs, as the generated code has them. */
static void write_samples(Arena *a, const Graph *g, const Samples *s, FILE *f) {
  for (int64_t i = 0; i < s->n; i++) {
    for (int k = 0; k < g->n_in; k++) {
      const Tensor *x = g->in[k];
      const float *real = (const float *)s->data[k] + i * n_elements(x);
      void *stored = arena_alloc(a, tensor_bytes(x) + 1);
      if (x->quant) quantize_reals(x, real, stored);
      else memcpy(stored, real, (size_t)tensor_bytes(x));
      fwrite(stored, 1, (size_t)tensor_bytes(x), f);
    }
    fwrite(run_graph(a, g, s, i), 1, (size_t)output_size(g), f);
  }
}

/* The network's entry in main.c's table. */
static void write_row(Arena *a, const Graph *g, const char *name, FILE *f) {
  const Trust *trust = graph_trust(a, g);
  fprintf(f, "  {\"%s\", %s_run, %lld, %d, {", name, name, (long long)g->arena_bytes, g->n_in);
  for (int i = 0; i < g->n_in; i++)
    fprintf(f, "{%lld, %lld, 0, 0}, ", (long long)g->in[i]->offset,
            (long long)tensor_bytes(g->in[i]));
  fprintf(f, "}, %d, {", g->n_out);
  for (int i = 0; i < g->n_out; i++) {
    const Tensor *y = g->out[i];
    fprintf(f, "{%lld, %lld, %d, %d}, ", (long long)y->offset, (long long)tensor_bytes(y),
            y->dtype == DT_F32 ? 4 : dtype_bytes(y->dtype) == 2 ? 2 : 1, trust[y->id]);
  }
  fprintf(f, "}},\n");
}

static void compile_net(const char *dir, uint64_t seed) {
  Arena *a = new_arena();
  PlanReport report = {0};
  const char *name = arena_printf(a, "n%llu", (unsigned long long)seed);
  FILE *f = create(a, dir, name, ".yaml");
  fputs(policies[seed % POLICIES], f);
  fclose(f);
  Policy *p = read_policy(a, arena_printf(a, "%s/%s.yaml", dir, name));
  Graph *g = seed % 3 == 1 ? random_flow_net(a, seed) : random_net(a, seed);
  f = create(a, dir, name, ".graph");
  print_graph(f, g, NULL, 0);
  fclose(f);
  Samples *s = random_samples(g, seed, SAMPLES);
  Context cx = {
      .arena = a, .policy = p, .target = load_target(a, "host"), .calib = s, .report = &report};
  run_passes(g, &cx, NULL, NULL);
  CodegenOptions o = {.name = name, .provenance = "A random network.", .bin_threshold = INT64_MAX};
  o.optimize = policy_value(p, "optimize");
  write_code(g, &cx, &o, dir);
  f = create(a, dir, name, ".bin");
  write_samples(a, g, s, f);
  fclose(f);
  f = create(a, dir, name, ".row");
  write_row(a, g, name, f);
  fclose(f);
  free_arena(a);
}

static const char main_head[] =
  "#include <math.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n"
  "struct io { long offset, bytes; int size, trust; };\n"
  "struct net {\n  const char *name;\n  void (*run)(void *arena);\n  long arena_bytes;\n"
  "  int n_in;\n  struct io in[64];\n  int n_out;\n  struct io out[64];\n};\n\n";

static const char main_tail[] =
  "static int differs(const struct io *o, const unsigned char *got, const unsigned char *want) {\n"
  "  long n = o->bytes / o->size;\n"
  "  double largest = 1, worst = 0;\n"
  "  if (o->trust == 0) return memcmp(got, want, (size_t)o->bytes) != 0;\n"
  "  for (long i = 0; i < n; i++) {\n"
  "    float a, b;\n    int16_t c, d;\n"
  "    if (o->size == 4) memcpy(&a, got + 4 * i, 4), memcpy(&b, want + 4 * i, 4);\n"
  "    else if (o->size == 2) memcpy(&c, got + 2 * i, 2), memcpy(&d, want + 2 * i, 2), a = c, b = d;\n"
  "    else a = ((const int8_t *)got)[i], b = ((const int8_t *)want)[i];\n"
  "    largest = fmax(largest, fabs((double)b));\n"
  "    if (!(a == b)) worst = fmax(worst, isnan(a - b) ? 1e30 : fabs((double)a - b));\n"
  "  }\n"
  "  if (o->trust == 1) return worst > 2e-5 * largest;\n"
  "  return o->size == 4 ? worst > 0.1 * largest : worst > (o->size == 2 ? 8 * 256 : 8);\n"
  "}\n\n"
  "static int check(const struct net *t) {\n"
  "  char path[64];\n  int bad = 0;\n"
  "  unsigned char *arena = aligned_alloc(16, ((size_t)t->arena_bytes + 31) / 16 * 16);\n"
  "  snprintf(path, sizeof path, \"%s.bin\", t->name);\n"
  "  FILE *f = fopen(path, \"rb\");\n"
  "  if (!f || !arena) return 1;\n"
  "  for (int s = 0; s < 4 && !bad; s++) {\n"
  "    memset(arena, 0xa5, (size_t)t->arena_bytes);\n"
  "    for (int i = 0; i < t->n_in; i++)\n"
  "      bad |= fread(arena + t->in[i].offset, 1, (size_t)t->in[i].bytes, f) != (size_t)t->in[i].bytes;\n"
  "    t->run(arena);\n"
  "    for (int i = 0; i < t->n_out; i++) {\n"
  "      unsigned char *want = malloc((size_t)t->out[i].bytes + 1);\n"
  "      bad |= !want || fread(want, 1, (size_t)t->out[i].bytes, f) != (size_t)t->out[i].bytes;\n"
  "      if (want && differs(&t->out[i], arena + t->out[i].offset, want)) {\n"
  "        printf(\"%s: sample %d: output %d differs\\n\", t->name, s, i);\n        bad = 1;\n      }\n"
  "      free(want);\n    }\n  }\n"
  "  fclose(f);\n  free(arena);\n  return bad;\n}\n\n"
  "int main(void) {\n  int bad = 0, n = (int)(sizeof nets / sizeof *nets);\n"
  "  for (int i = 0; i < n; i++) bad += check(&nets[i]);\n"
  "  printf(\"%d networks, %d differ\\n\", n, bad);\n  return bad != 0;\n}\n";

static void write_main(Arena *a, const char *dir, const bool *done, uint64_t first, int count) {
  FILE *f = create(a, dir, "main", ".c");
  fputs(main_head, f);
  for (int i = 0; i < count; i++)
    if (done[i]) fprintf(f, "#include \"n%llu.h\"\n", (unsigned long long)first + (unsigned)i);
  fputs("\nstatic const struct net nets[] = {\n", f);
  for (int i = 0; i < count; i++) {
    size_t len;
    if (done[i])
      fputs(read_file(a,
                      arena_printf(a, "%s/n%llu.row", dir, (unsigned long long)first + (unsigned)i),
                      &len),
            f);
  }
  fputs("};\n\n", f);
  fputs(main_tail, f);
  fclose(f);
}

int main(int argc, char **argv) {
  if (argc != 4) return fputs("usage: fuzz DIR FIRST COUNT\n", stderr), 2;
  uint64_t first = strtoull(argv[2], NULL, 10);
  int count = atoi(argv[3]), bugs = 0, skipped = 0;
  Arena *a = new_arena();
  bool *done = arena_alloc(a, count + 1);
  for (int i = 0; i < count; i++) {
    /* A process each: errors end it. */
    pid_t child = fork();
    if (child == 0) {
      omp_set_num_threads(1);
      compile_net(argv[1], first + (unsigned)i);
      exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) < 0) return 2;
    done[i] = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) skipped++;
    else if (!done[i])
      bugs++, fprintf(stderr, "network %llu: status %d\n", (unsigned long long)first + (unsigned)i,
                      status);
  }
  write_main(a, argv[1], done, first, count);
  printf("%d networks, %d without a kernel, %d crashes\n", count, skipped, bugs);
  free_arena(a);
  return bugs != 0;
}
