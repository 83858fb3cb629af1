/* onnx_tensor.c - the elements of ONNX tensors.  They come in one of three places: packed
 * little-endian bytes (raw_data), one of five typed lists, or a stretch of a file beside the model
 * (external data).  Whichever it is, the number of elements must be what the shape says, and the
 * result is an array in the compiler's memory, with sub-byte types one code per byte.
 *
 * Which list holds which type is the public format's choice; see `storage` below. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "frontend/onnx_reader.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw_data is used as it stands");

enum { EXTERNAL = 1 };  /* TensorProto.DataLocation */

typedef enum List { LIST_NONE, LIST_FLOAT, LIST_INT32, LIST_INT64, LIST_DOUBLE, LIST_UINT64 } List;

/* clang-format off */
static const struct {
  List list;          /* typed list that holds the elements */
  const char *field;  /* its name */
  int64_t lo, hi;     /* smallest and largest entry, where elements are narrower than entries */
} storage[DT_COUNT] = {
  [DT_F32]    = {LIST_FLOAT,  "float_data",  0, 0},
  [DT_F64]    = {LIST_DOUBLE, "double_data", 0, 0},
  [DT_I64]    = {LIST_INT64,  "int64_data",  0, 0},
  [DT_U64]    = {LIST_UINT64, "uint64_data", 0, 0},
  [DT_U32]    = {LIST_UINT64, "uint64_data", 0, UINT32_MAX},
  [DT_I32]    = {LIST_INT32,  "int32_data",  0, 0},
  [DT_I16]    = {LIST_INT32,  "int32_data",  INT16_MIN, INT16_MAX},
  [DT_U16]    = {LIST_INT32,  "int32_data",  0, UINT16_MAX},
  [DT_I8]     = {LIST_INT32,  "int32_data",  INT8_MIN, INT8_MAX},
  [DT_U8]     = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_BOOL]   = {LIST_INT32,  "int32_data",  0, 1},
  [DT_F16]    = {LIST_INT32,  "int32_data",  0, UINT16_MAX},
  [DT_BF16]   = {LIST_INT32,  "int32_data",  0, UINT16_MAX},
  [DT_F8E4M3] = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_F8E4M3FNUZ] = {LIST_INT32, "int32_data", 0, UINT8_MAX},
  [DT_F8E5M2] = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_F8E5M2FNUZ] = {LIST_INT32, "int32_data", 0, UINT8_MAX},
  [DT_U4]     = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_I4]     = {LIST_INT32,  "int32_data",  INT8_MIN, UINT8_MAX},
  [DT_F4E2M1] = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_F8E8M0] = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_U2]     = {LIST_INT32,  "int32_data",  0, UINT8_MAX},
  [DT_I2]     = {LIST_INT32,  "int32_data",  INT8_MIN, UINT8_MAX},
};
/* clang-format on */

void check_shape(Loc loc, int64_t rank, const int64_t *dim) {
  if (rank > MAX_RANK)
    error_at(loc, "it has %lld dimensions, at most %d are supported", (long long)rank, MAX_RANK);
  int64_t n = 1;
  for (int64_t i = 0; i < rank; i++) {
    if (dim[i] < 0) error_at(loc, "dimension %lld is %lld", (long long)i, (long long)dim[i]);
    /* A zero hides the size of the others from the product, but not from a later Reshape. */
    n = mul_size(n, dim[i] ? dim[i] : 1);
    if (n < 0 || n > MAX_ELEMENTS)
      error_at(loc, "its dimensions are absurd: their product is more than 2^40 elements");
  }
}

/* ---- where the bytes come from --------------------------------------------------------------- */

static bool leaves_folder(const char *path) {
  if (*path == '/') return true;
  for (const char *p = path; p; p = strchr(p, '/')) {
    if (*p == '/') p++;
    if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == 0)) return true;
  }
  return false;
}

static const char *external_entry(const OnnxTensor *p, const char *key) {
  for (size_t i = 0; i < p->n_external_data; i++) {
    const OnnxEntry *e = p->external_data[i];
    if (e->key && e->value && strcmp(e->key, key) == 0) return e->value;
  }
  return NULL;
}

static int64_t external_number(const OnnxTensor *p, const char *key, int64_t otherwise, Loc loc) {
  const char *text = external_entry(p, key);
  if (!text) return otherwise;
  char *end;
  errno = 0;
  long long v = strtoll(text, &end, 10);
  if (errno || end == text || *end || v < 0)
    error_at(loc, "external data: %s is '%s', expected a number of bytes", key, text);
  return v;
}

/* The bytes [offset, offset + n) of a file. */
static void *read_stretch(OnnxReader *r, const char *path, int64_t offset, int64_t n, Loc loc) {
  struct stat st;
  FILE *f = fopen(path, "rb");
  if (!f) error_at(loc, "external data: cannot open '%s': %s", path, strerror(errno));
  if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
    fclose(f);
    error_at(loc, "external data: '%s' is not a file", path);
  }
  if (offset > st.st_size || n > st.st_size - offset) {
    fclose(f);
    error_at(loc, "external data: '%s' is too short: it has %lld bytes, %lld at offset %lld are "
             "needed", path, (long long)st.st_size, (long long)n, (long long)offset);
  }
  void *bytes = arena_alloc(r->arena, n ? n : 1);
  bool ok = fseeko(f, (off_t)offset, SEEK_SET) == 0 && fread(bytes, 1, (size_t)n, f) == (size_t)n;
  fclose(f);
  if (!ok) error_at(loc, "external data: cannot read '%s'", path);
  r->hash = hash_bytes(r->hash, bytes, (size_t)n);
  return bytes;
}

static void *read_external(OnnxReader *r, const OnnxTensor *p, int64_t expected, Loc loc) {
  const char *location = external_entry(p, "location");
  if (!location || !*location) error_at(loc, "external data: there is no location");
  if (leaves_folder(location))
    error_at(loc, "external data: '%s' is outside the model's folder", location);
  int64_t offset = external_number(p, "offset", 0, loc);
  int64_t length = external_number(p, "length", expected, loc);
  if (length != expected)
    error_at(loc, "external data: length is %lld bytes, the shape needs %lld", (long long)length,
             (long long)expected);
  const char *path = arena_printf(r->arena, "%s%s", r->folder, location);
  return read_stretch(r, path, offset, length, loc);
}

/* ---- from bytes to elements ------------------------------------------------------------------ */

/* n codes of a sub-byte type, one per byte, lowest bits first; signed types are sign-extended. */
static void *spread_codes(Arena *a, DType t, const uint8_t *packed, int64_t n) {
  int bits = dtype_bits(t), per_byte = 8 / bits, mask = (1 << bits) - 1;
  bool is_signed = t == DT_I4 || t == DT_I2;
  int8_t *codes = arena_alloc(a, n ? n : 1);
  for (int64_t i = 0; i < n; i++) {
    int code = (packed[i / per_byte] >> (bits * (int)(i % per_byte))) & mask;
    if (is_signed && code > mask / 2) code -= mask + 1;
    codes[i] = (int8_t)code;
  }
  return codes;
}

/* Elements in memory form from the little-endian bytes of raw or external data. */
static void *from_bytes(Arena *a, const Tensor *t, uint8_t *bytes, int64_t n) {
  if (n == 0) return arena_alloc(a, 1);
  if (dtype_bits(t->dtype) < 8) return spread_codes(a, t->dtype, bytes, n);
  if (t->dtype == DT_BOOL)
    for (int64_t i = 0; i < n; i++) bytes[i] = bytes[i] != 0;
  return bytes;
}

/* Little-endian bytes from int32_data or uint64_data, whose entries are wider than the elements. */
static uint8_t *narrow_list(Arena *a, const OnnxTensor *p, DType t, int64_t entries, Loc loc) {
  int width = t == DT_U32 ? 4 : dtype_bits(t) < 8 ? 1 : dtype_bytes(t);
  uint8_t *bytes = arena_alloc(a, mul_size(entries ? entries : 1, width));
  for (int64_t i = 0; i < entries; i++) {
    int64_t v = storage[t].list == LIST_INT32 ? p->int32_data[i] : (int64_t)p->uint64_data[i];
    if (v < storage[t].lo || v > storage[t].hi)
      error_at(loc, "entry %lld of %s is %lld, which is not a value of type %s", (long long)i,
               storage[t].field, (long long)v, dtype_name(t));
    memcpy(bytes + i * width, &v, (size_t)width);
  }
  return bytes;
}

static int64_t list_length(const OnnxTensor *p, List list) {
  switch (list) {
  case LIST_FLOAT: return (int64_t)p->n_float_data;
  case LIST_INT32: return (int64_t)p->n_int32_data;
  case LIST_INT64: return (int64_t)p->n_int64_data;
  case LIST_DOUBLE: return (int64_t)p->n_double_data;
  case LIST_UINT64: return (int64_t)p->n_uint64_data;
  default: return 0;
  }
}

/* Elements from the typed list that the type is kept in. */
static void *from_list(Arena *a, const OnnxTensor *p, const Tensor *t, int64_t n, Loc loc) {
  List list = storage[t->dtype].list;
  int bits = dtype_bits(t->dtype), per_entry = bits < 8 ? 8 / bits : 1;
  int64_t entries = list_length(p, list), expected = (n + per_entry - 1) / per_entry;
  if (entries != expected)
    error_at(loc, "%s has %lld entries, %s%s needs %lld", storage[t->dtype].field,
             (long long)entries, dtype_name(t->dtype), shape_text(a, t), (long long)expected);
  if (n == 0) return arena_alloc(a, 1);
  if (list == LIST_FLOAT) return p->float_data;
  if (list == LIST_DOUBLE) return p->double_data;
  if (list == LIST_INT64) return p->int64_data;
  if (t->dtype == DT_U64) return p->uint64_data;
  if (t->dtype == DT_I32) return p->int32_data;
  return from_bytes(a, t, narrow_list(a, p, t->dtype, entries, loc), n);
}

static void check_type(const OnnxTensor *p, Loc loc) {
  if (p->data_type == DT_STRING) error_at(loc, "tensors of strings are not supported");
  if (p->data_type < 0 || p->data_type >= DT_COUNT || !storage[p->data_type].list)
    error_at(loc, "element type %d is not supported", (int)p->data_type);
  if (p->has_segment) error_at(loc, "tensors in segments are not supported");
}

void decode_tensor(OnnxReader *r, const OnnxTensor *p, Loc loc, Tensor *t) {
  check_type(p, loc);
  check_shape(loc, (int64_t)p->n_dims, p->dims);
  t->dtype = (DType)p->data_type;
  t->rank = (int)p->n_dims;
  for (int i = 0; i < t->rank; i++) t->dim[i] = p->dims[i];
  int64_t n = n_elements(t), bits = mul_size(n, dtype_bits(t->dtype));
  int64_t bytes = bits / 8 + (bits % 8 != 0);
  if (p->data_location == EXTERNAL) {
    t->data = from_bytes(r->arena, t, read_external(r, p, bytes, loc), n);
  } else if (p->has_raw_data && (p->raw_data.len || list_length(p, storage[t->dtype].list) == 0)) {
    if ((int64_t)p->raw_data.len != bytes)
      error_at(loc, "raw_data has %lld bytes, %s%s needs %lld", (long long)p->raw_data.len,
               dtype_name(t->dtype), shape_text(r->arena, t), (long long)bytes);
    t->data = from_bytes(r->arena, t, p->raw_data.data, n);
  } else {
    t->data = from_list(r->arena, p, t, n, loc);
  }
}

void check_finite(const Tensor *t, bool inf_ok, Loc loc) {
  if (!dtype_is_float(t->dtype) || t->dtype == DT_F4E2M1) return;
  int64_t n = n_elements(t);
  for (int64_t i = 0; i < n; i++) {
    double v = get_real(t->dtype, t->data, i);
    if (isfinite(v) || (inf_ok && !isnan(v))) continue;
    error_at(loc, "element %lld is %s", (long long)i,
             isnan(v) ? "NaN" : v > 0 ? "infinity" : "minus infinity");
  }
}
