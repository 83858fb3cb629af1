/* yaml_tree.h - a YAML document as a tree in which every value keeps its place. */
#ifndef QCC_YAML_TREE_H
#define QCC_YAML_TREE_H

#include "ir/ir.h"

typedef enum YamlKind { YAML_TEXT, YAML_LIST, YAML_MAP } YamlKind;

typedef struct Yaml Yaml;
struct Yaml {
  YamlKind kind;
  const char *text;     /* YAML_TEXT */
  bool quoted;          /* written in quotes, or as a block of text */
  int n;                /* elements of a list, pairs of a map */
  Yaml **item;          /* [n] values */
  Yaml **key;           /* [n] keys of a map, all YAML_TEXT; NULL for a list */
  int64_t size;         /* values below and including this one, aliases counted each time */
  Loc loc;
};

/* The one document in `src`; NULL when it is empty.  error_at() for what is not YAML, for duplicate
 * keys, tags, merge keys, several documents, and trees of absurd depth or size. */
Yaml *read_yaml(Arena *a, const Source *src);
/* Value of a key, or NULL. */
Yaml *yaml_get(const Yaml *map, const char *key);
/* "a list", "nothing", "'word'": for messages. */
const char *yaml_what(Arena *a, const Yaml *y);

#endif
