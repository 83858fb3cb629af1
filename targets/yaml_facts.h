/* yaml_facts.h - small readers over a libyaml document: scalars, lists and mappings with the
 * position of every complaint.  Used for the target files only. */
#ifndef QCC_YAML_FACTS_H
#define QCC_YAML_FACTS_H

#include "ir/ir.h"
#include <yaml.h>

typedef struct Facts {
  Arena *arena;
  const Source *src;
  yaml_document_t *doc;
} Facts;

/* One key of a mapping.  read() stores the value in the object that the mapping describes. */
typedef struct FactKey {
  const char *name;
  bool required;
  void (*read)(const Facts *f, yaml_node_t *value, void *object);
} FactKey;

/* Where a node of the document starts. */
Loc fact_loc(const Facts *f, const yaml_node_t *node);
/* Reads a mapping by a table of n keys: unknown, repeated and missing keys are errors; `of`
 * names the mapping in messages ("a region"). */
void read_mapping(const Facts *f, yaml_node_t *node, const char *of, const FactKey *key, int n,
                  void *object);
const char *read_string(const Facts *f, yaml_node_t *node);
bool read_bool(const Facts *f, yaml_node_t *node);
/* A positive whole number; `sizes` allows K, M and G behind it. */
int64_t read_number(const Facts *f, yaml_node_t *node, bool sizes);
/* Index of the word in a list of n, an error that lists them otherwise. */
int read_choice(const Facts *f, yaml_node_t *node, const char *const *word, int n);
int list_length(const Facts *f, yaml_node_t *node);
yaml_node_t *list_item(const Facts *f, yaml_node_t *node, int i);
/* A list of strings of any length; *n its length. */
const char **read_strings(const Facts *f, yaml_node_t *node, int *n);
/* Reads a file whose only document is one mapping; its place is returned.  `of` as in read_mapping; `nothing`
 * is what an empty file does not hold ("target").  error_at when it is not YAML. */
Loc read_facts(Arena *a, const Source *src, const char *nothing, const char *of, const FactKey *key, int n,
               void *object);

#endif
