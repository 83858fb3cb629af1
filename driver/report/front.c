/* front.c - what the search chose from: the Pareto front of bytes and cost, the choices that were
 * measured, and the one that won, from the file that `qcc search` wrote beside its policy. */
#include <math.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

bool has_front(const Report *r) { return r->front != NULL; }

/* A choice of candidates. */
typedef struct Point {
  double weights, cost;
} Point;

static bool read_point(json_t *entry, Point *p) {
  return json_unpack(entry, "{s:F, s:F}", "weights", &p->weights, "cost", &p->cost) == 0;
}

static bool is_list_of_points(json_t *list) {
  json_t *entry;
  size_t i;
  Point p;
  if (!json_is_array(list)) return false;
  json_array_foreach(list, i, entry) if (!read_point(entry, &p)) return false;
  return true;
}

static bool read_layer(json_t *entry, const char **name, const char **candidate, double *cost) {
  return json_unpack(entry, "{s:s, s:s, s:F}", "name", name, "candidate", candidate, "cost",
                     cost) == 0;
}

static bool is_front(json_t *root) {
  const char *text, *candidate;
  json_t *layers = json_object_get(root, "layers"), *entry;
  size_t i;
  double cost;
  Point p;
  if (!json_is_string(json_object_get(root, "metric")) || !json_is_array(layers)) return false;
  json_array_foreach(layers, i,
                     entry) if (!read_layer(entry, &text, &candidate, &cost)) return false;
  return read_point(json_object_get(root, "chosen"), &p) &&
         is_list_of_points(json_object_get(root, "measured")) &&
         is_list_of_points(json_object_get(root, "front"));
}

json_t *read_front(Arena *a, const char *path) {
  json_t *root = read_json(a, path);
  if (!is_front(root)) error("%s: expected the .front.json of a qcc search", path);
  return root;
}

/* ---- the picture: bytes to the right, the logarithm of the cost upwards ----------------------- */

static double height_of(double cost, double least) { return log10(fmax(cost, least)); }

typedef struct Bounds {
  double x0, x1, least, most;
} Bounds;

static void widen(Bounds *b, json_t *list) {
  json_t *entry;
  size_t i;
  json_array_foreach(list, i, entry) {
    Point p;
    if (!read_point(entry, &p)) continue;
    b->x0 = fmin(b->x0, p.weights);
    b->x1 = fmax(b->x1, p.weights);
    b->most = fmax(b->most, p.cost);
    if (p.cost > 0) b->least = fmin(b->least, p.cost);
  }
}

static Bounds bounds_of(const Report *r) {
  Bounds b = {INFINITY, -INFINITY, INFINITY, -INFINITY};
  json_t *chosen = json_pack("[O]", json_object_get(r->front, "chosen"));
  widen(&b, json_object_get(r->front, "front"));
  widen(&b, json_object_get(r->front, "measured"));
  widen(&b, chosen);
  json_decref(chosen);
  if (!(b.least < INFINITY)) b.least = b.most = 1;
  if (!(b.x1 > b.x0)) b.x0 -= 1, b.x1 += 1;
  return b;
}

static const char *point_text(const Report *r, const Point *p, const char *what) {
  return arena_printf(r->a, "%s: %.0f bytes of weights, cost %.4g", what, p->weights, p->cost);
}

/* The least cost at each number of bytes: level up to the next point, then down. */
static void draw_front(const Plot *plot, const Report *r, const Bounds *b) {
  json_t *list = json_object_get(r->front, "front"), *entry;
  size_t i;
  Point before = {0};
  json_array_foreach(list, i, entry) {
    Point p;
    if (!read_point(entry, &p)) continue;
    double y = height_of(p.cost, b->least), was = height_of(before.cost, b->least);
    if (i > 0) {
      plot_line(plot, before.weights, was, p.weights, was, "s1");
      plot_line(plot, p.weights, was, p.weights, y, "s1");
    }
    before = p;
  }
}

static void draw_points(const Plot *plot, const Report *r, const Bounds *b, const char *key,
                        const char *style, const char *what) {
  json_t *entry;
  size_t i;
  json_array_foreach(json_object_get(r->front, key), i, entry) {
    Point p;
    if (read_point(entry, &p))
      plot_point(plot, p.weights, height_of(p.cost, b->least), style, point_text(r, &p, what));
  }
}

static void draw(FILE *f, const Report *r) {
  Bounds b = bounds_of(r);
  Point chosen;
  double room = 0.04 * (b.x1 - b.x0), y0 = floor(height_of(b.least, b.least)),
         y1 = ceil(height_of(b.most, b.least));
  if (!(y1 > y0)) y1 = y0 + 1;
  Plot p = open_plot(f, "plot axed", b.x0 - room, b.x1 + room, y0, y1, 300,
                     "cost over bytes of weights: the front, measured choices, and the chosen one");
  for (double power = y0; power <= y1; power++) {
    char text[16];
    snprintf(text, sizeof text, "1e%.0f", power);
    plot_tick(&p, power, text);
  }
  draw_front(&p, r, &b);
  draw_points(&p, r, &b, "front", "c1 small", "on the front");
  draw_points(&p, r, &b, "measured", "c3 dot", "measured");
  if (read_point(json_object_get(r->front, "chosen"), &chosen)) {
    double y = height_of(chosen.cost, b.least);
    plot_line(&p, chosen.weights, y0, chosen.weights, y1, "s2 thin");
    plot_point(&p, chosen.weights, y, "c2 dot", point_text(r, &chosen, "chosen"));
  }
  close_plot(&p);
  fprintf(f,
          "<p class=\"axis axed\"><span>%.0f bytes of weights</span><span>%.0f bytes</span></p>\n",
          b.x0, b.x1);
}

static void put_choice(FILE *f, const Report *r) {
  json_t *entry;
  size_t i;
  fputs("<h3>What was chosen</h3>\n<div class=\"scroll\"><table class=\"slim\"><thead><tr>"
        "<th>Layer</th><th>Format</th><th class=\"num\">Cost</th></tr></thead><tbody>\n",
        f);
  json_array_foreach(json_object_get(r->front, "layers"), i, entry) {
    const char *name, *candidate;
    double cost;
    if (!read_layer(entry, &name, &candidate, &cost)) continue;
    fputs("<tr>", f);
    put_text_cell(f, name);
    put_text_cell(f, candidate);
    fprintf(f, "<td class=\"num\">%.3g</td></tr>\n", cost);
  }
  fputs("</tbody></table></div>\n", f);
}

void html_front(FILE *f, const Report *r) {
  fputs("<p>Fewer bytes cost more: the line is the least cost by the metric <b>", f);
  put_text(f, json_string_value(json_object_get(r->front, "metric")));
  fputs("</b> that is possible at each number of bytes of weights, on a logarithmic scale. "
        "<span class=\"key b3\"></span>compiled and measured, <span class=\"key b2\"></span>"
        "chosen.</p>\n",
        f);
  draw(f, r);
  put_choice(f, r);
}

json_t *json_front(const Report *r) { return json_incref(r->front); }
