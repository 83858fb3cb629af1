/* network.c - the compiled network, a row per layer in execution order: who reads whom as lines at
 * its left, then format, bits, bytes, work. */
#include <string.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

enum { ROW = 68, LANE = 12, FIRST_LANE = 14, MAX_LANES = 6 };

/* ---- who reads whom: lanes for the edges that pass over rows ------------------------------- */

static int last_reader(const Report *r, int from) {
  const Node *n = r->layer[from].node;
  int last = from;
  for (int i = from + 1; i < r->n_layer; i++)
    for (int k = 0; k < r->layer[i].node->n_in; k++)
      for (int o = 0; o < n->n_out; o++)
        if (n->out[o] && r->layer[i].node->in[k] == n->out[o]) last = i;
  return last;
}

static bool reads(const Node *n, const Node *maker) {
  for (int k = 0; k < n->n_in; k++)
    if (n->in[k] && n->in[k]->def == maker) return true;
  return false;
}

/* A lane right of the main line that is free until `from`; the last one when all are taken. */
static int take_lane(int busy_until[MAX_LANES], int from, int to) {
  int lane = 0;
  while (lane < MAX_LANES - 1 && busy_until[lane] > from) lane++;
  if (to > busy_until[lane]) busy_until[lane] = to;
  return lane;
}

static int y_of(int row) { return row * ROW + 18; }
static int lane_x(int lane) { return FIRST_LANE + LANE * (lane + 1); }

static void draw_skip(FILE *f, int from, int to, int lane) {
  int x = lane_x(lane), y = y_of(from), end = y_of(to);
  fprintf(f, "<path class=\"edge skip\" d=\"M%d %dC%d %d %d %d %d %d", FIRST_LANE, y, x, y, x,
          y + 4, x, y + 20);
  fprintf(f, "V%dC%d %d %d %d %d %d\"/>", end - 20, x, end - 4, x, end, FIRST_LANE, end);
}

/* Width of the lanes in pixels. */
static int draw_edges(FILE *f, const Report *r) {
  int busy[MAX_LANES] = {0}, lanes = 0;
  for (int i = 0; i < r->n_layer; i++) {
    const Node *n = r->layer[i].node;
    int last = last_reader(r, i);
    if (i + 1 < r->n_layer && reads(r->layer[i + 1].node, n))
      fprintf(f, "<line class=\"edge\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>", FIRST_LANE,
              FIRST_LANE, y_of(i), y_of(i + 1));
    if (last <= i + 1) continue;
    int lane = take_lane(busy, i, last);
    lanes = lane + 1 > lanes ? lane + 1 : lanes;
    for (int k = i + 2; k <= last; k++)
      if (reads(r->layer[k].node, n)) draw_skip(f, i, k, lane);
  }
  for (int i = 0; i < r->n_layer; i++)
    fprintf(f, "<circle class=\"%s\" cx=\"%d\" cy=\"%d\" r=\"%d\"/>",
            r->layer[i].weights ? "c1" : "quiet", FIRST_LANE, y_of(i), r->layer[i].weights ? 6 : 4);
  return lane_x(lanes - 1) + 12;
}

/* ---- rows ------------------------------------------------------------------------------------ */

typedef struct Most {
  double bytes, macs, cost;
} Most;

static double cost_of(const Report *r, int i) {
  return i < r->run.n_mark ? (double)r->run.mark[i] : 0;
}

static Most most_of(const Report *r) {
  Most m = {0};
  for (int i = 0; i < r->n_layer; i++) {
    const LayerFacts *l = &r->layer[i];
    if ((double)l->bytes > m.bytes) m.bytes = (double)l->bytes;
    if ((double)l->macs > m.macs) m.macs = (double)l->macs;
    if (cost_of(r, i) > m.cost) m.cost = cost_of(r, i);
  }
  return m;
}

static void put_meter(FILE *f, const Report *r, const char *name, double v, double most,
                      const char *style) {
  if (v == 0) return;
  fprintf(f, "<span class=\"meter\"><span class=\"label\">%s</span>", name);
  put_bar(f, v, most, 0, 0, style, arena_printf(r->a, "%s: %.0f", name, v));
  fputs("<span class=\"value\">", f);
  put_number(f, (int64_t)v);
  fputs("</span></span>", f);
}

static const char *shape_of(const Report *r, const Node *n) {
  return n->n_out > 0 && n->out[0] ? shape_text(r->a, n->out[0]) : "";
}

static void put_layer(FILE *f, const Report *r, int i, const Most *most) {
  const LayerFacts *l = &r->layer[i];
  fputs("<li><span class=\"what\"><span class=\"title\"><b title=\"", f);
  put_text(f, l->node->name);
  fputs("\">", f);
  put_text(f, l->node->name);
  fputs("</b>", f);
  if (l->format)
    fprintf(f, "<span class=\"chip\" title=\"%.2f bits per weight, with scales\">%s</span>",
            l->bits, l->format);
  fputs("</span><span class=\"quiet-text\">", f);
  put_textf(f, "%s %s", l->node->op->name, shape_of(r, l->node));
  fputs("</span></span><span class=\"meters\">", f);
  put_meter(f, r, "bytes", (double)l->bytes, most->bytes, "c1");
  put_meter(f, r, "MACs", (double)l->macs, most->macs, "c3");
  if (r->run.n_mark)
    put_meter(f, r, r->run.is_time ? "ns" : "instr.", cost_of(r, i), most->cost, "c2");
  fputs("</span></li>\n", f);
}

static void put_table(FILE *f, const Report *r) {
  open_table(f, "All figures as a table");
  fputs("<th>Layer</th><th>Operator</th><th>Kernel</th><th>Output</th><th>Format</th>"
        "<th class=\"num\">Bits</th><th class=\"num\">Weights</th><th class=\"num\">Bytes</th>"
        "<th class=\"num\">MACs</th>",
        f);
  if (r->run.n_mark)
    fprintf(f, "<th class=\"num\">%s</th>", r->run.is_time ? "ns" : "Instructions");
  fputs("</tr></thead><tbody>\n", f);
  for (int i = 0; i < r->n_layer; i++) {
    const LayerFacts *l = &r->layer[i];
    fputs("<tr>", f);
    put_text_cell(f, l->node->name);
    put_text_cell(f, l->node->op->name);
    put_text_cell(f, l->kernel ? l->kernel : "–");
    put_text_cell(f, shape_of(r, l->node));
    put_text_cell(f, l->format ? l->format : "–");
    if (l->weights) fprintf(f, "<td class=\"num\">%.2f</td>", l->bits);
    else put_number_cell(f, -1);
    put_number_cell(f, l->weights ? n_elements(l->weights) : -1);
    put_number_cell(f, l->weights ? l->bytes : -1);
    put_number_cell(f, l->macs);
    if (r->run.n_mark) put_number_cell(f, (int64_t)cost_of(r, i));
    fputs("</tr>\n", f);
  }
  close_table(f);
}

void html_network(FILE *f, const Report *r) {
  Most most = most_of(r);
  fputs("<p>In execution order; lines at the left lead from a layer to those that read it. Large "
        "circles have weights.</p>\n<div class=\"network\">\n",
        f);
  fprintf(f,
          "<svg class=\"edges\" height=\"%d\" role=\"img\" aria-label=\"which layer reads which\">",
          r->n_layer * ROW);
  int width = draw_edges(f, r);
  fprintf(f, "</svg>\n<ol style=\"margin-left:%dpx\">\n", width);
  for (int i = 0; i < r->n_layer; i++) put_layer(f, r, i, &most);
  fputs("</ol></div>\n", f);
  put_table(f, r);
}

static json_t *or_null(json_t *v, bool known) {
  if (known) return v;
  json_decref(v);
  return json_null();
}

static json_t *layer_json(const Report *r, int i) {
  const LayerFacts *l = &r->layer[i];
  bool counted = i < r->run.n_mark;
  json_t *shape = json_array();
  const Tensor *out = l->node->n_out > 0 ? l->node->out[0] : NULL;
  for (int d = 0; out && d < out->rank; d++)
    json_array_append_new(shape, json_integer(out->dim[d]));
  json_t *o = json_pack("{s:s, s:s, s:s?, s:o, s:I, s:s?}", "name", l->node->name, "op",
                        l->node->op->name, "kernel", l->kernel, "shape", shape, "macs",
                        (json_int_t)l->macs, "format", l->format);
  json_object_set_new(o, "bits", or_null(json_real(l->bits), l->weights));
  json_object_set_new(o, "weights",
                      or_null(json_integer(l->weights ? n_elements(l->weights) : 0), l->weights));
  json_object_set_new(o, "bytes", or_null(json_integer(l->bytes), l->weights));
  json_t *cost = json_integer((json_int_t)cost_of(r, i));
  json_object_set(o, "instructions", counted && !r->run.is_time ? cost : json_null());
  json_object_set(o, "nanoseconds", counted && r->run.is_time ? cost : json_null());
  json_decref(cost);
  return o;
}

json_t *json_network(const Report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->n_layer; i++) json_array_append_new(list, layer_json(r, i));
  return list;
}

void text_network(FILE *f, const Report *r) {
  Most most = most_of(r);
  fprintf(f, "%-28s %-12s %-10s %6s %9s %11s", "layer", "operator", "format", "bits", "bytes",
          "MACs");
  if (r->run.n_mark) fprintf(f, " %12s", r->run.is_time ? "ns" : "instructions");
  fputs("  bytes\n", f);
  for (int i = 0; i < r->n_layer; i++) {
    const LayerFacts *l = &r->layer[i];
    fprintf(f, "%-28.28s %-12.12s %-10s ", l->node->name, l->node->op->name,
            l->format ? l->format : "-");
    if (l->weights) fprintf(f, "%6.2f %9lld", l->bits, (long long)l->bytes);
    else fprintf(f, "%6s %9s", "-", "-");
    fprintf(f, " %11lld", (long long)l->macs);
    if (r->run.n_mark) fprintf(f, " %12.0f", cost_of(r, i));
    put_text_bar(f, (double)l->bytes, most.bytes);
  }
}
