/* arena_section.c - the arena as a picture: time from left to right, addresses upwards, a box for
 * every tensor, and the moment at which most is in use. */
#include <string.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"
#include "passes/lower/liveness.h"

bool has_arena(const Report *r) { return r->j->g->arena_bytes > 0; }

/* Moments go from -1, the inputs, to the number of nodes, the outputs. */
static int64_t use_at(const Liveness *l, int moment) {
  int64_t top = 0;
  for (int i = 0; i < l->n_buffer; i++) {
    const Block *b = &l->buffer[i].block;
    if (b->first <= moment && moment <= b->last) top += b->bytes;
  }
  return top;
}

static int peak_moment(const Liveness *l) {
  int peak = -1;
  for (int m = 0; m <= l->n_node; m++)
    if (use_at(l, m) > use_at(l, peak)) peak = m;
  return peak;
}

static const char *moment_name(const Report *r, int moment) {
  if (moment < 0) return "the inputs";
  return moment < r->n_layer ? r->layer[moment].node->name : "the outputs";
}

typedef struct Box {
  const char *name;
  int64_t offset, bytes;
  int first, last; /* moments */
  bool is_scratch; /* working memory of a kernel */
} Box;

typedef struct Picture {
  int n, n_node;
  Box *box;       /* [n] in the order in which they are filled */
  int peak;       /* moment at which most is in use */
  int64_t in_use; /* bytes then */
} Picture;

/* The last moment at which t is needed. */
static int last_use(const Graph *g, const Tensor *t, int first) {
  if (is_graph_output(g, t)) return g->n_node;
  for (int i = g->n_node - 1; i > first; i--)
    for (int k = 0; k < g->node[i]->n_in; k++)
      if (g->node[i]->in[k] == t) return i;
  return first;
}

static void add_tensor(Picture *p, const Graph *g, const Tensor *t, int first) {
  if (!t || t->offset < 0 || is_const(t)) return;
  p->box[p->n++] = (Box){.name = t->name,
                         .offset = t->offset,
                         .bytes = stored_bytes(t),
                         .first = first,
                         .last = last_use(g, t, first)};
}

/* Every tensor has a box of its own, also where it is made in the place of another one. */
static Picture new_picture(const Report *r) {
  const Graph *g = r->j->g;
  Arena *a = new_arena();
  const Liveness *l = planned_liveness(a, g);
  Picture p = {.n_node = g->n_node, .peak = peak_moment(l)};
  p.in_use = use_at(l, p.peak);
  p.box = arena_alloc(r->a, (g->n_tensor + g->n_node + 1) * (int64_t)sizeof *p.box);
  for (int i = 0; i < g->n_in; i++) add_tensor(&p, g, g->in[i], -1);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    for (int k = 0; k < n->n_out; k++) add_tensor(&p, g, n->out[k], i);
    if (scratch_bytes(n) > 0)
      p.box[p.n++] = (Box){.name = arena_printf(r->a, "%s (scratch)", n->name),
                           .offset = attr_int(n, "scratch_offset", 0),
                           .bytes = scratch_bytes(n),
                           .first = i,
                           .last = i,
                           .is_scratch = true};
  }
  free_arena(a);
  return p;
}

static void draw_box(const Plot *p, const Report *r, const Box *b) {
  const char *title =
      arena_printf(r->a, "%s: %lld bytes at %lld, from %s to %s", b->name, (long long)b->bytes,
                   (long long)b->offset, moment_name(r, b->first), moment_name(r, b->last));
  /* A name that would be cut off says nothing: the page is a thousand pixels wide at the most. */
  double width = (b->last - b->first + 1) / (p->x1 - p->x0), height = (double)b->bytes / p->y1;
  bool fits = width * 920 > 7.5 * (double)strlen(b->name) + 8 && height * 300 > 16;
  plot_box(p, b->first, b->last + 1, (double)b->offset, (double)(b->offset + b->bytes),
           b->is_scratch ? "c4 buffer" : "c1 buffer", fits ? b->name : NULL, title);
}

static void put_boxes(FILE *f, const Report *r, const Picture *p) {
  open_table(f, "All tensors as a table");
  fputs("<th>Tensor</th><th class=\"num\">Bytes</th><th class=\"num\">At</th><th>From</th>"
        "<th>To</th></tr></thead><tbody>\n",
        f);
  for (int i = 0; i < p->n; i++) {
    const Box *b = &p->box[i];
    fputs("<tr>", f);
    put_text_cell(f, b->name);
    put_number_cell(f, b->bytes);
    put_number_cell(f, b->offset);
    put_text_cell(f, moment_name(r, b->first));
    put_text_cell(f, moment_name(r, b->last));
    fputs("</tr>\n", f);
  }
  close_table(f);
}

void html_arena(FILE *f, const Report *r) {
  double top = (double)r->j->g->arena_bytes;
  Picture picture = new_picture(r);
  int peak = picture.peak;
  fputs("<p>Time runs from left to right, a step for each layer; addresses run upwards. A box is a "
        "tensor from the layer that makes it to the last that reads it; one that is made in the "
        "place of another covers it. <span class=\"key b1\"></span>tensors, "
        "<span class=\"key b4\"></span>working memory of a kernel. The dashed frame is the peak: "
        "<b>",
        f);
  put_text(f, moment_name(r, peak));
  fputs("</b> needs ", f);
  put_number(f, picture.in_use);
  fputs(" bytes at once.</p>\n", f);
  Plot p = open_plot(
      f, "plot axed", -1, picture.n_node + 1, 0, top, 300,
      arena_printf(r->a, "%d tensors in %.0f bytes; the table below has them all", picture.n, top));
  plot_grid(&p, " B");
  for (int i = 0; i < picture.n; i++) draw_box(&p, r, &picture.box[i]);
  plot_box(&p, peak, peak + 1, 0, top, "peak", NULL, NULL);
  close_plot(&p);
  fputs("<p class=\"axis axed\"><span>inputs</span><span>outputs</span></p>\n", f);
  put_boxes(f, r, &picture);
}

json_t *json_arena(const Report *r) {
  const Graph *g = r->j->g;
  Picture p = new_picture(r);
  json_t *boxes = json_array();
  for (int i = 0; i < p.n; i++) {
    const Box *b = &p.box[i];
    json_array_append_new(boxes,
                          json_pack("{s:s, s:I, s:I, s:i, s:i, s:b}", "name", b->name, "bytes",
                                    (json_int_t)b->bytes, "offset", (json_int_t)b->offset, "first",
                                    b->first, "last", b->last, "scratch", b->is_scratch));
  }
  return json_pack("{s:I, s:I, s:i, s:I, s:o}", "bytes", (json_int_t)g->arena_bytes, "bound",
                   (json_int_t)g->arena_bound, "peak", p.peak, "in_use", (json_int_t)p.in_use,
                   "tensors", boxes);
}
