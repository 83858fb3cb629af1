/* layers.c - the body of the run function: the call of each node's kernel, parts that may run at the same time, what
 * runs only where a condition holds. */
#include <string.h>

#include "codegen/code.h"

static const struct { const char *call; EmitFn *emit; } emitters[] = {
#define EMIT(call) {#call, emit_##call},
#include "codegen/emit.def"
#undef EMIT
};

static EmitFn *emitter_of(const Kernel *k) {
  for (size_t i = 0; i < sizeof emitters / sizeof *emitters; i++)
    if (strcmp(emitters[i].call, k->call) == 0) return emitters[i].emit;
  bug("nobody writes the call of kernel %s: %s", k->name, k->call);
}

static const char *type_text(Emitter *e, const Tensor *t) {
  const char *format = t->quant ? arena_printf(e->a, " scale %.6g zero %d", t->quant->scale[0],
                                               (int)t->quant->zero[0])
                                : "";
  return arena_printf(e->a, "%s%s%s", dtype_name(t->dtype), shape_text(e->a, t),
                      t->quant && t->quant->n > 1 ? " per channel" : format);
}

const char *comment_text(Arena *a, const char *name) {
  char *s = arena_strdup(a, name);
  for (char *p = s; *p; p++)
    if ((unsigned char)*p < ' ' || (*p == '*' && (p[1] == '/' || (p > s && p[-1] == '/'))))
      *p = '+';
  return s;
}

static void write_operand(Emitter *e, const char *what, const Tensor *t) {
  fprintf(e->calls, "   *   %s %s", what, type_text(e, t));
  if (!is_const(t))
    fprintf(e->calls, " at %lld..%lld", (long long)t->offset,
            (long long)(t->offset + stored_bytes(t)));
  fprintf(e->calls, "\n");
}

static void write_comment(Emitter *e, const Node *n, const Kernel *k) {
  fprintf(e->calls, "\n  /* %d: %s %s, kernel %s\n", e->index, n->op->name,
          comment_text(e->a, n->name), k ? k->name : "none (same bytes)");
  for (int i = 0; i < n->n_in; i++) {
    const Tensor *t = n->in[i];
    if (!t || (is_const(t) && i > 1)) continue;
    write_operand(e, i > 0 && is_const(t) ? "const" : "in ", t);
  }
  for (int i = 0; i < n->n_out; i++)
    if (n->out[i]) write_operand(e, "out", n->out[i]);
  fprintf(e->calls, "   */\n");
}

static void write_mark(Emitter *e, int layer) {
  fprintf(e->now->calls, "  %s_LAYER(%d);\n", e->upper, layer);
}

static int64_t all_bytes(const ConstantBytes *c) { return c->weights + c->biases + c->tables; }

static void write_call(Emitter *e, const Node *n) {
  const Kernel *k = variant_kernel(n, (int)(e->now - e->body));
  write_comment(e, n, k);
  if (e->calls == e->now->calls) write_mark(e, e->index);
  if (!k) return;
  ConstantBytes before = e->bytes;
  use_header(e, k->header);
  fprintf(e->calls, "  {\n");
  emitter_of(k)(e, n, k);
  fprintf(e->calls, "  }\n");
  if (!e->node_bytes) return;
  e->node_bytes[e->index] += all_bytes(&e->bytes) - all_bytes(&before);
  e->node_weights[e->index] += e->bytes.weights - before.weights;
}

static int64_t part_of(const Graph *g, int i) { return attr_int(g->node[i], "parallel", -1); }

/* Where the parts of the layer that begins at node i end: behind the last of them. */
static int parts_end(const Graph *g, int i) {
  int end = i + 1;
  for (int k = i + 1; k < g->n_node && part_of(g, k) != 0; k++) {
    if (part_of(g, k) > 0) end = k + 1;
    else if (g->node[k]->kernel) break;
  }
  return end;
}

const char *variant_tag(Emitter *e, int v) {
  return identifier_of(e->a, e->cx->target->variant[v].target->name);
}

/* The parts of a layer, nodes [from, to), as cases of one function, which threads call if the
 * compiler is told to make some.  The views between them are no work. */
static void write_parts(Emitter *e, int from, int to) {
  const char *name = e->o->name;
  int64_t parts = part_of(e->g, to - 1) + 1;
  if (e->n_body > 1)
    name = arena_printf(e->a, "%s_%s", name, variant_tag(e, (int)(e->now - e->body)));
  const char *pointers = "a", *parameters = "unsigned char *const a", *unused = "";
  for (int i = 1; i < e->g->n_part; i++) {
    pointers = arena_printf(e->a, "%s, a%d", pointers, i);
    parameters = arena_printf(e->a, "%s, unsigned char *const a%d", parameters, i);
    unused = arena_printf(e->a, "%s  (void)a%d;\n", unused, i);
  }
  e->calls = e->now->parts;
  fprintf(e->calls, "\nstatic void %s_%d_run(%s, int part) {\n%s  switch (part) {\n", name, from,
          parameters, unused);
  for (e->index = from; e->index < to; e->index++) {
    int64_t part = part_of(e->g, e->index);
    if (part >= 0) fprintf(e->calls, "  case %lld:\n", (long long)part);
    write_call(e, e->g->node[e->index]);
    if (part >= 0) fprintf(e->calls, "  break;\n");
  }
  fprintf(e->calls, "  }\n}\n");
  e->calls = e->now->calls;
  fprintf(e->calls, "\n  /* %d to %d: %lld parts that may run at the same time */\n", from, to - 1,
          (long long)parts);
  write_mark(e, from);
  fprintf(e->calls,
          "#ifdef _OPENMP\n#pragma omp parallel for num_threads(%lld) schedule(static, 1)\n#endif\n"
          "  for (int part = 0; part < %lld; part++) %s_%d_run(%s, part);\n",
          (long long)parts, (long long)parts, name, from, pointers);
  for (int i = from + 1; i < to; i++) write_mark(e, i);
}

/* Have both nodes the same condition number i? */
static bool share_guard(const Graph *g, const Node *a, const Node *b, int i) {
  bool of_a, of_b;
  const Tensor *condition = guard_of(g, a, i, &of_a);
  return condition && condition == guard_of(g, b, i, &of_b) && of_a == of_b;
}

/* The conditions under which a node runs, as `if` in the code: those of the node before that it has not are closed,
 * its own opened. */
static void write_guards(Emitter *e, const Node *before, const Node *n) {
  bool holds;
  int same = 0, open = 0;
  while (before && guard_of(e->g, before, open, &holds)) open++;
  while (same < open && n && share_guard(e->g, before, n, same)) same++;
  for (; open > same; open--) fprintf(e->calls, "  }\n");
  for (const Tensor *t; n && (t = guard_of(e->g, n, open, &holds)); open++)
    fprintf(e->calls, "\n  if (%s*%s) {\n", holds ? "" : "!", pointer_to(e, t));
}

void write_layers(Emitter *e) {
  const Graph *g = e->g;
  const Node *before = NULL;
  for (int i = 0, end; i < g->n_node; i = end) {
    end = i + 1;
    e->index = i;
    write_guards(e, before, g->node[i]);
    before = g->node[i];
    if (part_of(g, i) == 0) {
      end = parts_end(g, i);
      write_parts(e, i, end);
    } else {
      write_call(e, g->node[i]);
    }
  }
  write_guards(e, before, NULL);
}
