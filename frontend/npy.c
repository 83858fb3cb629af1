/* npy.c - NumPy's array files: .npy, and .npz, a ZIP archive of them.
 *
 * A .npy file is a magic, a version, the length of a header, the header, and the elements.  The
 * header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }.
 * Format: NumPy Enhancement Proposal 1 and numpy.lib.format.  Arrays in Fortran order are
 * turned into C order. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "frontend/frontend.h"

typedef struct Header {
  const char *path;      /* for messages */
  const char *p, *end;   /* what is left of the header's text */
  char descr[16];        /* "<f4" */
  bool fortran;
  int rank;
  int64_t dim[MAX_RANK];
  bool has_descr, has_order, has_shape;
} Header;

static _Noreturn void corrupt(const Header *h, const char *what) {
  error("'%s' is not a valid .npy file: %s", h->path, what);
}

/* ---- the header's dictionary ----------------------------------------------------------------- */

static void skip_space(Header *h) {
  while (h->p < h->end && (*h->p == ' ' || *h->p == '\n' || *h->p == '\t')) h->p++;
}

static bool accept(Header *h, char c) {
  skip_space(h);
  if (h->p == h->end || *h->p != c) return false;
  h->p++;
  return true;
}

static void expect(Header *h, char c) {
  if (!accept(h, c)) corrupt(h, "its header is not a dictionary of descr, fortran_order and shape");
}

static void read_string(Header *h, char *to, size_t room) {
  skip_space(h);
  char quote = h->p < h->end ? *h->p : '\0';
  if (quote != '\'' && quote != '"') corrupt(h, "its header lacks a string");
  const char *start = ++h->p;
  while (h->p < h->end && *h->p != quote) h->p++;
  size_t n = (size_t)(h->p - start);
  if (h->p == h->end || n >= room) corrupt(h, "a string in its header does not end");
  memcpy(to, start, n);
  to[n] = '\0';
  h->p++;
}

static bool read_word(Header *h, const char *word) {
  size_t n = strlen(word);
  skip_space(h);
  if ((size_t)(h->end - h->p) < n || memcmp(h->p, word, n) != 0) return false;
  h->p += n;
  return true;
}

static void read_descr(Header *h) {
  if (accept(h, '[')) error("'%s' holds records; only plain arrays are supported", h->path);
  read_string(h, h->descr, sizeof h->descr);
  h->has_descr = true;
}

static void read_order(Header *h) {
  if (read_word(h, "True")) h->fortran = true;
  else if (!read_word(h, "False")) corrupt(h, "fortran_order is neither True nor False");
  h->has_order = true;
}

static void read_shape(Header *h) {
  expect(h, '(');
  while (!accept(h, ')')) {
    skip_space(h);
    int64_t v = 0;
    const char *start = h->p;
    for (; h->p < h->end && *h->p >= '0' && *h->p <= '9'; h->p++) {
      v = mul_size(v, 10);
      if (v < 0 || v > INT64_MAX - 9) corrupt(h, "a dimension is absurdly large");
      v += *h->p - '0';
    }
    if (h->p == start) corrupt(h, "a dimension is not a number");
    if (h->rank == MAX_RANK) error("'%s' has more than %d dimensions", h->path, MAX_RANK);
    h->dim[h->rank++] = v;
    if (h->p < h->end && *h->p == 'L') h->p++; /* Python 2 wrote long integers so */
    if (!accept(h, ',') && !(h->p < h->end && *h->p == ')')) corrupt(h, "its shape does not end");
  }
  h->has_shape = true;
}

static void read_dictionary(Header *h) {
  expect(h, '{');
  while (!accept(h, '}')) {
    char key[32];
    read_string(h, key, sizeof key);
    expect(h, ':');
    if (strcmp(key, "descr") == 0 && !h->has_descr) read_descr(h);
    else if (strcmp(key, "fortran_order") == 0 && !h->has_order) read_order(h);
    else if (strcmp(key, "shape") == 0 && !h->has_shape) read_shape(h);
    else corrupt(h, "its header has an unknown or repeated key");
    if (!accept(h, ',')) {
      expect(h, '}');
      break;
    }
  }
  if (!h->has_descr || !h->has_order || !h->has_shape) corrupt(h, "its header is incomplete");
}

/* ---- element types --------------------------------------------------------------------------- */

static const struct {
  const char *code;      /* without the byte order */
  DType dtype;
} types[] = {
    {"f4", DT_F32}, {"f8", DT_F64}, {"f2", DT_F16}, {"u1", DT_U8},  {"i1", DT_I8},  {"u2", DT_U16},
    {"i2", DT_I16}, {"i4", DT_I32}, {"i8", DT_I64}, {"u4", DT_U32}, {"u8", DT_U64}, {"b1", DT_BOOL},
};

static DType element_type(const Header *h) {
  const char *d = h->descr;
  bool order = d[0] != '\0' && strchr("<>=|", d[0]) != NULL;
  const char *code = d + order;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(code, types[i].code) != 0) continue;
    if (d[0] == '>' && code[1] != '1')
      error("'%s' holds big-endian elements (%s); save it with .astype('<%s')", h->path, d, code);
    return types[i].dtype;
  }
  if (code[0] == 'O') error("'%s' holds Python objects; only numbers are supported", h->path);
  error(
      "'%s' has elements of type '%s'; supported are floats of 16 to 64 bits, integers of 8 to 64 "
      "bits and bool",
      h->path, d);
}

/* ---- reading --------------------------------------------------------------------------------- */

static const char magic[] = "\x93NUMPY";
enum { MAGIC = 6 };

/* Finds the header's text and where the elements start. */
static size_t find_header(Header *h, const unsigned char *file, size_t len) {
  if (len < MAGIC || memcmp(file, magic, MAGIC) != 0)
    corrupt(h, "it does not start with NumPy's magic");
  if (len < 12) corrupt(h, "it is truncated");
  int major = file[6];
  if (major < 1 || major > 3) corrupt(h, "its format version is not 1, 2 or 3");
  size_t at = major == 1 ? 10 : 12;
  size_t n = (size_t)file[8] | (size_t)file[9] << 8;
  if (major > 1) n |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
  if (n > len - at) corrupt(h, "it is truncated in its header");
  h->p = (const char *)file + at;
  h->end = h->p + n;
  return at + n;
}

/* Element i in C order is at this place in Fortran order, where the first dimension runs fastest.
 */
static void fortran_to_c(const Header *h, size_t size, const char *from, char *to, int64_t n) {
  int64_t at[MAX_RANK] = {0}, stride[MAX_RANK], step = 1;
  for (int d = 0; d < h->rank; d++) {
    stride[d] = step;
    step *= h->dim[d];
  }
  int64_t offset = 0;
  for (int64_t i = 0; i < n; i++) {
    memcpy(to + (size_t)i * size, from + (size_t)offset * size, size);
    for (int d = h->rank - 1; d >= 0; d--) {
      offset += stride[d];
      if (++at[d] < h->dim[d]) break;
      offset -= stride[d] * h->dim[d];
      at[d] = 0;
    }
  }
}

static int64_t count_elements(const Header *h) {
  int64_t n = 1;
  bool empty = false;
  for (int d = 0; d < h->rank; d++) {
    empty |= h->dim[d] == 0;
    n = mul_size(n, h->dim[d] == 0 ? 1 : h->dim[d]);
    if (n < 0) corrupt(h, "its shape is absurdly large");
  }
  return empty ? 0 : n;
}

static Array *parse_npy(Arena *a, const char *path, const char *file, size_t len) {
  Header h = {.path = path};
  size_t at = find_header(&h, (const unsigned char *)file, len);
  read_dictionary(&h);
  Array *array = arena_alloc(a, sizeof *array);
  *array = (Array){.dtype = element_type(&h), .rank = h.rank, .path = arena_strdup(a, path)};
  memcpy(array->dim, h.dim, sizeof h.dim);
  int64_t n = count_elements(&h), size = dtype_bytes(array->dtype), bytes = mul_size(n, size);
  if (bytes < 0) corrupt(&h, "its shape is absurdly large");
  if ((uint64_t)bytes != len - at)
    error("'%s' is not a valid .npy file: expected %lld bytes of elements, found %zu", path,
          (long long)bytes, len - at);
  array->data = arena_alloc(a, bytes);
  if (h.fortran) fortran_to_c(&h, (size_t)size, file + at, array->data, n);
  else if (bytes > 0) memcpy(array->data, file + at, (size_t)bytes);
  for (int64_t i = 0; array->dtype == DT_BOOL && i < n; i++)
    ((uint8_t *)array->data)[i] = ((uint8_t *)array->data)[i] != 0;
  return array;
}

Array *read_npy(Arena *a, const char *path) {
  size_t len;
  const char *file = read_file(a, path, &len);
  return parse_npy(a, path, file, len);
}

/* ---- .npz ------------------------------------------------------------------------------------ */

static const char *array_name(Arena *a, const char *entry) {
  size_t n = strlen(entry);
  bool suffix = n > 4 && strcmp(entry + n - 4, ".npy") == 0;
  return arena_strndup(a, entry, suffix ? n - 4 : n);
}

static Array *read_entry(Arena *a, const char *path, zip_t *zip, const zip_stat_t *st) {
  const char *name = arena_printf(a, "%s:%s", path, st->name);
  /* Deflate never shrinks below 1/1032: a larger claim is a forged size. */
  bool sized = (st->valid & ZIP_STAT_SIZE) && (st->valid & ZIP_STAT_COMP_SIZE);
  if (!sized || st->size > st->comp_size * 1040 + 1024 || st->size > INT64_MAX / 2)
    error("'%s' is not a valid array: its size in the archive is wrong", name);
  char *file = arena_alloc(a, (int64_t)st->size + 1);
  zip_file_t *in = zip_fopen_index(zip, st->index, 0);
  zip_int64_t got = in != NULL ? zip_fread(in, file, st->size) : -1;
  if (got < 0 || (zip_uint64_t)got != st->size || zip_fclose(in) != 0)
    error("cannot read '%s' from the archive: it is damaged", name);
  return parse_npy(a, name, file, (size_t)st->size);
}

static zip_t *open_archive(const char *path) {
  int code;
  zip_t *zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (zip != NULL) return zip;
  zip_error_t e;
  zip_error_init_with_code(&e, code);
  error("cannot read '%s' as .npz: %s", path, zip_error_strerror(&e));
}

int read_npz(Arena *a, const char *path, const char ***names, Array ***arrays) {
  zip_t *zip = open_archive(path);
  int n = 0;
  *names = NULL;
  *arrays = NULL;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0); i++) {
    zip_stat_t st;
    if (zip_stat_index(zip, (zip_uint64_t)i, 0, &st) != 0)
      error("cannot read '%s' as .npz: %s", path, zip_strerror(zip));
    *names = arena_grow(a, *names, n, sizeof **names);
    *arrays = arena_grow(a, *arrays, n, sizeof **arrays);
    (*names)[n] = array_name(a, st.name);
    (*arrays)[n++] = read_entry(a, path, zip, &st);
  }
  zip_discard(zip);
  return n;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const char *type_code(DType t) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (types[i].dtype == t) return types[i].code;
  if (dtype_bytes(t) == 1) return t == DT_I4 || t == DT_I2 ? "i1" : "u1";
  error("NumPy has no element type for %s", dtype_name(t));
}

void print_npy(FILE *f, DType t, int rank, const int64_t *dim, const void *data) {
  const char *code = type_code(t);
  char header[512];
  int n = snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                   code[1] == '1' ? '|' : '<', code);
  int64_t bytes = dtype_bytes(t);
  for (int d = 0; d < rank; d++) {
    n += snprintf(header + n, sizeof header - (size_t)n, "%lld%s", (long long)dim[d],
                  d + 1 < rank ? ", " : rank == 1 ? "," : "");
    bytes = mul_size(bytes, dim[d]);
  }
  n += snprintf(header + n, sizeof header - (size_t)n, "), }");
  int padded = (10 + n + 1 + 63) / 64 * 64 - 10;   /* the elements start at a multiple of 64 */
  if (bytes < 0) bug("an array of absurd size");
  fwrite(magic, 1, MAGIC, f);
  fputc(1, f);
  fputc(0, f);
  fputc(padded & 255, f);
  fputc(padded >> 8, f);
  fprintf(f, "%s%*s\n", header, padded - n - 1, "");
  fwrite(data, 1, (size_t)bytes, f);
}

void write_npy(const char *path, DType t, int rank, const int64_t *dim, const void *data) {
  FILE *f = fopen(path, "wb");
  if (f == NULL) error("cannot write '%s': %s", path, strerror(errno));
  print_npy(f, t, rank, dim, data);
  bool failed = ferror(f);
  if (fclose(f) != 0 || failed) error("cannot write '%s': the disk may be full", path);
}
