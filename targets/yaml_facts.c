/* yaml_facts.c - readers over a libyaml document for the target files.  Each mapping is read by a
 * table of keys, so that what is unknown, given twice or missing is found in one place, and each
 * complaint points at the line that caused it. */
#include "targets/yaml_facts.h"

#include <stdlib.h>
#include <string.h>

static Loc mark_loc(const Source *src, yaml_mark_t mark) {
  return (Loc){.src = src, .line = (int)mark.line + 1, .col = (int)mark.column + 1};
}

Loc fact_loc(const Facts *f, const yaml_node_t *node) { return mark_loc(f->src, node->start_mark); }

static void open_facts(Facts *f, Arena *a, const Source *src, yaml_document_t *doc) {
  yaml_parser_t parser;
  if (!yaml_parser_initialize(&parser)) error("out of memory");
  yaml_parser_set_input_string(&parser, (const unsigned char *)src->text, src->len);
  if (!yaml_parser_load(&parser, doc)) {
    const char *problem = arena_strdup(a, parser.problem ? parser.problem : "not YAML");
    Loc loc = mark_loc(src, parser.problem_mark);
    yaml_parser_delete(&parser);
    error_at(loc, "%s", problem);
  }
  yaml_parser_delete(&parser);
  *f = (Facts){a, src, doc};
}

static const char *kind_of(const yaml_node_t *node) {
  switch (node->type) {
    case YAML_SCALAR_NODE:
      return "a single value";
    case YAML_SEQUENCE_NODE:
      return "a list";
    case YAML_MAPPING_NODE:
      return "a mapping";
    default:
      return "nothing";
  }
}

static void expect(const Facts *f, const yaml_node_t *node, yaml_node_type_t type,
                   const char *what) {
  if (node->type != type) error_at(fact_loc(f, node), "expected %s, found %s", what, kind_of(node));
}

static const char *scalar_text(const yaml_node_t *node) {
  return (const char *)node->data.scalar.value;
}

const char *read_string(const Facts *f, yaml_node_t *node) {
  expect(f, node, YAML_SCALAR_NODE, "a single value");
  if (node->data.scalar.length == 0) error_at(fact_loc(f, node), "expected a value, found nothing");
  if (strlen(scalar_text(node)) != node->data.scalar.length)
    error_at(fact_loc(f, node), "value holds a NUL character");
  return arena_strdup(f->arena, scalar_text(node));
}

bool read_bool(const Facts *f, yaml_node_t *node) {
  const char *s = read_string(f, node);
  if (strcmp(s, "true") != 0 && strcmp(s, "false") != 0)
    error_at(fact_loc(f, node), "expected true or false, found '%s'", s);
  return s[0] == 't';
}

/* Factor of the letter behind a size: 0 when it is none. */
static int64_t size_unit(const char *s) {
  static const struct {
    const char *letter;
    int64_t factor;
  } unit[] = {{"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}};
  for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
    if (strcmp(s, unit[i].letter) == 0) return unit[i].factor;
  return 0;
}

int64_t read_number(const Facts *f, yaml_node_t *node, bool sizes) {
  const char *s = read_string(f, node);
  const char *end = s;
  int64_t v = 0;
  for (; *end >= '0' && *end <= '9'; end++) {
    v = mul_size(v, 10);
    if (v < 0 || v > INT64_MAX - 9) error_at(fact_loc(f, node), "number '%s' is too large", s);
    v += *end - '0';
  }
  int64_t factor = size_unit(end);
  if (end == s || factor == 0 || (factor > 1 && !sizes))
    error_at(fact_loc(f, node), "expected a whole number%s, found '%s'",
             sizes ? " of bytes such as 65536, 64K or 2M" : "", s);
  v = mul_size(v, factor);
  if (v == 0) error_at(fact_loc(f, node), "number '%s' is zero", s);
  if (v < 0 || v > INT64_MAX / 64) error_at(fact_loc(f, node), "number '%s' is too large", s);
  return v;
}

/* "a, b or c" */
static const char *join(Arena *a, const char *const *word, int n) {
  const char *text = "";
  for (int i = 0; i < n; i++)
    text = arena_printf(a, "%s%s%s", text, i == 0 ? "" : i == n - 1 ? " or " : ", ", word[i]);
  return text;
}

int read_choice(const Facts *f, yaml_node_t *node, const char *const *word, int n) {
  const char *s = read_string(f, node);
  for (int i = 0; i < n; i++)
    if (strcmp(s, word[i]) == 0) return i;
  error_at(fact_loc(f, node), "expected %s, found '%s'", join(f->arena, word, n), s);
}

int list_length(const Facts *f, yaml_node_t *node) {
  expect(f, node, YAML_SEQUENCE_NODE, "a list");
  return (int)(node->data.sequence.items.top - node->data.sequence.items.start);
}

yaml_node_t *list_item(const Facts *f, yaml_node_t *node, int i) {
  return yaml_document_get_node(f->doc, node->data.sequence.items.start[i]);
}

const char **read_strings(const Facts *f, yaml_node_t *node, int *n) {
  *n = list_length(f, node);
  const char **s = arena_alloc(f->arena, (*n + 1) * (int64_t)sizeof *s);
  for (int i = 0; i < *n; i++) s[i] = read_string(f, list_item(f, node, i));
  return s;
}

static int find_key(const FactKey *key, int n, const char *name) {
  for (int i = 0; i < n; i++)
    if (strcmp(key[i].name, name) == 0) return i;
  return -1;
}

_Noreturn static void unknown_key(const Facts *f, const yaml_node_t *node, const char *of,
                                  const char *name, const FactKey *key, int n) {
  const char **word = arena_alloc(f->arena, n * (int64_t)sizeof *word);
  for (int i = 0; i < n; i++) word[i] = key[i].name;
  const char *near = nearest_name(name, word, n);
  if (near)
    error_at(fact_loc(f, node), "unknown key '%s' of %s; did you mean '%s'?", name, of, near);
  error_at(fact_loc(f, node), "unknown key '%s' of %s, expected %s", name, of,
           join(f->arena, word, n));
}

void read_mapping(const Facts *f, yaml_node_t *node, const char *of, const FactKey *key, int n,
                  void *object) {
  expect(f, node, YAML_MAPPING_NODE, of);
  bool *seen = arena_alloc(f->arena, n * (int64_t)sizeof *seen);
  const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
  for (; pair < node->data.mapping.pairs.top; pair++) {
    yaml_node_t *name_node = yaml_document_get_node(f->doc, pair->key);
    const char *name = read_string(f, name_node);
    int k = find_key(key, n, name);
    if (k < 0) unknown_key(f, name_node, of, name, key, n);
    if (seen[k]) error_at(fact_loc(f, name_node), "key '%s' of %s is given twice", name, of);
    seen[k] = true;
    key[k].read(f, yaml_document_get_node(f->doc, pair->value), object);
  }
  for (int k = 0; k < n; k++)
    if (key[k].required && !seen[k])
      error_at(fact_loc(f, node), "%s lacks the key '%s'", of, key[k].name);
}

Loc read_facts(Arena *a, const Source *src, const char *nothing, const char *of, const FactKey *key, int n,
               void *object) {
  yaml_document_t doc;
  Facts f;
  open_facts(&f, a, src, &doc);
  yaml_node_t *root = yaml_document_get_root_node(&doc);
  if (!root) error_at((Loc){.src = src, .line = 1, .col = 1}, "the file holds no %s", nothing);
  Loc loc = fact_loc(&f, root);
  read_mapping(&f, root, of, key, n, object);
  yaml_document_delete(&doc);
  return loc;
}
