/* page.c - the report as one HTML file that needs nothing else: no network, no script; as JSON; and
 * its main tables for the terminal. */
#include <string.h>

#include "driver/report/html.h"
#include "driver/report/report.h"
#include "ir/embed.h"

#define SECTION(id, title, present, html, json, text) {#id, title, present, html, json, text},
const Section sections[] = {
#include "driver/report/report.def"
};
#undef SECTION
const int n_sections = sizeof sections / sizeof *sections;

static bool is_shown(const Section *s, const Report *r) { return !s->present || s->present(r); }

static void put_style(FILE *f) {
  const EmbeddedFile *css = find_embedded("driver/report/style.css");
  if (!css) bug("style.css is not embedded");
  fputs("<style>\n", f);
  fwrite(css->begin, 1, (size_t)(css->end - css->begin), f);
  fputs("</style>\n", f);
}

static void put_head(FILE *f, const Report *r) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
        f);
  put_textf(f, "%s for %s", r->j->name, r->j->target->name);
  fputs("</title>\n", f);
  put_style(f);
  fputs("</head>\n<body>\n<header>\n<h1>", f);
  put_text(f, r->j->name);
  fputs("</h1>\n<p>", f);
  put_textf(f, "compiled for %s", r->j->target->name);
  if (r->policy) put_textf(f, " by %s", r->policy);
  if (r->n_sample) put_textf(f, ", measured on %lld samples", (long long)r->n_sample);
  fputs("</p>\n<nav>", f);
  for (int i = 0; i < n_sections; i++)
    if (is_shown(&sections[i], r))
      fprintf(f, "<a href=\"#%s\">%s</a> ", sections[i].id, sections[i].title);
  fputs("</nav>\n</header>\n<main>\n", f);
}

void write_page(FILE *f, const Report *r) {
  put_head(f, r);
  for (int i = 0; i < n_sections; i++) {
    if (!is_shown(&sections[i], r)) continue;
    fprintf(f, "<section id=\"%s\">\n<h2>%s</h2>\n", sections[i].id, sections[i].title);
    sections[i].html(f, r);
    fputs("</section>\n", f);
  }
  fputs("</main>\n<footer>", f);
  put_textf(f, "qcc %s; model %016llx, policy %016llx, calibration data %016llx", QCC_VERSION,
            (unsigned long long)r->j->g->hash, (unsigned long long)r->j->policy->hash,
            (unsigned long long)(r->j->calib ? r->j->calib->hash : 0));
  fputs("</footer>\n</body>\n</html>\n", f);
}

json_t *report_json(const Report *r) {
  json_t *o =
      json_pack("{s:s, s:s, s:s, s:s?, s:I}", "qcc", QCC_VERSION, "name", r->j->name, "target",
                r->j->target->name, "policy", r->policy, "samples", (json_int_t)r->n_sample);
  for (int i = 0; i < n_sections; i++)
    json_object_set_new(o, sections[i].id,
                        is_shown(&sections[i], r) ? sections[i].json(r) : json_null());
  return o;
}

void put_text_bar(FILE *f, double v, double most) {
  enum { WIDTH = 24 };
  int n = v > 0 && most > 0 ? (int)(WIDTH * v / most + 0.5) : 0;
  fputs(n > 0 ? "  " : "", f);
  for (int i = 0; i < n; i++) fputc('#', f);
  fputc('\n', f);
}

void print_report(FILE *f, const Report *r) {
  fprintf(f, "%s for %s\n", r->j->name, r->j->target->name);
  for (int i = 0, n = 0; i < n_sections; i++) {
    if (!sections[i].text || !is_shown(&sections[i], r)) continue;
    if (n++) fputc('\n', f);
    sections[i].text(f, r);
  }
}
