/* budget.c - --max-flash, --max-ram and --max-latency: limits of a real part that a build must not
 * exceed.  What exceeds one is said with the difference, and the verb's exit status is 2, so that
 * CI can hold a budget.
 *
 * A budget is `48KiB`, for every target, or `cortex-m4=48KiB`, for that one.  Latency is a number
 * of instructions, `1500000`, `1.5M` or `1.5M instructions`, where the target is emulated, and a time, `2ms`, where the
 * code runs natively. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "driver/driver.h"

static const struct {
  const char *option, *what, *unit, *expected;
} kinds[] = {
    [BUDGET_FLASH] = {"max-flash", "of flash", "bytes", "bytes such as 48KiB"},
    [BUDGET_RAM] = {"max-ram", "of RAM", "bytes", "bytes such as 24KiB"},
    [BUDGET_LATENCY] = {"max-latency", "per inference", "instructions",
                        "instructions such as 1.5M, or a time such as 2ms"},
};

static const struct {
  const char *suffix;
  double factor;
  bool is_time;
} latency_units[] = {
    {"", 1, false},  {"k", 1e3, false}, {"M", 1e6, false}, {"G", 1e9, false},
    {"ns", 1, true}, {"us", 1e3, true}, {"ms", 1e6, true}, {"s", 1e9, true},
};

int64_t parse_latency(const char *text, bool *is_time) {
  size_t digits = strspn(text, "0123456789.");
  char *end;
  double v = strtod(text, &end);
  if (digits == 0 || digits > 15 || (size_t)(end - text) != digits) return -1;
  for (size_t i = 0; i < sizeof latency_units / sizeof *latency_units; i++) {
    size_t len = strlen(latency_units[i].suffix);
    bool in_words = !latency_units[i].is_time && ends_with(end, " instructions") &&
                    strlen(end) == len + strlen(" instructions");
    if (strncmp(end, latency_units[i].suffix, len) != 0 || (end[len] && !in_words)) continue;
    double most = v * latency_units[i].factor;
    *is_time = latency_units[i].is_time;
    return most < 9e18 ? llround(most) : -1;
  }
  return -1;
}

Budget read_budget(Arena *a, BudgetKind kind, const char *text) {
  const char *eq = strrchr(text, '=');
  Budget b = {.kind = kind, .text = eq ? eq + 1 : text};
  if (eq) b.target = arena_strndup(a, text, (size_t)(eq - text));
  b.most = kind == BUDGET_LATENCY ? parse_latency(b.text, &b.is_time) : parse_bytes(b.text);
  if (b.most < 0 || b.most == INT64_MAX)
    error("--%s: expected %s, found '%s'", kinds[kind].option, kinds[kind].expected, b.text);
  return b;
}

static bool is_for(const Budget *b, const Target *t) {
  return b->target == NULL || strcmp(b->target, t->name) == 0;
}

/* Before any work is done. */
static void check_unit(const Options *o, const Budget *b, const Target *t) {
  bool is_time = is_timed(chosen_run(t, o->emulate));
  if (b->kind == BUDGET_LATENCY && b->is_time != is_time)
    error("--%s: target '%s' is measured in %s, found '%s'", kinds[b->kind].option, t->name,
          is_time ? "time: expected one such as 2ms" : "instructions: expected a number of them",
          b->text);
}

void check_budgets(const Options *o, int n, Target *const *targets) {
  for (int i = 0; i < o->n_budget; i++) {
    bool found = false;
    for (int k = 0; k < n; k++) {
      if (!is_for(&o->budget[i], targets[k])) continue;
      check_unit(o, &o->budget[i], targets[k]);
      found = true;
    }
    if (!found)
      error("--%s: '%s' is none of the targets", kinds[o->budget[i].kind].option,
            o->budget[i].target);
  }
}

bool has_budget(const Options *o, BudgetKind kind, const Target *t) {
  for (int i = 0; i < o->n_budget; i++)
    if (o->budget[i].kind == kind && is_for(&o->budget[i], t)) return true;
  return false;
}

/* What the network takes of the budget's kind. */
static int64_t need_of(const Budget *b, const TargetSize *s) {
  const char *option = kinds[b->kind].option, *name = s->target->name;
  if (s->missing)
    error("--%s: the compiler for target '%s' is not installed (Debian package %s)", option, name,
          s->missing);
  if (b->kind == BUDGET_FLASH) return flash_bytes(s);
  if (b->kind == BUDGET_RAM) {
    int64_t bytes = ram_need(s);
    if (bytes < 0)
      error("--%s: the stack that the code takes on target '%s' is not known", option, name);
    return bytes;
  }
  return (int64_t)s->run.total;
}

bool within_budgets(Arena *a, const Options *o, const char *what, const TargetSize *s) {
  bool within = true;
  for (int i = 0; i < o->n_budget; i++) {
    const Budget *b = &o->budget[i];
    if (!is_for(b, s->target)) continue;
    int64_t need = need_of(b, s), over = need - b->most;
    if (over <= 0) continue;
    const char *share =
        b->most > 0 ? arena_printf(a, " (%.1f %%)", 100.0 * (double)over / (double)b->most) : "";
    fflush(stdout);
    fprintf(stderr, "qcc: over budget: %s on %s takes %lld %s %s, %lld%s more than --%s %s\n", what,
            s->target->name, (long long)need, b->is_time ? "ns" : kinds[b->kind].unit,
            kinds[b->kind].what, (long long)over, share, kinds[b->kind].option, b->text);
    within = false;
  }
  return within;
}
