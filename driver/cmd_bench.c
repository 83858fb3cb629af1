/* cmd_bench.c - qcc bench: instructions per inference on emulated targets, time on this machine. */
#include <jansson.h>
#include <math.h>

#include "driver/driver.h"

int cmd_bench(Arena *a, const Options *o);

/* By the table of costs, where there is one. */
typedef struct Prediction {
  double total;
  double *node; /* [n_node] */
} Prediction;

static json_t *rounded_json(double v) {
  return isfinite(v) ? json_integer((json_int_t)llround(v)) : json_null();
}

static json_t *layers_json(const Graph *g, const RunResult *r, const Prediction *p) {
  json_t *list = json_array();
  for (int i = 0; i < g->n_node && i < r->n_mark; i++) {
    const Node *n = g->node[i];
    const Kernel *k = variant_kernel(n, r->variant);
    json_t *o = json_pack("{s:s, s:s, s:s?, s:I}", "name", n->name, "op", n->op->name, "kernel",
                          k ? k->name : NULL, "macs", (json_int_t)node_macs(n));
    json_object_set_new(o, "instructions",
                        r->is_time ? json_null() : json_integer((json_int_t)r->mark[i]));
    json_object_set_new(o, "nanoseconds",
                        r->is_time ? json_integer((json_int_t)r->mark[i]) : json_null());
    json_object_set_new(o, "predicted", rounded_json(p->node[i]));
    json_array_append_new(list, o);
  }
  return list;
}

static void print_json(const Job *j, const RunResult *r, const Prediction *p, int64_t macs,
                       bool layers) {
  json_t *o = json_pack("{s:s, s:s?, s:I}", "target", j->target->name, "variant",
                        variant_name(j, r), "macs", (json_int_t)macs);
  json_object_set_new(o, "instructions",
                      r->is_time ? json_null() : json_integer((json_int_t)r->total));
  json_object_set_new(o, "nanoseconds",
                      r->is_time ? json_integer((json_int_t)r->total) : json_null());
  json_object_set_new(o, "predicted", rounded_json(p->total));
  json_object_set_new(o, "stack", r->stack_bytes < 0 ? json_null() : json_integer(r->stack_bytes));
  json_object_set_new(o, "layers", layers ? layers_json(j->g, r, p) : json_null());
  json_dumpf(o, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(o);
}

static void print_table(const Job *j, const RunResult *r, const Prediction *p, int64_t macs,
                        bool layers) {
  const char *unit = r->is_time ? "ns" : "instructions";
  printf("%s on %s: %llu %s per inference, %lld MACs", j->name, target_text(j, r),
         (unsigned long long)r->total, unit, (long long)macs);
  if (macs) printf(", %.2f %s/MAC", (double)r->total / (double)macs, unit);
  printf("\n");
  if (isfinite(p->total))
    printf("  predicted %.0f %s, %+.1f %%\n", p->total, unit,
           100 * (p->total / (double)r->total - 1));
  if (r->stack_bytes >= 0) printf("  stack %lld bytes\n", (long long)r->stack_bytes);
  if (!layers) return;
  printf("%4s %-34s %-14s %-20s %11s %12s %12s %8s\n", "#", "name", "op", "kernel", "macs", unit,
         "predicted", "per MAC");
  for (int i = 0; i < j->g->n_node && i < r->n_mark; i++) {
    const Node *n = j->g->node[i];
    const Kernel *k = variant_kernel(n, r->variant);
    int64_t m = node_macs(n);
    printf("%4d %-34.34s %-14s %-20s %11lld %12llu ", i, n->name, n->op->name, k ? k->name : "-",
           (long long)m, (unsigned long long)r->mark[i]);
    if (isfinite(p->node[i])) printf("%12.0f ", p->node[i]);
    else printf("%12s ", "-");
    if (m) printf("%8.2f\n", (double)r->mark[i] / (double)m);
    else printf("%8s\n", "-");
  }
}

int cmd_bench(Arena *a, const Options *o) {
  if (o->calibrate) {
    calibrate_costs(a, o, o->calibrate, o->output ? o->output : "-");
    return 0;
  }
  if (o->output) error("--output is for the table of --calibrate");
  if (!o->target) error("no target given: --target T");
  Job *j = new_job(a, o, o->target);
  compile_job(j, NULL, NULL);
  bool random;
  Samples *s = job_samples(j, 3, &random);
  if (!o->limit && s->n > 3) s->n = 3;
  int64_t macs = count_macs(j->g);
  RunResult r = {.stack_bytes = -1};
  Prediction p = {.node = arena_alloc(a, (j->g->n_node + 1) * (int64_t)sizeof *p.node)};
  p.total = predict_job(j, run_opt(j), is_timed(chosen_run(j->target, o->emulate)), p.node);
  run_job(j, work_folder(a, o->keep), s, sample_room(a, s->n, output_bytes(j->g)), true,
          o->layers ? j->g->n_node : 0, &r);
  if (o->json) print_json(j, &r, &p, macs, o->layers);
  else print_table(j, &r, &p, macs, o->layers);
  return 0;
}
