/* attr.c - attributes of nodes, and small constants that serve as attributes.
 *
 * A getter returns `otherwise` when the attribute is absent and complains, on the node's behalf,
 * when it has another kind than the operator needs. */
#include <string.h>

#include "ir/ir.h"

static const char *const kind_names[] = {
    [ATTR_INT] = "an integer",    [ATTR_FLOAT] = "a number",    [ATTR_STRING] = "a string",
    [ATTR_TENSOR] = "a tensor",   [ATTR_INTS] = "integers",     [ATTR_FLOATS] = "numbers",
    [ATTR_STRINGS] = "strings",
};

const Attr *find_attr(const Node *n, const char *name) {
  for (int i = 0; i < n->n_attr; i++)
    if (strcmp(n->attr[i].name, name) == 0) return &n->attr[i];
  return NULL;
}

static const Attr *find_kind(const Node *n, const char *name, AttrKind kind) {
  const Attr *a = find_attr(n, name);
  if (a == NULL || a->kind == kind) return a;
  if (kind == ATTR_INTS && a->kind == ATTR_FLOATS && a->n == 0) return a;
  error_at(n->loc, "attribute '%s' of %s should be %s but is %s", name, n->op->name,
           kind_names[kind], kind_names[a->kind]);
}

int64_t attr_int(const Node *n, const char *name, int64_t otherwise) {
  const Attr *a = find_kind(n, name, ATTR_INT);
  return a != NULL ? a->i : otherwise;
}

double attr_float(const Node *n, const char *name, double otherwise) {
  const Attr *a = find_attr(n, name);
  if (a != NULL && a->kind == ATTR_INT) return (double)a->i;
  a = find_kind(n, name, ATTR_FLOAT);
  return a != NULL ? a->f : otherwise;
}

const char *attr_str(const Node *n, const char *name, const char *otherwise) {
  const Attr *a = find_kind(n, name, ATTR_STRING);
  return a != NULL ? a->s : otherwise;
}

int attr_ints(const Node *n, const char *name, int64_t *v, int max) {
  const Attr *a = find_kind(n, name, ATTR_INTS);
  if (a == NULL) return 0;
  if (a->n > max)
    error_at(n->loc, "attribute '%s' of %s has %d values but at most %d are expected", name,
             n->op->name, a->n, max);
  for (int i = 0; i < a->n; i++) v[i] = a->ints[i];
  return a->n;
}

static void *copy_list(Graph *g, const void *list, int n, size_t bytes) {
  void *copy = arena_alloc(g->arena, (int64_t)n * (int64_t)bytes);
  if (n > 0) memcpy(copy, list, (size_t)n * bytes);
  return copy;
}

static Attr copy_attr(Graph *g, const Attr *a) {
  Attr copy = *a;
  copy.name = arena_strdup(g->arena, a->name);
  if (a->kind == ATTR_STRING) copy.s = arena_strdup(g->arena, a->s);
  if (a->kind == ATTR_INTS) copy.ints = copy_list(g, a->ints, a->n, sizeof *a->ints);
  if (a->kind == ATTR_FLOATS) copy.floats = copy_list(g, a->floats, a->n, sizeof *a->floats);
  if (a->kind != ATTR_STRINGS) return copy;
  copy.strings = copy_list(g, a->strings, a->n, sizeof *a->strings);
  for (int i = 0; i < a->n; i++) copy.strings[i] = arena_strdup(g->arena, a->strings[i]);
  return copy;
}

void set_attr(Graph *g, Node *n, const Attr *a) {
  for (int i = 0; i < n->n_attr; i++)
    if (strcmp(n->attr[i].name, a->name) == 0) {
      n->attr[i] = copy_attr(g, a);
      return;
    }
  /* The list may come from a front end, so its capacity is not known. */
  Attr *list = arena_alloc(g->arena, (n->n_attr + 1) * (int64_t)sizeof *list);
  if (n->n_attr > 0) memcpy(list, n->attr, (size_t)n->n_attr * sizeof *list);
  list[n->n_attr++] = copy_attr(g, a);
  n->attr = list;
}

void set_int(Graph *g, Node *n, const char *name, int64_t v) {
  set_attr(g, n, &(Attr){.name = name, .kind = ATTR_INT, .i = v});
}

void set_float(Graph *g, Node *n, const char *name, double v) {
  set_attr(g, n, &(Attr){.name = name, .kind = ATTR_FLOAT, .f = (float)v});
}

void set_str(Graph *g, Node *n, const char *name, const char *v) {
  set_attr(g, n, &(Attr){.name = name, .kind = ATTR_STRING, .s = v});
}

void set_ints(Graph *g, Node *n, const char *name, int count, const int64_t *v) {
  Attr a = {.name = name, .kind = ATTR_INTS, .n = count};
  a.ints = copy_list(g, v, count, sizeof *v);
  set_attr(g, n, &a);
}

void remove_attr(Node *n, const char *name) {
  for (int i = 0; i < n->n_attr; i++) {
    if (strcmp(n->attr[i].name, name) != 0) continue;
    memmove(n->attr + i, n->attr + i + 1, (size_t)(n->n_attr - i - 1) * sizeof *n->attr);
    n->n_attr--;
    return;
  }
}

int const_ints(const Tensor *t, int64_t *v, int max) {
  if (!is_const(t) || (t->dtype != DT_I32 && t->dtype != DT_I64)) return -1;
  int64_t n = n_elements(t);
  if (n < 0 || n > max) return -1;
  for (int64_t i = 0; i < n; i++) v[i] = get_int(t->dtype, t->data, i);
  return (int)n;
}

int axis_of(const Node *n, const Tensor *t, int64_t otherwise) {
  int64_t axis = attr_int(n, "axis", otherwise);
  return (int)(axis < 0 ? axis + t->rank : axis);
}
