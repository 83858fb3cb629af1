/* formats.c - the table of formats, and quantization of whole tensors by their QuantSpec.
 *
 * docs/numerics.md: code = clamp(rint(x / scale) + zero, lo, hi), real = (code - zero) * scale,
 * both in float32. */
#include <math.h>
#include <string.h>

#include "ir/formats/formats.h"

static const Format table[] = {
#define FORMAT(name_, dtype_, bits_, lo_, hi_, packing_, summary_)                                \
  {.name = #name_, .dtype = dtype_, .bits = bits_, .lo = lo_, .hi = hi_, .pack = pack_##name_,      \
   .unpack = unpack_##name_, .summary = summary_, .packing = packing_, .scale_bits = 8, .vector = 1},
#define LEVELS(name_, file, bits_, count, lo_, hi_, scale_bits_, packing_, summary_)              \
  {.name = #name_, .dtype = DT_I8, .bits = bits_, .lo = lo_, .hi = hi_, .pack = pack_##file,        \
   .unpack = unpack_##file, .summary = summary_, .packing = packing_, .scale_bits = scale_bits_,    \
   .vector = 1, .n_levels = count, .levels = levels_##file},
#define VECTORS(name_, bits_, count, lo_, hi_, vector_, rms_, packing_, summary_)                 \
  {.name = #name_, .dtype = DT_I8, .bits = bits_, .lo = lo_, .hi = hi_, .pack = pack_##name_,       \
   .unpack = unpack_##name_, .summary = summary_, .packing = packing_, .scale_bits = 8,             \
   .vector = vector_, .n_levels = count, .levels = levels_##name_, .nearest = nearest_##name_,      \
   .rms = rms_},
#define FLOATS(name_, mantissa_bits_, lo_, hi_, packing_, summary_)                               \
  {.name = #name_, .dtype = DT_I8, .bits = 8, .lo = lo_, .hi = hi_, .pack = pack_int8,              \
   .unpack = unpack_int8, .summary = summary_, .packing = packing_, .scale_bits = 8, .vector = 1,   \
   .mantissa_bits = mantissa_bits_},
#define BOOK(name_, bits_, size, packing_, summary_)                                              \
  SUMS(name_, bits_, size, 0, 1, 0, packing_, summary_)
#define SUMS(name_, bits_, size, terms_, vector_, rms_, packing_, summary_)                       \
  {.name = #name_, .dtype = DT_I8, .bits = bits_, .lo = -127, .hi = 127, .summary = summary_,       \
   .packing = packing_, .scale_bits = 8, .vector = vector_, .rms = rms_, .book_size = size,         \
   .terms = terms_, .pack_book = pack_##name_, .unpack_book = unpack_##name_},
#define OTHER(name_, dtype_, bits_, lo_, hi_, summary_)                                            \
  FORMAT(name_, dtype_, bits_, lo_, hi_, 0, summary_)
#include "ir/formats.def"
#undef OTHER
#undef SUMS
#undef BOOK
#undef FLOATS
#undef VECTORS
#undef LEVELS
#undef FORMAT
};

enum { N_FORMATS = sizeof table / sizeof *table };

int n_formats(void) { return N_FORMATS; }

const Format *format_at(int i) { return &table[i]; }

const Format *find_format(const char *name) {
  for (int i = 0; i < N_FORMATS; i++)
    if (strcmp(table[i].name, name) == 0) return &table[i];
  return NULL;
}

bool has_sums(const Format *f) { return f->terms > 0; }

bool has_floats(const Format *f) { return f != NULL && f->mantissa_bits > 0; }

bool has_spare_bits(const Format *f) { return f->bits < dtype_bits(f->dtype); }

const Format *format_of(DType t) {
  for (int i = 0; i < N_FORMATS; i++)
    if (table[i].dtype == t) return &table[i];
  return NULL;
}

bool has_zero_points(const QuantSpec *q) {
  for (int64_t i = 0; i < q->n; i++)
    if (q->zero[i]) return true;
  return false;
}

QuantSpec *new_quant(Graph *g, const Format *f, int axis, int64_t group, int64_t n) {
  QuantSpec *q = arena_alloc(g->arena, sizeof *q);
  *q = (QuantSpec){.format = f, .axis = axis, .group = group, .n = n};
  q->scale = arena_alloc(g->arena, n * (int64_t)sizeof *q->scale);
  q->zero = arena_alloc(g->arena, n * (int64_t)sizeof *q->zero);
  return q;
}

const int8_t *book_of(const QuantSpec *q, int64_t channel) {
  return q->n_book > 1 ? q->book + channel * q->format->book_size : q->book;
}

int64_t book_bytes(const QuantSpec *q) {
  return q->entries > 0 ? q->entries * q->format->vector : q->format->book_size;
}

int64_t pack_codes(const QuantSpec *q, int64_t channel, const int8_t *codes, int64_t n, uint8_t *out) {
  const Format *f = q->format;
  if (f->book_size > 0) return f->pack_book(book_of(q, channel), book_bytes(q), codes, n, out);
  return f->pack(codes, n, out);
}

int64_t scale_index(const Tensor *t, const QuantSpec *q, int64_t i) {
  if (q->axis < 0) return 0;
  int64_t inner = 1, outer = 1, channels = t->dim[q->axis];
  for (int d = 0; d < q->axis; d++) outer *= t->dim[d];
  for (int d = q->axis + 1; d < t->rank; d++) inner *= t->dim[d];
  int64_t channel = i / inner % channels;
  if (q->group <= 0) return channel;
  int64_t rest = i / (inner * channels) * inner + i % inner;
  int64_t n_groups = (outer * inner + q->group - 1) / q->group;
  return channel * n_groups + rest / q->group;
}

/* The sum is made in double, where it is exact for every format; for codes of up to 24 bits that is
 * what float32 gives. */
static int32_t quantize_one(float x, float scale, int32_t zero, const Format *f) {
  double code = (double)rintf(x / scale) + zero;
  if (isnan(code)) return zero;
  return code <= f->lo ? f->lo : code >= f->hi ? f->hi : (int32_t)code;
}

double code_value(const Format *f, int32_t code) {
  return f->mantissa_bits > 0 ? minifloat_value(f, code) : code;
}

/* The nearest of n rising levels. */
static int32_t level_near(const int8_t *levels, int n, double x) {
  if (!(x > levels[0])) return levels[0];
  if (x >= levels[n - 1]) return levels[n - 1];
  int i = 1;
  while (levels[i] < x) i++;
  /* Halfway, the one of even index. */
  double below = x - levels[i - 1], above = levels[i] - x;
  return levels[below < above || (below == above && i % 2) ? i - 1 : i];
}

int32_t code_near(const Format *f, double x) {
  if (f->mantissa_bits > 0) return minifloat_near(f, x);
  if (f->n_levels > 0) return level_near(f->levels, f->n_levels, x);
  x = rint(x);
  return !(x > f->lo) ? f->lo : x >= f->hi ? f->hi : (int32_t)x;
}

int32_t book_code_near(const QuantSpec *q, int64_t channel, double x) {
  if (!q->book) return code_near(q->format, x);
  return level_near(book_of(q, channel), q->format->book_size, x);
}

static void store(DType t, void *codes, int64_t i, int32_t code) {
  if (dtype_bytes(t) == 1)
    ((uint8_t *)codes)[i] = (uint8_t)code;
  else if (dtype_bytes(t) == 2)
    ((uint16_t *)codes)[i] = (uint16_t)code;
  else
    ((int32_t *)codes)[i] = code;
}

static void quantize_vectors(const Tensor *t, const float *x, int8_t *codes) {
  const Format *f = t->quant->format;
  int64_t n = n_elements(t), row = t->rank > 1 ? n / t->dim[0] : n;
  for (int64_t i = 0, size; i < n; i += size) {
    double scaled[MAX_VECTOR];
    size = row - i % row < f->vector ? row - i % row : f->vector;
    for (int64_t j = 0; j < size; j++)
      scaled[j] = (double)x[i + j] / (double)t->quant->scale[scale_index(t, t->quant, i + j)];
    f->nearest(scaled, (int)size, codes + i);
  }
}

int multiple_bits(const uint8_t *multiple, int64_t n) {
  int most = 0, bits = 1;
  for (int64_t i = 0; i < n; i++) most = multiple[i] > most ? multiple[i] : most;
  while (most >> bits > 0) bits++;
  return bits <= 4 ? bits : 8;
}

int64_t multiple_bytes(const uint8_t *multiple, int64_t rows, int64_t n) {
  return rows * ((n * multiple_bits(multiple, rows * n) + 7) / 8);
}

int64_t code_bits(const Tensor *t) {
  const Format *f = t->quant->format;
  int64_t n = n_elements(t), rows = t->rank > 1 ? t->dim[0] : 1, row = rows > 0 ? n / rows : 0;
  return f->bits * rows * ((row + f->vector - 1) / f->vector * f->vector);
}

/* Elements from i on that have the scale of i. */
static int64_t run_from(const Tensor *t, const QuantSpec *q, int64_t i) {
  if (q->axis < 0) return n_elements(t) - i;
  int64_t inner = 1;
  for (int d = q->axis + 1; d < t->rank; d++) inner *= t->dim[d];
  int64_t run = inner - i % inner;
  if (q->group <= 0) return run;
  int64_t rest = i / (inner * t->dim[q->axis]) * inner + i % inner, left = q->group - rest % q->group;
  return left < run ? left : run;
}

/* quantize_one() for codes of one byte: clamped before it is rounded, which limits that are integers
 * allow, so that rounding is two sums, in a range where neighbouring floats are 1 apart. */
static void quantize_bytes(const float *x, int64_t n, float scale, int32_t zero, const Format *f,
                           uint8_t *codes) {
  const float lo = (float)(f->lo - zero), hi = (float)(f->hi - zero), far = 12582912; /* 1.5 * 2^23 */
  for (int64_t i = 0; i < n; i++) {
    float v = x[i] / scale;
    v = v < lo ? lo : v > hi ? hi : v;
    v = v == v ? v + far - far : 0;
    codes[i] = (uint8_t)((int32_t)v + zero);
  }
}

void quantize_reals(const Tensor *t, const float *x, void *codes) {
  const QuantSpec *q = t->quant;
  const Format *f = q->format;
  int64_t n = n_elements(t);
  if (f->vector > 1) {
    quantize_vectors(t, x, codes);
    return;
  }
  bool by_value = f->n_levels || f->mantissa_bits || q->book;
  for (int64_t from = 0, to; from < n; from = to) {
    int64_t s = scale_index(t, q, from);
    int64_t channel = q->axis < 0 || !q->book ? 0 : s / (q->n / t->dim[q->axis]);
    to = from + run_from(t, q, from);
    if (!by_value && dtype_bytes(f->dtype) == 1) {
      quantize_bytes(x + from, to - from, q->scale[s], q->zero[s], f, (uint8_t *)codes + from);
      continue;
    }
    for (int64_t i = from; i < to; i++)
      store(f->dtype, codes, i,
            f->n_levels || q->book ? book_code_near(q, channel, (double)x[i] / (double)q->scale[s])
            : f->mantissa_bits     ? code_near(f, (double)(x[i] / q->scale[s]))
                                   : quantize_one(x[i], q->scale[s], q->zero[s], f));
  }
}

void dequantize_part(const Tensor *t, const void *codes, int64_t from, int64_t to, float *x) {
  const QuantSpec *q = t->quant;
  const Format *f = q->format;
  while (from < to) {
    int64_t s = scale_index(t, q, from), run = run_from(t, q, from), n = run < to - from ? run : to - from;
    float scale = q->scale[s];
    int32_t zero = q->zero[s];
    if (f->mantissa_bits > 0)
      for (int64_t i = 0; i < n; i++)
        x[i] = (float)minifloat_value(f, (int32_t)get_int(f->dtype, codes, from + i)) * scale;
    else if (f->dtype == DT_I8)
      for (int64_t i = 0; i < n; i++)
        x[i] = (float)(((const int8_t *)codes)[from + i] - zero) * scale;
    else
      for (int64_t i = 0; i < n; i++)
        x[i] = (float)(get_int(f->dtype, codes, from + i) - zero) * scale;
    from += n;
    x += n;
  }
}

void dequantize_codes(const Tensor *t, const void *codes, float *x) {
  dequantize_part(t, codes, 0, n_elements(t), x);
}
