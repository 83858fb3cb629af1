/* cmd_bench.c - qcc bench: instructions per inference on emulated targets, time on this machine. */
#include <jansson.h>

#include "driver/driver.h"

int cmd_bench(Arena *a, const Options *o);

static json_t *layers_json(const Graph *g, const RunResult *r) {
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
    json_array_append_new(list, o);
  }
  return list;
}

static void print_json(const Job *j, const RunResult *r, int64_t macs, bool layers) {
  json_t *o = json_pack("{s:s, s:s?, s:I}", "target", j->target->name, "variant",
                        variant_name(j, r), "macs", (json_int_t)macs);
  json_object_set_new(o, "instructions",
                      r->is_time ? json_null() : json_integer((json_int_t)r->total));
  json_object_set_new(o, "nanoseconds",
                      r->is_time ? json_integer((json_int_t)r->total) : json_null());
  json_object_set_new(o, "stack", r->stack_bytes < 0 ? json_null() : json_integer(r->stack_bytes));
  json_object_set_new(o, "layers", layers ? layers_json(j->g, r) : json_null());
  json_dumpf(o, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(o);
}

static void print_table(const Job *j, const RunResult *r, int64_t macs, bool layers) {
  const char *unit = r->is_time ? "ns" : "instructions";
  printf("%s on %s: %llu %s per inference, %lld MACs", j->name, target_text(j, r),
         (unsigned long long)r->total, unit, (long long)macs);
  if (macs) printf(", %.2f %s/MAC", (double)r->total / (double)macs, unit);
  printf("\n");
  if (r->stack_bytes >= 0) printf("  stack %lld bytes\n", (long long)r->stack_bytes);
  if (!layers) return;
  printf("%4s %-34s %-14s %-20s %11s %12s %8s\n", "#", "name", "op", "kernel", "macs", unit,
         "per MAC");
  for (int i = 0; i < j->g->n_node && i < r->n_mark; i++) {
    const Node *n = j->g->node[i];
    const Kernel *k = variant_kernel(n, r->variant);
    int64_t m = node_macs(n);
    printf("%4d %-34.34s %-14s %-20s %11lld %12llu ", i, n->name, n->op->name, k ? k->name : "-",
           (long long)m, (unsigned long long)r->mark[i]);
    if (m) printf("%8.2f\n", (double)r->mark[i] / (double)m);
    else printf("%8s\n", "-");
  }
}

int cmd_bench(Arena *a, const Options *o) {
  if (!o->target) error("no target given: --target T");
  Job *j = new_job(a, o, o->target);
  compile_job(j, NULL, NULL);
  bool random;
  Samples *s = job_samples(j, 3, &random);
  if (!o->limit && s->n > 3) s->n = 3;
  int64_t macs = count_macs(j->g);
  RunResult r = {.stack_bytes = -1};
  run_job(j, work_folder(a, o->keep), s, sample_room(a, s->n, output_bytes(j->g)), true,
          o->layers ? j->g->n_node : 0, &r);
  if (o->json) print_json(j, &r, macs, o->layers);
  else print_table(j, &r, macs, o->layers);
  return 0;
}
