/* code.c - puts the output together: provenance, the kernels that are used, constants, the run
 * function and the header.  The order of everything follows the graph, so that the same graph
 * gives the same bytes.
 *
 * For a target with variants there is a section per variant, in which the compiler may use more
 * instructions: its kernels, with the variant's name in theirs, and its run function; NAME_run
 * chooses.  The constants are before all of them: variants that read the same array share it. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/code.h"

char *identifier_of(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path,
             *dot = strrchr(base, '.');
  char *s = arena_strndup(a, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
  for (char *p = s; *p; p++)
    if (!isalnum((unsigned char)*p)) *p = '_';
  return isdigit((unsigned char)s[0]) || !s[0] ? arena_printf(a, "m_%s", s) : s;
}

const char *upper_of(Arena *a, const char *name) {
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

/* How far kernels are specialised: one shared copy each, the compiler's choice, or a copy per
 * call. */
static const char *specialisation(const char *optimize) {
  if (strcmp(optimize, "size") == 0)
    return "#if defined(__GNUC__)\n"
           "#define QCC_KERNEL static __attribute__((noinline, unused))\n#endif\n";
  if (strcmp(optimize, "speed") == 0)
    return "#if defined(__GNUC__)\n"
           "#define QCC_KERNEL static inline __attribute__((always_inline, unused))\n#endif\n";
  return "";
}

static void write_kernels(Emitter *e, FILE *f, const Body *body, const char *tag) {
  const char *settings =
      arena_printf(e->a, "%s%s%s%s", specialisation(e->o->optimize),
                   body->uses_exp_activation ? "" : "#define QCC_ACT_EXP 0\n",
                   body->uses_tflite ? "#define QCC_TFLITE 1\n" : "",
                   body->uses_float_rule ? "#define QCC_FLOAT_RULE 1\n" : "");
  if (body->packings)
    settings = arena_printf(e->a, "%s#define QCC_PACKINGS 0x%llxULL\n", settings,
                            body->packings);
  write_tagged(f, tag, settings, strlen(settings));
  Paste p = {.a = e->a, .f = f, .tag = tag};
  for (int i = 0; i < body->n_header; i++) paste_header(&p, body->header[i]);
  fprintf(f, "\n");
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
  int part = arena_part(e->g, t->offset);
  long long offset = (long long)(t->offset - part_start(e->g, part));
  if (e->g->n_part > 1) fprintf(f, "#define %s_%s_%d_ARENA %d\n", u, kind, i, part);
  fprintf(f, "#define %s_%s_%d_OFFSET %lld\n", u, kind, i, offset);
  fprintf(f, "#define %s_%s_%d_BYTES %lld\n", u, kind, i, (long long)stored_bytes(t));
  fprintf(f, "#define %s_%s_%d_ELEMENTS %lld\n", u, kind, i, (long long)n_elements(t));
  if (t->quant) {
    fprintf(f, "#define %s_%s_%d_SCALE %s\n", u, kind, i, float_text(e, t->quant->scale[0]));
    fprintf(f, "#define %s_%s_%d_ZERO (%d)\n", u, kind, i, (int)t->quant->zero[0]);
  }
  fprintf(f, "#define %s_%s_%d(arena) ((%s *)(void *)((unsigned char *)(arena) + %lld))\n", u, kind,
          i, ctype_of(t->dtype), offset);
}

/* "" for the first part of the arena, "_1" for the second. */
static const char *arena_suffix(Emitter *e, int part) {
  return part > 0 ? arena_printf(e->a, "_%d", part) : "";
}

static int count_arenas(const Graph *g) { return g->n_part > 1 ? g->n_part : 1; }

static void write_arenas(Emitter *e, FILE *f) {
  const Graph *g = e->g;
  for (int i = 0; i < count_arenas(g); i++) {
    const char *suffix = arena_suffix(e, i);
    long long bytes = (long long)(g->arena_bytes ? part_bytes(g, i) : 16);
    if (g->n_part > 1)
      fprintf(f, "/* Arena %d, in %s: */\n", i, comment_text(e->a, g->part[i].region));
    fprintf(f, "#define %s_ARENA%s_BYTES %lld\n", e->upper, suffix, bytes);
    if (i == 0) fprintf(f, "#define %s_ARENA_ALIGN 16\n", e->upper);
    if (e->o->static_arena)
      fprintf(f, "extern unsigned char %s_arena%s[%s_ARENA%s_BYTES];\n", e->o->name, suffix,
              e->upper, suffix);
  }
}

/* "TYPEarena, TYPEarena_1" */
static const char *list_arenas(Emitter *e, const char *type) {
  const char *list = arena_printf(e->a, "%sarena", type);
  for (int i = 1; i < count_arenas(e->g); i++)
    list = arena_printf(e->a, "%s, %sarena_%d", list, type, i);
  return list;
}

/* Of the run function; those of variants have no states. */
static const char *run_arguments(Emitter *e, bool states) {
  const char *list = list_arenas(e, "void *");
  return states && e->g->n_state ? arena_printf(e->a, "%s, %s_state *state", list, e->o->name) : list;
}

/* ---- states: a structure of the caller's, copied to the inputs and from the outputs ---------------- */

static const Tensor *state_in(const Graph *g, int i) { return g->in[n_inputs(g) + i]; }

static const Tensor *state_out(const Graph *g, int i) { return g->out[n_outputs(g) + i]; }

static void declare_states(Emitter *e, FILE *f) {
  const Graph *g = e->g;
  const char *name = e->o->name;
  fprintf(f, "/* What lives from call to call.  Each stream has one of its own, filled by %s_reset. */\n"
             "typedef struct %s_state {\n", name, name);
  for (int i = 0; i < g->n_state; i++) {
    const Tensor *t = state_in(g, i);
    fprintf(f, "  %s value_%d[%lld]; /* \"%s\": %s%s", ctype_of(t->dtype), i, (long long)n_elements(t),
            comment_text(e->a, t->name), dtype_name(t->dtype), shape_text(e->a, t));
    if (t->quant)
      fprintf(f, "; real = (code - %d) * %s", (int)t->quant->zero[0], float_text(e, t->quant->scale[0]));
    fprintf(f, " */\n");
  }
  fprintf(f, "} %s_state;\n\nvoid %s_reset(%s_state *state);\n\n", name, name, name);
}

static const char *start_text(Emitter *e, const Tensor *t, const void *start, int64_t i) {
  DType bits = dtype_is_half(t->dtype) ? DT_U16 : t->dtype;
  if (dtype_bytes(t->dtype) == 1 && dtype_is_float(t->dtype)) bits = DT_U8;
  if (bits == DT_F32) return float_text(e, get_real(bits, start, i));
  if (bits == DT_F64) return double_text(e, get_real(bits, start, i));
  return arena_printf(e->a, "%lld", (long long)get_int(bits, start, i));
}

/* Elements that differ are an array; memory is 0 already. */
static void define_start(Emitter *e, FILE *f, int number) {
  const Tensor *t = state_in(e->g, number);
  int64_t n = n_elements(t), same = 1, bytes = dtype_bytes(t->dtype);
  if (n == 0) return;
  char *start = arena_alloc(e->a, tensor_bytes(t) + 1);
  const char zero[8] = {0};
  reset_state(t, start);
  while (same < n && memcmp(start, start + same * bytes, (size_t)bytes) == 0) same++;
  if (same == n && memcmp(start, zero, (size_t)bytes) == 0) return;
  if (same == n) {
    fprintf(f, "  for (int32_t i = 0; i < %lld; i++)\n    state->value_%d[i] = %s;\n", (long long)n, number,
            start_text(e, t, start, 0));
    return;
  }
  fprintf(f, "  static const %s start_%d[%lld] = {", ctype_of(t->dtype), number, (long long)n);
  for (int64_t i = 0; i < n; i++) fprintf(f, "%s%s,", i % 8 ? " " : "\n    ", start_text(e, t, start, i));
  fprintf(f, "\n  };\n  memcpy(state->value_%d, start_%d, sizeof start_%d);\n", number, number, number);
}

static void define_reset(Emitter *e, FILE *f) {
  const Graph *g = e->g;
  const char *name = e->o->name;
  if (g->n_state == 0) return;
  fprintf(f, "\nvoid %s_reset(%s_state *state) {\n  memset(state, 0, sizeof *state);\n", name, name);
  for (int i = 0; i < g->n_state; i++) define_start(e, f, i);
  fprintf(f, "}\n");
}

/* Codes for memory that the pointers a, a1 ... of the run function lead to. */
static void copy_states(Emitter *e, FILE *f, bool back) {
  for (int i = 0; i < e->g->n_state; i++) {
    const Tensor *t = back ? state_out(e->g, i) : state_in(e->g, i);
    const char *place = arena_place(e, t->offset);
    if (stored_bytes(t) == 0) continue;
    if (back) fprintf(f, "  memcpy(state->value_%d, %s, %lld);\n", i, place, (long long)stored_bytes(t));
    else fprintf(f, "  memcpy(%s, state->value_%d, %lld);\n", place, i, (long long)stored_bytes(t));
  }
}

static void write_arena_pointers(Emitter *e, FILE *f) {
  fprintf(f, "  unsigned char *const a = arena;\n  (void)a;\n");
  for (int i = 1; i < count_arenas(e->g); i++)
    fprintf(f, "  unsigned char *const a%d = arena_%d;\n  (void)a%d;\n", i, i, i);
}

/* The arenas themselves.  Their sections matter where they lie in different memories. */
static void define_arenas(Emitter *e, FILE *f) {
  const Graph *g = e->g;
  for (int i = 0; i < count_arenas(g); i++) {
    const char *suffix = arena_suffix(e, i), *u = e->upper, *section = "";
    if (g->n_part > 1) {
      fprintf(f, "\n#ifndef %s_ARENA%s_SECTION\n#define %s_ARENA%s_SECTION \".bss.%s\"\n#endif", u,
              suffix, u, suffix, identifier_of(e->a, g->part[i].region));
      section = arena_printf(e->a, ", section(%s_ARENA%s_SECTION)", u, suffix);
    }
    fprintf(f,
            "\nunsigned char %s_arena%s[%s_ARENA%s_BYTES] "
            "__attribute__((aligned(%s_ARENA_ALIGN)%s));\n",
            e->o->name, suffix, u, suffix, u, section);
  }
}

/* What the header says of variants. */
static void write_variants(Emitter *e, FILE *f) {
  const Target *t = e->cx->target;
  const char *name = e->o->name, *u = e->upper;
  fprintf(f, "/* There are variants for processors that can do more:\n *\n");
  for (int v = 0; v < t->n_variant; v++)
    fprintf(f, " *   %d %s\n", v, t->variant[v].target->name);
  fprintf(f,
          " *\n * Outputs are the same, but for the rounding of reals.  %s_run takes the first that runs\n"
          " * here: this one.  With %s_VARIANT defined as a number when the .c file is compiled, it\n"
          " * takes that one, whatever the processor. */\n"
          "int %s_variant(void);\n#define %s_VARIANTS %d\n",
          name, u, name, u, t->n_variant);
  fprintf(f, "\n");
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
  write_arenas(e, f);
  for (int i = 0; i < n_inputs(g); i++) write_io(e, f, "INPUT", i, g->in[i]);
  for (int i = 0; i < n_outputs(g); i++) write_io(e, f, "OUTPUT", i, g->out[i]);
  fprintf(f, "\n");
  if (g->n_state) declare_states(e, f);
  fprintf(f,
          "/* Runs the network once: write the inputs to %s_INPUT_0(arena) ..., call this, read\n"
          " * %s_OUTPUT_0(arena) ...  Inputs are overwritten.  Reentrant: calls with different\n"
          " * arenas%s may run at the same time. */\n",
          u, u, g->n_state ? " and states" : "");
  fprintf(f, "void %s_run(%s);\n\n", name, run_arguments(e, true));
  if (e->n_body > 1) write_variants(e, f);
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
  for (int i = 1; i < e->regions.n; i++) {
    const char *suffix = weight_suffix(e, i);
    fprintf(f,
            "/* Weights in the region %s. */\n"
            "#ifndef %s_WEIGHT%s_SECTION\n#define %s_WEIGHT%s_SECTION \".rodata.%s\"\n#endif\n"
            "#define %s_WEIGHTS%s __attribute__((section(%s_WEIGHT%s_SECTION)))\n\n",
            comment_text(e->a, e->regions.part[i].name), u, suffix, u, suffix,
            identifier_of(e->a, e->regions.part[i].name), u, suffix, u, suffix);
  }
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

/* A run function: of the network, or of one of its variants. */
static void write_run(Emitter *e, FILE *f, const Body *body, const char *tag) {
  write_tagged(f, tag, body->parts_text, body->n_parts_text);
  if (*tag) fprintf(f, "\nstatic void %s_%s_run(%s) {\n", e->o->name, tag, run_arguments(e, false));
  else fprintf(f, "\nvoid %s_run(%s) {\n", e->o->name, run_arguments(e, true));
  write_arena_pointers(e, f);
  if (!*tag) copy_states(e, f, false);
  write_tagged(f, tag, body->text, body->n_text);
  fprintf(f, "  %s_LAYER(%d);\n", e->upper, e->g->n_node);
  if (!*tag) copy_states(e, f, true);
  fprintf(f, "}\n");
}

static void write_variant(Emitter *e, FILE *f, int v) {
  const Variant *variant = &e->cx->target->variant[v];
  const char *tag = variant_tag(e, v);
  fprintf(f, "\n/* ---- variant %d: %s */\n\n", v, variant->target->name);
  if (variant->code)
    fprintf(f,
            "#if defined(__clang__)\n"
            "#pragma clang attribute push(__attribute__((target(\"%s\"))), apply_to = function)\n"
            "#elif defined(__GNUC__)\n#pragma GCC push_options\n#pragma GCC target(\"%s\")\n"
            "#endif\n",
            variant->code, variant->code);
  write_kernels(e, f, &e->body[v], tag);
  write_run(e, f, &e->body[v], tag);
  if (variant->code)
    fprintf(f, "\n#if defined(__clang__)\n#pragma clang attribute pop\n"
               "#elif defined(__GNUC__)\n#pragma GCC pop_options\n#endif\n");
}

static const char *cpu_mask(Emitter *e, const Variant *v) {
  const char *mask = "";
  for (int i = 0; i < v->n_cpu; i++)
    mask = arena_printf(e->a, "%s%sQCC_CPU_%s", mask, i ? " | " : "", upper_of(e->a, v->cpu[i]));
  return mask;
}

/* The first variant that the processor can run, found once: CPUID takes long on virtual machines.
 * Threads that look at the same time find the same. */
static void write_choice(Emitter *e, FILE *f) {
  const Target *t = e->cx->target;
  const char *name = e->o->name, *u = e->upper;
  int last = t->n_variant - 1;
  Paste p = {.a = e->a, .f = f, .tag = ""};
  fprintf(f, "\n/* ---- which of them runs */\n");
  paste_header(&p, cpu_feature_header(t->variant[0].cpu[0]));
  fprintf(f, "\nstatic int %s_find_variant(void) {\n  const int cpu = qcc_cpu();\n", name);
  for (int v = 0; v < last; v++)
    fprintf(f, "  const int needs%d = %s;\n", v, cpu_mask(e, &t->variant[v]));
  for (int v = 0; v < last; v++)
    fprintf(f, "  if ((cpu & needs%d) == needs%d) return %d;\n", v, v, v);
  fprintf(f, "  return %d;\n}\n", last);
  fprintf(f,
          "\nint %s_variant(void) {\n#ifdef %s_VARIANT\n  (void)%s_find_variant;\n"
          "  return %s_VARIANT;\n#else\n  static int found; /* its number + 1 */\n"
          "  int v = __atomic_load_n(&found, __ATOMIC_RELAXED);\n"
          "  if (v == 0) {\n    v = %s_find_variant() + 1;\n"
          "    __atomic_store_n(&found, v, __ATOMIC_RELAXED);\n  }\n  return v - 1;\n#endif\n}\n",
          name, u, name, u, name);
  const char *arenas = list_arenas(e, "");
  fprintf(f, "\nvoid %s_run(%s) {\n", name, run_arguments(e, true));
  if (e->g->n_state) write_arena_pointers(e, f);
  copy_states(e, f, false);
  fprintf(f, "  switch (%s_variant()) {\n", name);
  for (int v = 0; v < last; v++)
    fprintf(f, "    case %d: %s_%s_run(%s); break;\n", v, name, variant_tag(e, v), arenas);
  fprintf(f, "    default: %s_%s_run(%s); break;\n  }\n", name, variant_tag(e, last), arenas);
  copy_states(e, f, true);
  fprintf(f, "}\n");
}

/* Compilers want the system headers of variants before the first of them. */
static void write_includes(Emitter *e, FILE *f) {
  Paste p = {.a = e->a, .f = f, .tag = "", .system = true};
  const char *given[] = {"math.h", "stddef.h", "string.h"};
  for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
    const char *line = arena_printf(e->a, "#include <%s>\n", given[i]);
    done_before(&p, line);
    fputs(line, f);
  }
  for (int v = 0; e->n_body > 1 && v < e->n_body; v++)
    for (int i = 0; i < e->body[v].n_header; i++) paste_header(&p, e->body[v].header[i]);
  fprintf(f, "\n");
}

static void write_source(Emitter *e, const char *dir, const char *constants) {
  const char *name = e->o->name;
  FILE *f = open_output(e->a, dir, name, ".c");
  write_provenance(e, f, arena_printf(e->a, "%s.c", name),
                   "a compiled network; include the header, call the run function");
  fprintf(f, "#include \"%s.h\"\n\n", name);
  write_includes(e, f);
  if (e->n_body == 1) write_kernels(e, f, e->body, "");
  write_macros(e, f);
  fprintf(f, "\n%s", constants);
  if (e->o->static_arena) define_arenas(e, f);
  define_reset(e, f);
  if (e->n_body == 1) {
    write_run(e, f, e->body, "");
  } else {
    for (int v = 0; v < e->n_body; v++) write_variant(e, f, v);
    write_choice(e, f);
  }
  close_output(f);
}

static int64_t weight_bytes(const Graph *g) {
  int64_t bytes = 0;
  for (int i = 0; i < g->n_tensor; i++)
    if (is_const(g->tensor[i]) && (g->tensor[i]->quant || dtype_is_float(g->tensor[i]->dtype)))
      bytes += stored_bytes(g->tensor[i]);
  return bytes;
}

static Emitter new_emitter(const Graph *g, Context *cx, const CodegenOptions *o) {
  Emitter e = {.g = g, .cx = cx, .a = g->arena, .o = o, .upper = upper_of(g->arena, o->name)};
  int64_t weights = weight_bytes(g);
  e.to_bin = weights > 0 && weights >= o->bin_threshold;
  e.array = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *e.array);
  e.packed_by = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *e.packed_by);
  e.packed_for = arena_alloc(g->arena, (g->n_tensor + 1) * (int64_t)sizeof *e.packed_for);
  e.n_body = cx->target && cx->target->n_variant ? cx->target->n_variant : 1;
  e.body = arena_alloc(g->arena, e.n_body * (int64_t)sizeof *e.body);
  return e;
}

static void write_bodies(Emitter *e) {
  for (int v = 0; v < e->n_body; v++) {
    Body *p = e->now = &e->body[v];
    e->calls = p->calls = open_memstream(&p->text, &p->n_text);
    p->parts = open_memstream(&p->parts_text, &p->n_parts_text);
    use_header(e, "common.h");
    write_layers(e);
    fclose(p->calls);
    fclose(p->parts);
  }
}

static void free_bodies(const Emitter *e) {
  for (int v = 0; v < e->n_body; v++) {
    free(e->body[v].text);
    free(e->body[v].parts_text);
  }
}

void write_code(const Graph *g, Context *cx, const CodegenOptions *o, const char *dir) {
  char *constants = NULL;
  size_t n_constants = 0;
  ConstantBytes c = count_constants(g, cx, o);
  Emitter e = new_emitter(g, cx, o);
  spread_weights(g, cx->target, &c, &e.regions);
  if (e.regions.n) e.to_bin = false;
  e.constants = open_memstream(&constants, &n_constants);
  if (e.to_bin) e.bin = open_output(g->arena, dir, o->name, "_weights.bin");
  write_bodies(&e);
  fclose(e.constants);
  if (e.bin) close_output(e.bin);
  write_header(&e, dir);
  write_source(&e, dir, constants);
  free(constants);
  free_bodies(&e);
}

ConstantBytes count_node_constants(const Graph *g, Context *cx, const CodegenOptions *o, int64_t *all,
                                   int64_t *weights) {
  Emitter e = new_emitter(g, cx, o);
  e.node_bytes = all;
  e.node_weights = weights;
  write_bodies(&e);
  free_bodies(&e);
  return e.bytes;
}

ConstantBytes count_constants(const Graph *g, Context *cx, const CodegenOptions *o) {
  return count_node_constants(g, cx, o, NULL, NULL);
}

bool has_packed_weights(const Node *n) {
  const Kernel *k = n->kernel;
  return k && k->packing != PACK_NONE && n->n_in > 1 && is_const(n->in[1]);
}

/* NAME_<kind><i> for every node with weights and every kind, its namesakes of other variants, and one
 * more symbol or NULL. */
static const char *const *node_symbols(Arena *a, const Graph *g, const char *name,
                                       const char *kinds, const char *more) {
  const char **s = NULL;
  int n = 0;
  for (int i = 0; i < g->n_node; i++)
    for (const char *k = kinds; *k && has_packed_weights(g->node[i]); k++)
      for (int v = 0; v < n_variants_of(g->node[i]); v++) {
        s = arena_grow(a, s, n, sizeof *s);
        s[n++] = arena_printf(a, v ? "%s_%c%d_%d" : "%s_%c%d", name, *k, i, v + 1);
      }
  s = arena_grow(a, s, n, sizeof *s);
  s[n++] = more;
  s = arena_grow(a, s, n, sizeof *s);
  s[n] = NULL;
  return s;
}

SizeSymbols size_symbols(Arena *a, const Graph *g, const char *name) {
  const char *bin = arena_printf(a, "%s_weights_bin", name);
  return (SizeSymbols){.weights = node_symbols(a, g, name, "wbk", bin),
                       .scales = node_symbols(a, g, name, "msk", NULL)};
}
