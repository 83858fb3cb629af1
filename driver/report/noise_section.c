/* noise_section.c - signal to quantization noise along the graph: of each layer by itself, and of
 * all that has come together. */
#include <math.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

bool has_noise(const Report *r) {
  for (int i = 0; i < r->n_noise; i++)
    if (r->noise[i].all > 0) return true;
  return false;
}

/* One of the two curves; layers without an error have no point. */
static void draw_curve(const Plot *p, const Report *r, bool own, const char *line,
                       const char *dot) {
  double before = NAN;
  for (int i = 0; i < r->n_noise; i++) {
    const Noise *n = &r->noise[i];
    double db = decibels(n->signal, own ? n->own : n->all);
    if (isfinite(before) && isfinite(db)) plot_line(p, i - 0.5, before, i + 0.5, db, line);
    before = isfinite(db) ? db : NAN;
  }
  for (int i = 0; i < r->n_noise; i++) {
    const Noise *n = &r->noise[i];
    double db = decibels(n->signal, own ? n->own : n->all);
    if (isfinite(db))
      plot_point(
          p, i + 0.5, db, dot,
          arena_printf(r->a, "%s: %.1f dB %s", n->name, db, own ? "by itself" : "accumulated"));
  }
}

static void put_decibel_cell(FILE *f, double db) {
  if (isfinite(db)) fprintf(f, "<td class=\"num\">%.1f</td>", db);
  else fputs("<td class=\"num\">exact</td>", f);
}

void html_noise(FILE *f, const Report *r) {
  double lo = 0, hi = 10;
  for (int i = 0; i < r->n_noise; i++)
    for (int k = 0; k < 2; k++) {
      double db = decibels(r->noise[i].signal, k ? r->noise[i].own : r->noise[i].all);
      if (!isfinite(db)) continue;
      hi = fmax(hi, db);
      lo = fmin(lo, db);
    }
  fputs("<p>Signal to noise of every layer on the samples, in dB: more is better, 6 dB are a bit. "
        "<span class=\"key b1\"></span>accumulated in the quantized network, "
        "<span class=\"key b2\"></span>what the layer adds when all that it reads is exact.</p>\n",
        f);
  Plot p = open_plot(f, "plot axed", 0, r->n_noise, lo, hi * 1.08, 260,
                     "signal to noise by layer; the table has the figures");
  plot_grid(&p, " dB");
  draw_curve(&p, r, true, "s2 thin", "c2 dot");
  draw_curve(&p, r, false, "s1", "c1 dot");
  close_plot(&p);
  fputs("<p class=\"axis axed\"><span>first layer</span><span>last layer</span></p>\n", f);
  open_table(f, "All figures as a table");
  fputs("<th>Tensor</th><th>Operator</th><th class=\"num\">Own, dB</th>"
        "<th class=\"num\">Accumulated, dB</th></tr></thead><tbody>\n",
        f);
  for (int i = 0; i < r->n_noise; i++) {
    const Noise *n = &r->noise[i];
    fputs("<tr>", f);
    put_text_cell(f, n->name);
    put_text_cell(f, n->op);
    put_decibel_cell(f, decibels(n->signal, n->own));
    put_decibel_cell(f, decibels(n->signal, n->all));
    fputs("</tr>\n", f);
  }
  close_table(f);
}

json_t *json_noise(const Report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->n_noise; i++) {
    const Noise *n = &r->noise[i];
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "tensor", n->name, "op", n->op,
                                          "own_db", decibels_json(n->signal, n->own),
                                          "accumulated_db", decibels_json(n->signal, n->all)));
  }
  return list;
}

void text_noise(FILE *f, const Report *r) {
  double most = 1;
  for (int i = 0; i < r->n_noise; i++) {
    double db = decibels(r->noise[i].signal, r->noise[i].all);
    if (isfinite(db)) most = fmax(most, db);
  }
  fprintf(f, "%-28s %-12s %8s %8s  accumulated SQNR\n", "tensor", "operator", "own dB", "all dB");
  for (int i = 0; i < r->n_noise; i++) {
    const Noise *n = &r->noise[i];
    double own = decibels(n->signal, n->own), all = decibels(n->signal, n->all);
    fprintf(f, "%-28.28s %-12.12s %8.1f %8.1f", n->name, n->op, own, all);
    put_text_bar(f, isfinite(all) ? all : 0, most);
  }
}
