/* cmd_analyze.c - qcc analyze: what each candidate costs each layer, the most sensitive layer
 * first. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "driver/driver.h"

int cmd_analyze(Arena *a, const Options *o);

typedef struct Row {
  const BitLayer *layer;
  const Cost *cost;
  double worst;
} Row;

static int by_cost(const void *a, const void *b) {
  const Row *x = a, *y = b;
  if (x->worst != y->worst) return x->worst > y->worst ? -1 : 1;
  return x->layer->node - y->layer->node;
}

static Row *rank_layers(const BitSpace *s, const Cost *cost) {
  Row *row = arena_alloc(s->a, (s->n_layer + 1) * (int64_t)sizeof *row);
  for (int i = 0; i < s->n_layer; i++) {
    row[i] = (Row){.layer = &s->layer[i], .cost = cost + i * s->n_candidate};
    for (int c = 0; c < s->n_candidate; c++)
      if (row[i].cost[c].value > row[i].worst) row[i].worst = row[i].cost[c].value;
  }
  qsort(row, (size_t)s->n_layer, sizeof *row, by_cost);
  return row;
}

static json_t *row_json(const BitSpace *s, const Row *r) {
  json_t *costs = json_array();
  for (int c = 0; c < s->n_candidate; c++)
    json_array_append_new(costs, json_pack("{s:s, s:f, s:f}", "candidate", s->candidate[c].name,
                                           "cost", r->cost[c].value, "error", r->cost[c].error));
  return json_pack("{s:s, s:s, s:s, s:i, s:I, s:o}", "name", r->layer->name, "op",
                   s->g->node[r->layer->node]->op->name, "output", r->layer->output, "group",
                   r->layer->group, "weights", (json_int_t)r->layer->weights, "costs", costs);
}

static void print_json(const BitSpace *s, const Metric *m, const Row *row) {
  json_t *layers = json_array();
  for (int i = 0; i < s->n_layer; i++) json_array_append_new(layers, row_json(s, &row[i]));
  json_t *o = json_pack("{s:s, s:I, s:o}", "metric", m->name, "samples", (json_int_t)s->samples->n,
                        "layers", layers);
  json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  putchar('\n');
  json_decref(o);
}

enum { NAME_WIDTH = 44, COST_WIDTH = 22 };

static void print_table(const Job *j, const BitSpace *s, const Metric *m, const Row *row) {
  printf("%s: %s, %lld samples, cost and its standard error\n", j->name, m->name,
         (long long)s->samples->n);
  printf("%4s %-*s %-6s %9s %5s", "#", NAME_WIDTH, "layer", "op", "weights", "group");
  for (int c = 0; c < s->n_candidate; c++) printf(" %*s", COST_WIDTH, s->candidate[c].name);
  printf("\n");
  for (int i = 0; i < s->n_layer; i++) {
    const BitLayer *l = row[i].layer;
    printf("%4d %-*.*s %-6.6s %9lld %5d", i + 1, NAME_WIDTH, NAME_WIDTH, l->name,
           s->g->node[l->node]->op->name, (long long)l->weights, l->group);
    for (int c = 0; c < s->n_candidate; c++)
      printf(" %11.3g +- %-7.1g", row[i].cost[c].value, row[i].cost[c].error);
    printf("\n");
  }
}

int cmd_analyze(Arena *a, const Options *o) {
  Job *j = new_job(a, o, o->target);
  const Metric *m = chosen_metric(j);
  BitSpace *s = new_space(j);
  Cost *cost = arena_alloc(a, s->n_layer * s->n_candidate * (int64_t)sizeof *cost);
  m->fn(s, cost);
  Row *row = rank_layers(s, cost);
  if (o->json) print_json(s, m, row);
  else print_table(j, s, m, row);
  return 0;
}
