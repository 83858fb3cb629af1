/* policy.c - reads a policy file: the preset that it starts from, its defaults, its rules.
 *
 * Settings merge key by key: preset < the file's defaults < rules in order.  A preset may have
 * rules of its own (int4 keeps the first and the last layer in int8).  The file's defaults
 * outrank them, so then they become a rule that matches everything and stands between the
 * preset's rules and the file's. */
#include <string.h>

#include "frontend/frontend.h"
#include "frontend/policy_reader.h"
#include "ir/embed.h"

static const char preset_folder[] = "passes/presets/";
static const char planned_presets[] = "w4a16 mixed";

/* ---- presets --------------------------------------------------------------------------------- */

/* The names of the presets, separated by spaces. */
static const char *preset_words(Arena *a) {
  const char *words = "";
  size_t n = strlen(preset_folder);
  for (int i = 0; i < n_embedded_files; i++) {
    const char *path = embedded_files[i].path;
    if (strncmp(path, preset_folder, n) != 0) continue;
    int len = (int)(strlen(path) - n - strlen(".yaml"));
    words = arena_printf(a, "%s%s%.*s", words, *words != '\0' ? " " : "", len, path + n);
  }
  return words;
}

static void read_file_keys(PolicyReader *r, const Yaml *root);

/* Reads the preset's settings and rules into r. */
static void read_preset_file(PolicyReader *r, const char *name) {
  const EmbeddedFile *f = find_embedded(arena_printf(r->arena, "%s%s.yaml", preset_folder, name));
  if (f == NULL) bug("preset '%s' is not embedded", name);
  const char *text = (const char *)f->begin;
  size_t len = (size_t)(f->end - f->begin);
  const char *path = arena_printf(r->arena, "preset %s", name);
  r->policy->preset = arena_strdup(r->arena, name);
  r->policy->hash = hash_bytes(r->policy->hash, text, len);
  Yaml *root = read_yaml(r->arena, new_source(r->arena, path, text, len));
  if (root != NULL) read_file_keys(r, root);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void read_version(PolicyReader *r, const Yaml *y) {
  int64_t v = want_int(r, y, "version", 1);
  if (v != 1)
    error_at(y->loc, "version %lld is newer than this qcc, which reads version 1", (long long)v);
}

static void read_defaults(PolicyReader *r, const Yaml *key, const Yaml *y) {
  want_map(r, y, "defaults");
  r->defaults_loc = key->loc;
  for (int i = 0; i < y->n; i++)
    read_setting(r, &r->defaults, "", y->key[i], y->item[i], KEY_DEFAULT);
}

static _Noreturn void unknown_top_key(PolicyReader *r, const Yaml *key) {
  static const char *const own[] = {"version", "preset", "inputs", "defaults",
                                    "rules",   "ranges", "lock"};
  int n;
  const char **known = known_keys(r->arena, "", KEY_TOP, &n);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    known = arena_grow(r->arena, known, n, sizeof *known);
    known[n++] = own[i];
  }
  unknown_key(r, key, n, known);
}

static bool is_top_setting(Arena *a, const char *key) {
  int n;
  const char **known = known_keys(a, "", KEY_TOP, &n);
  for (int i = 0; i < n; i++)
    if (strcmp(known[i], key) == 0) return true;
  return is_planned_key(key);
}

static void read_top_key(PolicyReader *r, const Yaml *key, const Yaml *y) {
  const char *name = key->text;
  if (strcmp(name, "version") == 0) read_version(r, y);
  else if (strcmp(name, "preset") == 0) return;   /* read before everything else */
  else if (strcmp(name, "inputs") == 0) read_inputs(r, y);
  else if (strcmp(name, "defaults") == 0) read_defaults(r, key, y);
  else if (strcmp(name, "rules") == 0) read_rules(r, y);
  else if (strcmp(name, "ranges") == 0) read_ranges(r, y);
  else if (strcmp(name, "lock") == 0) read_lock(r, key, y);
  else if (is_top_setting(r->arena, name))
    read_setting(r, &r->policy->defaults, "", key, y, KEY_TOP);
  else unknown_top_key(r, key);
}

static void read_file_keys(PolicyReader *r, const Yaml *root) {
  if (root->kind != YAML_MAP)
    error_at(root->loc, "expected a policy such as `preset: int8`, found %s",
             yaml_what(r->arena, root));
  for (int i = 0; i < root->n; i++) read_top_key(r, root->key[i], root->item[i]);
}

/* ---- merging --------------------------------------------------------------------------------- */

static void append_rules(PolicyReader *r) {
  Policy *p = r->policy;
  for (int i = 0; i < r->n_rule; i++) {
    p->rule = arena_grow(r->arena, p->rule, p->n_rule, sizeof *p->rule);
    p->rule[p->n_rule++] = r->rule[i];
  }
  r->n_rule = 0;
  r->rule = NULL;
}

static void append_defaults(PolicyReader *r) {
  for (int i = 0; i < r->defaults.n; i++) {
    const Setting *s = &r->defaults.s[i];
    add_setting(r, &r->policy->defaults, s->key, s->value, s->loc);
  }
  r->defaults = (Settings){0};
}

/* The file's defaults as a rule for every tensor. */
static void defaults_as_rule(PolicyReader *r) {
  if (r->defaults.n == 0) return;
  static const char *all[] = {"**"};
  Condition *any = arena_alloc(r->arena, sizeof *any);
  *any = (Condition){.key = "tensor", .n = 1, .value = all, .loc = r->defaults_loc};
  Rule rule = {.n_match = 1, .match = any, .set = r->defaults, .loc = r->defaults_loc};
  Policy *p = r->policy;
  p->rule = arena_grow(r->arena, p->rule, p->n_rule, sizeof *p->rule);
  p->rule[p->n_rule++] = rule;
  r->defaults = (Settings){0};
}

static void start_from_preset(PolicyReader *r, const char *name) {
  read_preset_file(r, name);
  append_defaults(r);
  append_rules(r);
}

static void read_policy_tree(PolicyReader *r, const Yaml *root) {
  const Yaml *preset = root->kind == YAML_MAP ? yaml_get(root, "preset") : NULL;
  if (preset != NULL)
    start_from_preset(r, want_word(r, preset, "preset", preset_words(r->arena), planned_presets));
  read_file_keys(r, root);
  if (r->policy->n_rule > 0) defaults_as_rule(r);
  else append_defaults(r);
  append_rules(r);
  if (r->policy->lock.given && r->policy->lock.policy != 0)
    r->policy->hash = r->policy->lock.policy;
}

Policy *read_policy(Arena *a, const char *path) {
  Policy *p = arena_alloc(a, sizeof *p);
  if (path == NULL) return p;
  size_t len;
  const char *text = read_file(a, path, &len);
  const Source *src = new_source(a, path, text, len);
  PolicyReader r = {.arena = a, .policy = p};
  p->path = src->path;
  p->loc = (Loc){.src = src};
  p->hash = hash_bytes(HASH_START, text, len);
  Yaml *root = read_yaml(a, src);
  if (root != NULL) read_policy_tree(&r, root);
  return p;
}

Policy *preset_policy(Arena *a, const char *preset) {
  Policy *p = arena_alloc(a, sizeof *p);
  PolicyReader r = {.arena = a, .policy = p};
  Yaml word = {.kind = YAML_TEXT, .text = preset, .n = 0};
  p->hash = HASH_START;
  p->path = arena_printf(a, "preset %s", preset);
  start_from_preset(&r, want_word(&r, &word, "preset", preset_words(a), planned_presets));
  return p;
}
