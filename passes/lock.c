/* lock.c - policy.lock.yaml: everything that the policy, the calibration data and the passes
 * decided, as a policy of its own.
 *
 * It has one rule per node, by its output's exact name, and the range of every calibrated
 * tensor, so that it compiles to the same bytes with neither presets nor data.  Its `lock:`
 * part says where it came from and, for the reader, what each tensor costs.  Numbers are
 * printed so that they round-trip; names are sorted or in graph order: the same compile writes
 * the same bytes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "passes/resolve.h"
#include "targets/kernels.h"

/* ---- ranges: of the tensors that were resolved, of the final graph, of the policy ------------ */

typedef struct Ranges {
  Arena *arena;
  int n;
  RangePolicy *range;      /* [n] */
} Ranges;

static void add_range(Ranges *r, const char *tensor, float lo, float hi) {
  r->range = arena_grow(r->arena, r->range, r->n, sizeof *r->range);
  r->range[r->n] = (RangePolicy){.tensor = tensor, .lo = lo, .hi = hi};
  r->range[r->n].loc.line = r->n; /* keeps the first of a name first */
  r->n++;
}

static bool is_resolved(const Resolution *res, const Tensor *t) {
  for (int i = 0; i < res->n_tensor; i++)
    if (res->tensor[i] == t) return true;
  return false;
}

static int by_tensor(const void *a, const void *b) {
  const RangePolicy *x = a, *y = b;
  int order = strcmp(x->tensor, y->tensor);
  return order != 0 ? order : (x->loc.line > y->loc.line) - (x->loc.line < y->loc.line);
}

static void print_ranges(FILE *f, const Graph *g, const Context *cx) {
  Ranges r = {.arena = cx->arena};
  const Resolution *res = cx->resolution;
  for (int i = 0; res != NULL && i < res->n_tensor; i++) {
    const Tensor *t = res->tensor[i];
    if (t->has_range) add_range(&r, res->name[i], t->lo, t->hi);
  }
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (t->has_range && (res == NULL || !is_resolved(res, t))) add_range(&r, t->name, t->lo, t->hi);
  }
  for (int i = 0; i < cx->policy->n_range; i++) {
    const RangePolicy *p = &cx->policy->range[i];
    add_range(&r, p->tensor, p->lo, p->hi);
  }
  if (r.n == 0) return;
  qsort(r.range, (size_t)r.n, sizeof *r.range, by_tensor);
  fputs("ranges:\n", f);
  for (int i = 0; i < r.n; i++) {
    if (i > 0 && strcmp(r.range[i].tensor, r.range[i - 1].tensor) == 0) continue;
    fputs("  ", f);
    print_yaml_text(f, r.range[i].tensor);
    fprintf(f, ": [%.9g, %.9g]\n", (double)r.range[i].lo, (double)r.range[i].hi);
  }
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void print_match(FILE *f, const char *output) {
  fputs("  - match: {output: ", f);
  print_yaml_text(f, output);
  fputs("}\n", f);
}

static void print_weights(FILE *f, const WeightChoice *w) {
  if (w->format == NULL) {
    fprintf(f, "    weights: {format: %s}\n", format_text(NULL, w->real));
    return;
  }
  fprintf(f, "    weights: {format: %s, granularity: %s", w->format->name,
          granularity_name(w->granularity));
  if (w->granularity == GRAN_GROUP) fprintf(f, ", group: %lld", (long long)w->group);
  if (w->scale_bits > 0 && w->scale_bits < 8)
    fprintf(f, ", scale_bits: %lld", (long long)w->scale_bits);
  fprintf(f, ", solver: %s", w->solver);
  if (find_solver(w->solver)->needs != 0)
    fprintf(f, ", damp: %.9g, act_order: %s, alpha: %.9g, sweeps: %lld", w->damp,
            w->act_order ? "static" : "none", w->alpha, (long long)w->sweeps);
  if (w->keep > 0) fprintf(f, ", pattern: %lld:%lld", (long long)w->keep, (long long)w->of);
  else if (w->sparsity > 0) fprintf(f, ", sparsity: %.9g", w->sparsity);
  if (w->format->book_size > 0)
    fprintf(f, ", codebook: %s", w->own_books ? "channel" : "tensor");
  fprintf(f, "%s}\n", w->compact ? ", layout: compact" : w->fast ? ", layout: fast" : "");
}

/* `used`, here and below: the policy asks for it where no rule says otherwise. */
static void print_outliers(FILE *f, const OutlierChoice *c, bool used) {
  if (c->rate > 0)
    fprintf(f,
            "    outliers: {sparse: {rate: %.9g, rule: %s, iqr: %.9g, sensitive: %.9g, "
            "threshold: %.9g}}\n",
            c->rate, c->rule, c->iqr, c->sensitive, c->threshold);
  else if (used) fputs("    outliers: {sparse: {rate: 0}}\n", f);
}

static void print_correction(FILE *f, const WeightChoice *w, bool used) {
  if (w->correct > 0)
    fprintf(f, "    lora: {correct: %lld, by: %s}\n", (long long)w->correct,
            w->by_weights ? "weights" : "outputs");
  else if (used) fputs("    lora: {correct: none}\n", f);
}

static void print_activations(FILE *f, const ActChoice *c) {
  const char *format = format_text(c->format, c->real);
  if (c->format == NULL || !c->dynamic) {
    fprintf(f, "    activations: {format: %s, symmetric: %s}\n", format,
            c->symmetric ? "true" : "false");
    return;
  }
  fprintf(f, "    activations: {format: %s, mode: dynamic, granularity: %s", format,
          granularity_name(c->granularity));
  if (c->granularity == GRAN_GROUP) fprintf(f, ", group: %lld", (long long)c->group);
  fprintf(f, ", clip: %.9g}\n", c->clip);
}

/* Is it what a policy says that says nothing? */
static bool is_plain(const ActChoice *c) { return c->format == NULL && c->real == DT_F32; }

static void print_rules(FILE *f, const Resolution *res, const Policy *p) {
  bool outliers = policy_real(p, "outliers.sparse.rate") > 0;
  bool corrections = strcmp(policy_value(p, "lora.correct"), "none") != 0;
  int n = 0;
  for (int i = 0; i < res->n_in; i++) {
    if (is_plain(&res->input[i].act)) continue;
    if (n++ == 0) fputs("rules:\n", f);
    print_match(f, resolved_name(res, res->input[i].input));
    print_activations(f, &res->input[i].act);
  }
  for (int i = 0; i < res->n_node; i++) {
    const NodeChoice *c = &res->node[i];
    bool weights = c->weights != NULL && (c->w.format != NULL || c->w.real != DT_F32);
    if (c->out == NULL || is_low_rank(c->node) || (!weights && is_plain(&c->act))) continue;
    if (n++ == 0) fputs("rules:\n", f);
    print_match(f, resolved_name(res, c->out));
    if (weights) print_weights(f, &c->w);
    if (c->w.format != NULL) print_outliers(f, &c->w.outliers, outliers);
    if (c->w.format != NULL) print_correction(f, &c->w, corrections);
    if (!is_plain(&c->act)) print_activations(f, &c->act);
  }
}

/* ---- provenance ------------------------------------------------------------------------------ */

/* Are only those of its codes stored that are not 0? */
static bool is_stored_sparse(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    const Kernel *k = n->kernel;
    if (n->n_in > 1 && n->in[1] == t) return k && k->packing == PACK_SPARSE;
  }
  return false;
}

/* Bits of what lies beside the codes t. */
static double outlier_bits(const Graph *g, const Tensor *t) {
  double bits = 0;
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    int at = outlier_input(n);
    if (at == 0 || n->in[at < 3 ? 0 : 1] != t) continue;
    for (int k = at; k < at + 3; k++) bits += 8.0 * (double)tensor_bytes(n->in[k]);
    break;
  }
  return bits;
}

double bits_per_element(const Graph *g, const Tensor *t) {
  const QuantSpec *q = t->quant;
  int64_t elements = n_elements(t);
  if (elements <= 0) return 0;
  double bits = (double)code_bits(t);
  if (is_stored_sparse(g, t)) bits = 8.0 * (double)sparse_bytes(t);
  bits += outlier_bits(g, t);
  bits += 8.0 * (double)(q->n_book * book_bytes(q));
  if (q->multiple == NULL) return (bits + 32.0 * (double)q->n) / (double)elements;
  int64_t channels = q->axis >= 0 ? t->dim[q->axis] : 1;
  bits += 8.0 * (double)multiple_bytes(q->multiple, channels, q->n / channels);
  return (bits + 32.0 * (double)channels) / (double)elements;
}

static void print_tensor(FILE *f, const Graph *g, const Tensor *t) {
  const QuantSpec *q = t->quant;
  fputs("    - {name: ", f);
  print_yaml_text(f, t->name);
  fprintf(f, ", format: %s, granularity: %s", q->format->name,
          q->group > 0 ? "group" : q->axis >= 0 ? "channel" : "tensor");
  if (q->group > 0) fprintf(f, ", group: %lld", (long long)q->group);
  if (is_const(t))
    fprintf(f, ", elements: %lld, bits: %.4f}\n", (long long)n_elements(t),
            bits_per_element(g, t));
  else fprintf(f, ", scale: %.9g, zero: %d}\n", (double)q->scale[0], (int)q->zero[0]);
}

static void print_hash(FILE *f, const char *key, uint64_t hash) {
  if (hash != 0) fprintf(f, "  %s: \"%016" PRIx64 "\"\n", key, hash);
}

static void print_provenance(FILE *f, const Graph *g, const Context *cx) {
  const Policy *p = cx->policy;
  fprintf(f, "lock:\n  qcc: \"%s\"\n", QCC_VERSION);
  print_hash(f, "model", g->hash);
  print_hash(f, "policy", p->hash);
  print_hash(f, "calibration", cx->calib != NULL ? cx->calib->hash : p->lock.calibration);
  print_hash(f, "adapter", cx->adapted != NULL ? cx->adapted->hash : 0);
  int n = 0;
  for (int i = 0; i < g->n_tensor; i++) {
    const QuantSpec *q = g->tensor[i]->quant;
    if (q == NULL || q->format == NULL || q->n < 1) continue;
    if (n++ == 0) fputs("  tensors:\n", f);
    print_tensor(f, g, g->tensor[i]);
  }
}

void write_lock(FILE *f, const Graph *g, const Context *cx) {
  fputs(
      "# Written by qcc. Compiling the model with this file as its policy gives the same output.\n",
      f);
  fputs("version: 1\n", f);
  print_provenance(f, g, cx);
  print_policy_inputs(f, cx->policy);
  print_policy_globals(f, cx->policy, false);
  if (cx->resolution != NULL) print_rules(f, cx->resolution, cx->policy);
  print_ranges(f, g, cx);
}
