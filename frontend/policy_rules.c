/* policy_rules.c - `rules:`.  A rule is a match, and the settings that it chooses for what matches:
 *
 *     - {match: {name: "block*.conv", index: "2-4"}, weights: {format: int4}, tie: convs}
 *
 * Patterns are checked here, where their place is known; whether they match anything is found out
 * when the policy is resolved against a graph. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/policy_reader.h"

enum { MAX_REGEX = 512 };

static void check_glob(PolicyReader *r, const Yaml *y) {
  (void)r;
  const char *fault = glob_fault(y->text);
  if (fault != NULL) error_at(y->loc, "bad pattern '%s': %s", y->text, fault);
}

static void check_regex(PolicyReader *r, const Yaml *y) {
  (void)r;
  if (strlen(y->text) > MAX_REGEX)
    error_at(y->loc, "bad regular expression: it is longer than %d characters", MAX_REGEX);
  regex_t compiled;
  int code = regcomp(&compiled, y->text, REG_EXTENDED);
  char text[200];
  if (code != 0) {
    regerror(code, &compiled, text, sizeof text);
    error_at(y->loc, "bad regular expression '%s': %s", y->text, text);
  }
  regfree(&compiled);
}

static void check_op(PolicyReader *r, const Yaml *y) {
  if (find_op(y->text) != NULL) return;
  const char **name = arena_alloc(r->arena, (n_ops() + 1) * (int64_t)sizeof *name);
  for (int i = 0; i < n_ops(); i++) name[i] = op_at(i)->name;
  const char *near = nearest_name(y->text, name, n_ops());
  if (near != NULL) error_at(y->loc, "unknown operator '%s', did you mean '%s'?", y->text, near);
  error_at(y->loc, "unknown operator '%s'; see `qcc list ops`", y->text);
}

static void check_tag(PolicyReader *r, const Yaml *y) {
  want_word(r, y, "match.tag", "first last depthwise residual embedding", "attention");
}

/* "7" or "4-27" */
static void check_index(PolicyReader *r, const Yaml *y) {
  (void)r;
  char *end;
  size_t digits = strspn(y->text, "0123456789");
  if (digits == 0 || digits > 9)
    error_at(y->loc, "bad index range '%s'; expected \"7\" or \"4-27\"", y->text);
  long from = strtol(y->text, &end, 10), to = from;
  if (*end == '-') {
    digits = strspn(end + 1, "0123456789");
    to = digits > 0 && digits <= 9 ? strtol(end + 1, &end, 10) : -1;
  }
  if (*end != '\0' || to < 0)
    error_at(y->loc, "bad index range '%s'; expected \"7\" or \"4-27\"", y->text);
  if (to < from) error_at(y->loc, "bad index range '%s': it ends before it starts", y->text);
}

static void check_flag(PolicyReader *r, const Yaml *y) { want_bool(r, y, "depthwise"); }

static const struct {
  const char *key;
  void (*check)(PolicyReader *r, const Yaml *y);
} conditions[] = {
    {"name", check_glob},   {"regex", check_regex},   {"op", check_op},
    {"tag", check_tag},     {"index", check_index},   {"tensor", check_glob},
    {"output", NULL},       {"depthwise", check_flag},
};
enum { N_CONDITION = sizeof conditions / sizeof *conditions };

static int find_condition(PolicyReader *r, const Yaml *key) {
  const char *known[N_CONDITION];
  for (int i = 0; i < N_CONDITION; i++) {
    known[i] = conditions[i].key;
    if (strcmp(known[i], key->text) == 0) return i;
  }
  unknown_key(r, key, N_CONDITION, known);
}

static void read_condition(PolicyReader *r, Rule *rule, const Yaml *key, const Yaml *value) {
  int at = find_condition(r, key);
  bool list = value->kind == YAML_LIST;
  int n = list ? value->n : 1;
  if (n == 0) error_at(value->loc, "'%s' lists nothing to match", key->text);
  Condition c = {.key = conditions[at].key, .n = n, .loc = value->loc};
  c.value = arena_alloc(r->arena, n * (int64_t)sizeof *c.value);
  for (int i = 0; i < n; i++) {
    const Yaml *item = list ? value->item[i] : value;
    c.value[i] = want_text(r, item, key->text);
    if (conditions[at].check != NULL) conditions[at].check(r, item);
  }
  rule->match = arena_grow(r->arena, rule->match, rule->n_match, sizeof *rule->match);
  rule->match[rule->n_match++] = c;
}

static void read_match(PolicyReader *r, Rule *rule, const Yaml *key, const Yaml *y) {
  want_map(r, y, "match");
  if (y->n == 0) error_at(key->loc, "'match' is empty; `name: \"**\"` matches every node");
  for (int i = 0; i < y->n; i++) read_condition(r, rule, y->key[i], y->item[i]);
}

static void read_rule_key(PolicyReader *r, Rule *rule, const Yaml *key, const Yaml *value) {
  if (strcmp(key->text, "match") == 0) {
    read_match(r, rule, key, value);
  } else if (strcmp(key->text, "tie") == 0) {
    rule->tie = want_text(r, value, "tie");
  } else if (strcmp(key->text, "require") == 0) {
    int64_t n = want_int(r, value, "require", 0);
    rule->require = n > INT32_MAX ? INT32_MAX : (int)n;
  } else if (is_planned_key(key->text)) {
    not_supported(key->loc, arena_printf(r->arena, "'%s'", key->text));
  } else {
    int n;
    const char **known = known_keys(r->arena, "", KEY_RULE, &n);
    bool setting = false;
    for (int i = 0; i < n; i++) setting |= strcmp(known[i], key->text) == 0;
    static const char *const own[] = {"match", "tie", "require"};
    for (int i = 0; i < 3; i++) {
      known = arena_grow(r->arena, known, n, sizeof *known);
      known[n++] = own[i];
    }
    if (!setting) unknown_key(r, key, n, known);
    read_setting(r, &rule->set, "", key, value, KEY_RULE);
  }
}

static void read_rule(PolicyReader *r, const Yaml *y) {
  want_map(r, y, "rules");
  Rule rule = {.require = 1, .loc = y->loc};
  for (int i = 0; i < y->n; i++) read_rule_key(r, &rule, y->key[i], y->item[i]);
  if (rule.n_match == 0) error_at(y->loc, "the rule has no 'match'");
  if (rule.set.n == 0 && rule.tie == NULL) error_at(y->loc, "the rule matches but sets nothing");
  r->rule = arena_grow(r->arena, r->rule, r->n_rule, sizeof *r->rule);
  r->rule[r->n_rule++] = rule;
}

void read_rules(PolicyReader *r, const Yaml *y) {
  want_list(r, y, "rules");
  for (int i = 0; i < y->n; i++) read_rule(r, y->item[i]);
}
