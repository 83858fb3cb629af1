/* emit.c - the small writers that the emit functions are made of: arrays, pointers into the arena,
 * parameter structures. */
#include "codegen/emit.h"
#include "codegen/pack_x86.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void use_header(Emitter *e, const char *header) {
  Body *p = e->now;
  for (int i = 0; i < p->n_header; i++)
    if (strcmp(p->header[i], header) == 0) return;
  p->header = arena_grow(e->a, p->header, p->n_header, sizeof *p->header);
  p->header[p->n_header++] = header;
}

Tensor *optional_input(const Node *n, int i) { return i < n->n_in ? n->in[i] : NULL; }

int64_t count_in(const Tensor *t, int from, int to) {
  int64_t p = 1;
  for (int i = from; i < to; i++) p *= t->dim[i];
  return p;
}

const char *ctype_of(DType t) {
  switch (t) {
    case DT_F32: return "float";
    case DT_U8: case DT_BOOL: case DT_U4: case DT_U2: return "uint8_t";
    case DT_F8E4M3: case DT_F8E4M3FNUZ: case DT_F8E5M2: case DT_F8E5M2FNUZ: case DT_F8E8M0:
    case DT_F4E2M1: return "uint8_t";
    case DT_I8: case DT_I4: case DT_I2: return "int8_t";
    case DT_I16: return "int16_t";
    case DT_F16: case DT_BF16: case DT_U16: return "uint16_t";
    case DT_I32: return "int32_t";
    case DT_U32: return "uint32_t";
    case DT_I64: return "int64_t";
    case DT_U64: return "uint64_t";
    case DT_F64: return "double";
    default: bug("no C type for %s", dtype_name(t));
  }
}

const char *float_text(Emitter *e, double v) {
  if (isinf(v)) return v > 0 ? "INFINITY" : "-INFINITY";
  if (isnan(v)) return "NAN";
  for (int digits = 6; digits <= 9; digits++) {
    char *s = arena_printf(e->a, "%.*g", digits, v);
    float back;
    if (sscanf(s, "%f", &back) != 1 || back != (float)v) continue;
    return arena_printf(e->a, strpbrk(s, ".e") ? "%sf" : "%s.0f", s);
  }
  bug("float %g has no text", v);
}

const char *double_text(Emitter *e, double v) {
  if (isinf(v) || isnan(v)) return float_text(e, v);
  const char *text = arena_printf(e->a, "%.17g", v);
  return strpbrk(text, ".e") ? text : arena_printf(e->a, "%s.0", text);
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static int ctype_bytes(const char *ctype) {
  if (strcmp(ctype, "double") == 0) return 8;
  return strcmp(ctype, "float") == 0 ? 4 : atoi(ctype + strcspn(ctype, "0123456789")) / 8;
}

static const Array *find_written(const Emitter *e, const Array *a) {
  for (int i = 0; i < e->n_written; i++) {
    const Array *b = &e->written[i];
    if (b->hash == a->hash && b->bytes == a->bytes && b->is_weights == a->is_weights &&
        b->align == a->align && strcmp(b->ctype, a->ctype) == 0 &&
        memcmp(b->v, a->v, (size_t)a->bytes) == 0)
      return b;
  }
  return NULL;
}

/* Variants may want different arrays of one kind in one layer: NAME_w3, NAME_w3_2 ... */
static const char *new_name(Emitter *e, const char *kind) {
  const char *first = arena_printf(e->a, "%s_%s%d", e->o->name, kind, e->index), *name = first;
  for (int i = 0, k = 1; i < e->n_written; i++)
    if (strcmp(e->written[i].name, name) == 0) {
      name = arena_printf(e->a, "%s_%d", first, ++k);
      i = -1;
    }
  return name;
}

/* Notes a new array and what it takes. */
static void add_array(Emitter *e, const Array *a, const char *kind, int64_t bytes) {
  e->written = arena_grow(e->a, e->written, e->n_written, sizeof *e->written);
  e->written[e->n_written++] = *a;
  int64_t biases = kind[0] == 'b' ? bytes : kind[0] == 'k' ? bytes / 2 : 0; /* k: multipliers too */
  e->bytes.biases += biases;
  if (kind[0] == 'w') e->bytes.weights += bytes;
  else e->bytes.tables += bytes - biases;
}

const char *weight_suffix(Emitter *e, int region) {
  if (region == 0) return "";
  return arena_printf(e->a, "_%s", upper_of(e->a, identifier_of(e->a, e->regions.part[region].name)));
}

/* Begins the array of n elements, which are `size` bytes each in v; false when there is one like it,
 * or when arrays are only counted. */
static bool open_array(Emitter *e, const char *kind, const char *ctype, bool is_weights, int64_t n,
                       const void *v, int size, const char **name) {
  Array a = {.ctype = ctype, .is_weights = is_weights, .v = v, .bytes = n * size};
  a.align = is_weights ? e->align : 0;
  a.hash = hash_bytes(HASH_START, v, (size_t)a.bytes);
  const Array *same = find_written(e, &a);
  *name = same ? same->name : (a.name = new_name(e, kind));
  if (same) return false;
  add_array(e, &a, kind, n * ctype_bytes(ctype));
  if (!e->constants) return false;
  const char *place =
      is_weights ? arena_printf(e->a, " %s_WEIGHTS%s", e->upper, weight_suffix(e, e->region)) : "";
  if (a.align) place = arena_printf(e->a, "%s __attribute__((aligned(%d)))", place, a.align);
  fprintf(e->constants, "static const %s %s[%lld]%s = {", ctype, *name, (long long)(n ? n : 1),
          place);
  return true;
}

const char *int_array(Emitter *e, const char *kind, const char *ctype, int64_t n,
                      const int64_t *v) {
  const char *name;
  if (!open_array(e, kind, ctype, false, n, v, 8, &name)) return name;
  for (int64_t i = 0; i < n || i == 0; i++) {
    /* The most negative number has no literal of its own type. */
    int64_t x = i < n ? v[i] : 0;
    bool wide = strstr(ctype, "64") != NULL;
    const char *suffix = strncmp(ctype, "uint", 4) == 0 ? "u" : "";
    if (wide && x == INT64_MIN) fprintf(e->constants, "%sINT64_MIN,", i % 16 ? "" : "\n  ");
    else if (wide) fprintf(e->constants, "%s%sINT64_C(%lld),", i % 16 ? "" : "\n  ", *suffix ? "U" : "", (long long)x);
    else if (x == INT32_MIN) fprintf(e->constants, "%s(-2147483647 - 1),", i % 16 ? "" : "\n  ");
    else fprintf(e->constants, "%s%lld%s,", i % 16 ? "" : "\n  ", (long long)x, suffix);
  }
  fprintf(e->constants, "\n};\n");
  return name;
}

const char *float_array(Emitter *e, const char *kind, int64_t n, const float *v) {
  const char *name;
  bool is_weights = kind[0] == 'w' || kind[0] == 'b';
  if (!open_array(e, kind, "float", is_weights, n, v, 4, &name)) return name;
  for (int64_t i = 0; i < n || i == 0; i++)
    fprintf(e->constants, "%s%s,", i % 8 ? "" : "\n  ", float_text(e, i < n ? v[i] : 0));
  fprintf(e->constants, "\n};\n");
  return name;
}

static const char *double_array(Emitter *e, const char *kind, int64_t n, const double *v) {
  const char *name;
  if (!open_array(e, kind, "double", false, n, v, 8, &name)) return name;
  for (int64_t i = 0; i < n || i == 0; i++)
    fprintf(e->constants, "%s%s,", i % 4 ? "" : "\n  ", double_text(e, i < n ? v[i] : 0));
  fprintf(e->constants, "\n};\n");
  return name;
}

/* Words from their bytes, lowest first. */
static const char *word_array(Emitter *e, const char *kind, int64_t n, const uint8_t *v) {
  const char *name;
  if (!open_array(e, kind, "uint32_t", kind[0] == 'w', n, v, 4, &name)) return name;
  for (int64_t i = 0; i < n; i++, v += 4)
    fprintf(e->constants, "%s0x%02x%02x%02x%02xu,", i % 8 ? "" : "\n  ", v[3], v[2], v[1], v[0]);
  fprintf(e->constants, "\n};\n");
  return name;
}

static const char *byte_array(Emitter *e, const char *kind, bool is_signed, int64_t n,
                              const uint8_t *v) {
  const char *name, *ctype = is_signed ? "int8_t" : "uint8_t";
  if (!open_array(e, kind, ctype, kind[0] == 'w', n, v, 1, &name)) return name;
  for (int64_t i = 0; i < n || i == 0; i++)
    fprintf(e->constants, "%s%d,", i % 32 ? "" : "\n  ",
            i >= n      ? 0
            : is_signed ? (int8_t)v[i]
                        : v[i]);
  fprintf(e->constants, "\n};\n");
  return name;
}

/* Bits of float16 or bfloat16 numbers. */
static const char *half_array(Emitter *e, const char *kind, int64_t n, const uint16_t *v) {
  const char *name;
  if (!open_array(e, kind, "uint16_t", kind[0] == 'w', n, v, 2, &name)) return name;
  for (int64_t i = 0; i < n || i == 0; i++)
    fprintf(e->constants, "%s0x%04xu,", i % 12 ? "" : "\n  ", i < n ? (unsigned)v[i] : 0u);
  fprintf(e->constants, "\n};\n");
  return name;
}

/* Large weights lie in NAME_weights.bin, pulled in by the assembler. */
static const char *bin_array(Emitter *e, const char *ctype, const uint8_t *v, int64_t bytes) {
  int align = e->align > 16 ? e->align : 16;
  if (align > e->bin_align) e->bin_align = align;
  Array a = {.ctype = ctype, .is_weights = true, .v = v, .bytes = bytes, .align = -align};
  a.hash = hash_bytes(HASH_START, v, (size_t)bytes);
  const Array *same = find_written(e, &a);
  if (same) return same->name;
  int64_t at = (e->bin_bytes + align - 1) / align * align;
  for (int64_t i = e->bin_bytes; e->bin && i < at; i++) fputc(0, e->bin);
  if (e->bin) fwrite(v, 1, (size_t)bytes, e->bin);
  a.name = arena_printf(e->a, "(const %s *)(const void *)(%s_weights_bin + %lld)", ctype,
                        e->o->name, (long long)at);
  add_array(e, &a, "w", at + bytes - e->bin_bytes);
  e->bin_bytes = at + bytes;
  return a.name;
}

const char *constant_array(Emitter *e, const Tensor *t, const char *kind) {
  if (e->array[t->id]) return e->array[t->id];
  int64_t n = n_elements(t);
  const char *name;
  if (t->dtype == DT_F32) {
    name = e->to_bin && kind[0] == 'w' ? bin_array(e, "float", t->data, n * 4)
                                    : float_array(e, kind, n, t->data);
  } else if (dtype_is_half(t->dtype)) {
    name = e->to_bin && kind[0] == 'w' ? bin_array(e, "uint16_t", t->data, n * 2)
                                       : half_array(e, kind, n, t->data);
  } else if (t->dtype == DT_I8 && e->to_bin && kind[0] == 'w') {
    name = bin_array(e, "int8_t", t->data, n);
  } else if (t->dtype == DT_F64) {
    name = double_array(e, kind, n, t->data);
  } else {
    int64_t *v = arena_alloc(e->a, (n + 1) * (int64_t)sizeof *v);
    DType codes = dtype_is_float(t->dtype) ? DT_U8 : t->dtype;
    for (int64_t i = 0; i < n; i++) v[i] = get_int(codes, t->data, i);
    name = int_array(e, kind, ctype_of(t->dtype), n, v);
  }
  return e->array[t->id] = name;
}

void write_packing(Emitter *e, const Node *n, const Kernel *k) {
  bool own = k->packing == PACK_OWN || k->packing == PACK_OWN_HWC;
  const Tensor *w = n->in[1];
  int packing = own ? w->quant->format->packing : 8 / dtype_bits(w->dtype);
  if (k->packing == PACK_SPARSE) packing += SPARSE_PACKING;
  e->now->packings |= 1ULL << (packing % 16 + packing / 16 * 8);
  field(e, "packing", packing);
  if (!own || !w->quant->book) return;
  int64_t size = book_bytes(w->quant), count = w->quant->n_book * size;
  int64_t *v = arena_alloc(e->a, count * (int64_t)sizeof *v);
  for (int64_t i = 0; i < count; i++) v[i] = w->quant->book[i];
  field(e, "step", w->quant->n_book > 1 ? size : 0);
  fprintf(e->calls, ".book = %s, ", int_array(e, "l", "int8_t", count, v));
}

const char *weight_array(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *w = n->in[1];
  if (!is_const(w)) return pointer_to(e, w);
  /* Layers may share weights, but their kernels want them in different orders. */
  const Kernel *by = e->packed_by[w->id];
  if (e->array[w->id] && by && by->packing == k->packing && by->indices == k->indices &&
      same_order(e->packed_for[w->id], n))
    return e->array[w->id];
  int64_t bytes;
  const uint8_t *v = pack_weights(e->a, n, k, &bytes);
  const char *name;
  e->align = is_x86_packing(k->packing) ? 64 : 0;
  e->region = e->regions.n ? e->regions.of_tensor[w->id] : 0;
  if (is_dsp_packing(k->packing) || k->packing == PACK_FOURS_S16) {
    name = e->to_bin ? bin_array(e, "uint32_t", v, bytes) : word_array(e, "w", bytes / 4, v);
  } else if (w->dtype == DT_F32) {
    name = e->to_bin ? bin_array(e, "float", v, bytes)
                  : float_array(e, "w", bytes / 4, (const float *)(const void *)v);
  } else if (dtype_is_half(w->dtype)) {
    name = e->to_bin ? bin_array(e, "uint16_t", v, bytes)
                     : half_array(e, "w", bytes / 2, (const uint16_t *)(const void *)v);
  } else {
    bool own = k->packing == PACK_OWN || k->packing == PACK_OWN_HWC || k->packing == PACK_SPARSE;
    bool is_signed = w->dtype == DT_I8 && !own && !k->indices;
    name = e->to_bin ? bin_array(e, is_signed ? "int8_t" : "uint8_t", v, bytes)
                  : byte_array(e, "w", is_signed, bytes, v);
  }
  e->align = e->region = 0;
  e->packed_by[w->id] = k;
  e->packed_for[w->id] = n;
  return e->array[w->id] = name;
}

const char *level_array(Emitter *e, const Node *n, const Kernel *k) {
  int count = is_mve_packing(k->packing) ? 256 : N_LEVELS; /* by byte, whatever its upper half is */
  int8_t table[N_LEVELS];
  level_table(n->in[1]->quant, table);
  int64_t *v = arena_alloc(e->a, count * (int64_t)sizeof *v);
  for (int i = 0; i < count; i++) v[i] = table[i % N_LEVELS];
  return int_array(e, "t", "int8_t", count, v);
}

/* ---- places in the arena --------------------------------------------------------------------- */

const char *arena_place(Emitter *e, int64_t offset) {
  int part = arena_part(e->g, offset);
  const char *base = part > 0 ? arena_printf(e->a, "a%d", part) : "a";
  return arena_printf(e->a, "%s + %lld", base, (long long)(offset - part_start(e->g, part)));
}

const char *scratch_place(Emitter *e, const Node *n) {
  return arena_place(e, attr_int(n, "scratch_offset", 0));
}

const char *pointer_to(Emitter *e, const Tensor *t) {
  if (!t) return "NULL";
  if (is_const(t)) return constant_array(e, t, "c");
  const char *ctype = ctype_of(t->dtype);
  const char *via = dtype_bytes(t->dtype) > 1 ? "(void *)" : "";
  return arena_printf(e->a, "(%s *)%s(%s)", ctype, via, arena_place(e, t->offset));
}

const char *operand_pointer(Emitter *e, const Node *n, int i) {
  const Tensor *t = optional_input(n, i);
  return t && is_const(t) ? constant_array(e, t, arena_printf(e->a, "c%d_", i)) : pointer_to(e, t);
}

const char *scratch_pointer(Emitter *e, const Node *n) {
  return arena_printf(e->a, "(float *)(void *)(%s)", scratch_place(e, n));
}

const char *scratch_argument(Emitter *e, const Node *n, const Kernel *k) {
  if (!k->scratch) return "";
  return arena_printf(e->a, "%s, ", scratch_place(e, n));
}

/* ---- parameter structures and calls ---------------------------------------------------------- */

void open_named(Emitter *e, const char *type, const char *name) {
  fprintf(e->calls, "    static const struct %s %s = {", type, name);
}

void open_params(Emitter *e, const char *type) { open_named(e, type, "p"); }

void field(Emitter *e, const char *name, int64_t v) {
  fprintf(e->calls, ".%s = %lld, ", name, (long long)v);
}

void field_ints(Emitter *e, const char *name, int n, const int64_t *v) {
  fprintf(e->calls, ".%s = {", name);
  for (int i = 0; i < n || i == 0; i++)
    fprintf(e->calls, "%s%lld", i ? ", " : "", i < n ? (long long)v[i] : 0LL);
  fprintf(e->calls, "}, ");
}

void close_params(Emitter *e) { fprintf(e->calls, "};\n"); }

void call(Emitter *e, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(e->calls, "    ");
  vfprintf(e->calls, fmt, ap);
  fprintf(e->calls, ";\n");
  va_end(ap);
}

void write_window_fields(Emitter *e, const Node *n, const Tensor *weights) {
  Window w;
  const Tensor *y = n->out[0];
  get_window(n, n->in[0], weights, &w);
  int h = w.spatial == 2 ? 0 : -1, x = w.spatial - 1;
  field(e, "batch", w.batch);
  field(e, "in_h", h < 0 ? 1 : w.in[h]), field(e, "in_w", w.in[x]), field(e, "in_c", w.channels);
  field(e, "out_h", h < 0 ? 1 : w.out[h]), field(e, "out_w", w.out[x]),
      field(e, "out_c", y->dim[y->rank - 1]);
  field(e, "kernel_h", h < 0 ? 1 : w.kernel[h]), field(e, "kernel_w", w.kernel[x]);
  field(e, "stride_h", h < 0 ? 1 : w.stride[h]), field(e, "stride_w", w.stride[x]);
  field(e, "dilation_h", h < 0 ? 1 : w.dilation[h]), field(e, "dilation_w", w.dilation[x]);
  field(e, "pad_top", h < 0 ? 0 : w.pad[h]), field(e, "pad_left", w.pad[x]);
}

void write_window(Emitter *e, const Node *n, const Tensor *weights) {
  fprintf(e->calls, ".g = {");
  write_window_fields(e, n, weights);
  fprintf(e->calls, "},\n      ");
}

void write_group(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *w = n->in[1];
  int64_t group = attr_int(n, "group", 1), bytes;
  field(e, "group", group);
  if (!has_parts(n) || !k->isa) return;
  pack_weights(e->a, n, k, &bytes);
  field(e, "w_next", bytes / group / dtype_bytes(w->dtype));
}

int64_t weight_sum(const Node *n, int64_t o) {
  const Tensor *w = n->in[1], *multiple = optional_input(n, 4);
  int64_t depth = n_elements(w) / w->dim[0], size = attr_int(n, "group_size", 0), sum = 0;
  const int8_t *codes = (const int8_t *)w->data + o * depth;
  for (int64_t k = 0; k < depth; k++) {
    int64_t factor =
        multiple ? get_int(multiple->dtype, multiple->data, o * multiple->dim[1] + k / size) : 1;
    sum += factor * codes[k];
  }
  return sum;
}

void write_products(Emitter *e, const Node *n, int shift, int64_t distance) {
  fprintf(e->calls, ".out = {");
  field(e, "shift", shift);
  field(e, "zero", attr_int(n, "y_zero", 0));
  field(e, "lo", attr_int(n, "lo", -128));
  field(e, "hi", attr_int(n, "hi", 127));
  if (has_float_rule(n)) distance = -1;
  if (distance) field(e, "exponents", distance);
  fprintf(e->calls, "}, ");
  e->now->uses_tflite |= distance > 0;
  e->now->uses_float_rule |= distance < 0;
}

void write_rescale(Emitter *e, const Node *n) {
  write_products(e, n, (int)attr_int(n, "shift", 0), follows_tflite(n) ? n_elements(n->in[3]) / 2 : 0);
}

static const char *activation_text(Emitter *e, const Node *n) {
  const char *name = attr_str(n, "activation", NULL);
  double lo = attr_float(n, "activation_min", -INFINITY),
         hi = attr_float(n, "activation_max", INFINITY);
  double alpha = attr_float(n, "activation_alpha", 0), beta = attr_float(n, "activation_beta", 0);
  if (!name) return "{QCC_ACT_NONE, 0, 0}";
  if (strcmp(name, "Clip") == 0) {
    if (lo == 0 && hi == INFINITY) return "{QCC_ACT_RELU, 0, 0}";
    return arena_printf(e->a, "{QCC_ACT_CLIP, %s, %s}", float_text(e, lo), float_text(e, hi));
  }
  if (strcmp(name, "LeakyRelu") == 0)
    return arena_printf(e->a, "{QCC_ACT_LEAKY, %s, 0}", float_text(e, alpha));
  if (strcmp(name, "HardSigmoid") == 0)
    return arena_printf(e->a, "{QCC_ACT_HARDSIGMOID, %s, %s}", float_text(e, alpha),
                        float_text(e, beta));
  if (strcmp(name, "HardSwish") == 0) return "{QCC_ACT_HARDSWISH, 0, 0}";
  e->now->uses_exp_activation = true;
  return strcmp(name, "Sigmoid") == 0 ? "{QCC_ACT_SIGMOID, 0, 0}" : "{QCC_ACT_TANH, 0, 0}";
}

void write_activation(Emitter *e, const Node *n) {
  fprintf(e->calls, ".act = %s, ", activation_text(e, n));
}

void write_activation_constant(Emitter *e, const Node *n) {
  fprintf(e->calls, "    static const struct qcc_act act = %s;\n", activation_text(e, n));
}

void finish_activation(Emitter *e, const Node *n) {
  if (!find_attr(n, "activation")) return;
  use_header(e, "activation_f32.h");
  write_activation_constant(e, n);
  const char *y = pointer_to(e, n->out[0]);
  call(e, "qcc_activate_%s(&act, %lld, %s, %s)", n->out[0]->dtype == DT_F16 ? "f16" : "f32",
       (long long)n_elements(n->out[0]), y, y);
}

void broadcast_steps(const Tensor *x, const Tensor *y, int64_t *step) {
  int64_t s = 1;
  for (int d = y->rank - 1; d >= 0; d--) {
    int own = d - (y->rank - x->rank);
    step[d] = own < 0 || x->dim[own] == 1 ? 0 : s;
    if (own >= 0) s *= x->dim[own];
  }
}

/* Joins dimensions that both operands step through as if they were one; returns how many are
 * left. */
static int join_dimensions(int rank, int64_t *dim, int64_t *a, int64_t *b) {
  int n = 0;
  for (int d = 0; d < rank; d++) {
    if (dim[d] == 1) continue;
    bool joins = n > 0 && a[n - 1] == a[d] * dim[d] && b[n - 1] == b[d] * dim[d];
    if (joins) dim[n - 1] *= dim[d];
    else dim[n++] = dim[d];
    a[n - 1] = a[d], b[n - 1] = b[d];
  }
  if (n == 0) dim[n] = 1, a[n] = b[n] = 0, n++;
  return n;
}

void write_broadcast(Emitter *e, const Node *n) {
  const Tensor *y = n->out[0];
  int64_t dim[MAX_RANK + 1], a[MAX_RANK + 1], b[MAX_RANK + 1];
  broadcast_steps(n->in[0], y, a);
  broadcast_steps(n->in[1], y, b);
  for (int d = 0; d < y->rank; d++) dim[d] = y->dim[d];
  int rank = join_dimensions(y->rank, dim, a, b);
  open_named(e, "qcc_broadcast", "s");
  field(e, "rank", rank);
  field_ints(e, "dim", rank, dim);
  field_ints(e, "a_step", rank, a);
  field_ints(e, "b_step", rank, b);
  close_params(e);
}

static void write_batches(Emitter *e, const Tensor *a, const Tensor *b, const Tensor *y) {
  int rank = y->rank - 2;
  int64_t sa[MAX_RANK], sb[MAX_RANK], s[2] = {1, 1};
  const Tensor *x[2] = {a, b};
  int64_t *step[2] = {sa, sb};
  for (int k = 0; k < 2; k++) {
    s[k] = x[k]->dim[x[k]->rank - 1] * x[k]->dim[x[k]->rank - 2];
    for (int d = rank - 1; d >= 0; d--) {
      int own = d - (y->rank - x[k]->rank);
      step[k][d] = own < 0 || x[k]->dim[own] == 1 ? 0 : s[k];
      if (own >= 0) s[k] *= x[k]->dim[own];
    }
  }
  fprintf(e->calls, ".batches = {");
  field(e, "rank", rank);
  field_ints(e, "dim", rank, y->dim);
  field_ints(e, "a_step", rank, sa);
  field_ints(e, "b_step", rank, sb);
  fprintf(e->calls, "}, ");
}

void write_matmul(Emitter *e, const Node *n) {
  const Tensor *a = n->in[0], *b = n->in[1];
  write_batches(e, a, b, n->out[0]);
  field(e, "rows", a->dim[a->rank - 2]), field(e, "depth", a->dim[a->rank - 1]),
      field(e, "cols", b->dim[b->rank - 1]);
}
