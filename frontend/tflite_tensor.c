/* tflite_tensor.c - tensors of a TensorFlow Lite file: types, shapes, quantization and constants.
 * Quantization is the tensor's own there as here, so it is taken as it is. */
#include <math.h>
#include <string.h>

#include "frontend/tflite_reader.h"

/* Fields of the schema's tables. */
enum { TENSOR_SHAPE = 0, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANTIZATION };
enum { QUANT_SCALE = 2, QUANT_ZERO = 3, QUANT_AXIS = 6 };
enum { BUFFER_DATA = 0 };

static const struct { const char *name; DType type; } types[] = {
#define TYPE(number, name, ours) [number] = {#name, ours},
#include "frontend/tflite_types.def"
#undef TYPE
};

static FlatTable tensor_table(const TfliteReader *r, int64_t i) { return flat_table_at(&r->tensors, i); }

static Loc tensor_loc(const TfliteReader *r, int64_t i, const FlatTable *t) {
  return (Loc){.src = r->file.src,
               .what = arena_printf(r->arena, "tensor %lld '%s'", (long long)i, flat_string(t, TENSOR_NAME))};
}

int tflite_shape(TfliteReader *r, int64_t i, int64_t *dim) {
  FlatTable t = tensor_table(r, i);
  FlatVector shape = flat_vector(&t, TENSOR_SHAPE, 4);
  int64_t elements = 1;
  if (shape.n > MAX_RANK)
    error_at(tensor_loc(r, i, &t), "it has %lld dimensions, at most %d are possible", (long long)shape.n,
             MAX_RANK);
  for (int64_t d = 0; d < shape.n; d++) {
    dim[d] = flat_int_at(&shape, d);
    elements = dim[d] < 0 ? -1 : mul_size(elements, dim[d]);
    if (elements < 0 || elements > MAX_ELEMENTS)
      error_at(tensor_loc(r, i, &t), "dimension %lld is %lld: expected a tensor that fits memory", (long long)d,
               (long long)dim[d]);
  }
  return (int)shape.n;
}

static DType type_of(Loc loc, const FlatTable *t) {
  int64_t number = flat_int(t, TENSOR_TYPE, 1, 0);
  if (number < 0 || number >= (int64_t)(sizeof types / sizeof *types))
    error_at(loc, "element type %lld is not one of TensorFlow Lite's", (long long)number);
  if (types[number].type == DT_NONE) error_at(loc, "elements of type %s are not supported", types[number].name);
  return types[number].type;
}

/* Scales and zero points; NULL where the tensor has none. */
static QuantSpec *quant_of(TfliteReader *r, Loc loc, const FlatTable *t, DType type, int rank,
                           const int64_t *dim) {
  FlatTable q = flat_table(t, TENSOR_QUANTIZATION);
  FlatVector scale = flat_vector(&q, QUANT_SCALE, 4), zero = flat_vector(&q, QUANT_ZERO, 8);
  const Format *f = dtype_is_int(type) ? format_of(type) : NULL;
  if (scale.n == 0 || !f) return NULL;
  int64_t axis = scale.n > 1 ? flat_int(&q, QUANT_AXIS, 4, 0) : -1;
  if (scale.n > 1 && (axis < 0 || axis >= rank || dim[axis] != scale.n))
    error_at(loc, "it has %lld scales for dimension %lld, expected one or one for each index", (long long)scale.n,
             (long long)axis);
  if (zero.n != 0 && zero.n != 1 && zero.n != scale.n)
    error_at(loc, "it has %lld zero points for %lld scales", (long long)zero.n, (long long)scale.n);
  QuantSpec *spec = new_quant(r->graph, f, (int)axis, 0, scale.n);
  for (int64_t i = 0; i < scale.n; i++) {
    spec->scale[i] = flat_float_at(&scale, i);
    int64_t z = zero.n ? flat_int_at(&zero, zero.n == 1 ? 0 : i) : 0;
    if (!isfinite(spec->scale[i]) || spec->scale[i] <= 0)
      error_at(loc, "scale %lld is %g, expected a number above 0", (long long)i, (double)spec->scale[i]);
    if (z < f->lo || z > f->hi)
      error_at(loc, "zero point %lld is %lld, expected a code of %s", (long long)i, (long long)z, dtype_name(type));
    spec->zero[i] = (int32_t)z;
  }
  return spec;
}

/* Elements of the file in the order of this machine, codes of 4 bits one by one. */
static void *decode(TfliteReader *r, Loc loc, const FlatVector *bytes, DType type, int64_t n) {
  int64_t size = dtype_bytes(type), packed = (n * dtype_bits(type) + 7) / 8;
  const uint8_t *from = flat_bytes(bytes);
  if (bytes->n != packed)
    error_at(loc, "its buffer has %lld bytes, expected %lld", (long long)bytes->n, (long long)packed);
  /* Tensors may share buffers, but no model means to multiply its size by that. */
  r->constant_bytes += n * size;
  if (r->constant_bytes / 64 > (int64_t)r->file.len)
    error_at(loc, "constants have %lld bytes in all, too many for a file of %zu", (long long)r->constant_bytes,
             r->file.len);
  uint8_t *to = arena_alloc(r->arena, n * size + 1);
  for (int64_t i = 0; i < n; i++) {
    if (type == DT_I4) {
      int code = from[i / 2] >> 4 * (i % 2) & 15;
      to[i] = (uint8_t)(code ^ 8) - 8;
      continue;
    }
    uint64_t v = 0;
    for (int64_t b = 0; b < size; b++) v |= (uint64_t)from[i * size + b] << 8 * b;
    if (size == 1) to[i] = (uint8_t)v;
    else if (size == 2) memcpy(to + i * size, &(uint16_t){(uint16_t)v}, 2);
    else if (size == 4) memcpy(to + i * size, &(uint32_t){(uint32_t)v}, 4);
    else memcpy(to + i * size, &v, 8);
  }
  return to;
}

/* The file's name for it, or one of its own where that is taken. */
static const char *name_of(TfliteReader *r, Loc loc, const FlatTable *t, int64_t i) {
  const char *name = flat_string(t, TENSOR_NAME), *fault = name_fault(name);
  if (fault) error_at(loc, "%s in its name", fault);
  return fresh_name(r->graph, *name ? name : arena_printf(r->arena, "tensor_%lld", (long long)i));
}

Tensor *make_tflite_tensor(TfliteReader *r, int64_t i) {
  FlatTable t = tensor_table(r, i);
  Loc loc = tensor_loc(r, i, &t);
  int64_t dim[MAX_RANK];
  int rank = tflite_shape(r, i, dim);
  DType type = type_of(loc, &t);
  Tensor *made = new_tensor(r->graph, name_of(r, loc, &t, i), type, rank, dim);
  made->loc = loc;
  made->quant = quant_of(r, loc, &t, type, rank, dim);
  uint64_t buffer = flat_unsigned(&t, TENSOR_BUFFER, 4, 0);
  if (buffer >= (uint64_t)r->buffers.n && buffer != 0)
    error_at(loc, "it lies in buffer %llu of %lld", (unsigned long long)buffer, (long long)r->buffers.n);
  if (buffer == 0) return made;
  FlatTable b = flat_table_at(&r->buffers, (int64_t)buffer);
  FlatVector bytes = flat_vector(&b, BUFFER_DATA, 1);
  if (bytes.n > 0) made->data = decode(r, loc, &bytes, type, n_elements(made));
  return made;
}
