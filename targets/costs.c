/* costs.c - tables of what kernels cost: reading and writing them, and what they say of a node. */
#include "targets/costs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/embed.h"
#include "targets/kernels.h"
#include "targets/yaml_facts.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

/* ---- features -------------------------------------------------------------------------------- */

/* What loops of kernels count.  A product of matrices is one line of pixels. */
typedef struct Extent {
  double lines, width, in_w; /* of output pixels; pixels of a line, and of one of the input */
  double pixels, pairs;      /* of the output */
  double turns;              /* of lines, two at a time where the stride is 1 */
  double cols, group, depth; /* output channels and products of each, of a group */
  double kernel_h, kernel_w, taps;
  double run;                      /* elements of a kernel row that lie side by side in the input */
  double channels;                 /* channels of the input */
  double inputs, outputs, weights; /* elements */
  double looked_up;                /* 1: outputs go through a table */
  double shifted; /* 1: sums are shifted before they are multiplied, or outputs clamped */
} Extent;

static double elements_of(const Tensor *t) { return t ? (double)n_elements(t) : 0; }

static double last_dim(const Tensor *t) { return t->rank > 0 ? (double)t->dim[t->rank - 1] : 1; }

static bool has_window(const Node *n) {
  static const char *const pools[] = {"MaxPool", "AveragePool", "QAveragePool"};
  size_t len = strlen(n->op->name);
  if (len >= 4 && strcmp(n->op->name + len - 4, "Conv") == 0) return true;
  for (int i = 0; i < COUNT(pools); i++)
    if (is_op(n, pools[i])) return true;
  return false;
}

static const Tensor *weights_of(const Node *n) {
  return n->n_in > 1 && n->in[1] && is_const(n->in[1]) && n->op->macs ? n->in[1] : NULL;
}

/* A row of elements per index of all dimensions but the last. */
static void matrix_extent(const Node *n, Extent *e) {
  const Tensor *x = n->in[0], *y = n->out[0], *w = weights_of(n);
  e->lines = e->turns = 1;
  e->cols = last_dim(y);
  e->width = e->in_w = e->outputs / e->cols;
  e->depth = w ? e->weights / (double)w->dim[0] : node_macs(n) ? last_dim(x) : 0;
  e->channels = last_dim(x);
  e->run = e->depth;
}

static void window_extent(const Node *n, Extent *e) {
  const Tensor *w = weights_of(n);
  Window g;
  get_window(n, n->in[0], w, &g);
  int last = g.spatial - 1;
  bool whole = g.group == 1 || !w; /* every kernel element of every input pixel, once */
  double images = (double)g.batch;
  e->taps = e->lines = 1;
  for (int d = 0; d < g.spatial; d++) {
    e->taps *= (double)g.kernel[d];
    if (d < last) e->lines *= (double)g.out[d];
    whole = whole && g.kernel[d] == 1 && g.stride[d] == 1 && g.pad[d] == 0 && g.pad_end[d] == 0;
  }
  if (w && whole) {
    matrix_extent(n, e);
    return;
  }
  e->turns = images * (g.stride[0] == 1 ? ceil(e->lines / 2) : e->lines);
  e->lines *= images;
  e->width = (double)g.out[last];
  e->in_w = (double)g.in[last];
  e->kernel_h = g.spatial > 1 ? (double)g.kernel[0] : 1;
  e->kernel_w = (double)g.kernel[last];
  e->channels = (double)g.channels;
  e->group = w ? (double)g.group : (double)g.channels;
  e->cols = w ? (double)g.out_channels / e->group : 1;
  e->depth = w ? e->weights / (double)g.out_channels : e->taps;
  e->run = e->depth / e->kernel_h;
}

static Extent extent_of(const Node *n) {
  Extent e = {.group = 1, .kernel_h = 1, .kernel_w = 1, .taps = 1};
  const Tensor *w = weights_of(n);
  for (int i = 0; i < n->n_in; i++)
    if (n->in[i] && !is_const(n->in[i])) e.inputs += elements_of(n->in[i]);
  for (int i = 0; i < n->n_out; i++) e.outputs += elements_of(n->out[i]);
  e.weights = elements_of(w);
  e.looked_up = w && n->n_in > 5 && n->in[5] != NULL;
  e.shifted = w && (attr_int(n, "shift", 0) != 0 || attr_int(n, "lo", -128) > -128 ||
                    attr_int(n, "hi", 127) < 127);
  if (has_window(n)) window_extent(n, &e);
  else if (n->n_in > 0 && n->in[0] && e.outputs > 0) matrix_extent(n, &e);
  e.pixels = e.lines * e.width;
  e.pairs = e.lines * ceil(e.width / 2);
  return e;
}

void count_features(const Node *n, double *feature) {
  const Extent extent = extent_of(n), *e = &extent;
  int i = 0;
#define FEATURE(name, count, what) feature[i++] = count;
#include "targets/cost_features.def"
#undef FEATURE
}

bool is_alone(const Graph *g, const Node *n) {
  for (int i = 0; i < g->n_node; i++)
    if (g->node[i] != n && g->node[i]->kernel && n->kernel &&
        strcmp(((const Kernel *)g->node[i]->kernel)->name, ((const Kernel *)n->kernel)->name) == 0)
      return false;
  return true;
}

/* Measured in the same way if possible, in the other way if not. */
static const KernelCost *find_cost(const CostBuild *b, const char *kernel, bool alone) {
  const KernelCost *found = NULL;
  for (int i = 0; i < b->n; i++)
    if (strcmp(b->kernel[i].kernel, kernel) == 0 && (!found || b->kernel[i].alone == alone))
      found = &b->kernel[i];
  return found;
}

double predict_node(const CostBuild *b, const Graph *g, const Node *n) {
  double feature[N_COST_FEATURES], sum = 0;
  const Kernel *k = n->kernel;
  if (!k) return 0;
  const KernelCost *c = find_cost(b, k->name, is_alone(g, n));
  if (!c) return NAN;
  count_features(n, feature);
  for (int i = 0; i < N_COST_FEATURES; i++) sum += feature[i] * c->cost[i];
  return sum;
}

const CostBuild *find_build(const CostTable *t, const char *optimize, const char *flag) {
  for (int i = 0; t && i < t->n_build; i++)
    if (strcmp(t->build[i].optimize, optimize) == 0 && strcmp(t->build[i].flag, flag) == 0)
      return &t->build[i];
  return NULL;
}

/* ---- writing ----------------------------------------------------------------------------------- */

static const char *const feature_names[] = {
#define FEATURE(name, count, what) #name,
#include "targets/cost_features.def"
#undef FEATURE
};

static const char *const units[] = {"instructions", "nanoseconds"};

static void write_kernel(FILE *f, const KernelCost *k) {
  fprintf(f, "      - {kernel: %s, alone: %s, calls: %lld, error: %.4f, worst: %.4f, costs: {",
          k->kernel, k->alone ? "true" : "false", (long long)k->calls, k->error, k->worst);
  const char *comma = "";
  for (int i = 0; i < N_COST_FEATURES; i++) {
    if (k->cost[i] <= 0) continue;
    fprintf(f, "%s%s: %.5g", comma, feature_names[i], k->cost[i]);
    comma = ", ";
  }
  fprintf(f, "}}\n");
}

void write_costs(FILE *f, const CostTable *t, const char *target) {
  fprintf(f, "# What kernels cost on %s, by `qcc bench --calibrate %s`.\n", target, target);
  fprintf(f, "unit: %s\nbuilds:\n", units[t->is_time]);
  for (int i = 0; i < t->n_build; i++) {
    const CostBuild *b = &t->build[i];
    fprintf(f, "  - optimize: %s\n    flag: %s\n    kernels:\n", b->optimize, b->flag);
    for (int k = 0; k < b->n; k++) write_kernel(f, &b->kernel[k]);
  }
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* A number that is not negative. */
static double read_cost(const Facts *f, yaml_node_t *v) {
  const char *s = read_string(f, v);
  size_t digits = strspn(s, "0123456789.e+-");
  char *end;
  double cost = strtod(s, &end);
  if (s[digits] || *end || !isfinite(cost))
    error_at(fact_loc(f, v), "expected a number, found '%s'", s);
  if (cost < 0) error_at(fact_loc(f, v), "a cost cannot be negative, found %s", s);
  return cost;
}

#define READ_COST(name, i)                                                                         \
  static void read_##name(const Facts *f, yaml_node_t *v, void *cost) {                            \
    ((double *)cost)[i] = read_cost(f, v);                                                         \
  }
enum {
#define FEATURE(name, count, what) FEATURE_##name,
#include "targets/cost_features.def"
#undef FEATURE
};
#define FEATURE(name, count, what) READ_COST(name, FEATURE_##name)
#include "targets/cost_features.def"
#undef FEATURE
#undef READ_COST

static const FactKey cost_keys[] = {
#define FEATURE(name, count, what) {#name, false, read_##name},
#include "targets/cost_features.def"
#undef FEATURE
};

static void kernel_name(const Facts *f, yaml_node_t *v, void *k) {
  const char *name = read_string(f, v);
  for (int i = 0; i < n_kernels(); i++)
    if (strcmp(kernel_at(i)->name, name) == 0) {
      ((KernelCost *)k)->kernel = name;
      return;
    }
  error_at(fact_loc(f, v), "unknown kernel '%s'; qcc list kernels shows them", name);
}
static void kernel_alone(const Facts *f, yaml_node_t *v, void *k) {
  ((KernelCost *)k)->alone = read_bool(f, v);
}
static void kernel_calls(const Facts *f, yaml_node_t *v, void *k) {
  ((KernelCost *)k)->calls = read_number(f, v, false);
}
static void kernel_error(const Facts *f, yaml_node_t *v, void *k) {
  ((KernelCost *)k)->error = read_cost(f, v);
}
static void kernel_worst(const Facts *f, yaml_node_t *v, void *k) {
  ((KernelCost *)k)->worst = read_cost(f, v);
}
static void kernel_costs(const Facts *f, yaml_node_t *v, void *k) {
  read_mapping(f, v, "costs", cost_keys, COUNT(cost_keys), ((KernelCost *)k)->cost);
}

static const FactKey kernel_keys[] = {
    {"kernel", true, kernel_name}, {"alone", true, kernel_alone}, {"calls", true, kernel_calls},
    {"error", true, kernel_error}, {"worst", true, kernel_worst}, {"costs", true, kernel_costs},
};

static void build_optimize(const Facts *f, yaml_node_t *v, void *b) {
  static const char *const words[] = {"size", "balanced", "speed"};
  ((CostBuild *)b)->optimize = words[read_choice(f, v, words, COUNT(words))];
}
static void build_flag(const Facts *f, yaml_node_t *v, void *b) {
  static const char *const words[] = {"-O0", "-O1", "-O2", "-O3", "-Os", "-Oz"};
  ((CostBuild *)b)->flag = words[read_choice(f, v, words, COUNT(words))];
}
static void build_kernels(const Facts *f, yaml_node_t *v, void *build) {
  CostBuild *b = build;
  b->n = list_length(f, v);
  b->kernel = arena_alloc(f->arena, (b->n + 1) * (int64_t)sizeof *b->kernel);
  for (int i = 0; i < b->n; i++) {
    yaml_node_t *item = list_item(f, v, i);
    read_mapping(f, item, "a kernel", kernel_keys, COUNT(kernel_keys), &b->kernel[i]);
    for (int k = 0; k < i; k++)
      if (b->kernel[k].alone == b->kernel[i].alone &&
          strcmp(b->kernel[k].kernel, b->kernel[i].kernel) == 0)
        error_at(fact_loc(f, item), "kernel '%s' is given twice", b->kernel[i].kernel);
  }
}

static const FactKey build_keys[] = {
    {"optimize", true, build_optimize},
    {"flag", true, build_flag},
    {"kernels", true, build_kernels},
};

static void table_unit(const Facts *f, yaml_node_t *v, void *t) {
  ((CostTable *)t)->is_time = read_choice(f, v, units, COUNT(units)) == 1;
}
static void table_builds(const Facts *f, yaml_node_t *v, void *table) {
  CostTable *t = table;
  t->n_build = list_length(f, v);
  t->build = arena_alloc(f->arena, (t->n_build + 1) * (int64_t)sizeof *t->build);
  for (int i = 0; i < t->n_build; i++) {
    CostBuild b = {0};
    yaml_node_t *item = list_item(f, v, i);
    read_mapping(f, item, "a build", build_keys, COUNT(build_keys), &b);
    for (int k = 0; k < i; k++)
      if (strcmp(t->build[k].optimize, b.optimize) == 0 && strcmp(t->build[k].flag, b.flag) == 0)
        error_at(fact_loc(f, item), "the build %s, %s is given twice", b.optimize, b.flag);
    t->build[i] = b;
  }
}

static const FactKey table_keys[] = {
    {"unit", true, table_unit},
    {"builds", true, table_builds},
};

static const Source *costs_source(Arena *a, const char *name) {
  if (names_file(name)) {
    size_t len;
    const char *text = read_file(a, name, &len);
    return new_source(a, name, text, len);
  }
  const char *path = arena_printf(a, "targets/costs/%s.yaml", name);
  const EmbeddedFile *file = find_embedded(path);
  if (!file) error("there is no built-in table of costs '%s'", name);
  return new_source(a, path, (const char *)file->begin, (size_t)(file->end - file->begin));
}

const CostTable *load_costs(Arena *a, const char *name) {
  const Source *src = costs_source(a, name);
  CostTable *table = arena_alloc(a, sizeof *table);
  read_facts(a, src, "costs", "a table of costs", table_keys, COUNT(table_keys), table);
  return table;
}
