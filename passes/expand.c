/* expand.c - prints a policy as YAML with everything that its preset and the key table's
 * defaults say. What is printed reads back to the same settings; explain --expand shows it,
 * lock files start with it. */
#include <string.h>

#include "passes/resolve.h"

void print_yaml_text(FILE *f, const char *s) {
  fputc('"', f);
  for (; *s != '\0'; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
    else if (c < 0x20 || c == 0x7f) fprintf(f, "\\x%02X", c);
    else fputc(c, f);
  }
  fputc('"', f);
}

/* A word of the list k with its parameters: `fold_bn` or `{smoothquant: {alpha: 0.5}}`. */
static void print_list_word(FILE *f, const Settings *s, const PolicyKey *k, const char *word,
                            int len) {
  int n = 0, head = (int)strlen(k->key);
  for (int i = 0; i < n_policy_keys; i++) {
    const char *key = policy_keys[i].key;
    if (!(policy_keys[i].where & KEY_PARAMETER) || strncmp(key, k->key, (size_t)head) != 0 ||
        strncmp(key + head + 1, word, (size_t)len) != 0 || key[head + 1 + len] != '.')
      continue;
    const Setting *set = find_setting(s, key);
    if (n++ == 0) fprintf(f, "{%.*s: {", len, word);
    else fputs(", ", f);
    fprintf(f, "%s: %s", key + head + len + 2, set ? set->value : policy_keys[i].otherwise);
  }
  if (n > 0) fputs("}}", f);
  else fprintf(f, "%.*s", len, word);
}

static void print_words(FILE *f, const Settings *s, const PolicyKey *k, const char *words) {
  fputc('[', f);
  while (*words != '\0') {
    int len = (int)strcspn(words, " ");
    print_list_word(f, s, k, words, len);
    words += len;
    if (*words == ' ') fputs(", ", f), words++;
  }
  fputc(']', f);
}

static void print_value(FILE *f, const Settings *s, const PolicyKey *k, const char *value) {
  if (k->type == KEY_TEXT) print_yaml_text(f, value);
  else if (k->type == KEY_WORDS) print_words(f, s, k, value);
  else fputs(value, f);
}

/* ---- settings -------------------------------------------------------------------------------- */

static bool is_below(const char *key, const char *prefix) {
  return strncmp(key, prefix, strlen(prefix)) == 0;
}

/* What is said of an adapter goes with one, and what is said of a correction with that. */
static bool is_lora_printed(const Settings *s, const char *key) {
  bool file = find_setting(s, "lora.file") != NULL, correct = find_setting(s, "lora.correct") != NULL;
  if (strcmp(key, "lora.format") == 0) return file || correct;
  if (strcmp(key, "lora.by") == 0) return find_setting(s, key) != NULL || correct;
  if (strcmp(key, "lora.correct") == 0) return correct;
  return file && (!is_below(key, "lora.base.") || find_setting(s, "lora.base.format") != NULL);
}

/* A group size only goes with granularity: group. */
static bool is_printed(const Settings *s, const PolicyKey *k, const char *value) {
  if (value == NULL) return false;
  if (is_below(k->key, "lora.") && !is_lora_printed(s, k->key)) return false;
  if (strcmp(k->key, "calibration.samples") == 0) return strcmp(value, "0") != 0;
  if (!ends_with(k->key, ".group")) return true;
  char granularity[64];
  int part = (int)(strrchr(k->key, '.') - k->key);
  snprintf(granularity, sizeof granularity, "%.*s.granularity", part, k->key);
  const Setting *g = find_setting(s, granularity);
  return g != NULL && strcmp(g->value, "group") == 0;
}

/* Length of the part of a key before the dot; 0 for a key without. */
static size_t family(const char *key) {
  const char *dot = strchr(key, '.');
  return dot != NULL ? (size_t)(dot - key) : 0;
}

static bool same_family(const char *a, const char *b) {
  size_t n = family(a);
  return n > 0 && n == family(b) && strncmp(a, b, n) == 0;
}

/* What a lock file has no need of: it has the ranges, and leaves nothing to search for. */
static bool left_out(const PolicyKey *k, bool with_data) {
  return !with_data &&
         (strcmp(k->key, "calibration.data") == 0 || strcmp(k->key, "calibration.samples") == 0 ||
          is_below(k->key, "search."));
}

/* Opens what key k stands in, below its family: `part: {` where the key before was not in the same;
 * returns the last part of the key. */
static const char *enter_part(FILE *f, const char *before, const char *k) {
  const char *dot = strrchr(k, '.');
  size_t part = (size_t)(dot - k);
  bool inside = before != NULL && strchr(before, '.') != strrchr(before, '.');
  bool same = inside && strncmp(before, k, part) == 0 && before[part] == '.';
  if (inside && !same) fputc('}', f);
  if (before != NULL) fputs(", ", f);
  if (part > family(k) && !same)
    fprintf(f, "%.*s: {", (int)(part - family(k) - 1), k + family(k) + 1);
  return dot + 1;
}

/* `family: {key: value, ...}` for all keys of the family of row `first`, or `key: value`. Values
 * come from `s`, or the table where `full`. */
static void print_family(FILE *f, const char *indent, const Settings *s, int first, unsigned where,
                         bool full, bool with_data) {
  const PolicyKey *head = &policy_keys[first];
  const char *before = NULL;
  for (int i = first; i < n_policy_keys; i++) {
    const PolicyKey *k = &policy_keys[i];
    if (!(i == first || same_family(head->key, k->key)) || !(k->where & where)) continue;
    const Setting *set = find_setting(s, k->key);
    const char *value = set != NULL ? set->value : full ? k->otherwise : NULL;
    if (!is_printed(s, k, value) || left_out(k, with_data)) continue;
    size_t skip = family(k->key);
    if (skip == 0) fprintf(f, "%s%s: ", indent, k->key);
    else {
      if (before == NULL) fprintf(f, "%s%.*s: {", indent, (int)skip, k->key);
      fprintf(f, "%s: ", enter_part(f, before, k->key));
    }
    bool place = with_data || strcmp(k->key, "lora.file") != 0 || strrchr(value, '/') == NULL;
    print_value(f, s, k, place ? value : strrchr(value, '/') + 1);
    before = k->key;
  }
  if (before == NULL) return;
  if (family(before) > 0) fputs(strchr(before, '.') != strrchr(before, '.') ? "}}" : "}", f);
  fputc('\n', f);
}

static void print_settings(FILE *f, const char *indent, const Settings *s, unsigned where,
                           bool full, bool with_data) {
  for (int i = 0; i < n_policy_keys; i++)
    if (i == 0 || !same_family(policy_keys[i - 1].key, policy_keys[i].key))
      print_family(f, indent, s, i, where, full, with_data);
}

void print_policy_globals(FILE *f, const Policy *p, bool with_data) {
  print_settings(f, "", &p->defaults, KEY_TOP, true, with_data);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* `sep` comes before the next key of the map that is being printed. */
static void print_reals(FILE *f, const char **sep, const char *key, int n, const float *v) {
  if (n == 0) return;
  fprintf(f, "%s%s: %s", *sep, key, n > 1 ? "[" : "");
  for (int i = 0; i < n; i++) fprintf(f, "%s%.9g", i > 0 ? ", " : "", (double)v[i]);
  if (n > 1) fputc(']', f);
  *sep = ", ";
}

static void print_word(FILE *f, const char **sep, const char *key, const char *word) {
  fprintf(f, "%s%s: %s", *sep, key, word);
  *sep = ", ";
}

static const char *storage_name(DType t) {
  return t == DT_U8 ? "uint8" : t == DT_I8 ? "int8" : "float";
}

void print_policy_inputs(FILE *f, const Policy *p) {
  if (p->n_input > 0) fputs("inputs:\n", f);
  for (int i = 0; i < p->n_input; i++) {
    const InputPolicy *in = &p->input[i];
    fputs("  ", f);
    print_yaml_text(f, in->name);
    const char *sep = "";
    fputs(": {", f);
    if (in->storage != DT_NONE) print_word(f, &sep, "storage", storage_name(in->storage));
    if (in->has_layout) print_word(f, &sep, "layout", in->layout == LAYOUT_NHWC ? "NHWC" : "NCHW");
    print_reals(f, &sep, "mean", in->n_mean, in->mean);
    print_reals(f, &sep, "std", in->n_std, in->std);
    fputs("}\n", f);
  }
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void print_condition(FILE *f, const Condition *c) {
  bool word =
      strcmp(c->key, "tag") == 0 || strcmp(c->key, "depthwise") == 0 || strcmp(c->key, "op") == 0;
  fprintf(f, "%s: %s", c->key, c->n > 1 ? "[" : "");
  for (int i = 0; i < c->n; i++) {
    if (i > 0) fputs(", ", f);
    if (word) fputs(c->value[i], f);
    else print_yaml_text(f, c->value[i]);
  }
  if (c->n > 1) fputc(']', f);
}

static void print_rule(FILE *f, const Rule *r) {
  if (r->comment) fprintf(f, "  # %s\n", r->comment);
  fputs("  - match: {", f);
  for (int i = 0; i < r->n_match; i++) {
    if (i > 0) fputs(", ", f);
    print_condition(f, &r->match[i]);
  }
  fputs("}\n", f);
  print_settings(f, "    ", &r->set, KEY_RULE, false, true);
  if (r->tie != NULL) {
    fputs("    tie: ", f);
    print_yaml_text(f, r->tie);
    fputc('\n', f);
  }
  if (r->require != 1) fprintf(f, "    require: %d\n", r->require);
}

static void print_ranges(FILE *f, const Policy *p) {
  if (p->n_range > 0) fputs("ranges:\n", f);
  for (int i = 0; i < p->n_range; i++) {
    fputs("  ", f);
    print_yaml_text(f, p->range[i].tensor);
    fprintf(f, ": [%.9g, %.9g]\n", (double)p->range[i].lo, (double)p->range[i].hi);
  }
}

void expand_policy(FILE *f, const Policy *p) {
  fprintf(f, "version: 1\n");
  print_policy_inputs(f, p);
  fputs("defaults:\n", f);
  print_settings(f, "  ", &p->defaults, KEY_DEFAULT, true, true);
  if (p->n_rule > 0) fputs("rules:\n", f);
  for (int i = 0; i < p->n_rule; i++) print_rule(f, &p->rule[i]);
  print_policy_globals(f, p, true);
  print_ranges(f, p);
}
