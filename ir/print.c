/* print.c - writes a graph in the text form that frontend/graph.y reads (docs/graph-format.md).
 *
 * Every fact of the graph is written, in an order that does not depend on how the graph came to be:
 * the header, then constants by id, then nodes as they run.  Names that are not identifiers are
 * quoted; floats have the fewest digits that read back to the same float32.  Large arrays are only
 * mentioned, as @"key", and go to a safetensors file.  The body is printed to memory first, because
 * the header says whether there is such a file. */
#include <ctype.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"
#include "ir/safetensors.h"

enum { PER_ROW = 16 };  /* elements of a constant in a row of text */

typedef struct Printer {
  FILE *f;
  const Graph *g;
  bool to_file;          /* large arrays go to the weights file */
  int64_t inline_max;    /* elements of the largest array that is written inline */
  int n_big;
  SafeTensor *big;       /* [n_big] contents of the weights file */
} Printer;

/* ---- words and numbers ---------------------------------------------------------------------- */

static bool is_plain_name(const char *s) {
  static const char *const reserved[] = {"const", "inf", "nan"};
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
    if (strcmp(s, reserved[i]) == 0) return false;
  if (!isalpha((unsigned char)*s) && *s != '_') return false;
  for (; *s; s++)
    if (!isalnum((unsigned char)*s) && *s != '_' && *s != '.') return false;
  return true;
}

static void print_string(FILE *f, const char *s) {
  fputc('"', f);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
    else if (c == '\n') fputs("\\n", f);
    else if (c == '\t') fputs("\\t", f);
    else if (c < 0x20 || c == 0x7f) fprintf(f, "\\x%02x", c);
    else fputc(c, f);
  }
  fputc('"', f);
}

static void print_name(FILE *f, const char *name) {
  if (is_plain_name(name)) fputs(name, f);
  else print_string(f, name);
}

/* Six digits survive a trip through a normal float32, nine always suffice; likewise 15 and 17 for
 * float64.  %g drops trailing zeros, so that the first count that reads back is the shortest. */
static void print_real(FILE *f, double v, bool is_double) {
  if (isnan(v)) { fputs("nan", f); return; }
  if (isinf(v)) { fputs(v < 0 ? "-inf" : "inf", f); return; }
  int first = is_double ? 15 : 6, last = is_double ? 17 : 9;
  if (fabs(v) < (is_double ? DBL_MIN : (double)FLT_MIN)) first = 1;
  char s[40];
  for (int digits = first; digits <= last; digits++) {
    snprintf(s, sizeof s, "%.*g", digits, v);
    double back = strtod(s, NULL);
    if (is_double ? back == v : (float)back == (float)v) break;
  }
  fputs(s, f);
  if (!strpbrk(s, ".e")) fputs(".0", f);
}

static void print_element(FILE *f, DType t, const void *data, int64_t i) {
  if (t == DT_U64) fprintf(f, "%" PRIu64, ((const uint64_t *)data)[i]);
  else if (dtype_is_float(t)) print_real(f, get_real(t, data, i), t == DT_F64);
  else fprintf(f, "%" PRId64, get_int(t, data, i));
}

static void print_elements(FILE *f, DType t, const void *data, int64_t n) {
  fputc('{', f);
  for (int64_t i = 0; i < n; i++) {
    if (i) fputc(',', f);
    if (n > PER_ROW && i % PER_ROW == 0) fputs("\n    ", f);
    else if (i) fputc(' ', f);
    print_element(f, t, data, i);
  }
  fputc('}', f);
}

/* ---- large arrays --------------------------------------------------------------------------- */

static bool is_taken(const Printer *p, const char *key) {
  for (int i = 0; i < p->n_big; i++)
    if (strcmp(p->big[i].name, key) == 0) return true;
  return false;
}

/* A key of its own for an array in the weights file: the name, as far as JSON can hold it. */
static const char *make_key(Printer *p, const char *name) {
  char *base = arena_strdup(p->g->arena, *name ? name : "_");
  for (char *c = base; *c; c++)
    if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) *c = '_';
  const char *key = base;
  for (int i = 1; is_taken(p, key) || strcmp(key, "__metadata__") == 0; i++)
    key = arena_printf(p->g->arena, "%s_%d", base, i);
  return key;
}

static bool is_big(const Printer *p, DType t, int64_t n) {
  return p->to_file && n > p->inline_max && safetensors_dtype(t) != DT_NONE;
}

/* Prints @"key" and remembers the array for the weights file. */
static void print_big(Printer *p, const char *name, DType t, int rank, const int64_t *dim,
                      const void *data) {
  SafeTensor *s;
  p->big = arena_grow(p->g->arena, p->big, p->n_big, sizeof *s);
  s = &p->big[p->n_big];
  *s = (SafeTensor){.name = make_key(p, name), .dtype = safetensors_dtype(t), .rank = rank,
                    .data = data, .bytes = dtype_bytes(t)};
  for (int i = 0; i < rank; i++) {
    s->dim[i] = dim[i];
    s->bytes = mul_size(s->bytes, dim[i]);
  }
  p->n_big++;
  fputc('@', p->f);
  print_string(p->f, s->name);
}

/* ---- types and annotations ------------------------------------------------------------------ */

static void print_dim(FILE *f, const Tensor *t, int i) {
  if (t->dim[i] >= 0) fprintf(f, "%" PRId64, t->dim[i]);
  else if (t->dim_param[i]) print_name(f, t->dim_param[i]);
  else fputc('?', f);
}

/* As in ONNX: "float" is a scalar, "float[]" has an unknown rank; "?[]" says nothing at all. */
static void print_type(FILE *f, const Tensor *t) {
  fputs(t->dtype == DT_NONE ? "?" : dtype_name(t->dtype), f);
  if (t->rank != 0) {
    fputc('[', f);
    for (int i = 0; i < t->rank; i++) {
      if (i) fputc(',', f);
      print_dim(f, t, i);
    }
    fputc(']', f);
  }
  if (t->layout == LAYOUT_NHWC) fputs(" NHWC", f);
}

/* One entry of a QuantSpec, or where a state starts: a number, a list or, when large, an array of the weights file. */
static void print_scales(Printer *p, const Tensor *t, const char *what, DType type,
                         const void *data, int64_t n) {
  fprintf(p->f, "%s=", what);
  if (n == 1) {
    print_element(p->f, type, data, 0);
  } else if (is_big(p, type, n)) {
    print_big(p, arena_printf(p->g->arena, "%s:%s", t->name, what), type, 1, &n, data);
  } else {
    fputc('[', p->f);
    for (int64_t i = 0; i < n; i++) {
      if (i) fputs(", ", p->f);
      print_element(p->f, type, data, i);
    }
    fputc(']', p->f);
  }
}

static bool all_equal(const int32_t *v, int64_t n) {
  for (int64_t i = 1; i < n; i++)
    if (v[i] != v[0]) return false;
  return true;
}

/* Whether the scales follow from `multiple` and `channel_scale`. */
static bool scales_are_products(const Tensor *t, const QuantSpec *q, int64_t channels) {
  if (!q->multiple || !q->channel_scale || channels < 1 || q->n % channels) return false;
  if (t->rank >= 0 && q->axis >= t->rank) return false;
  for (int64_t i = 0; i < q->n; i++)
    if (q->scale[i] != q->channel_scale[i / (q->n / channels)] * (float)q->multiple[i])
      return false;
  return true;
}

static void print_quant(Printer *p, const Tensor *t) {
  const QuantSpec *q = t->quant;
  int64_t channels = q->axis >= 0 && q->axis < t->rank && t->dim[q->axis] > 0 ? t->dim[q->axis] : 1;
  fprintf(p->f, "quant=%s(", q->format->name);
  if (q->axis >= 0) fprintf(p->f, "axis=%d, ", q->axis);
  if (q->group > 0) fprintf(p->f, "group=%" PRId64 ", ", q->group);
  if (q->multiple && q->channel_scale) {
    print_scales(p, t, "channel_scale", DT_F32, q->channel_scale, channels);
    fputs(", ", p->f);
    print_scales(p, t, "multiple", DT_U8, q->multiple, q->n);
  }
  if (!scales_are_products(t, q, channels)) {
    if (q->multiple && q->channel_scale) fputs(", ", p->f);
    print_scales(p, t, "scale", DT_F32, q->scale, q->n);
  }
  bool same = all_equal(q->zero, q->n);
  if (!same || q->zero[0] != 0) {
    fputs(", ", p->f);
    print_scales(p, t, "zero", DT_I32, q->zero, same ? 1 : q->n);
  }
  if (q->book) {
    fputs(", ", p->f);
    print_scales(p, t, "book", DT_I8, q->book, q->n_book * book_bytes(q));
  }
  fputc(')', p->f);
}

/* " <" before the first annotation, ", " before the others. */
static void begin_annotation(Printer *p, int *n) { fputs((*n)++ ? ", " : " <", p->f); }

static void print_annotations(Printer *p, const Tensor *t) {
  int n = 0;
  if (t->quant) {
    begin_annotation(p, &n);
    print_quant(p, t);
  }
  if (t->has_range) {
    begin_annotation(p, &n);
    fputs("range=[", p->f);
    print_real(p->f, (double)t->lo, false);
    fputs(", ", p->f);
    print_real(p->f, (double)t->hi, false);
    fputc(']', p->f);
  }
  if (t->offset >= 0) {
    begin_annotation(p, &n);
    fprintf(p->f, "offset=%" PRId64, t->offset);
  }
  if (t->alias >= 0 && t->alias < p->g->n_tensor) {
    begin_annotation(p, &n);
    fputs("alias=", p->f);
    print_string(p->f, p->g->tensor[t->alias]->name);
  }
  for (int i = n_inputs(p->g); i < p->g->n_in; i++) {
    if (p->g->in[i] != t) continue;
    begin_annotation(p, &n);
    fputs("state=", p->f);
    print_string(p->f, p->g->out[i - n_inputs(p->g) + n_outputs(p->g)]->name);
    if (!t->start) continue;
    begin_annotation(p, &n);
    void *start = arena_alloc(p->g->arena, tensor_bytes(t) + 1);
    reset_state(t, start);
    print_scales(p, t, "start", t->dtype, start, n_elements(t));
  }
  if (n) fputc('>', p->f);
}

/* "float[1,2] x": what every mention of a tensor by declaration has. */
static void print_declaration(Printer *p, const Tensor *t) {
  print_type(p->f, t);
  fputc(' ', p->f);
  print_name(p->f, t->name);
  print_annotations(p, t);
}

static void print_data(Printer *p, const char *key, const Tensor *t) {
  int64_t n = n_elements(t);
  if (n < 0) bug("constant '%s' has no size", t->name);
  if (is_big(p, t->dtype, n)) print_big(p, key, t->dtype, t->rank, t->dim, t->data);
  else print_elements(p->f, t->dtype, t->data, n);
}

/* ---- attributes and nodes ------------------------------------------------------------------- */

static void print_list_item(FILE *f, const Attr *a, int i) {
  if (a->kind == ATTR_INTS) fprintf(f, "%" PRId64, a->ints[i]);
  else if (a->kind == ATTR_FLOATS) print_real(f, a->floats[i], false);
  else print_string(f, a->strings[i]);
}

static void print_list(FILE *f, const Attr *a) {
  fputc('[', f);
  for (int i = 0; i < a->n; i++) {
    if (i) fputc(',', f);
    print_list_item(f, a, i);
  }
  fputc(']', f);
}

static void print_attr_tensor(Printer *p, const Node *n, const Attr *a) {
  print_type(p->f, a->t);
  fputc(' ', p->f);
  if (a->t->name && *a->t->name) {
    print_name(p->f, a->t->name);
    fputc(' ', p->f);
  }
  print_data(p, arena_printf(p->g->arena, "%s.%s", n->name, a->name), a->t);
}

/* An empty list does not show what it is a list of: that is written behind the name, as in ONNX. */
static const char *empty_list_type(const Attr *a) {
  bool is_list = a->kind == ATTR_INTS || a->kind == ATTR_FLOATS || a->kind == ATTR_STRINGS;
  if (!is_list || a->n > 0) return "";
  return a->kind == ATTR_INTS ? ": ints" : a->kind == ATTR_FLOATS ? ": floats" : ": strings";
}

static void print_attr(Printer *p, const Node *n, const Attr *a) {
  print_name(p->f, a->name);
  fprintf(p->f, "%s=", empty_list_type(a));
  switch (a->kind) {
  case ATTR_INT: fprintf(p->f, "%" PRId64, a->i); break;
  case ATTR_FLOAT: print_real(p->f, a->f, false); break;
  case ATTR_STRING: print_string(p->f, a->s); break;
  case ATTR_TENSOR: print_attr_tensor(p, n, a); break;
  case ATTR_INTS:
  case ATTR_FLOATS:
  case ATTR_STRINGS: print_list(p->f, a); break;
  }
}

static void print_attrs(Printer *p, const Node *n) {
  for (int i = 0; i < n->n_attr; i++) {
    fputs(i ? ", " : "<", p->f);
    print_attr(p, n, &n->attr[i]);
  }
  if (n->n_attr) fputc('>', p->f);
}

/* The name that a node has when the text gives none: that of its first output. */
static const char *default_node_name(const Node *n) {
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) return n->out[i]->name;
  return "";
}

static void print_node(Printer *p, const Node *n) {
  fputs("  ", p->f);
  if (strcmp(n->name, default_node_name(n)) != 0) {
    fputc('[', p->f);
    print_name(p->f, n->name);
    fputs("] ", p->f);
  }
  for (int i = 0; i < n->n_out; i++) {
    if (i) fputs(", ", p->f);
    if (n->out[i]) print_declaration(p, n->out[i]);
    else fputs("\"\"", p->f);
  }
  fprintf(p->f, " = %s", n->op->name);
  print_attrs(p, n);
  fputc('(', p->f);
  for (int i = 0; i < n->n_in; i++) {
    if (i) fputs(", ", p->f);
    print_name(p->f, n->in[i] ? n->in[i]->name : "");
  }
  fputs(")\n", p->f);
}

/* ---- the graph ------------------------------------------------------------------------------ */

/* Tensors that only an attribute holds are printed there. */
static bool *find_attr_tensors(const Graph *g) {
  bool *found = arena_alloc(g->arena, g->n_tensor + 1);
  for (int i = 0; i < g->n_node; i++)
    for (int k = 0; k < g->node[i]->n_attr; k++) {
      const Tensor *t = g->node[i]->attr[k].t;
      bool is_ours = g->node[i]->attr[k].kind == ATTR_TENSOR && t && t->id >= 0 &&
                     t->id < g->n_tensor && g->tensor[t->id] == t;
      if (is_ours && count_uses(g, t) == 0) found[t->id] = true;
    }
  return found;
}

static void print_constants(Printer *p) {
  bool *skip = find_attr_tensors(p->g);
  for (int i = 0; i < p->g->n_tensor; i++) {
    const Tensor *t = p->g->tensor[i];
    if (!is_const(t) || skip[i]) continue;
    fputs("  const ", p->f);
    print_declaration(p, t);
    fputs(" = ", p->f);
    print_data(p, t->name, t);
    fputc('\n', p->f);
  }
}

static void print_signature(Printer *p) {
  const Graph *g = p->g;
  print_name(p->f, g->name && *g->name ? g->name : "graph");
  fputs(" (", p->f);
  for (int i = 0; i < g->n_in; i++) {
    if (i) fputs(", ", p->f);
    print_declaration(p, g->in[i]);
  }
  fputs(") => (", p->f);
  for (int i = 0; i < g->n_out; i++) {
    if (i) fputs(", ", p->f);
    print_type(p->f, g->out[i]);
    fputc(' ', p->f);
    print_name(p->f, g->out[i]->name);
  }
  fputs(")\n", p->f);
}

static void print_body(Printer *p) {
  print_signature(p);
  fputs("{\n", p->f);
  print_constants(p);
  for (int i = 0; i < p->g->n_node; i++) print_node(p, p->g->node[i]);
  fputs("}\n", p->f);
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static void print_header(FILE *f, const Graph *g, const char *weights) {
  fprintf(f, "# qcc graph 1\n<opset=%d", g->opset);
  if (weights) {
    fputs(", weights=", f);
    print_string(f, base_name(weights));
  }
  if (g->stage) {
    fputs(", stage=", f);
    print_string(f, g->stage);
  }
  if (g->hash != HASH_START) fprintf(f, ", hash=\"%016" PRIx64 "\"", g->hash);
  if (g->arena_bytes) fprintf(f, ", arena=%" PRId64, g->arena_bytes);
  if (g->arena_bound) fprintf(f, ", arena_bound=%" PRId64, g->arena_bound);
  for (int i = 0; i < g->n_part; i++) {
    fputs(i ? ", " : ", arena_parts=regions(", f);
    print_name(f, g->part[i].region);
    fprintf(f, "=%" PRId64 "%s", g->part[i].start, i + 1 < g->n_part ? "" : ")");
  }
  fputs(">\n", f);
}

void print_graph(FILE *f, const Graph *g, const char *weights_path, int inline_max) {
  char *body = NULL;
  size_t len = 0;
  Printer p = {.f = open_memstream(&body, &len), .g = g, .to_file = weights_path != NULL,
               .inline_max = inline_max};
  if (!p.f) error("out of memory");
  print_body(&p);
  if (fclose(p.f)) error("out of memory");
  print_header(f, g, p.n_big ? weights_path : NULL);
  fwrite(body, 1, len, f);
  free(body);
  if (p.n_big) write_safetensors(g->arena, weights_path, p.n_big, p.big);
}
