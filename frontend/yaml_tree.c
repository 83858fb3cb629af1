/* yaml_tree.c - reads a YAML document into a tree through libyaml's events.
 *
 * An alias shares the tree of its anchor, so a file can't blow up in memory; a tree counts its
 * values with aliases expanded, so it can't blow up in time either.  An alias inside its own
 * anchor finds no anchor, because an anchor is registered when its value is complete: trees
 * have no cycles. */
#include "frontend/yaml_tree.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MAX_DEPTH = 16, MAX_VALUES = 1000000, MAX_BYTES = 32 << 20 };

typedef struct Anchor {
  const char *name;
  Yaml *value;
} Anchor;

typedef struct Reader {
  Arena *arena;
  const Source *src;
  size_t n_line;        /* lines of the file */
  size_t *line;         /* [n_line] byte offset of each line */
  yaml_parser_t parser;
  int n_anchor;
  Anchor *anchor;       /* [n_anchor], a later one of the same name wins */
} Reader;

/* Places are asked for once per value: lines are found by a table, not by scanning. */
static void index_lines(Reader *r) {
  const char *text = r->src->text;
  r->n_line = 1;
  for (size_t i = 0; i < r->src->len; i++) r->n_line += text[i] == '\n';
  r->line = arena_alloc(r->arena, (int64_t)(r->n_line * sizeof *r->line));
  size_t n = 1;
  for (size_t i = 0; i < r->src->len; i++)
    if (text[i] == '\n') r->line[n++] = i + 1;
  if (r->n_line > 1 && r->line[r->n_line - 1] == r->src->len) r->n_line--;
}

/* libyaml counts columns in characters, carets count bytes.  What is missing at the end of the file
 * is shown behind its last line. */
static Loc loc_of(const Reader *r, size_t line, size_t column) {
  if (line >= r->n_line) {
    line = r->n_line - 1;
    column = SIZE_MAX;
  }
  const char *start = r->src->text + r->line[line], *p = start, *end = r->src->text + r->src->len;
  for (; column > 0 && p < end && *p != '\n'; p++)
    if (((unsigned char)p[1] & 0xc0) != 0x80) column--;
  return (Loc){.src = r->src, .line = (int)line + 1, .col = (int)(p - start) + 1};
}

static _Noreturn void syntax_error(Reader *r) {
  yaml_parser_t *p = &r->parser;
  const char *problem = p->problem != NULL ? p->problem : "out of memory";
  Loc loc = loc_of(r, p->problem_mark.line, p->problem_mark.column);
  if (p->error == YAML_READER_ERROR) {
    size_t line = 0;
    for (size_t i = 0; i < p->problem_offset && i < r->src->len; i++)
      line += r->src->text[i] == '\n';
    loc = loc_of(r, line, 0);
  }
  if (p->context != NULL) error_at(loc, "not valid YAML: %s, %s", p->context, problem);
  error_at(loc, "not valid YAML: %s", problem);
}

static void next_event(Reader *r, yaml_event_t *e) {
  if (!yaml_parser_parse(&r->parser, e)) syntax_error(r);
}

static Yaml *new_value(Reader *r, YamlKind kind, const yaml_event_t *e) {
  Yaml *y = arena_alloc(r->arena, sizeof *y);
  y->kind = kind;
  y->size = 1;
  y->loc = loc_of(r, e->start_mark.line, e->start_mark.column);
  return y;
}

static Yaml *find_anchor(const Reader *r, const yaml_event_t *e) {
  const char *name = (const char *)e->data.alias.anchor;
  for (int i = r->n_anchor - 1; i >= 0; i--)
    if (strcmp(r->anchor[i].name, name) == 0) return r->anchor[i].value;
  error_at(loc_of(r, e->start_mark.line, e->start_mark.column),
           "alias '*%s' has no anchor before it", name);
}

static void add_anchor(Reader *r, const char *name, Yaml *value) {
  if (name == NULL) return;
  r->anchor = arena_grow(r->arena, r->anchor, r->n_anchor, sizeof *r->anchor);
  r->anchor[r->n_anchor++] = (Anchor){name, value};
}

static void add_item(Reader *r, Yaml *y, Yaml *key, Yaml *value) {
  if (y->kind == YAML_MAP) {
    y->key = arena_grow(r->arena, y->key, y->n, sizeof *y->key);
    y->key[y->n] = key;
  }
  y->item = arena_grow(r->arena, y->item, y->n, sizeof *y->item);
  y->item[y->n++] = value;
  y->size += value->size + (key != NULL);
  if (y->size > MAX_VALUES)
    error_at(value->loc, "more than %d values (aliases count each time)", MAX_VALUES);
}

static void check_key(const Yaml *key) {
  if (key->kind != YAML_TEXT) error_at(key->loc, "a key must be a word");
  if (!key->quoted && strcmp(key->text, "<<") == 0)
    error_at(key->loc, "merge keys (<<) are not supported");
}

static int by_text(const void *a, const void *b) {
  const Yaml *const *x = a, *const *y = b;
  int order = strcmp((*x)->text, (*y)->text);
  if (order != 0) return order;
  if ((*x)->loc.line != (*y)->loc.line) return (*x)->loc.line < (*y)->loc.line ? -1 : 1;
  return ((*x)->loc.col > (*y)->loc.col) - ((*x)->loc.col < (*y)->loc.col);
}

/* Keys are compared sorted, so that large maps (the ranges of a lock file) take n log n. */
static void check_duplicates(Reader *r, const Yaml *map) {
  Yaml **key = arena_alloc(r->arena, (map->n + 1) * (int64_t)sizeof *key);
  for (int i = 0; i < map->n; i++) key[i] = map->key[i];
  qsort(key, (size_t)map->n, sizeof *key, by_text);
  for (int i = 1; i < map->n; i++)
    if (strcmp(key[i - 1]->text, key[i]->text) == 0)
      error_at(key[i]->loc, "duplicate key '%s' (the first is on line %d)", key[i]->text,
               key[i - 1]->loc.line);
}

static void check_tag(Reader *r, const yaml_event_t *e, const yaml_char_t *tag) {
  if (tag != NULL)
    error_at(loc_of(r, e->start_mark.line, e->start_mark.column), "YAML tags are not supported");
}

static Yaml *read_value(Reader *r, yaml_event_t *e, int depth);

static Yaml *read_text(Reader *r, const yaml_event_t *e) {
  Yaml *y = new_value(r, YAML_TEXT, e);
  check_tag(r, e, e->data.scalar.tag);
  y->text = arena_strndup(r->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
  if (strlen(y->text) != e->data.scalar.length)
    error_at(y->loc, "the text contains a NUL character");
  y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  return y;
}

static Yaml *read_list(Reader *r, const yaml_event_t *e, int depth) {
  Yaml *y = new_value(r, YAML_LIST, e);
  check_tag(r, e, e->data.sequence_start.tag);
  for (;;) {
    yaml_event_t next;
    next_event(r, &next);
    bool end = next.type == YAML_SEQUENCE_END_EVENT;
    Yaml *item = end ? NULL : read_value(r, &next, depth + 1);
    yaml_event_delete(&next);
    if (end) return y;
    add_item(r, y, NULL, item);
  }
}

static Yaml *read_map(Reader *r, const yaml_event_t *e, int depth) {
  Yaml *y = new_value(r, YAML_MAP, e);
  check_tag(r, e, e->data.mapping_start.tag);
  for (;;) {
    yaml_event_t next;
    next_event(r, &next);
    bool end = next.type == YAML_MAPPING_END_EVENT;
    Yaml *key = end ? NULL : read_value(r, &next, depth + 1);
    yaml_event_delete(&next);
    if (end) break;
    check_key(key);
    next_event(r, &next);
    Yaml *value = read_value(r, &next, depth + 1);
    yaml_event_delete(&next);
    add_item(r, y, key, value);
  }
  check_duplicates(r, y);
  return y;
}

static const char *anchor_of(Reader *r, const yaml_event_t *e) {
  const yaml_char_t *name = NULL;
  if (e->type == YAML_SCALAR_EVENT) name = e->data.scalar.anchor;
  if (e->type == YAML_SEQUENCE_START_EVENT) name = e->data.sequence_start.anchor;
  if (e->type == YAML_MAPPING_START_EVENT) name = e->data.mapping_start.anchor;
  return name == NULL ? NULL : arena_strdup(r->arena, (const char *)name);
}

static Yaml *read_value(Reader *r, yaml_event_t *e, int depth) {
  if (depth > MAX_DEPTH)
    error_at(loc_of(r, e->start_mark.line, e->start_mark.column),
             "nested deeper than %d levels", MAX_DEPTH);
  if (e->type == YAML_ALIAS_EVENT) return find_anchor(r, e);
  Yaml *y = NULL;
  if (e->type == YAML_SCALAR_EVENT) y = read_text(r, e);
  else if (e->type == YAML_SEQUENCE_START_EVENT) y = read_list(r, e, depth);
  else if (e->type == YAML_MAPPING_START_EVENT) y = read_map(r, e, depth);
  else bug("unexpected YAML event %d", (int)e->type);
  add_anchor(r, anchor_of(r, e), y);
  return y;
}

/* Skips events up to the first of a document's content; false at the end of the file. */
static bool next_content(Reader *r, yaml_event_t *e) {
  for (;;) {
    next_event(r, e);
    if (e->type == YAML_STREAM_END_EVENT) return false;
    bool between = e->type == YAML_STREAM_START_EVENT || e->type == YAML_DOCUMENT_START_EVENT ||
                   e->type == YAML_DOCUMENT_END_EVENT;
    if (!between) return true;
    yaml_event_delete(e);
  }
}

Yaml *read_yaml(Arena *a, const Source *src) {
  if (src->len > MAX_BYTES) error("'%s' is too large: more than 32 MiB", src->path);
  Reader r = {.arena = a, .src = src};
  index_lines(&r);
  if (!yaml_parser_initialize(&r.parser)) error("out of memory");
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)src->text, src->len);
  yaml_event_t e;
  Yaml *root = NULL;
  if (next_content(&r, &e)) {
    root = read_value(&r, &e, 0);
    yaml_event_delete(&e);
    if (next_content(&r, &e))
      error_at(loc_of(&r, e.start_mark.line, e.start_mark.column), "more than one document");
  }
  yaml_event_delete(&e);
  yaml_parser_delete(&r.parser);
  bool nothing = root != NULL && root->kind == YAML_TEXT && !root->quoted && root->text[0] == '\0';
  return nothing ? NULL : root;
}

Yaml *yaml_get(const Yaml *map, const char *key) {
  for (int i = 0; i < map->n; i++)
    if (strcmp(map->key[i]->text, key) == 0) return map->item[i];
  return NULL;
}

const char *yaml_what(Arena *a, const Yaml *y) {
  if (y->kind == YAML_LIST) return "a list";
  if (y->kind == YAML_MAP) return "a mapping";
  if (y->text[0] == '\0' && !y->quoted) return "nothing";
  return arena_printf(a, "'%s'", y->text);
}
