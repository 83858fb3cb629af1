/* policy_reader.h - what the files that read a policy share (private to frontend/policy*.c). */
#ifndef QCC_POLICY_READER_H
#define QCC_POLICY_READER_H

#include "frontend/yaml_tree.h"
#include "ir/policy.h"

typedef struct PolicyReader {
  Arena *arena;
  Policy *policy;
  Settings defaults;   /* this file's `defaults:` */
  Loc defaults_loc;    /* of the word, for the rule that they become above a preset's rules */
  int n_rule;
  Rule *rule;          /* [n_rule] this file's rules */
} PolicyReader;

/* ---- policy_values.c: typed values, each an error_at() when it is something else ------------- */

void want_map(PolicyReader *r, const Yaml *y, const char *key);
void want_list(PolicyReader *r, const Yaml *y, const char *key);
const char *want_text(PolicyReader *r, const Yaml *y, const char *key);  /* not empty */
int64_t want_int(PolicyReader *r, const Yaml *y, const char *key, int64_t least);
double want_real(PolicyReader *r, const Yaml *y, const char *key);       /* finite */
bool want_bool(PolicyReader *r, const Yaml *y, const char *key);
/* One of `words`; one of `planned` is "not supported by this version". */
const char *want_word(PolicyReader *r, const Yaml *y, const char *key, const char *words,
                      const char *planned);
_Noreturn void unknown_key(PolicyReader *r, const Yaml *key, int n, const char *const *known);
_Noreturn void not_supported(Loc loc, const char *what);
/* The words of a table's list. */
const char **split_words(Arena *a, const char *words, int *n);
void add_setting(PolicyReader *r, Settings *to, const char *key, const char *value, Loc loc);
/* Reads `key: value`, a setting or a map of settings below `prefix`, where `where` allows it. */
void read_setting(PolicyReader *r, Settings *to, const char *prefix, const Yaml *key,
                  const Yaml *value, unsigned where);
/* The keys that may follow `prefix`: names for messages. */
const char **known_keys(Arena *a, const char *prefix, unsigned where, int *n);

/* ---- policy_rules.c, policy_inputs.c --------------------------------------------------------- */

void read_rules(PolicyReader *r, const Yaml *y);
void read_inputs(PolicyReader *r, const Yaml *y);
void read_ranges(PolicyReader *r, const Yaml *y);
void read_lock(PolicyReader *r, const Yaml *key, const Yaml *y);

#endif
