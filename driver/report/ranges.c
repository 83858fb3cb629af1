/* ranges.c - for every layer how its weights and its output lie, as a histogram, and what of that
 * the codes reach. */
#include <math.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

bool has_ranges(const Report *r) { return r->n_spread > 0; }

/* Heights grow with the logarithm: what is rare is what matters here. */
static double height_of(int64_t count) { return count > 0 ? log10((double)count) + 0.3 : 0; }

static void draw_histogram(FILE *f, const Report *r, const Spread *s) {
  double lo = s->lo, hi = s->hi, most = 1;
  if (s->has_codes) lo = fmin(lo, s->from), hi = fmax(hi, s->to);
  if (!(hi > lo)) hi = lo + 1;
  for (int b = 0; b < SPREAD_BINS; b++) most = fmax(most, height_of(s->bin[b]));
  Plot p =
      open_plot(f, "plot", lo, hi, 0, most, 56, arena_printf(r->a, "histogram of %s", s->name));
  if (s->has_codes)
    plot_box(&p, s->from, s->to, 0, most, "reach", NULL,
             arena_printf(r->a, "codes reach from %.4g to %.4g", (double)s->from, (double)s->to));
  double width = ((double)s->hi - s->lo) / SPREAD_BINS;
  for (int b = 0; b < SPREAD_BINS && width > 0; b++) {
    double from = s->lo + b * width;
    if (s->bin[b] == 0) continue;
    plot_box(
        &p, from, from + width, 0, height_of(s->bin[b]), s->is_weights ? "c1" : "c3", NULL,
        arena_printf(r->a, "%lld from %.4g to %.4g", (long long)s->bin[b], from, from + width));
  }
  close_plot(&p);
}

static void put_spread(FILE *f, const Report *r, const Spread *s) {
  fputs("<figure><figcaption><b>", f);
  put_text(f, s->name);
  fprintf(f, "</b> <span class=\"quiet-text\">%s</span></figcaption>\n",
          s->is_weights ? "weights" : "activations");
  draw_histogram(f, r, s);
  fprintf(f, "<p class=\"axis\"><span>%.4g</span><span>", (double)s->lo);
  if (s->is_weights && s->has_codes && s->noise > 0)
    fprintf(f, "%.1f dB", decibels(s->signal, s->noise));
  else if (!s->is_weights && s->has_codes)
    fprintf(f, "%.3g %% clipped", s->n ? 100 * (double)s->clipped / (double)s->n : 0);
  fprintf(f, "</span><span>%.4g</span></p></figure>\n", (double)s->hi);
}

void html_ranges(FILE *f, const Report *r) {
  fputs("<p>Counts of values in 32 steps from the smallest to the largest, on a logarithmic scale; "
        "the shaded part is what the codes reach. Weights: signal to noise of their codes. "
        "Activations: the share of values beyond the codes.</p>\n<div class=\"grid\">\n",
        f);
  for (int i = 0; i < r->n_spread; i++) put_spread(f, r, &r->spread[i]);
  fputs("</div>\n", f);
}

static json_t *spread_json(const Spread *s) {
  json_t *bins = json_array();
  for (int b = 0; b < SPREAD_BINS; b++) json_array_append_new(bins, json_integer(s->bin[b]));
  json_t *codes = s->has_codes ? json_pack("[f, f]", (double)s->from, (double)s->to) : json_null();
  json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:f, s:I}", "tensor", s->name, "layer", s->layer,
                        "kind", s->is_weights ? "weights" : "activations", "lo", (double)s->lo,
                        "hi", (double)s->hi, "values", (json_int_t)s->n);
  json_object_set_new(o, "codes", codes);
  json_object_set_new(o, "clipped", s->has_codes ? json_integer(s->clipped) : json_null());
  json_object_set_new(o, "sqnr_db", decibels_json(s->signal, s->noise));
  json_object_set_new(o, "bins", bins);
  return o;
}

json_t *json_ranges(const Report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->n_spread; i++) json_array_append_new(list, spread_json(&r->spread[i]));
  return list;
}
