/* report.c - report.json: what was compiled, layer by layer, for people and scripts. */
#include <jansson.h>
#include <stdlib.h>

#include "codegen/codegen.h"

static json_t *shape_json(const Tensor *t) {
  json_t *a = json_array();
  for (int i = 0; i < t->rank; i++) json_array_append_new(a, json_integer(t->dim[i]));
  return a;
}

static json_t *tensor_json(const Tensor *t) {
  json_t *o = json_pack("{s:s, s:s, s:o, s:I, s:I}", "name", t->name, "type", dtype_name(t->dtype),
                        "shape", shape_json(t), "offset", (json_int_t)t->offset, "bytes",
                        (json_int_t)stored_bytes(t));
  if (t->quant && t->quant->n == 1) {
    json_object_set_new(o, "scale", json_real(t->quant->scale[0]));
    json_object_set_new(o, "zero", json_integer(t->quant->zero[0]));
  }
  return o;
}

/* By variant. */
static json_t *kernels_json(const Node *n, const Target *t) {
  json_t *o = json_object();
  for (int v = 0; v < n->n_variant; v++)
    json_object_set_new(o, t->variant[v].target->name, json_string(variant_kernel(n, v)->name));
  return o;
}

/* Weights beside the codes. */
static json_t *outliers_json(const Node *n) {
  int64_t bytes = 0, at = outlier_input(n);
  for (int64_t i = at; i < at + 3; i++) bytes += stored_bytes(n->in[i]);
  return json_pack("{s:I, s:I}", "count", (json_int_t)n_elements(n->in[at + 1]), "bytes",
                   (json_int_t)bytes);
}

static json_t *layer_json(Arena *a, const Node *n, const Target *t) {
  const Kernel *k = n->kernel;
  json_t *o = json_pack("{s:s, s:s, s:s?, s:I}", "name", n->name, "op", n->op->name, "kernel",
                        k ? k->name : NULL, "macs", (json_int_t)node_macs(n));
  if (n->n_variant) json_object_set_new(o, "kernels", kernels_json(n, t));
  if (has_packed_weights(n)) {
    const Tensor *w = n->in[1];
    int64_t bytes;
    pack_weights(a, n, k, &bytes);
    if (outlier_input(n)) json_object_set_new(o, "outliers", outliers_json(n));
    json_object_set_new(o, "weights",
                        json_pack("{s:s, s:o, s:I}", "format",
                                  w->quant             ? w->quant->format->name
                                  : w->dtype == DT_F32 ? "float32"
                                                       : dtype_name(w->dtype),
                                  "shape", shape_json(w), "bytes", (json_int_t)bytes));
  }
  json_object_set_new(o, "output", tensor_json(n->out[0]));
  return o;
}

/* The layers that an adapter changed. */
static json_t *adapter_json(const Adapted *a) {
  json_t *layers = json_array();
  for (int i = 0; i < a->n; i++)
    json_array_append_new(layers, json_pack("{s:s, s:I}", "name", a->layer[i].node, "rank",
                                            (json_int_t)a->layer[i].rank));
  return json_pack("{s:s, s:s?, s:o}", "mode", a->merged ? "merge" : "branch", "base", a->base, "layers",
                   layers);
}

/* What bands cost and save; null where nothing is computed in bands. */
static json_t *patch_json(const PlanReport *r) {
  if (!r || r->n_patch == 0) return json_null();
  json_t *parts = json_array();
  for (int i = 0; i < r->n_patch; i++) {
    const Patch *p = &r->patch[i];
    json_array_append_new(parts, json_pack("{s:s, s:s, s:I, s:I, s:I}", "first", p->first, "last",
                                           p->last, "bands", (json_int_t)p->bands, "macs_before",
                                           (json_int_t)p->macs, "macs",
                                           (json_int_t)(p->macs + p->extra_macs)));
  }
  return json_pack("{s:I, s:o}", "arena_before", (json_int_t)r->unpatched_arena, "parts", parts);
}

/* The arena by region; null where it lies in one piece. */
static json_t *parts_json(const Graph *g) {
  if (g->n_part < 2) return json_null();
  json_t *parts = json_array();
  for (int i = 0; i < g->n_part; i++)
    json_array_append_new(parts, json_pack("{s:s, s:I, s:I}", "region", g->part[i].region, "start",
                                           (json_int_t)g->part[i].start, "bytes",
                                           (json_int_t)part_bytes(g, i)));
  return parts;
}

/* Constants by region; null where they are all in the first one. */
static json_t *regions_json(const Graph *g, const Target *t, const ConstantBytes *c) {
  WeightRegions r;
  if (!spread_weights(g, t, c, &r) || r.n == 0) return json_null();
  json_t *parts = json_array();
  for (int i = 0; i < r.n; i++)
    json_array_append_new(parts, json_pack("{s:s, s:I}", "region", r.part[i].name, "bytes",
                                           (json_int_t)r.part[i].bytes));
  return parts;
}

void write_report(FILE *f, const Graph *g, Context *cx, const CodegenOptions *o) {
  ConstantBytes c = count_constants(g, cx, o);
  json_t *layers = json_array(), *notes = json_array(), *inputs = json_array(),
         *outputs = json_array(), *states = json_array();
  for (int i = 0; i < g->n_node; i++)
    json_array_append_new(layers, layer_json(cx->arena, g->node[i], cx->target));
  for (int i = 0; i < n_inputs(g); i++) json_array_append_new(inputs, tensor_json(g->in[i]));
  for (int i = 0; i < n_outputs(g); i++) json_array_append_new(outputs, tensor_json(g->out[i]));
  for (int i = n_inputs(g); i < g->n_in; i++) json_array_append_new(states, tensor_json(g->in[i]));
  for (int i = 0; cx->report && i < cx->report->n_note; i++)
    json_array_append_new(notes, json_pack("{s:s, s:s}", "node", cx->report->note[i].node, "text",
                                           cx->report->note[i].text));
  const char *target = cx->target ? cx->target->name : "none";
  json_t *arena = json_pack("{s:I, s:I, s:o}", "bytes", (json_int_t)g->arena_bytes, "lower_bound",
                            (json_int_t)g->arena_bound, "parts", parts_json(g));
  json_t *constants =
      json_pack("{s:I, s:I, s:I, s:o}", "weights", (json_int_t)c.weights, "biases",
                (json_int_t)c.biases, "tables", (json_int_t)c.tables, "parts",
                regions_json(g, cx->target, &c));
  json_t *root =
      json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "qcc", QCC_VERSION,
                "name", o->name, "target", target, "optimize", o->optimize, "arena", arena,
                "patches", patch_json(cx->report), "constants", constants, "inputs", inputs,
                "outputs", outputs, "states", states, "layers", layers, "notes", notes);
  if (!root) bug("report.json cannot be built");
  if (cx->adapted) json_object_set_new(root, "adapter", adapter_json(cx->adapted));
  json_dumpf(root, f, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
  fputc('\n', f);
  json_decref(root);
}
