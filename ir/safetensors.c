/* safetensors.c - reads and writes the safetensors container:
 *
 *   8 bytes      length of the header, little-endian
 *   header       JSON: {"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, ...}
 *   data         the elements, little-endian, without gaps
 *
 * What we write is deterministic and aligned: the header is padded with spaces so that the data
 * start at a multiple of 64, and tensors with wider elements come first.  What we read comes from
 * strangers, so every number in the header is checked before it is used. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ir/safetensors.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are written as they stand");

enum { DATA_ALIGN = 64, LENGTH_BYTES = 8 };

/* The container's names of element types, with the type that holds the elements. */
static const struct { const char *name; DType dtype; } type_names[] = {
  {"F64", DT_F64}, {"F32", DT_F32}, {"F16", DT_F16},   {"BF16", DT_BF16},
  {"I64", DT_I64}, {"U64", DT_U64}, {"I32", DT_I32},   {"U32", DT_U32},
  {"I16", DT_I16}, {"U16", DT_U16}, {"I8", DT_I8},     {"U8", DT_U8},
  {"BOOL", DT_BOOL}, {"F8_E4M3", DT_F8E4M3}, {"F8_E5M2", DT_F8E5M2},
};
enum { N_TYPE_NAMES = sizeof type_names / sizeof *type_names };

static const char *type_name(DType t) {
  for (int i = 0; i < N_TYPE_NAMES; i++)
    if (type_names[i].dtype == t) return type_names[i].name;
  return NULL;
}

static DType type_by_name(const char *name) {
  for (int i = 0; i < N_TYPE_NAMES; i++)
    if (strcmp(type_names[i].name, name) == 0) return type_names[i].dtype;
  return DT_NONE;
}

DType safetensors_dtype(DType t) {
  switch (t) {
  case DT_I4:
  case DT_I2: return DT_I8;
  case DT_U4:
  case DT_U2:
  case DT_F4E2M1: return DT_U8;
  default: return type_name(t) ? t : DT_NONE;
  }
}

/* ---- writing -------------------------------------------------------------------------------- */

static void write_json_string(FILE *f, const char *s) {
  fputc('"', f);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\') fprintf(f, "\\%c", c);
    else if (c < 0x20) fprintf(f, "\\u%04x", c);
    else fputc(c, f);
  }
  fputc('"', f);
}

static void write_entry(FILE *f, const SafeTensor *t, int64_t begin) {
  write_json_string(f, t->name);
  fprintf(f, ":{\"dtype\":\"%s\",\"shape\":[", type_name(t->dtype));
  for (int i = 0; i < t->rank; i++) fprintf(f, "%s%lld", i ? "," : "", (long long)t->dim[i]);
  fprintf(f, "],\"data_offsets\":[%lld,%lld]}", (long long)begin, (long long)(begin + t->bytes));
}

/* Indices of the tensors, wider elements first, so that each is aligned for its type. */
static int *order_by_width(Arena *a, int n, const SafeTensor *t) {
  int *order = arena_alloc(a, (int64_t)sizeof(int) * (n + 1)), k = 0;
  for (int width = 8; width >= 1; width /= 2)
    for (int i = 0; i < n; i++)
      if (dtype_bytes(t[i].dtype) == width) order[k++] = i;
  return order;
}

/* The JSON header, padded so that the data that follow it are aligned. */
static char *make_header(Arena *a, int n, const SafeTensor *t, const int *order, size_t *len) {
  char *text = NULL;
  FILE *f = open_memstream(&text, len);
  if (!f) error("out of memory");
  int64_t begin = 0;
  fputc('{', f);
  for (int k = 0; k < n; k++) {
    if (k) fputc(',', f);
    write_entry(f, &t[order[k]], begin);
    begin += t[order[k]].bytes;
  }
  fputc('}', f);
  fflush(f);
  for (size_t used = *len + LENGTH_BYTES; used % DATA_ALIGN; used++) fputc(' ', f);
  fclose(f);
  char *header = arena_strndup(a, text, *len);
  free(text);
  return header;
}

void write_safetensors(Arena *a, const char *path, int n, const SafeTensor *t) {
  for (int i = 0; i < n; i++)
    if (!type_name(t[i].dtype)) bug("no safetensors type for '%s'", t[i].name);
  int *order = order_by_width(a, n, t);
  size_t len;
  char *header = make_header(a, n, t, order, &len);
  uint64_t length = len;
  FILE *f = fopen(path, "wb");
  if (!f) error("cannot write '%s': %s", path, strerror(errno));
  fwrite(&length, sizeof length, 1, f);
  fwrite(header, 1, len, f);
  for (int k = 0; k < n; k++) {
    const SafeTensor *x = &t[order[k]];
    if (x->bytes) fwrite(x->data, 1, (size_t)x->bytes, f);
  }
  bool failed = ferror(f);
  if (fclose(f) || failed) error("cannot write '%s': %s", path, strerror(errno));
}

/* ---- reading -------------------------------------------------------------------------------- */

/* A file being read.  The functions below return a message, or NULL when all is well, so that the
 * JSON tree is freed before anything is reported. */
typedef struct Reader {
  Arena *arena;
  const char *data;    /* first byte after the header */
  int64_t bytes;       /* of data */
} Reader;

static const char *read_shape(Reader *r, json_t *shape, SafeTensor *t) {
  size_t rank = json_array_size(shape);
  if (!json_is_array(shape)) return arena_printf(r->arena, "tensor '%s' has no shape", t->name);
  if (rank > MAX_RANK)
    return arena_printf(r->arena, "tensor '%s' has %zu dimensions, at most %d are supported",
                        t->name, rank, MAX_RANK);
  t->rank = (int)rank;
  for (int i = 0; i < t->rank; i++) {
    json_t *dim = json_array_get(shape, (size_t)i);
    if (!json_is_integer(dim) || json_integer_value(dim) < 0)
      return arena_printf(r->arena, "dimension %d of tensor '%s' is not a size", i, t->name);
    t->dim[i] = json_integer_value(dim);
  }
  return NULL;
}

static const char *read_data(Reader *r, json_t *offsets, SafeTensor *t) {
  json_t *first = json_array_get(offsets, 0), *last = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(first) || !json_is_integer(last))
    return arena_printf(r->arena, "tensor '%s' has no data_offsets", t->name);
  int64_t begin = json_integer_value(first), end = json_integer_value(last);
  if (begin < 0 || end < begin || end > r->bytes)
    return arena_printf(r->arena, "data of tensor '%s' lie outside the file", t->name);
  int64_t need = dtype_bytes(t->dtype);
  for (int i = 0; i < t->rank && need >= 0; i++) need = mul_size(need, t->dim[i]);
  if (need != end - begin)
    return arena_printf(r->arena, "tensor '%s' has %lld bytes of data, its shape asks for %lld",
                        t->name, (long long)(end - begin), (long long)need);
  t->bytes = need;
  t->data = r->data + begin;
  if ((uintptr_t)t->data % (unsigned)dtype_bytes(t->dtype)) {
    void *aligned = arena_alloc(r->arena, need);
    memcpy(aligned, t->data, (size_t)need);
    t->data = aligned;
  }
  return NULL;
}

static const char *read_tensor(Reader *r, const char *name, json_t *entry, SafeTensor *t) {
  t->name = arena_strdup(r->arena, name);
  const char *type = json_string_value(json_object_get(entry, "dtype"));
  if (!type) return arena_printf(r->arena, "tensor '%s' has no dtype", t->name);
  t->dtype = type_by_name(type);
  if (t->dtype == DT_NONE)
    return arena_printf(r->arena, "tensor '%s' has the unknown dtype '%s'", t->name, type);
  const char *wrong = read_shape(r, json_object_get(entry, "shape"), t);
  return wrong ? wrong : read_data(r, json_object_get(entry, "data_offsets"), t);
}

static const char *read_tensors(Reader *r, json_t *header, SafeTensors *s) {
  if (!json_is_object(header)) return "the header is not a JSON object";
  s->tensor = arena_alloc(r->arena,
                          (int64_t)((json_object_size(header) + 1) * sizeof(SafeTensor)));
  const char *name;
  json_t *entry;
  json_object_foreach(header, name, entry) {
    if (strcmp(name, "__metadata__") == 0) continue;
    const char *wrong = read_tensor(r, name, entry, &s->tensor[s->n++]);
    if (wrong) return wrong;
  }
  return NULL;
}

static const char *read_header(Reader *r, const char *text, size_t len, SafeTensors *s) {
  json_error_t at;
  json_t *header = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
  if (!header) return arena_printf(r->arena, "the header is not valid JSON: %s", at.text);
  const char *wrong = read_tensors(r, header, s);
  json_decref(header);
  return wrong;
}

SafeTensors *read_safetensors(Arena *a, Loc loc, const char *path) {
  if (access(path, R_OK)) error_at(loc, "cannot read weights file '%s': %s", path, strerror(errno));
  size_t len;
  const char *file = read_file(a, path, &len);
  uint64_t header = 0;
  if (len >= LENGTH_BYTES) memcpy(&header, file, LENGTH_BYTES);
  if (len < LENGTH_BYTES || header > len - LENGTH_BYTES)
    error_at(loc, "weights file '%s' is truncated or not a safetensors file", path);
  Reader r = {.arena = a,
              .data = file + LENGTH_BYTES + header,
              .bytes = (int64_t)(len - LENGTH_BYTES - header)};
  SafeTensors *s = arena_alloc(a, sizeof *s);
  s->path = path;
  const char *wrong = read_header(&r, file + LENGTH_BYTES, (size_t)header, s);
  if (wrong) error_at(loc, "weights file '%s': %s", path, wrong);
  return s;
}

const SafeTensor *find_safetensor(const SafeTensors *s, const char *name) {
  for (int i = 0; i < s->n; i++)
    if (strcmp(s->tensor[i].name, name) == 0) return &s->tensor[i];
  return NULL;
}
