/* choose_limits.c - the budgets of a search: `--budget flash=48KiB,ram=24KiB,accuracy_drop=0.5%`, or
 * `search: {budget: {flash: 48KiB}}` in the policy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "driver/choose.h"

static const struct {
  const char *name, *key, *expected, *unit;
} kinds[] = {
    [LIMIT_WEIGHTS] = {"weights", "search.budget.weights", "bytes such as 48KiB",
                       "bytes of weights"},
    [LIMIT_FLASH] = {"flash", "search.budget.flash", "bytes such as 48KiB", "bytes of flash"},
    [LIMIT_LATENCY] = {"latency", "search.budget.latency",
                       "instructions such as 1.5M, or a time such as 2ms", "instructions"},
    [LIMIT_RAM] = {"ram", "search.budget.ram", "bytes such as 24KiB", "bytes of RAM"},
    [LIMIT_DROP] = {"accuracy_drop", "search.budget.accuracy_drop", "a share such as 0.5%",
                    "% accuracy lost"},
};

const char *limit_name(LimitKind kind) { return kinds[kind].name; }

const char *limit_text(Arena *a, const Limit *l, LimitKind kind, double value) {
  if (kind == LIMIT_DROP) return arena_printf(a, "%.2f %s", 100 * value, kinds[kind].unit);
  return arena_printf(a, "%.0f %s", value, l->is_time ? "ns" : kinds[kind].unit);
}

/* A share: "0.5%" or "0.005"; -1 when it is not one. */
static double parse_share(const char *text) {
  size_t digits = strspn(text, "0123456789.");
  char *end;
  double v = strtod(text, &end);
  if (digits == 0 || (size_t)(end - text) != digits) return -1;
  if (strcmp(end, "%") == 0) v /= 100;
  else if (*end) return -1;
  return v <= 1 ? v : -1;
}

static LimitKind find_kind(const char *name) {
  const char *known[N_LIMITS];
  for (int k = 0; k < N_LIMITS; k++) {
    known[k] = kinds[k].name;
    if (strcmp(name, known[k]) == 0) return (LimitKind)k;
  }
  const char *near = nearest_name(name, known, N_LIMITS);
  if (near) error("--budget: unknown budget '%s'; did you mean '%s'?", name, near);
  error("--budget: unknown budget '%s'; expected weights, flash, latency, ram or accuracy_drop",
        name);
}

/* False when the text is not what the kind expects. */
static bool parse_limit(LimitKind kind, const char *text, Limit *l) {
  l->text = text;
  l->most = kind == LIMIT_DROP      ? parse_share(text)
            : kind == LIMIT_LATENCY ? (double)parse_latency(text, &l->is_time)
                                    : (double)parse_bytes(text);
  return l->most >= 0 && l->most < (double)INT64_MAX;
}

static void read_limit(Arena *a, const char *text, Limit limit[N_LIMITS]) {
  const char *eq = strchr(text, '=');
  if (!eq) error("--budget: expected NAME=VALUE such as flash=48KiB, found '%s'", text);
  LimitKind kind = find_kind(arena_strndup(a, text, (size_t)(eq - text)));
  Limit *l = &limit[kind];
  if (l->text) error("--budget: '%s' is given twice", kinds[kind].name);
  if (!parse_limit(kind, eq + 1, l))
    error("--budget: expected %s for '%s', found '%s'", kinds[kind].expected, kinds[kind].name,
          l->text);
}

void read_limits(Arena *a, const char *text, Limit limit[N_LIMITS]) {
  for (const char *p = text;; p++) {
    size_t len = strcspn(p, ",");
    read_limit(a, arena_strndup(a, p, len), limit);
    p += len;
    if (!*p) return;
  }
}

void read_policy_limits(const Policy *p, Limit limit[N_LIMITS]) {
  for (int k = 0; k < N_LIMITS; k++) {
    const Setting *s = find_setting(&p->defaults, kinds[k].key);
    if (s && !limit[k].text && !parse_limit((LimitKind)k, s->value, &limit[k]))
      error_at(s->loc, "expected %s for '%s', found '%s'", kinds[k].expected, kinds[k].name,
               s->value);
  }
}

const char *list_limits(Arena *a, const Limit limit[N_LIMITS]) {
  const char *text = "";
  for (int k = 0; k < N_LIMITS; k++)
    if (limit[k].text)
      text = arena_printf(a, "%s%s%s=%s", text, *text ? ", " : "", kinds[k].name, limit[k].text);
  return text;
}

bool keeps_to_limits(const Chooser *c, const Trial *t) {
  for (int k = 0; k < N_LIMITS; k++)
    if (c->limit[k].text && !(t->take[k] <= c->limit[k].most + 1e-9)) return false;
  return true;
}
