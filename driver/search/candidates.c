/* candidates.c - reads the list of formats that layers may get: `int8,int4/gptq/g32,int2`.
 *
 * Each becomes settings of the policy's key table, so a candidate may be anything that a rule
 * can say of weights with one word, and what a later version adds to the table is known here
 * too. */
#include <stdlib.h>
#include <string.h>

#include "driver/search/search.h"

/* The keys whose words may stand in a candidate; formats first: there must be one. */
static const char *const word_keys[] = {"weights.format", "weights.solver", "weights.granularity"};
enum { N_WORD_KEYS = sizeof word_keys / sizeof *word_keys, MAX_GROUP_DIGITS = 9 };

static void set_key(Arena *a, Candidate *c, const char *key, const char *value, Loc loc) {
  if (find_setting(&c->set, key)) error_at(loc, "'%s' is the second word for %s", value, key);
  c->set.s = arena_grow(a, c->set.s, c->set.n, sizeof *c->set.s);
  c->set.s[c->set.n++] = (Setting){key, value, loc};
}

/* g32: groups of 32. */
static bool read_group(Arena *a, Candidate *c, const char *word, Loc loc) {
  size_t digits = word[0] == 'g' ? strspn(word + 1, "0123456789") : 0;
  if (digits == 0 || word[1 + digits] || digits > MAX_GROUP_DIGITS || atoi(word + 1) < 1)
    return false;
  set_key(a, c, "weights.granularity", "group", loc);
  set_key(a, c, "weights.group", word + 1, loc);
  return true;
}

static _Noreturn void unknown_word(Arena *a, const char *word, Loc loc) {
  const char **known = NULL;
  int n = 0;
  for (int k = 0; k < N_WORD_KEYS; k++)
    for (const char *p = find_policy_key(word_keys[k])->words; *p;) {
      size_t len = strcspn(p, " ");
      known = arena_grow(a, known, n, sizeof *known);
      known[n++] = arena_strndup(a, p, len);
      p += len + (p[len] == ' ');
    }
  const char *near = nearest_name(word, known, n);
  if (near) error_at(loc, "unknown word '%s'; did you mean '%s'?", word, near);
  error_at(
      loc,
      "unknown word '%s'; expected a format, a solver, a group size such as g32, tensor or channel",
      word);
}

static void read_word(Arena *a, Candidate *c, const char *word, Loc loc) {
  if (strcmp(word, "group") != 0)
    for (int k = 0; k < N_WORD_KEYS; k++)
      if (has_word(find_policy_key(word_keys[k])->words, word)) {
        set_key(a, c, word_keys[k], word, loc);
        return;
      }
  if (!read_group(a, c, word, loc)) unknown_word(a, word, loc);
}

static Candidate read_candidate(Arena *a, Loc loc, const char *text) {
  Candidate c = {.name = text};
  loc.what = arena_printf(a, "candidate '%s'", text);
  for (const char *p = text;; p++) {
    size_t len = strcspn(p, "/");
    if (len == 0)
      error_at(loc, "expected a format, and behind slashes its settings: int4/gptq/g32");
    read_word(a, &c, arena_strndup(a, p, len), loc);
    p += len;
    if (!*p) break;
  }
  if (!find_setting(&c.set, word_keys[0]))
    error_at(loc, "'%s' names no format; qcc list formats shows them", text);
  return c;
}

int read_candidates(Arena *a, const char *text, const Loc *place, Candidate **list) {
  Loc loc = place ? *place : (Loc){.src = new_source(a, "--candidates", NULL, 0)};
  int n = 0;
  *list = NULL;
  for (const char *p = text;; p++) {
    size_t len = strcspn(p, ",");
    Candidate c = read_candidate(a, loc, arena_strndup(a, p, len));
    for (int i = 0; i < n; i++)
      if (strcmp((*list)[i].name, c.name) == 0)
        error_at(c.set.s[0].loc, "'%s' is given twice", c.name);
    *list = arena_grow(a, *list, n, sizeof **list);
    (*list)[n++] = c;
    p += len;
    if (!*p) return n;
  }
}
