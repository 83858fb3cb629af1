/* sensitivity.c - what each candidate format costs each layer, from a file that `qcc analyze
 * --json` wrote.  Each candidate has a scale of its own, so that the layers can be compared where
 * the candidates are magnitudes apart. */
#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

bool has_sensitivity(const Report *r) { return r->sensitivity != NULL; }

typedef struct CandidateCost {
  const char *name;
  double cost, error; /* and its standard error */
} CandidateCost;

static bool read_cost(json_t *entry, CandidateCost *c) {
  return json_unpack(entry, "{s:s, s:F, s:F}", "candidate", &c->name, "cost", &c->cost, "error",
                     &c->error) == 0;
}

static bool read_layer(json_t *entry, const char **name, json_t **costs) {
  return json_unpack(entry, "{s:s, s:o}", "name", name, "costs", costs) == 0 &&
         json_is_array(*costs);
}

static bool is_layer(json_t *entry) {
  const char *name;
  CandidateCost c;
  json_t *costs, *cost;
  size_t i;
  if (!read_layer(entry, &name, &costs)) return false;
  json_array_foreach(costs, i, cost) if (!read_cost(cost, &c)) return false;
  return true;
}

static bool is_analysis(json_t *root) {
  const char *metric;
  json_t *layers, *entry;
  size_t i;
  if (json_unpack(root, "{s:s, s:o}", "metric", &metric, "layers", &layers) != 0) return false;
  if (!json_is_array(layers)) return false;
  json_array_foreach(layers, i, entry) if (!is_layer(entry)) return false;
  return true;
}

json_t *read_sensitivity(Arena *a, const char *path) {
  json_t *root = read_json(a, path);
  if (!is_analysis(root)) error("%s: expected what qcc analyze --json prints", path);
  return root;
}

/* The largest cost, with its error, of the candidate that stands at `at` in every layer. */
static double most_of(json_t *layers, size_t at) {
  json_t *entry, *costs;
  const char *name;
  double most = 0;
  size_t i;
  json_array_foreach(layers, i, entry) {
    CandidateCost c;
    if (!read_layer(entry, &name, &costs) || !read_cost(json_array_get(costs, at), &c)) continue;
    if (c.cost + c.error > most) most = c.cost + c.error;
  }
  return most;
}

static void put_cost(FILE *f, const Report *r, const CandidateCost *c, double most, size_t at) {
  fputs("<span class=\"meter\"><span class=\"label\">", f);
  put_text(f, c->name);
  fputs("</span>", f);
  put_bar(f, c->cost, most, c->cost - c->error, c->cost + c->error,
          arena_printf(r->a, "c%d", (int)(at % 4) + 1),
          arena_printf(r->a, "%s: %.4g, standard error %.2g", c->name, c->cost, c->error));
  fprintf(f, "<span class=\"value\">%.3g</span></span>", c->cost);
}

static void put_layer(FILE *f, const Report *r, json_t *layers, json_t *entry) {
  const char *name;
  json_t *costs, *cost;
  size_t i;
  if (!read_layer(entry, &name, &costs)) return;
  fputs("<li><span class=\"what\"><span class=\"title\"><b>", f);
  put_text(f, name);
  fputs("</b></span></span><span class=\"meters\">", f);
  json_array_foreach(costs, i, cost) {
    CandidateCost c;
    if (read_cost(cost, &c)) put_cost(f, r, &c, most_of(layers, i), i);
  }
  fputs("</span></li>\n", f);
}

void html_sensitivity(FILE *f, const Report *r) {
  const char *metric = json_string_value(json_object_get(r->sensitivity, "metric"));
  json_t *layers = json_object_get(r->sensitivity, "layers"), *entry;
  size_t i;
  fputs("<p>What each candidate costs each layer by the metric <b>", f);
  put_text(f, metric);
  fputs(
      "</b>, the most sensitive layer first; whiskers are the standard error. Every candidate has a "
      "scale of its own.</p>\n<ol class=\"rows\">\n",
      f);
  json_array_foreach(layers, i, entry) put_layer(f, r, layers, entry);
  fputs("</ol>\n", f);
}

json_t *json_sensitivity(const Report *r) { return json_incref(r->sensitivity); }
