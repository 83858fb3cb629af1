/* tflite_draft.h - writes small TensorFlow Lite files: tables whose fields are slots of four bytes, filled in
 * now, or with the offset of what is written behind them. */
#ifndef QCC_TFLITE_DRAFT_H
#define QCC_TFLITE_DRAFT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct Draft {
  uint8_t bytes[8192];
  uint32_t n;
} Draft;

static inline void put32(Draft *d, uint32_t at, uint32_t v) {
  for (int b = 0; b < 4; b++) d->bytes[at + (uint32_t)b] = (uint8_t)(v >> 8 * b);
}

static inline uint32_t add32(Draft *d, uint32_t v) {
  while (d->n % 4 != 0) d->n++;
  put32(d, d->n, v);
  d->n += 4;
  return d->n - 4;
}

static inline void begin_draft(Draft *d) {
  memset(d, 0, sizeof *d);
  add32(d, 0);
  memcpy(d->bytes + 4, "TFL3", 4);
  d->n = 8;
}

/* The offset in slot `at` leads here. */
static inline void lead(Draft *d, uint32_t at) {
  while (d->n % 4 != 0) d->n++;
  put32(d, at, d->n - at);
}

/* A table of n fields, those whose bits are set; field i is at the result + 4 + 4 i. */
static inline uint32_t add_table(Draft *d, int n, unsigned fields) {
  uint32_t vtable = d->n;
  uint32_t bytes = 4 + 4 * (uint32_t)n, list = 4 + 2 * (uint32_t)n;
  d->bytes[vtable] = (uint8_t)list;
  d->bytes[vtable + 2] = (uint8_t)bytes;
  for (int i = 0; i < n; i++)
    if (fields >> i & 1) d->bytes[vtable + 4 + 2 * (uint32_t)i] = (uint8_t)(4 + 4 * i);
  d->n = vtable + (list + 3) / 4 * 4;
  uint32_t at = add32(d, 0);
  put32(d, at, at - vtable);
  d->n = at + bytes;
  return at;
}

/* The slot's table; padded so that what leads to it points at the table, not at its list. */
static inline uint32_t slot_of(uint32_t table, int field) { return table + 4 + 4 * (uint32_t)field; }

static inline uint32_t table_in(Draft *d, uint32_t slot, int n, unsigned fields) {
  while (d->n % 4 != 0) d->n++;
  uint32_t at = add_table(d, n, fields);
  put32(d, slot, at - slot);
  return at;
}

/* A vector of n elements of `size` bytes; returns where the first is. */
static inline uint32_t vector_in(Draft *d, uint32_t slot, uint32_t n, uint32_t size, const void *elements) {
  lead(d, slot);
  add32(d, n);
  uint32_t at = d->n;
  if (elements) memcpy(d->bytes + at, elements, n * size);
  d->n += n * size;
  return at;
}

static inline void text_in(Draft *d, uint32_t slot, const char *text) {
  vector_in(d, slot, (uint32_t)strlen(text), 1, text);
  d->n++;
}

typedef struct DraftTensor {
  const char *name;
  int type;               /* TensorType of the schema */
  int rank;
  int32_t dim[4];
  int n_scale, axis;
  float scale[4];
  int64_t zero;
  bool variable;          /* lives from call to call */
  int n_data;             /* bytes of a constant */
  const void *data;
} DraftTensor;

typedef struct DraftOperator {
  int builtin;
  int n_in, n_out;
  int32_t in[24], out[2];
  int n_option;
  int32_t option[8];      /* fields of the options, four bytes each */
  const char *text;       /* the options' second field, their only one */
} DraftOperator;

/* Tensors and operators of one subgraph. */
typedef struct DraftGraph {
  int n_tensor, n_op;
  const DraftTensor *t;
  const DraftOperator *o;
} DraftGraph;

/* Buffers and operator codes of a subgraph are numbered behind those of the ones before. */
static inline void add_draft_tensors(Draft *d, uint32_t graph, const DraftGraph *g, int first_buffer) {
  uint32_t tensors = vector_in(d, slot_of(graph, 0), (uint32_t)g->n_tensor, 4, NULL);
  for (int i = 0; i < g->n_tensor; i++) {
    const DraftTensor *t = &g->t[i];
    uint32_t at = table_in(d, tensors + 4 * (uint32_t)i, 6, 63);
    d->bytes[slot_of(at, 5)] = t->variable;
    vector_in(d, slot_of(at, 0), (uint32_t)t->rank, 4, t->dim);
    d->bytes[slot_of(at, 1)] = (uint8_t)t->type;
    put32(d, slot_of(at, 2), t->data ? (uint32_t)(first_buffer + i) : 0);
    text_in(d, slot_of(at, 3), t->name);
    uint32_t q = table_in(d, slot_of(at, 4), 7, t->n_scale ? 4 | 8 | 64 : 0);
    if (!t->n_scale) continue;
    vector_in(d, slot_of(q, 2), (uint32_t)t->n_scale, 4, t->scale);
    vector_in(d, slot_of(q, 3), 1, 8, &t->zero);
    put32(d, slot_of(q, 6), (uint32_t)t->axis);
  }
}

static inline void add_draft_operators(Draft *d, uint32_t graph, const DraftGraph *g, int first_code) {
  uint32_t ops = vector_in(d, slot_of(graph, 3), (uint32_t)g->n_op, 4, NULL);
  for (int i = 0; i < g->n_op; i++) {
    const DraftOperator *o = &g->o[i];
    uint32_t at = table_in(d, ops + 4 * (uint32_t)i, 5, 1 | 2 | 4 | 16);
    put32(d, slot_of(at, 0), (uint32_t)(first_code + i));
    vector_in(d, slot_of(at, 1), (uint32_t)o->n_in, 4, o->in);
    vector_in(d, slot_of(at, 2), (uint32_t)o->n_out, 4, o->out);
    uint32_t options = table_in(d, slot_of(at, 4), o->text ? 2 : o->n_option, o->text ? 2 : (1u << o->n_option) - 1);
    for (int k = 0; k < o->n_option; k++) put32(d, slot_of(options, k), (uint32_t)o->option[k]);
    if (o->text) text_in(d, slot_of(options, 1), o->text);
  }
}

/* A model; the first tensor of its first subgraph is the input, the last the output. */
static inline void add_graphs(Draft *d, int n, const DraftGraph *g) {
  int n_buffer = 1, n_code = 0;
  begin_draft(d);
  for (int k = 0; k < n; k++) n_buffer += g[k].n_tensor, n_code += g[k].n_op;
  uint32_t model = table_in(d, 0, 5, 1 | 2 | 4 | 16);
  put32(d, slot_of(model, 0), 3);
  uint32_t code = vector_in(d, slot_of(model, 1), (uint32_t)n_code, 4, NULL);
  for (int k = 0; k < n; k++)
    for (int i = 0; i < g[k].n_op; i++, code += 4) {
      uint32_t c = table_in(d, code, 4, 1 | 8);
      int builtin = g[k].o[i].builtin;
      d->bytes[slot_of(c, 0)] = (uint8_t)(builtin > 127 ? 127 : builtin);
      put32(d, slot_of(c, 3), (uint32_t)builtin);
    }
  uint32_t graphs = vector_in(d, slot_of(model, 2), (uint32_t)n, 4, NULL);
  for (int k = 0, buffer = 1, op = 0; k < n; buffer += g[k].n_tensor, op += g[k].n_op, k++) {
    uint32_t graph = table_in(d, graphs + 4 * (uint32_t)k, 5, k ? 1 | 8 : 15);
    int32_t last = g[k].n_tensor - 1;
    add_draft_tensors(d, graph, &g[k], buffer);
    if (k == 0) vector_in(d, slot_of(graph, 1), 1, 4, &(int32_t){0});
    if (k == 0) vector_in(d, slot_of(graph, 2), 1, 4, &last);
    add_draft_operators(d, graph, &g[k], op);
  }
  uint32_t buffers = vector_in(d, slot_of(model, 4), (uint32_t)n_buffer, 4, NULL);
  table_in(d, buffers, 1, 0);
  for (int k = 0, b = 1; k < n; k++)
    for (int i = 0; i < g[k].n_tensor; i++, b++) {
      const DraftTensor *t = &g[k].t[i];
      uint32_t at = table_in(d, buffers + 4 * (uint32_t)b, 1, t->data != NULL);
      if (t->data) vector_in(d, slot_of(at, 0), (uint32_t)t->n_data, 1, t->data);
    }
}

/* A model of one subgraph. */
static inline void add_model(Draft *d, int n_tensor, const DraftTensor *t, int n_op, const DraftOperator *o) {
  add_graphs(d, 1, &(DraftGraph){n_tensor, n_op, t, o});
}

#endif
