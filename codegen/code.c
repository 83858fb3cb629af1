/* code.c - puts the output together: provenance, the kernels that are used, constants, the run
 * function and the header.  The order of everything follows the graph, so that the same graph
 * gives the same bytes. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/emit.h"
#include "ir/embed.h"

static const struct { const char *kernel; EmitFn *emit; } emitters[] = {
#define EMIT(kernel, function) {#kernel, function},
#include "codegen/emit.def"
#undef EMIT
};

static EmitFn *emitter_of(const Kernel *k) {
  for (size_t i = 0; i < sizeof emitters / sizeof *emitters; i++)
    if (strcmp(emitters[i].kernel, k->name) == 0) return emitters[i].emit;
  bug("nobody writes the call of kernel %s", k->name);
}

char *identifier_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
             *dot = strrchr(base, '.');
  char *s = arena_strndup(a, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
  for (char *p = s; *p; p++)
    if (!isalnum((unsigned char)*p)) *p = '_';
  return isdigit((unsigned char)s[0]) || !s[0] ? arena_printf(a, "m_%s", s) : s;
}

static const char *upper_of(Arena *a, const char *name) {
  char *s = arena_strdup(a, name);
  for (char *p = s; *p; p++) *p = (char)toupper((unsigned char)*p);
  return s;
}

static FILE *open_output(Arena *a, const char *dir, const char *name, const char *suffix) {
  const char *path = arena_printf(a, "%s/%s%s", dir, name, suffix);
  FILE *f = fopen(path, "wb");
  if (!f) error("%s: cannot be written: %s", path, strerror(errno));
  return f;
}

static void close_output(FILE *f) {
  bool bad = ferror(f);
  if (fclose(f) != 0 || bad) error("the output cannot be written: %s", strerror(errno));
}

/* ---- kernels --------------------------------------------------------------------------------- */

typedef struct Paste { Arena *a; FILE *f; int n; const char **done; } Paste;

/* A header as it stands, behind those that it includes; only the quoted includes go. */
static void paste_header(Paste *p, const char *name) {
  for (int i = 0; i < p->n; i++)
    if (strcmp(p->done[i], name) == 0) return;
  p->done = arena_grow(p->a, p->done, p->n, sizeof *p->done);
  p->done[p->n++] = name;
  const EmbeddedFile *file = find_embedded(arena_printf(p->a, "runtime/%s", name));
  if (!file) bug("runtime/%s is not embedded", name);
  const char *end = (const char *)file->end;
  for (const char *s = (const char *)file->begin; s < end;) {
    const char *nl = memchr(s, '\n', (size_t)(end - s)), *next = nl ? nl + 1 : end;
    const char *line = arena_strndup(p->a, s, (size_t)(next - s));
    const char *quoted = strncmp(line, "#include \"", 10) == 0 ? line + 10 : NULL;
    if (quoted) paste_header(p, arena_strndup(p->a, quoted, strcspn(quoted, "\"")));
    s = next;
  }
  fprintf(p->f, "\n");
  for (const char *s = (const char *)file->begin; s < end;) {
    const char *nl = memchr(s, '\n', (size_t)(end - s)), *next = nl ? nl + 1 : end;
    if (strncmp(s, "#include \"", 10) != 0) fwrite(s, 1, (size_t)(next - s), p->f);
    s = next;
  }
}

/* How far kernels are specialised: one shared copy each, the compiler's choice, or a copy per
 * call. */
static void write_specialisation(FILE *f, const char *optimize) {
  const char *how = strcmp(optimize, "size") == 0 ? "static __attribute__((noinline, unused))"
                    : strcmp(optimize, "speed") == 0
                        ? "static inline __attribute__((always_inline, unused))"
                        : NULL;
  if (how) fprintf(f, "#if defined(__GNUC__)\n#define QCC_KERNEL %s\n#endif\n", how);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static const char *type_text(Emitter *e, const Tensor *t) {
  const char *format = t->quant ? arena_printf(e->a, " scale %.6g zero %d", t->quant->scale[0],
                                               (int)t->quant->zero[0])
                                : "";
  return arena_printf(e->a, "%s%s%s", dtype_name(t->dtype), shape_text(e->a, t),
                      t->quant && t->quant->n > 1 ? " per channel" : format);
}

/* A name of the model as it may stand in a comment, which it must neither end nor begin. */
static const char *comment_text(Arena *a, const char *name) {
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

static void write_comment(Emitter *e, const Node *n) {
  const Kernel *k = n->kernel;
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

static void write_node(Emitter *e, const Node *n) {
  const Kernel *k = n->kernel;
  write_comment(e, n);
  fprintf(e->calls, "  %s_LAYER(%d);\n", e->upper, e->index);
  if (!k) return;
  use_header(e, k->header);
  fprintf(e->calls, "  {\n");
  emitter_of(k)(e, n, k);
  fprintf(e->calls, "  }\n");
}

/* ---- the two files --------------------------------------------------------------------------- */

static void write_provenance(Emitter *e, FILE *f, const char *file, const char *what) {
  fprintf(f, "/* %s - %s\n *\n", file, what);
  for (const char *s = e->o->provenance; *s;) {
    size_t n = strcspn(s, "\n");
    fprintf(f, " * %s\n", comment_text(e->a, arena_strndup(e->a, s, n)));
    s += n + (s[n] == '\n');
  }
  fprintf(f, " */\n");
}

static void write_io(Emitter *e, FILE *f, const char *kind, int i, const Tensor *t) {
  const char *u = e->upper;
  fprintf(f, "\n/* %s %d, \"%s\": %s%s", kind[0] == 'I' ? "input" : "output", i,
          comment_text(e->a, t->name), dtype_name(t->dtype), shape_text(e->a, t));
  if (t->layout == LAYOUT_NHWC) fprintf(f, ", channels last");
  if (t->quant) fprintf(f, "; real = (code - zero) * scale");
  fprintf(f, " */\n");
  fprintf(f, "#define %s_%s_%d_OFFSET %lld\n", u, kind, i, (long long)t->offset);
  fprintf(f, "#define %s_%s_%d_BYTES %lld\n", u, kind, i, (long long)stored_bytes(t));
  fprintf(f, "#define %s_%s_%d_ELEMENTS %lld\n", u, kind, i, (long long)n_elements(t));
  if (t->quant) {
    fprintf(f, "#define %s_%s_%d_SCALE %s\n", u, kind, i, float_text(e, t->quant->scale[0]));
    fprintf(f, "#define %s_%s_%d_ZERO (%d)\n", u, kind, i, (int)t->quant->zero[0]);
  }
  fprintf(f, "#define %s_%s_%d(arena) ((%s *)(void *)((unsigned char *)(arena) + %lld))\n", u, kind,
          i, ctype_of(t->dtype), (long long)t->offset);
}

static void write_header(Emitter *e, const char *dir) {
  const char *u = e->upper, *name = e->o->name;
  const Graph *g = e->g;
  FILE *f = open_output(e->a, dir, name, ".h");
  write_provenance(e, f, arena_printf(e->a, "%s.h", name), "interface of the compiled network");
  fprintf(f, "#ifndef %s_H\n#define %s_H\n\n#include <stdint.h>\n\n", u, u);
  fprintf(f, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
  fprintf(f,
          "/* Working memory: inputs, outputs, activations and scratch. The run function needs\n"
          " * nothing else but stack.  Give it a buffer of this size and alignment; nothing in it\n"
          " * has to live between calls. */\n");
  fprintf(f, "#define %s_ARENA_BYTES %lld\n#define %s_ARENA_ALIGN 16\n", u,
          (long long)(g->arena_bytes ? g->arena_bytes : 16), u);
  if (e->o->static_arena) fprintf(f, "extern unsigned char %s_arena[%s_ARENA_BYTES];\n", name, u);
  for (int i = 0; i < g->n_in; i++) write_io(e, f, "INPUT", i, g->in[i]);
  for (int i = 0; i < g->n_out; i++) write_io(e, f, "OUTPUT", i, g->out[i]);
  fprintf(f,
          "\n/* Runs the network once: write the inputs to %s_INPUT_0(arena) ..., call this, read\n"
          " * %s_OUTPUT_0(arena) ...  Inputs are overwritten.  Reentrant: calls with different\n"
          " * arenas may run at the same time. */\n",
          u, u);
  fprintf(f, "void %s_run(void *arena);\n\n", name);
  fprintf(f,
          "/* With %s_PROFILE defined when the .c file is compiled, this function of yours is\n"
          " * called before every layer and, with layer = %s_LAYERS, after the last. */\n",
          u, u);
  fprintf(f, "#define %s_LAYERS %d\nvoid %s_profile(int layer);\n\n", u, g->n_node, name);
  fprintf(f, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
  close_output(f);
}

static void write_macros(Emitter *e, FILE *f) {
  const char *u = e->upper, *name = e->o->name;
  long long bytes = e->bin_bytes;
  fprintf(f,
          "/* Define to place the weights in a section of their own. */\n"
          "#ifdef %s_WEIGHT_SECTION\n"
          "#define %s_WEIGHTS __attribute__((section(%s_WEIGHT_SECTION)))\n"
          "#else\n#define %s_WEIGHTS\n#endif\n\n",
          u, u, u, u);
  fprintf(f,
          "#ifdef %s_PROFILE\n#define %s_LAYER(i) %s_profile(i)\n"
          "#else\n#define %s_LAYER(i) ((void)0)\n#endif\n",
          u, u, name, u);
  if (e->bin_bytes == 0) return;
  fprintf(f,
          "\n/* Weights from %s_weights.bin, which the assembler looks for in its include path\n"
          " * (-I, -Wa,-I). */\n"
          "#ifdef __wasm__\n"
          "#define %s_BIN_FLAGS \"\\\"\\\",@\"\n#define %s_BIN_TYPE \"@object\"\n"
          "#else\n"
          "#define %s_BIN_FLAGS \"\\\"a\\\"\"\n#define %s_BIN_TYPE \"%%object\"\n"
          "#endif\n",
          name, u, u, u, u);
  fprintf(f,
          "__asm__(\".section .rodata.%s_weights,\" %s_BIN_FLAGS \"\\n.balign %d\\n\"\n"
          "        \".globl %s_weights_bin\\n.type %s_weights_bin, \" %s_BIN_TYPE \"\\n\"\n"
          "        \"%s_weights_bin:\\n\"\n"
          "        \".incbin \\\"%s_weights.bin\\\"\\n.size %s_weights_bin, %lld\\n.text\\n\");\n"
          "extern const unsigned char %s_weights_bin[%lld];\n",
          name, u, e->bin_align, name, name, u, name, name, name, bytes, name, bytes);
}

static void write_source(Emitter *e, const char *dir, const char *constants, const char *calls) {
  const char *name = e->o->name;
  FILE *f = open_output(e->a, dir, name, ".c");
  write_provenance(e, f, arena_printf(e->a, "%s.c", name),
                   "a compiled network; include the header, call the run function");
  fprintf(f, "#include \"%s.h\"\n\n#include <math.h>\n#include <stddef.h>\n#include <string.h>\n\n",
          name);
  write_specialisation(f, e->o->optimize);
  if (!e->uses_libm_activation) fprintf(f, "#define QCC_ACT_LIBM 0\n");
  Paste p = {e->a, f, 0, NULL};
  for (int i = 0; i < e->n_header; i++) paste_header(&p, e->header[i]);
  fprintf(f, "\n");
  write_macros(e, f);
  fprintf(f, "\n%s", constants);
  if (e->o->static_arena)
    fprintf(f,
            "\nunsigned char %s_arena[%s_ARENA_BYTES] __attribute__((aligned(%s_ARENA_ALIGN)));\n",
            name, e->upper, e->upper);
  fprintf(f, "\nvoid %s_run(void *arena) {\n  unsigned char *const a = arena;\n  (void)a;\n", name);
  fprintf(f, "%s  %s_LAYER(%d);\n}\n", calls, e->upper, e->g->n_node);
  close_output(f);
}

static int64_t weight_bytes(const Graph *g) {
  int64_t bytes = 0;
  for (int i = 0; i < g->n_tensor; i++)
    if (is_const(g->tensor[i]) && (g->tensor[i]->quant || g->tensor[i]->dtype == DT_F32))
      bytes += stored_bytes(g->tensor[i]);
  return bytes;
}

void write_code(const Graph *g, Context *cx, const CodegenOptions *o, const char *dir) {
  char *constants = NULL, *calls = NULL;
  size_t n_constants = 0, n_calls = 0;
  Emitter e = {.g = g, .cx = cx, .a = g->arena, .o = o, .upper = upper_of(g->arena, o->name)};
  e.array = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *e.array);
  e.packed = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *e.packed);
  e.constants = open_memstream(&constants, &n_constants);
  e.calls = open_memstream(&calls, &n_calls);
  use_header(&e, "common.h");
  int64_t weights = weight_bytes(g);
  if (weights > 0 && weights >= o->bin_threshold)
    e.bin = open_output(g->arena, dir, o->name, "_weights.bin");
  for (e.index = 0; e.index < g->n_node; e.index++) write_node(&e, g->node[e.index]);
  fclose(e.constants);
  fclose(e.calls);
  if (e.bin) close_output(e.bin);
  write_header(&e, dir);
  write_source(&e, dir, constants, calls);
  free(constants);
  free(calls);
}

static bool has_weights(const Node *n) {
  const Kernel *k = n->kernel;
  return k && k->packing != PACK_NONE && n->n_in > 1;
}

/* Is input k only read by qcc, not by the output? */
static bool is_parameter(const Node *n, int k) {
  const Kernel *kernel = n->kernel;
  return is_op(n, "Reshape") || (k > 0 && (is_op(n, "Slice") || is_op(n, "Split"))) ||
         (is_op(n, "QLookup") && strcmp(kernel->name, "flip_sign") == 0);
}

ConstantBytes count_constants(Arena *a, const Graph *g) {
  ConstantBytes c = {0};
  Packing *packed = arena_alloc(a, (g->n_tensor + 1) * (int64_t)sizeof *packed);
  bool *seen = arena_alloc(a, g->n_tensor + 1);
  for (int i = 0; i < g->n_node; i++) {
    const Node *n = g->node[i];
    Packing packing = has_weights(n) ? ((const Kernel *)n->kernel)->packing : PACK_NONE;
    for (int k = 0; k < n->n_in; k++) {
      const Tensor *t = n->in[k];
      if (!t || !is_const(t) || is_parameter(n, k)) continue;
      if (seen[t->id] && (k != 1 || packed[t->id] == packing)) continue;
      seen[t->id] = true;
      packed[t->id] = packing;
      int64_t bytes = stored_bytes(t);
      if (k == 1 && has_weights(n)) {
        pack_weights(a, t, packing, &bytes);
        c.weights += bytes;
      } else if (k == 2 && has_weights(n)) {
        c.biases += bytes;
      } else {
        c.tables += bytes;
      }
    }
  }
  return c;
}

/* NAME_<kind><i> for every node with weights and every kind, and one more symbol or NULL. */
static const char *const *node_symbols(Arena *a, const Graph *g, const char *name,
                                       const char *kinds, const char *more) {
  const char **s = arena_alloc(a, ((int64_t)strlen(kinds) * g->n_node + 2) * (int64_t)sizeof *s);
  int n = 0;
  for (int i = 0; i < g->n_node; i++)
    for (const char *k = kinds; *k && has_weights(g->node[i]); k++)
      s[n++] = arena_printf(a, "%s_%c%d", name, *k, i);
  s[n] = more;
  return s;
}

SizeSymbols size_symbols(Arena *a, const Graph *g, const char *name) {
  const char *bin = arena_printf(a, "%s_weights_bin", name);
  return (SizeSymbols){.weights = node_symbols(a, g, name, "wbk", bin),
                       .scales = node_symbols(a, g, name, "msk", NULL)};
}
