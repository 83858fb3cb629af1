/* policy_values.c - the values of a policy: checks each against the key table and keeps it as text
 * with its place.  Messages say what was expected and what was found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/policy_reader.h"

static _Noreturn void expected(PolicyReader *r, const Yaml *y, const char *what, const char *key) {
  error_at(y->loc, "expected %s for '%s', found %s", what, key, yaml_what(r->arena, y));
}

void want_map(PolicyReader *r, const Yaml *y, const char *key) {
  if (y->kind != YAML_MAP) expected(r, y, "a mapping", key);
}

void want_list(PolicyReader *r, const Yaml *y, const char *key) {
  if (y->kind != YAML_LIST) expected(r, y, "a list", key);
}

const char *want_text(PolicyReader *r, const Yaml *y, const char *key) {
  if (y->kind != YAML_TEXT || y->text[0] == '\0') expected(r, y, "text", key);
  return y->text;
}

int64_t want_int(PolicyReader *r, const Yaml *y, const char *key, int64_t least) {
  if (y->kind != YAML_TEXT || y->quoted) expected(r, y, "a whole number", key);
  const char *digits = y->text + (y->text[0] == '-');
  size_t n = strspn(digits, "0123456789");
  if (n == 0 || n > 15 || digits[n] != '\0') expected(r, y, "a whole number", key);
  int64_t v = strtoll(y->text, NULL, 10);
  if (v < least)
    error_at(y->loc, "'%s' must be at least %lld, found %s", key, (long long)least, y->text);
  return v;
}

double want_real(PolicyReader *r, const Yaml *y, const char *key) {
  if (y->kind != YAML_TEXT || y->quoted) expected(r, y, "a number", key);
  size_t n = strspn(y->text, "+-.0123456789eE");
  char *end;
  double v = strtod(y->text, &end);
  if (n == 0 || y->text[n] != '\0' || *end != '\0' || end == y->text)
    expected(r, y, "a number", key);
  if (!isfinite(v) || !isfinite((float)v)) error_at(y->loc, "'%s' is too large: %s", key, y->text);
  return v;
}

bool want_bool(PolicyReader *r, const Yaml *y, const char *key) {
  bool text = y->kind == YAML_TEXT && !y->quoted;
  bool is_true = text && strcmp(y->text, "true") == 0;
  if (!is_true && !(text && strcmp(y->text, "false") == 0)) expected(r, y, "true or false", key);
  return is_true;
}

const char **split_words(Arena *a, const char *words, int *n) {
  const char **list = NULL;
  *n = 0;
  for (const char *p = words; p != NULL && *p != '\0';) {
    size_t len = strcspn(p, " ");
    list = arena_grow(a, list, *n, sizeof *list);
    list[(*n)++] = arena_strndup(a, p, len);
    p += len + (p[len] == ' ');
  }
  return list;
}

/* "a, b or c" */
static const char *alternatives(Arena *a, const char *const *list, int n) {
  const char *text = n > 0 ? list[0] : "nothing";
  for (int i = 1; i < n; i++)
    text = arena_printf(a, "%s%s%s", text, i + 1 < n ? ", " : " or ", list[i]);
  return text;
}

static const char *last_part(const char *key) {
  const char *dot = strrchr(key, '.');
  return dot != NULL ? dot + 1 : key;
}

_Noreturn void not_supported(Loc loc, const char *what) {
  error_at(loc, "%s is not supported by this version", what);
}

const char *want_word(PolicyReader *r, const Yaml *y, const char *key, const char *words,
                      const char *planned) {
  if (y->kind != YAML_TEXT || y->text[0] == '\0') expected(r, y, "a word", last_part(key));
  if (has_word(words, y->text)) return y->text;
  if (has_word(planned, y->text))
    not_supported(y->loc, arena_printf(r->arena, "'%s: %s'", key, y->text));
  int n;
  const char **list = split_words(r->arena, words, &n);
  const char *near = nearest_name(y->text, list, n), *known = alternatives(r->arena, list, n);
  if (near != NULL)
    error_at(y->loc, "'%s' must be %s; found '%s', did you mean '%s'?", last_part(key), known,
             y->text, near);
  error_at(y->loc, "'%s' must be %s; found '%s'", last_part(key), known, y->text);
}

_Noreturn void unknown_key(PolicyReader *r, const Yaml *key, int n, const char *const *known) {
  const char *near = nearest_name(key->text, known, n);
  if (near != NULL) error_at(key->loc, "unknown key '%s', did you mean '%s'?", key->text, near);
  error_at(key->loc, "unknown key '%s'; expected %s", key->text, alternatives(r->arena, known, n));
}

void add_setting(PolicyReader *r, Settings *to, const char *key, const char *value, Loc loc) {
  to->s = arena_grow(r->arena, to->s, to->n, sizeof *to->s);
  to->s[to->n++] = (Setting){.key = key, .value = value, .loc = loc};
}

/* The part of `key` below `prefix` up to the next dot, or NULL when it is not below. */
static const char *part_below(Arena *a, const char *key, const char *prefix) {
  size_t n = strlen(prefix);
  if (strncmp(key, prefix, n) != 0) return NULL;
  return arena_strndup(a, key + n, strcspn(key + n, "."));
}

const char **known_keys(Arena *a, const char *prefix, unsigned where, int *n) {
  const char **list = NULL;
  *n = 0;
  for (int i = 0; i < n_policy_keys; i++) {
    const char *part = part_below(a, policy_keys[i].key, prefix);
    if (part == NULL || !(policy_keys[i].where & where)) continue;
    if (*n > 0 && strcmp(list[*n - 1], part) == 0) continue;
    list = arena_grow(a, list, *n, sizeof *list);
    list[(*n)++] = part;
  }
  return list;
}

static bool has_keys_below(const char *prefix, unsigned where) {
  size_t n = strlen(prefix);
  for (int i = 0; i < n_policy_keys; i++)
    if ((policy_keys[i].where & where) && strncmp(policy_keys[i].key, prefix, n) == 0) return true;
  return false;
}

static void read_parameters(PolicyReader *r, Settings *to, const PolicyKey *k, const char *word,
                            const Yaml *y) {
  const char *prefix = arena_printf(r->arena, "%s.%s.", k->key, word);
  if (!has_keys_below(prefix, KEY_PARAMETER)) error_at(y->loc, "'%s' takes no parameters", word);
  want_map(r, y, word);
  for (int i = 0; i < y->n; i++)
    read_setting(r, to, prefix, y->key[i], y->item[i], KEY_PARAMETER);
}

/* Text that may stand in a list of words. */
static const char *want_any_word(PolicyReader *r, const Yaml *y, const char *key) {
  if (y->kind != YAML_TEXT || y->text[0] == '\0' || strpbrk(y->text, " ,") != NULL)
    expected(r, y, "a word", last_part(key));
  return y->text;
}

/* `[fold_bn, {smoothquant: {alpha: 0.5}}]`: words, or maps of one word to its parameters, which are
 * settings of their own. */
static const char *want_words(PolicyReader *r, Settings *to, const Yaml *y, const PolicyKey *k) {
  want_list(r, y, k->key);
  const char *text = "";
  for (int i = 0; i < y->n; i++) {
    const Yaml *item = y->item[i];
    bool map = k->words != NULL && item->kind == YAML_MAP && item->n == 1;
    const char *word = k->words == NULL
                           ? want_any_word(r, item, k->key)
                           : want_word(r, map ? item->key[0] : item, k->key, k->words, k->planned);
    if (map) read_parameters(r, to, k, word, item->item[0]);
    if (has_word(text, word)) error_at(item->loc, "'%s' is listed twice", word);
    text = arena_printf(r->arena, "%s%s%s", text, i > 0 ? " " : "", word);
  }
  return text;
}

/* Limits that a type does not express. */
static void check_limits(const Yaml *y, const PolicyKey *k) {
  if (y->kind != YAML_TEXT || has_word(k->words, y->text)) return;
  double v = strtod(y->text, NULL), least, most;
  if (key_bounds(k, &least, &most) && !(v >= least && v <= most))
    error_at(y->loc, "'%s' must be between %g and %g, found %s", last_part(k->key), least, most,
             y->text);
  if (strcmp(k->key, "calibration.percentile") == 0 && !(v > 50 && v <= 100))
    error_at(y->loc, "'percentile' must be above 50 and at most 100, found %s", y->text);
}

/* The word that stands in place of a number; NULL where a number has to be. */
static const char *word_for_number(PolicyReader *r, const Yaml *y, const PolicyKey *k) {
  bool number = y->kind == YAML_TEXT && strspn(y->text, "+-.0123456789") > 0;
  if (k->words == NULL || number) return NULL;
  if (y->kind == YAML_TEXT && has_word(k->words, y->text)) return y->text;
  expected(r, y, arena_printf(r->arena, "a number or %s", k->words), last_part(k->key));
}

/* A setting's text, once it is what the table says; parameters of words go to `to`. */
static const char *value_text(PolicyReader *r, Settings *to, const Yaml *y, const PolicyKey *k) {
  const char *name = last_part(k->key), *word;
  switch (k->type) {
  case KEY_WORD: return want_word(r, y, k->key, k->words, k->planned);
  case KEY_INT:
    if ((word = word_for_number(r, y, k)) != NULL) return word;
    return arena_printf(r->arena, "%lld", (long long)want_int(r, y, name, 1));
  case KEY_REAL:
    if ((word = word_for_number(r, y, k)) != NULL) return word;
    want_real(r, y, name);
    return y->text;
  case KEY_BOOL: return want_bool(r, y, name) ? "true" : "false";
  case KEY_TEXT: return want_text(r, y, name);
  case KEY_WORDS: return want_words(r, to, y, k);
  case KEY_BYTES:
    if (parse_bytes(want_text(r, y, name)) < 0) expected(r, y, "a size such as 256KiB", name);
    return y->text;
  }
  bug("key type %d", (int)k->type);
}

/* A group size says that scales are per group; only an explicit other granularity contradicts it.
 */
static void finish_part(PolicyReader *r, Settings *to, const char *part, const Yaml *map) {
  const Yaml *group = yaml_get(map, "group"), *granularity = yaml_get(map, "granularity");
  if (group == NULL) return;
  const char *key = arena_printf(r->arena, "%s.granularity", part);
  if (granularity == NULL) add_setting(r, to, key, "group", group->loc);
  else if (strcmp(granularity->text, "group") != 0)
    error_at(group->loc, "'group' needs granularity: group, here it is %s", granularity->text);
}

void read_setting(PolicyReader *r, Settings *to, const char *prefix, const Yaml *key,
                  const Yaml *value, unsigned where) {
  const char *name = arena_printf(r->arena, "%s%s", prefix, key->text);
  const char *below = arena_printf(r->arena, "%s.", name);
  const PolicyKey *k = find_policy_key(name);
  if (k != NULL && (k->where & where)) {
    const char *text = value_text(r, to, value, k);
    check_limits(value, k);
    add_setting(r, to, k->key, text, value->loc);
    return;
  }
  if (is_planned_key(name)) not_supported(key->loc, arena_printf(r->arena, "'%s'", name));
  if (!has_keys_below(below, where)) {
    int n;
    const char **known = known_keys(r->arena, prefix, where, &n);
    unknown_key(r, key, n, known);
  }
  want_map(r, value, key->text);
  for (int i = 0; i < value->n; i++)
    read_setting(r, to, below, value->key[i], value->item[i], where);
  if (find_policy_key(arena_printf(r->arena, "%s.group", name))) finish_part(r, to, name, value);
}
