/* summary.c - the figures that people ask for first: flash by section, RAM, work, accuracy. */
#include <math.h>

#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

enum { FLASH_PARTS = 4 };
typedef struct Part {
  const char *name, *what;
  int64_t bytes;
} Part;

static void flash_parts(const Report *r, Part part[FLASH_PARTS]) {
  const ObjectSize *z = &r->size.size;
  part[0] = (Part){"weights", "codes and biases", z->weights};
  part[1] = (Part){"scales", "multipliers of channels and groups", z->scales};
  part[2] = (Part){"code", "kernels and the calls", z->code};
  part[3] = (Part){"constants", "parameters and tables", z->constants + z->data};
}

static void open_tile(FILE *f, const char *name) {
  fprintf(f, "<div class=\"tile\"><dt>%s</dt><dd>", name);
}

static void close_tile(FILE *f, const char *note) {
  fputs("</dd>", f);
  if (note) {
    fputs("<dd class=\"note\">", f);
    put_text(f, note);
    fputs("</dd>", f);
  }
  fputs("</div>\n", f);
}

static void put_bytes(FILE *f, int64_t bytes) {
  if (bytes < 0) fputs("–", f);
  else if (bytes < 10240) fprintf(f, "%lld <small>B</small>", (long long)bytes);
  else if (bytes < 10240 * 1024) fprintf(f, "%.1f <small>KiB</small>", (double)bytes / 1024);
  else fprintf(f, "%.1f <small>MiB</small>", (double)bytes / 1048576);
}

/* Three digits and a unit. */
static void put_count(FILE *f, double n) {
  static const char *const unit[] = {"", "k", "M", "G", "T"};
  int u = 0;
  while (n >= 999.5 && u < 4) n /= 1000, u++;
  fprintf(f, "%.*f <small>%s</small>", u == 0 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2, n, unit[u]);
}

static double share_of(int64_t part, int64_t all) {
  return all > 0 ? 100.0 * (double)part / (double)all : 0;
}

static void size_tiles(FILE *f, const Report *r) {
  Arena *a = r->a;
  open_tile(f, "Flash");
  put_bytes(f, flash_bytes(&r->size));
  close_tile(f, r->size.missing
                    ? arena_printf(a, "install %s", r->size.missing)
                    : arena_printf(a, "for %s, %s", r->size.target->name, size_opt(r->j)));
  open_tile(f, "Arena");
  put_bytes(f, r->size.arena);
  int64_t over = r->size.arena - r->j->g->arena_bound;
  close_tile(f, over > 0 ? arena_printf(a, "%.1f %% above the least that its order allows",
                                        share_of(over, r->j->g->arena_bound))
                         : "the least that its order allows");
  open_tile(f, "Stack");
  put_bytes(f, r->size.missing ? -1 : r->size.size.stack);
  close_tile(f, "bound, from the object");
}

static void work_tiles(FILE *f, const Report *r) {
  int64_t macs = count_macs(r->j->g);
  open_tile(f, "MACs");
  put_count(f, (double)macs);
  close_tile(f, arena_printf(r->a, "in %d layers", r->n_layer));
  if (!r->run.n_mark) return;
  open_tile(f, r->run.is_time ? "Time" : "Instructions");
  put_count(f, r->run.is_time ? (double)r->run.total / 1000 : (double)r->run.total);
  if (r->run.is_time) fputs(" <small>µs</small>", f);
  close_tile(f, macs ? arena_printf(r->a, "%.2f per MAC", (double)r->run.total / (double)macs)
                     : "per inference");
}

static void score_tiles(FILE *f, const Report *r) {
  if (!r->n_sample) return;
  const Score *s = &r->score;
  if (r->has_labels) {
    open_tile(f, "Accuracy");
    fprintf(f, "%.2f <small>%%</small>", share_of(s->right, s->samples));
    close_tile(f, arena_printf(r->a, "float: %.2f %%", share_of(r->exact.right, s->samples)));
  }
  open_tile(f, "SQNR");
  double db = decibels(s->signal, s->noise);
  if (isfinite(db)) fprintf(f, "%.1f <small>dB</small>", db);
  else fputs("exact", f);
  close_tile(f, "outputs against float");
  open_tile(f, "Agreement");
  fprintf(f, "%.2f <small>%%</small>", share_of(s->agree, s->samples));
  close_tile(f, arena_printf(r->a, "same largest output, %lld samples", (long long)r->n_sample));
}

/* One bar of the parts of flash, and what they are. */
static void flash_bar(FILE *f, const Report *r) {
  Part part[FLASH_PARTS];
  int64_t all = flash_bytes(&r->size);
  if (all <= 0) return;
  flash_parts(r, part);
  fputs("<h3>Flash by section</h3>\n", f);
  Plot p = open_plot(f, "plot", 0, (double)all, 0, 1, 28,
                     "flash by section; the table below has the bytes");
  double at = 0;
  for (int i = 0; i < FLASH_PARTS; i++) {
    const char *title = arena_printf(r->a, "%s: %lld bytes, %.1f %%", part[i].name,
                                     (long long)part[i].bytes, share_of(part[i].bytes, all));
    plot_box(&p, at, at + (double)part[i].bytes, 0, 1, arena_printf(r->a, "c%d part", i + 1), NULL,
             title);
    at += (double)part[i].bytes;
  }
  close_plot(&p);
  fputs("<table class=\"slim\"><thead><tr><th>Section</th><th class=\"num\">Bytes</th>"
        "<th class=\"num\">Share</th><th class=\"wide\">What it is</th></tr></thead><tbody>\n",
        f);
  for (int i = 0; i < FLASH_PARTS; i++) {
    fprintf(f, "<tr><td><span class=\"key b%d\"></span>%s</td>", i + 1, part[i].name);
    put_number_cell(f, part[i].bytes);
    fprintf(f, "<td class=\"num\">%.1f %%</td><td class=\"wide\">%s</td></tr>\n",
            share_of(part[i].bytes, all), part[i].what);
  }
  fputs("</tbody></table>\n", f);
}

static void notes(FILE *f, const Report *r) {
  const PlanReport *p = &r->j->report;
  if (p->n_note == 0) return;
  fputs("<h3>Notes</h3>\n<ul class=\"notes\">\n", f);
  for (int i = 0; i < p->n_note; i++) {
    fputs("<li><code>", f);
    put_text(f, p->note[i].node);
    fputs("</code> ", f);
    put_text(f, p->note[i].text);
    fputs("</li>\n", f);
  }
  fputs("</ul>\n", f);
}

void html_summary(FILE *f, const Report *r) {
  fputs("<dl class=\"tiles\">\n", f);
  size_tiles(f, r);
  work_tiles(f, r);
  score_tiles(f, r);
  fputs("</dl>\n", f);
  flash_bar(f, r);
  notes(f, r);
}

static json_t *top1(const Report *r, const Score *s) {
  return r->n_sample && r->has_labels ? json_real((double)s->right / (double)s->samples)
                                      : json_null();
}

static json_t *total_json(const Report *r, bool is_time) {
  return r->run.n_mark && r->run.is_time == is_time ? json_integer((json_int_t)r->run.total)
                                                    : json_null();
}

json_t *json_summary(const Report *r) {
  const Score *s = &r->score;
  json_t *o = size_json(&r->size);
  json_object_set_new(o, "arena_bound", json_integer(r->j->g->arena_bound));
  json_object_set_new(o, "macs", json_integer(count_macs(r->j->g)));
  json_object_set_new(o, "instructions", total_json(r, false));
  json_object_set_new(o, "nanoseconds", total_json(r, true));
  json_object_set_new(o, "float", top1(r, &r->exact));
  json_object_set_new(o, "quantized", top1(r, s));
  json_object_set_new(o, "sqnr_db", decibels_json(s->signal, s->noise));
  json_object_set_new(o, "agreement",
                      r->n_sample ? json_real((double)s->agree / (double)s->samples) : json_null());
  return o;
}

void text_summary(FILE *f, const Report *r) {
  Part part[FLASH_PARTS];
  flash_parts(r, part);
  if (r->size.missing) fprintf(f, "  flash      not known (install %s)\n", r->size.missing);
  else fprintf(f, "  flash      %lld bytes", (long long)flash_bytes(&r->size));
  for (int i = 0; !r->size.missing && i < FLASH_PARTS; i++)
    fprintf(f, "%s %s %lld", i ? "," : ":", part[i].name, (long long)part[i].bytes);
  fprintf(f, "%s  arena      %lld bytes", r->size.missing ? "" : "\n", (long long)r->size.arena);
  if (!r->size.missing && r->size.size.stack >= 0)
    fprintf(f, ", stack %lld", (long long)r->size.size.stack);
  fprintf(f, "\n  MACs       %lld\n", (long long)count_macs(r->j->g));
  if (r->run.n_mark)
    fprintf(f, "  inference  %llu %s\n", (unsigned long long)r->run.total,
            r->run.is_time ? "ns" : "instructions");
  if (!r->n_sample) return;
  const Score *s = &r->score;
  if (r->has_labels)
    fprintf(f, "  accuracy   %.2f %%, float %.2f %%\n", share_of(s->right, s->samples),
            share_of(r->exact.right, s->samples));
  if (s->noise > 0) fprintf(f, "  SQNR       %.1f dB\n", decibels(s->signal, s->noise));
  fprintf(f, "  agreement  %.2f %% of %lld samples have the largest output where float has it\n",
          share_of(s->agree, s->samples), (long long)r->n_sample);
}
