/* cmd_report.c - qcc report: a page about the compiled network, its figures as JSON, or its main
 * tables on the terminal. */
#include "driver/report/report.h"

int cmd_report(Arena *a, const Options *o);

int cmd_report(Arena *a, const Options *o) {
  const Report *r = collect_report(a, o);
  if (o->output) {
    FILE *f = open_file(o->output);
    write_page(f, r);
    close_file(f, o->output);
  }
  if (o->json) {
    json_t *root = report_json(r);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
  } else if (!o->output) {
    print_report(stdout, r);
  }
  json_decref(r->sensitivity);
  json_decref(r->front);
  return within_budgets(a, o, r->j->name, &r->size) ? 0 : EXIT_CHECK_FAILED;
}
