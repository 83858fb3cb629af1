/* targets.c - the same network on several targets. */
#include "driver/report/chart.h"
#include "driver/report/html.h"
#include "driver/report/report.h"

bool has_targets(const Report *r) { return r->n_target > 0; }

enum { COLUMNS = 7 };
static const char *const column_names[COLUMNS] = {"flash",  "code",  "constants", "weights",
                                                  "scales", "arena", "stack"};

static void columns_of(const TargetSize *s, int64_t v[COLUMNS]) {
  const ObjectSize *z = &s->size;
  const int64_t all[COLUMNS] = {flash_bytes(s), z->code,  z->constants, z->weights,
                                z->scales,      s->arena, z->stack};
  for (int i = 0; i < COLUMNS; i++) v[i] = s->missing && all[i] != s->arena ? -1 : all[i];
}

void html_targets(FILE *f, const Report *r) {
  int64_t v[COLUMNS], most = 1;
  for (int i = 0; i < r->n_target; i++) {
    int64_t flash = flash_bytes(&r->target[i]);
    most = flash > most ? flash : most;
  }
  fputs("<div class=\"bars\">\n", f);
  for (int i = 0; i < r->n_target; i++) {
    int64_t flash = flash_bytes(&r->target[i]);
    fputs("<span>", f);
    put_text(f, r->target[i].target->name);
    fputs("</span>", f);
    put_bar(f, flash > 0 ? (double)flash : 0, (double)most, 0, 0, "c1",
            arena_printf(r->a, "%lld bytes of flash", (long long)flash));
    fputs("<span class=\"num\">", f);
    if (flash < 0) fputs("not compiled", f);
    else put_number(f, flash);
    fputs("</span>\n", f);
  }
  fputs("</div><div class=\"scroll\"><table><thead><tr><th>Target</th>", f);
  for (int k = 0; k < COLUMNS; k++) fprintf(f, "<th class=\"num\">%s</th>", column_names[k]);
  fputs("</tr></thead><tbody>\n", f);
  for (int i = 0; i < r->n_target; i++) {
    columns_of(&r->target[i], v);
    fputs("<tr>", f);
    put_text_cell(f, r->target[i].target->name);
    for (int k = 0; k < COLUMNS; k++) put_number_cell(f, v[k]);
    fputs("</tr>\n", f);
  }
  fputs("</tbody></table></div>\n", f);
}

json_t *json_targets(const Report *r) {
  json_t *list = json_array();
  for (int i = 0; i < r->n_target; i++) {
    json_t *o = json_pack("{s:s}", "target", r->target[i].target->name);
    json_object_update_new(o, size_json(&r->target[i]));
    json_array_append_new(list, o);
  }
  return list;
}

void text_targets(FILE *f, const Report *r) {
  int64_t v[COLUMNS];
  fprintf(f, "%-16s", "target");
  for (int k = 0; k < COLUMNS; k++) fprintf(f, " %9s", column_names[k]);
  fputs("   (bytes)\n", f);
  for (int i = 0; i < r->n_target; i++) {
    columns_of(&r->target[i], v);
    fprintf(f, "%-16s", r->target[i].target->name);
    for (int k = 0; k < COLUMNS; k++) {
      if (v[k] < 0) fprintf(f, " %9s", "-");
      else fprintf(f, " %9lld", (long long)v[k]);
    }
    fputc('\n', f);
  }
}
