/* graph.c - building and editing a graph: tensors, nodes, and the links between them.
 *
 * A tensor knows its defining node; its readers are found by scanning.  Ids are positions in
 * g->tensor, and only remove_dead() renumbers them.  Lists of the graph grow by arena_grow(). */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

Graph *new_graph(Arena *a, const char *name) {
  Graph *g = arena_alloc(a, sizeof *g);
  g->arena = a;
  g->name = arena_strdup(a, name != NULL ? name : "model");
  g->hash = HASH_START;
  return g;
}

/* ---- tensors */

static Tensor *append_tensor(Graph *g, const char *name) {
  Tensor *t = arena_alloc(g->arena, sizeof *t);
  t->name = arena_strdup(g->arena, name);
  t->rank = t->alias = -1;
  t->offset = -1;
  t->id = g->n_tensor;
  t->loc = g->loc;
  g->tensor = arena_grow(g->arena, g->tensor, g->n_tensor, sizeof *g->tensor);
  g->tensor[g->n_tensor++] = t;
  return t;
}

Tensor *new_tensor(Graph *g, const char *name, DType type, int rank, const int64_t *dim) {
  if (rank < -1 || rank > MAX_RANK) bug("tensor '%s' of rank %d", name, rank);
  Tensor *t = append_tensor(g, name);
  t->dtype = type;
  t->rank = rank;
  for (int i = 0; i < rank; i++) t->dim[i] = dim[i];
  return t;
}

Tensor *new_const(Graph *g, const char *name, DType type, int rank, const int64_t *dim,
                  void *data) {
  Tensor *t = new_tensor(g, name, type, rank, dim);
  t->data = data;
  return t;
}

Tensor *new_scalar_f32(Graph *g, const char *name, float value) {
  float *data = arena_alloc(g->arena, sizeof *data);
  *data = value;
  return new_const(g, name, DT_F32, 0, NULL, data);
}

Tensor *new_const_i64(Graph *g, const char *name, int n, const int64_t *v) {
  int64_t *data = arena_alloc(g->arena, n * (int64_t)sizeof *data);
  if (n > 0) memcpy(data, v, (size_t)n * sizeof *data);
  return new_const(g, name, DT_I64, 1, &(int64_t){n}, data);
}

Tensor *copy_tensor(Graph *g, const char *name, const Tensor *like) {
  Tensor *t = append_tensor(g, name);
  t->dtype = like->dtype;
  t->rank = like->rank;
  memcpy(t->dim, like->dim, sizeof t->dim);
  memcpy(t->dim_param, like->dim_param, sizeof t->dim_param);
  t->layout = like->layout;
  t->quant = like->quant;
  t->loc = like->loc;
  return t;
}

Tensor *find_tensor(const Graph *g, const char *name) {
  for (int i = 0; i < g->n_tensor; i++)
    if (strcmp(g->tensor[i]->name, name) == 0) return g->tensor[i];
  return NULL;
}

/* The number k of a name base_k; 0 for base itself, -1 for any other name. */
static long suffix_number(const char *name, const char *base, size_t len) {
  if (strncmp(name, base, len) != 0) return -1;
  if (name[len] == '\0') return 0;
  if (name[len] != '_' || name[len + 1] < '1' || name[len + 1] > '9') return -1;
  char *end;
  long k = strtol(name + len + 1, &end, 10);
  return *end == '\0' && end - name - (long)len <= 9 ? k : -1;
}

/* Goes past the largest number in use, so that one scan is enough. */
const char *fresh_name(Graph *g, const char *base) {
  size_t len = strlen(base);
  bool taken = false;
  long last = 0;
  for (int i = 0; i < g->n_tensor; i++) {
    long k = suffix_number(g->tensor[i]->name, base, len);
    if (k == 0) taken = true;
    if (k > last) last = k;
  }
  return taken ? arena_printf(g->arena, "%s_%ld", base, last + 1) : arena_strdup(g->arena, base);
}

int arena_part(const Graph *g, int64_t offset) {
  int part = 0;
  while (part + 1 < g->n_part && offset >= g->part[part + 1].start) part++;
  return part;
}

int64_t part_start(const Graph *g, int part) { return g->n_part ? g->part[part].start : 0; }

int64_t part_bytes(const Graph *g, int part) {
  int64_t end = part + 1 < g->n_part ? g->part[part + 1].start : g->arena_bytes;
  return end - part_start(g, part);
}

bool is_const(const Tensor *t) { return t != NULL && t->data != NULL; }

bool is_graph_output(const Graph *g, const Tensor *t) {
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == t) return true;
  return false;
}

/* ---- nodes */

static Tensor **copy_list(Graph *g, int n, Tensor *const *list) {
  Tensor **copy = arena_alloc(g->arena, n * (int64_t)sizeof *copy);
  if (n > 0) memcpy(copy, list, (size_t)n * sizeof *copy);
  return copy;
}

static void define_outputs(Node *n) {
  for (int i = 0; i < n->n_out; i++) {
    if (n->out[i] == NULL) continue;
    if (n->out[i]->def != NULL || is_const(n->out[i]))
      bug("tensor '%s' is defined twice, by node '%s' too", n->out[i]->name, n->name);
    n->out[i]->def = n;
  }
}

static void insert_node(Graph *g, int at, Node *n) {
  if (at < 0 || at > g->n_node) at = g->n_node;
  g->node = arena_grow(g->arena, g->node, g->n_node, sizeof *g->node);
  memmove(g->node + at + 1, g->node + at, (size_t)(g->n_node - at) * sizeof *g->node);
  g->node[at] = n;
  g->n_node++;
}

/* What a pass adds is blamed on the node whose result it works on. */
static Loc origin(const Graph *g, int n_in, Tensor *const *in) {
  for (int i = 0; i < n_in; i++)
    if (in[i] != NULL && in[i]->def != NULL) return in[i]->def->loc;
  return g->loc;
}

static const char *made_up_name(const char *op, int n_out, Tensor *const *out) {
  for (int i = 0; i < n_out; i++)
    if (out[i] != NULL) return out[i]->name;
  return op;
}

Node *add_node(Graph *g, int at, const char *op, const char *name, int n_in, Tensor *const *in,
               int n_out, Tensor *const *out) {
  const OpDef *def = find_op(op);
  if (def == NULL) bug("there is no operator '%s'", op);
  if (name == NULL || *name == '\0') name = made_up_name(op, n_out, out);
  Node *n = arena_alloc(g->arena, sizeof *n);
  n->op = def;
  n->name = arena_strdup(g->arena, name);
  n->n_in = n_in;
  n->n_out = n_out;
  n->in = copy_list(g, n_in, in);
  n->out = copy_list(g, n_out, out);
  n->loc = origin(g, n_in, in);
  if (n_out > 0 && n->out[0] == NULL)
    n->out[0] = new_tensor(g, fresh_name(g, arena_printf(g->arena, "%s_first", name)), DT_NONE, -1, NULL);
  define_outputs(n);
  insert_node(g, at, n);
  return n;
}

/* These have attributes without which their output's shape means nothing. */
static bool needs_attributes(const OpDef *op) {
  static const char *const names[] = {"Cast", "Concat", "DepthToSpace", "SpaceToDepth", "Split",
                                      "Squeeze", "Unsqueeze"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(op->name, names[i]) == 0) return true;
  return (op->flags & (OP_MOVE | OP_POINTWISE | OP_UNARY | OP_QDQ)) == 0;
}

Tensor *add_op(Graph *g, int at, const char *op, const char *name, int n_in, Tensor *const *in) {
  Tensor *out = new_tensor(g, fresh_name(g, name != NULL ? name : op), DT_NONE, -1, NULL);
  Node *n = add_node(g, at, op, name, n_in, in, 1, &out);
  out->loc = n->loc;
  if (!needs_attributes(n->op)) infer_node(g, n);
  return out;
}

void set_input(Graph *g, Node *n, int i, Tensor *t) {
  if (i >= n->n_in) {
    Tensor **in = arena_alloc(g->arena, (i + 1) * (int64_t)sizeof *in);
    if (n->n_in > 0) memcpy(in, n->in, (size_t)n->n_in * sizeof *in);
    n->in = in;
    n->n_in = i + 1;
  }
  n->in[i] = t;
}

int node_index(const Graph *g, const Node *n) {
  for (int i = 0; i < g->n_node; i++)
    if (g->node[i] == n) return i;
  bug("node '%s' is not in the graph", n->name);
}

void remove_node(Graph *g, Node *n) {
  int at = node_index(g, n);
  memmove(g->node + at, g->node + at + 1, (size_t)(g->n_node - at - 1) * sizeof *g->node);
  g->n_node--;
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] != NULL && n->out[i]->def == n) n->out[i]->def = NULL;
}

bool is_op(const Node *n, const char *op) { return n != NULL && strcmp(n->op->name, op) == 0; }

/* ---- uses */

void replace_uses(Graph *g, Tensor *old, Tensor *new_) {
  for (int i = 0; i < g->n_node; i++)
    for (int j = 0; j < g->node[i]->n_in; j++)
      if (g->node[i]->in[j] == old) g->node[i]->in[j] = new_;
  for (int i = 0; i < g->n_out; i++)
    if (g->out[i] == old) g->out[i] = new_;
}

int count_uses(const Graph *g, const Tensor *t) {
  int uses = 0;
  for (int i = 0; i < g->n_node; i++)
    for (int j = 0; j < g->node[i]->n_in; j++) uses += g->node[i]->in[j] == t;
  for (int i = 0; i < g->n_out; i++) uses += g->out[i] == t;
  return uses;
}

/* A node that reads the tensor twice is no candidate for fusion, nor is the reader of an output. */
Node *only_user(const Graph *g, const Tensor *t) {
  Node *user = NULL;
  if (is_graph_output(g, t)) return NULL;
  for (int i = 0; i < g->n_node; i++)
    for (int j = 0; j < g->node[i]->n_in; j++) {
      if (g->node[i]->in[j] != t) continue;
      if (user != NULL) return NULL;
      user = g->node[i];
    }
  return user;
}

/* ---- dead code */

static void mark_list(bool *needed, int n, Tensor *const *list) {
  for (int i = 0; i < n; i++)
    if (list[i] != NULL) needed[list[i]->id] = true;
}

static bool any_needed(const bool *needed, const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i] != NULL && needed[n->out[i]->id]) return true;
  return false;
}

/* Walks backwards through the execution order, so that users are decided before definitions.
 * Unused outputs of a node that stays are kept: they belong to its signature. */
static void remove_dead_nodes(Graph *g, bool *needed) {
  int kept = g->n_node;
  for (int i = g->n_node - 1; i >= 0; i--) {
    Node *n = g->node[i];
    if (!any_needed(needed, n)) continue;
    mark_list(needed, n->n_in, n->in);
    mark_list(needed, n->n_out, n->out);
    g->node[--kept] = n;
  }
  int n_kept = g->n_node - kept;
  if (n_kept > 0) memmove(g->node, g->node + kept, (size_t)n_kept * sizeof *g->node);
  g->n_node = n_kept;
}

static void remove_dead_tensors(Graph *g, const bool *needed) {
  int *new_id = malloc((size_t)(g->n_tensor + 1) * sizeof *new_id);
  if (new_id == NULL) error("out of memory");
  int n = 0;
  for (int i = 0; i < g->n_tensor; i++) new_id[i] = needed[i] ? n++ : -1;
  n = 0;
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    if (t->alias >= 0) t->alias = new_id[t->alias];
    if (!needed[i]) continue;
    t->id = n;
    g->tensor[n++] = t;
  }
  g->n_tensor = n;
  free(new_id);
}

void remove_dead(Graph *g) {
  bool *needed = calloc((size_t)g->n_tensor + 1, sizeof *needed);
  if (needed == NULL) error("out of memory");
  mark_list(needed, g->n_in, g->in);
  mark_list(needed, g->n_out, g->out);
  remove_dead_nodes(g, needed);
  remove_dead_tensors(g, needed);
  free(needed);
}

/* ---- names ----------------------------------------------------------------------------------- */

void set_origin(Tensor *t, const Tensor *model) {
  t->origin = model->origin ? model->origin : model->name;
}

void restore_names(Graph *g) {
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    if (t->origin && strcmp(t->origin, t->name) != 0 && !find_tensor(g, t->origin))
      t->name = t->origin;
  }
}
