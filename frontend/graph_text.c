/* graph_text.c - the meaning of the text form: declarations become tensors, statements nodes.
 *
 * Whatever the grammar cannot see is checked here, at the word that is wrong: unknown types and
 * operators, names that are defined twice or never.  Shapes are left to the operators' own rules:
 * at the end infer_shapes() compares what was declared with what follows from the inputs. */
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "frontend/graph_text.h"

enum { GRAPH_VERSION = 1, DEFAULT_OPSET = 21, MAX_OPSET = 1000 };

/* ---- names and types ------------------------------------------------------------------------ */

static DType read_dtype(Parser *p, Word w) {
  if (!w.text || strcmp(w.text, "?") == 0) return DT_NONE;
  DType t = dtype_by_name(w.text);
  if (t != DT_NONE) return t;
  const char *names[DT_COUNT];
  int n = 0;
  for (int i = 1; i < DT_COUNT; i++)
    if (strcmp(dtype_name((DType)i), dtype_name(DT_NONE)) != 0) names[n++] = dtype_name((DType)i);
  error_at(w.loc, "unknown type '%s'%s", w.text, suggest(p, w.text, names, n));
}

static Layout read_layout(Word w) {
  if (!w.text) return LAYOUT_NONE;
  if (strcmp(w.text, "NHWC") == 0) return LAYOUT_NHWC;
  error_at(w.loc, "unknown layout '%s', the only one with a name is NHWC", w.text);
}

void read_type(Parser *p, const Type *type, Tensor *t) {
  bool is_written = type->dtype.text != NULL;
  t->dtype = read_dtype(p, type->dtype);
  t->layout = read_layout(type->layout);
  if (type->rank > MAX_RANK)
    error_at(type->dim[MAX_RANK].loc, "%d dimensions, at most %d are supported", type->rank,
             MAX_RANK);
  t->rank = is_written ? type->rank : -1;
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) {
    t->dim[i] = type->dim[i].size;
    t->dim_param[i] = type->dim[i].param;
    n = mul_size(n, t->dim[i] < 0 ? 1 : t->dim[i]);
    if (n < 0) error_at(type->dim[i].loc, "the number of elements overflows");
  }
}

/* "float[1,2]" for messages. */
static const char *type_text(Parser *p, const Tensor *t) {
  return arena_printf(p->arena, "%s%s%s", t->dtype == DT_NONE ? "?" : dtype_name(t->dtype),
                      shape_text(p->arena, t), t->layout == LAYOUT_NHWC ? " NHWC" : "");
}

static const char *suggest_tensor(Parser *p, const char *name) {
  const Graph *g = p->graph;
  const char **names = arena_alloc(p->arena, (int64_t)sizeof *names * (g->n_tensor + 1));
  for (int i = 0; i < g->n_tensor; i++) names[i] = g->tensor[i]->name;
  return suggest(p, name, names, g->n_tensor);
}

static Tensor *use_tensor(Parser *p, Word w) {
  if (!w.text || !*w.text) return NULL;
  Tensor *t = find_tensor(p->graph, w.text);
  if (!t)
    error_at(w.loc, "tensor '%s' is not defined before it is used%s", w.text,
             suggest_tensor(p, w.text));
  return t;
}

static Tensor *define_tensor(Parser *p, const Decl *d) {
  if (!*d->name.text) error_at(d->name.loc, "a tensor needs a name");
  const Tensor *other = find_tensor(p->graph, d->name.text);
  if (other)
    error_at(d->name.loc, "tensor '%s' is already defined at line %d", d->name.text,
             other->loc.line);
  Tensor *t = new_tensor(p->graph, d->name.text, DT_NONE, -1, NULL);
  t->loc = d->name.loc;
  read_type(p, &d->type, t);
  return t;
}

/* ---- header and signature ------------------------------------------------------------------- */

/* The weights file lies beside the graph. */
static void open_weights(Parser *p, const Pair *pair) {
  const char *name = read_text(pair), *path = p->source->path, *slash = strrchr(path, '/');
  if (!*name) error_at(pair->value.loc, "the weights file needs a name");
  if (*name != '/' && slash)
    name = arena_printf(p->arena, "%.*s/%s", (int)(slash - path), path, name);
  p->weights = read_safetensors(p->arena, pair->value.loc, name);
}

static uint64_t read_hash(const Pair *pair) {
  const char *text = read_text(pair);
  if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
    error_at(pair->value.loc, "a hash is 16 hexadecimal digits");
  return strtoull(text, NULL, 16);
}

/* regions(dtcm=0, sram=512): by rising start, the first at 0. */
static void read_parts(Graph *g, const Pair *pair) {
  const Value *v = &pair->value;
  if (v->kind != VALUE_CALL || strcmp(v->word.text, "regions") != 0 || v->args.n > MAX_ARENA_PARTS)
    error_at(v->loc, "expected up to %d parts, as in 'regions(dtcm=0, sram=512)'", MAX_ARENA_PARTS);
  check_unique(v->args);
  int64_t least = 0, most = 0;
  for (int i = 0; i < v->args.n; i++) {
    const Pair *part = &v->args.pair[i];
    g->part[i] = (ArenaPart){part->name.text, read_integer(part, least, most)};
    least = g->part[i].start;
    most = INT64_MAX;
  }
  g->n_part = v->args.n;
}

static void set_setting(Parser *p, const Pair *pair) {
  static const char *const names[] = {"opset", "weights",     "stage",      "hash",
                                      "arena", "arena_bound", "arena_parts"};
  enum { OPSET, WEIGHTS, STAGE, HASH, ARENA, ARENA_BOUND, ARENA_PARTS, N_NAMES };
  Graph *g = p->graph;
  int which = 0;
  while (which < N_NAMES && strcmp(names[which], pair->name.text) != 0) which++;
  switch (which) {
  case OPSET: g->opset = (int)read_integer(pair, 1, MAX_OPSET); break;
  case WEIGHTS: open_weights(p, pair); break;
  case STAGE: g->stage = read_text(pair); break;
  case HASH: g->hash = read_hash(pair); break;
  case ARENA: g->arena_bytes = read_integer(pair, 0, INT64_MAX); break;
  case ARENA_BOUND: g->arena_bound = read_integer(pair, 0, INT64_MAX); break;
  case ARENA_PARTS: read_parts(g, pair); break;
  default:
    error_at(pair->name.loc, "unknown setting '%s' of a graph%s", pair->name.text,
             suggest(p, pair->name.text, names, N_NAMES));
  }
}

void set_header(Parser *p, Pairs settings) {
  check_unique(settings);
  for (int i = 0; i < settings.n; i++) set_setting(p, &settings.pair[i]);
}

void set_signature(Parser *p, Word name, Decls inputs, Decls outputs) {
  Graph *g = p->graph;
  g->name = name.text;
  for (int i = 0; i < inputs.n; i++) {
    Tensor *t = define_tensor(p, &inputs.decl[i]);
    g->in = arena_grow(p->arena, g->in, g->n_in, sizeof *g->in);
    g->in[g->n_in++] = t;
    read_annotations(p, t, inputs.decl[i].notes);
  }
  p->outputs = outputs;
}

/* ---- statements ----------------------------------------------------------------------------- */

void add_constant(Parser *p, Decl d, Data data) {
  Tensor *t = define_tensor(p, &d);
  t->data = read_elements(p, t, &data);
  read_annotations(p, t, d.notes);
}

static const char *suggest_op(Parser *p, const char *name) {
  const char **names = arena_alloc(p->arena, (int64_t)sizeof *names * (n_ops() + 1));
  for (int i = 0; i < n_ops(); i++) names[i] = op_at(i)->name;
  return suggest(p, name, names, n_ops());
}

static Tensor *add_result(Parser *p, const Decl *d) {
  bool is_absent = !*d->name.text && !d->type.dtype.text && d->notes.n == 0;
  return is_absent ? NULL : define_tensor(p, d);
}

static void add_attrs(Parser *p, Node *n, Pairs attrs) {
  check_unique(attrs);
  for (int i = 0; i < attrs.n; i++) {
    Attr a = read_attr(p, &attrs.pair[i]);
    set_attr(p->graph, n, &a);
  }
}

void add_statement(Parser *p, Word label, Decls results, Word op, Pairs attrs, Words args) {
  Graph *g = p->graph;
  if (!find_op(op.text))
    error_at(op.loc, "unknown operator '%s'%s", op.text, suggest_op(p, op.text));
  if (args.n == 1 && !args.word[0].text) args.n = 0;  /* nothing between the parentheses */
  Tensor **in = arena_alloc(p->arena, (int64_t)sizeof *in * args.n);
  Tensor **out = arena_alloc(p->arena, (int64_t)sizeof *out * results.n);
  for (int i = 0; i < args.n; i++) in[i] = use_tensor(p, args.word[i]);
  for (int i = 0; i < results.n; i++) out[i] = add_result(p, &results.decl[i]);
  Node *n = add_node(g, -1, op.text, label.text, args.n, in, results.n, out);
  if (label.text) n->name = label.text;
  n->loc = op.loc;
  add_attrs(p, n, attrs);
  for (int i = 0; i < results.n; i++)
    if (out[i]) read_annotations(p, out[i], results.decl[i].notes);
}

/* ---- the whole file ------------------------------------------------------------------------- */

/* A chain of aliases ends, and in memory that may be written. */
static void check_chain(const Parser *p, const Alias *a) {
  const Graph *g = p->graph;
  const Tensor *at = a->tensor;
  for (int steps = 0; at->alias >= 0; steps++) {
    at = g->tensor[at->alias];
    if (steps > g->n_tensor) error_at(a->target.loc, "the aliases go in a circle");
  }
  if (is_const(at)) error_at(a->target.loc, "'%s' is a constant", at->name);
}

static void resolve_aliases(Parser *p) {
  for (int i = 0; i < p->n_alias; i++) {
    const Alias *a = &p->alias[i];
    const Tensor *target = find_tensor(p->graph, a->target.text);
    if (!target)
      error_at(a->target.loc, "tensor '%s' is not defined%s", a->target.text,
               suggest_tensor(p, a->target.text));
    a->tensor->alias = target->id;
  }
  for (int i = 0; i < p->n_alias; i++) check_chain(p, &p->alias[i]);
}

static void set_outputs(Parser *p) {
  Graph *g = p->graph;
  for (int i = 0; i < p->outputs.n; i++) {
    Word name = p->outputs.decl[i].name;
    Tensor *t = find_tensor(g, name.text);
    if (!t)
      error_at(name.loc, "output '%s' is never defined%s", name.text,
               suggest_tensor(p, name.text));
    g->out = arena_grow(p->arena, g->out, g->n_out, sizeof *g->out);
    g->out[g->n_out++] = t;
  }
}

static bool agrees(const Tensor *declared, const Tensor *t) {
  bool both = declared->dtype != DT_NONE && t->dtype != DT_NONE;
  if (both && declared->dtype != t->dtype) return false;
  if (declared->rank < 0 || t->rank < 0) return true;
  if (declared->rank != t->rank || declared->layout != t->layout) return false;
  for (int i = 0; i < t->rank; i++)
    if (declared->dim[i] >= 0 && t->dim[i] >= 0 && declared->dim[i] != t->dim[i]) return false;
  return true;
}

/* The operators' own rules: they complete what was not declared and contradict what is wrong.  Once
 * that is done a declaration is as good as an inference, which passes may do anew. */
static void infer_types(Parser *p) {
  const Graph *g = p->graph;
  Layout *declared = arena_alloc(p->arena, (int64_t)sizeof *declared * (g->n_tensor + 1));
  bool *is_declared = arena_alloc(p->arena, g->n_tensor + 1);
  for (int i = 0; i < g->n_tensor; i++) {
    is_declared[i] = g->tensor[i]->rank >= 0;
    declared[i] = g->tensor[i]->layout;
  }
  infer_shapes(p->graph);
  for (int i = 0; i < g->n_tensor; i++) {
    Tensor *t = g->tensor[i];
    if (is_declared[i] && declared[i] != t->layout)
      error_at(t->loc, "'%s' is declared with%s layout NHWC but is %s", t->name,
               declared[i] == LAYOUT_NHWC ? "" : "out", type_text(p, t));
    t->inferred = t->def != NULL;
  }
}

/* Compares the outputs' types in the signature with those that they have. */
static void check_outputs(Parser *p) {
  for (int i = 0; i < p->outputs.n; i++) {
    const Decl *d = &p->outputs.decl[i];
    const Tensor *t = p->graph->out[i];
    Tensor declared = {0};
    if (!d->type.dtype.text) continue;
    read_type(p, &d->type, &declared);
    if (!agrees(&declared, t))
      error_at(d->name.loc, "output '%s' is declared as %s but is %s", t->name,
               type_text(p, &declared), type_text(p, t));
  }
}

static void check_scales(Parser *p) {
  for (int i = 0; i < p->graph->n_tensor; i++) {
    const Tensor *t = p->graph->tensor[i];
    if (!t->quant) continue;
    int64_t n = count_scales(t);
    if (t->dtype != t->quant->format->dtype && !(is_const(t) && t->dtype == DT_F32))
      error_at(t->loc, "codes of format %s have type %s, but '%s' is %s", t->quant->format->name,
               dtype_name(t->quant->format->dtype), t->name, type_text(p, t));
    if (t->rank >= 0 && t->quant->axis >= t->rank)
      error_at(t->loc, "axis %d of the quantization does not exist in %s", t->quant->axis,
               type_text(p, t));
    if (n >= 0 && n != t->quant->n)
      error_at(t->loc, "expected %" PRId64 " scales for '%s', found %" PRId64, n, t->name,
               t->quant->n);
    int64_t channels = t->quant->axis >= 0 && t->rank >= 0 ? t->dim[t->quant->axis] : 1;
    if (t->quant->n_book > 1 && t->quant->n_book != channels)
      error_at(t->loc, "expected one codebook for '%s' or one per channel, found %" PRId64, t->name,
               t->quant->n_book);
  }
}

/* The first line of a file that was printed says which version of the format it has. */
static void check_version(Parser *p) {
  static const char prefix[] = "# qcc graph ";
  const char *text = p->source->text;
  if (strncmp(text, prefix, sizeof prefix - 1) != 0) return;
  long version = strtol(text + sizeof prefix - 1, NULL, 10);
  if (version != GRAPH_VERSION)
    error_at((Loc){.src = p->source, .line = 1, .col = (int)sizeof prefix},
             "version %ld of the graph format is unknown, this is version %d", version,
             GRAPH_VERSION);
}

Graph *read_graph_text(Arena *a, const char *path) {
  size_t len;
  const char *text = read_file(a, path, &len);
  Parser p = {.arena = a, .graph = new_graph(a, NULL), .line = 1, .col = 1};
  p.source = new_source(a, path, text, len);
  p.graph->loc = (Loc){.src = p.source};
  p.graph->opset = DEFAULT_OPSET;
  if (len > INT_MAX / 2) error_at(p.graph->loc, "a graph of more than 1 GB of text");
  check_version(&p);
  parse_graph_source(&p);
  resolve_aliases(&p);
  set_outputs(&p);
  infer_types(&p);
  check_outputs(&p);
  check_scales(&p);
  for (int i = 0; i < p.n_next; i++)
    add_state(p.graph, p.next[i].output.loc, p.next[i].output.text, p.next[i].input->name);
  return p.graph;
}
