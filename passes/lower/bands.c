/* bands.c - a part of a graph computed in bands of rows.
 *
 *   y = Conv(Conv(x))   ==>   y = Concat(Conv(Conv(Slice(x, rows 0 to 9))),
 *                                       Conv(Conv(Slice(x, rows 7 to 16))))
 *
 * From the rows of the output that a band computes follow, node by node backwards, the rows of
 * every value that it needs; where windows reach over the border of the image, the band's
 * convolution has the padding that is left.  So each band computes exactly what the whole would.
 * Lin et al., "MCUNetV2" (2021), for any group of nodes with one result. */
#include <string.h>

#include "passes/lower/bands.h"

typedef struct Rows { int64_t from, to; } Rows;  /* from == to: none */

typedef struct Splitter {
  Graph *g;
  const Section *r;
  Rows *need;                /* [n_tensor] rows of each tensor in the band at work */
  Tensor **band;             /* [n_tensor] the tensor that has them, where the section makes it */
  int n_tensor;              /* before anything was added */
  int at;                    /* position of the next new node */
} Splitter;

/* ---- which nodes */

static bool is_image(const Tensor *t) {
  return t && !is_const(t) && t->layout == LAYOUT_NHWC && (t->rank == 3 || t->rank == 4) &&
         t->dim[0] == 1 && t->dim[1] > 0;
}

static bool is_window(const Node *n) {
  static const char *const ops[] = {"QConv", "WConv", "Conv", "MaxPool", "AveragePool",
                                    "QAveragePool"};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (is_op(n, ops[i])) return true;
  return false;
}

static bool is_pool(const Node *n) { return !is_op(n, "Conv") && strstr(n->op->name, "Pool"); }

/* Same shape in and out; other inputs hold one value, or one per channel. */
static bool is_elementwise(const Node *n) {
  bool coder = is_op(n, "Quantize") || is_op(n, "Dequantize");
  if (!coder && !(n->op->flags & OP_POINTWISE)) return false;
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *x = n->in[i];
    if (!x) continue;
    if (is_const(x) ? i == 0 || (x->rank > 1 && !is_op(n, "QLookup"))
                    : !is_image(x) || !same_shape(x, n->out[0]))
      return false;
  }
  return n->n_in > 0;
}

bool splits_in_rows(const Node *n) {
  if (n->n_in == 0 || n->n_out != 1 || !is_image(n->in[0]) || !is_image(n->out[0])) return false;
  if (!is_window(n)) return is_elementwise(n);
  for (int i = 1; i < n->n_in; i++)
    if (n->in[i] && !is_const(n->in[i])) return false;
  /* Windows that ceil_mode lets reach beyond the padding count fewer taps. */
  return !(is_pool(n) && attr_int(n, "ceil_mode", 0) && attr_int(n, "count_include_pad", 0));
}

int64_t count_rows(const Section *r) { return r->node[0]->out[0]->dim[1]; }

static bool contains(const Section *r, const Node *n) {
  for (int i = 0; i < r->n; i++)
    if (r->node[i] == n) return true;
  return false;
}

static bool only_section_reads(const Graph *g, const Section *r, const Tensor *t) {
  if (is_graph_output(g, t)) return false;
  for (int i = 0; i < g->n_node; i++)
    for (int j = 0; j < g->node[i]->n_in; j++)
      if (g->node[i]->in[j] == t && !contains(r, g->node[i])) return false;
  return true;
}

Node *next_node(const Graph *g, const Section *r) {
  Node *best = NULL;
  int last = -1;
  for (int i = 0; i < r->n && r->n < MAX_SECTION; i++) {
    for (int j = 0; j < r->node[i]->n_in; j++) {
      Tensor *t = r->node[i]->in[j];
      Node *n = t ? t->def : NULL;
      if (!n || contains(r, n) || !splits_in_rows(n) || !only_section_reads(g, r, t)) continue;
      int at = node_index(g, n);
      if (at > last) best = n, last = at;
    }
  }
  return best;
}

/* ---- which rows */

/* Rows of input 0 that rows `out` of the output need, and the padding that they have left. */
static Rows input_rows(const Node *n, Rows out, int64_t *before, int64_t *after) {
  Window w;
  *before = *after = 0;
  if (!is_window(n)) return out;
  get_window(n, n->in[0], is_pool(n) ? NULL : n->in[1], &w);
  Rows in = {out.from * w.stride[0] - w.pad[0],
             (out.to - 1) * w.stride[0] - w.pad[0] + (w.kernel[0] - 1) * w.dilation[0] + 1};
  if (in.from < 0) *before = -in.from, in.from = 0;
  if (in.to > w.in[0]) *after = in.to - w.in[0], in.to = w.in[0];
  return in;
}

static void add_need(Splitter *s, const Tensor *t, Rows rows) {
  Rows *need = &s->need[t->id];
  if (need->from == need->to) *need = rows;
  if (rows.from < need->from) need->from = rows.from;
  if (rows.to > need->to) need->to = rows.to;
}

/* What a band of the output needs of everything; false where it needs padding only. */
static bool find_needs(Splitter *s, Rows out) {
  memset(s->need, 0, (size_t)s->n_tensor * sizeof *s->need);
  add_need(s, s->r->node[0]->out[0], out);
  for (int i = 0; i < s->r->n; i++) {
    const Node *n = s->r->node[i];
    int64_t before, after;
    Rows in = input_rows(n, s->need[n->out[0]->id], &before, &after);
    if (in.from >= in.to) return false;
    for (int j = 0; j < n->n_in; j++)
      if (n->in[j] && !is_const(n->in[j])) add_need(s, n->in[j], in);
  }
  return true;
}

/* ---- the new nodes */

/* A constant with one row number, made once. */
static Tensor *row_number(Splitter *s, int64_t row) {
  Graph *g = s->g;
  for (int i = s->n_tensor; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (is_const(t) && t->dtype == DT_I64 && get_int(DT_I64, t->data, 0) == row)
      return g->tensor[i];
  }
  const char *name = arena_printf(g->arena, "row_%lld", (long long)row);
  return new_const_i64(g, fresh_name(g, name), 1, &row);
}

static Tensor *slice_rows(Splitter *s, Tensor *t, Rows have, Rows rows) {
  if (have.from == rows.from && have.to == rows.to) return t;
  Tensor *list[4] = {t, row_number(s, rows.from - have.from), row_number(s, rows.to - have.from),
                     row_number(s, 1)};
  const char *name = arena_printf(s->g->arena, "%s_rows_%lld", t->name, (long long)rows.from);
  Tensor *y = add_op(s->g, s->at++, "Slice", fresh_name(s->g, name), 4, list);
  y->quant = t->quant;
  return y;
}

/* The rows of an input that a copy reads. */
static Tensor *band_input(Splitter *s, Tensor *t, Rows rows) {
  if (t == NULL || is_const(t)) return t;
  if (s->band[t->id]) return slice_rows(s, s->band[t->id], s->need[t->id], rows);
  return slice_rows(s, t, (Rows){0, t->dim[1]}, rows);
}

/* The node once more, for some of its rows. */
static Tensor *copy_rows_of(Splitter *s, const Node *n, Rows out) {
  Graph *g = s->g;
  int64_t before, after;
  Rows in = input_rows(n, out, &before, &after);
  Tensor **list = arena_alloc(g->arena, n->n_in * (int64_t)sizeof *list);
  for (int i = 0; i < n->n_in; i++) list[i] = band_input(s, n->in[i], in);
  const char *rows = arena_printf(g->arena, "_rows_%lld", (long long)out.from);
  Tensor *y = copy_tensor(g, fresh_name(g, arena_printf(g->arena, "%s%s", n->out[0]->name, rows)),
                          n->out[0]);
  y->dim[1] = out.to - out.from;
  Node *copy = add_node(g, s->at++, n->op->name, arena_printf(g->arena, "%s%s", n->name, rows),
                        n->n_in, list, 1, &y);
  copy->loc = n->loc;
  for (int i = 0; i < n->n_attr; i++) set_attr(g, copy, &n->attr[i]);
  if (is_window(n)) {
    Window w;
    get_window(n, n->in[0], is_pool(n) ? NULL : n->in[1], &w);
    int64_t pads[6] = {0};
    for (int d = 0; d < w.spatial; d++) pads[d] = w.pad[d], pads[w.spatial + d] = w.pad_end[d];
    pads[0] = before, pads[w.spatial] = after;
    if (find_attr(copy, "auto_pad")) remove_attr(copy, "auto_pad");
    if (find_attr(copy, "ceil_mode")) remove_attr(copy, "ceil_mode");
    set_ints(g, copy, "pads", 2 * w.spatial, pads);
  }
  set_ints(g, copy, "rows", 2, (int64_t[]){out.from, out.to});
  infer_node(g, copy);
  return y;
}

static Tensor *add_band(Splitter *s) {
  const Section *r = s->r;
  memset(s->band, 0, (size_t)s->n_tensor * sizeof *s->band);
  for (int i = r->n - 1; i >= 0; i--) {
    const Tensor *y = r->node[i]->out[0];
    s->band[y->id] = copy_rows_of(s, r->node[i], s->need[y->id]);
  }
  return s->band[r->node[0]->out[0]->id];
}

static Rows band_rows(const Section *r, int64_t bands, int64_t i) {
  int64_t rows = count_rows(r);
  return (Rows){rows * i / bands, rows * (i + 1) / bands};
}

bool split_section(Graph *g, const Section *r, int64_t bands) {
  Splitter s = {.g = g, .r = r, .n_tensor = g->n_tensor, .at = node_index(g, r->node[0])};
  s.need = arena_alloc(g->arena, g->n_tensor * (int64_t)sizeof *s.need);
  s.band = arena_alloc(g->arena, g->n_tensor * (int64_t)sizeof(Tensor *));
  for (int64_t i = 0; i < bands; i++)
    if (!find_needs(&s, band_rows(r, bands, i))) return false;
  Tensor **part = arena_alloc(g->arena, bands * (int64_t)sizeof *part);
  for (int64_t i = 0; i < bands; i++) {
    find_needs(&s, band_rows(r, bands, i));
    part[i] = add_band(&s);
  }
  Tensor *y = r->node[0]->out[0];
  y->def = NULL, r->node[0]->out[0] = NULL;
  for (int i = 0; i < r->n; i++) remove_node(g, r->node[i]);
  Node *join = add_node(g, s.at - r->n + 1, "Concat", y->name, (int)bands, part, 1, &y);
  set_int(g, join, "axis", 1);
  infer_node(g, join);
  return true;
}
