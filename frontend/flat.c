/* flat.c - the reader of flat.h.  Everything goes through need(), which knows the file's length;
 * offsets are added in size_t after they were read as at most 32 bits, so that sums do not wrap. */
#include "frontend/flat.h"

#include <string.h>

enum { MAX_TEXT = 4096 };  /* bytes of a string: more is no name */

/* `bytes` bytes of the file at `at`. */
static const uint8_t *need(const Flat *f, size_t at, size_t bytes, const char *what) {
  if (at > f->len || bytes > f->len - at)
    error_at((Loc){.src = f->src}, "broken at byte %zu: %s of %zu bytes ends outside the file's %zu", at, what,
             bytes, f->len);
  return f->bytes + at;
}

static uint64_t little(const uint8_t *p, int bytes) {
  uint64_t v = 0;
  for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << 8 * i;
  return v;
}

static int64_t as_signed(uint64_t v, int bytes) {
  int spare = 64 - 8 * bytes;
  return (int64_t)(v << spare) >> spare;
}

static FlatTable table_at(const Flat *f, size_t at) {
  int64_t back = as_signed(little(need(f, at, 4, "a table"), 4), 4);
  if (back > (int64_t)at || (int64_t)at - back > (int64_t)f->len)
    error_at((Loc){.src = f->src}, "broken at byte %zu: the table's fields lie outside the file", at);
  FlatTable t = {.file = f, .at = at, .vtable = (size_t)((int64_t)at - back)};
  const uint8_t *v = need(f, t.vtable, 4, "a list of fields");
  t.vtable_bytes = (size_t)little(v, 2);
  t.bytes = (size_t)little(v + 2, 2);
  if (t.vtable_bytes < 4 || t.vtable_bytes % 2 != 0)
    error_at((Loc){.src = f->src}, "broken at byte %zu: a list of fields has %zu bytes", t.vtable,
             t.vtable_bytes);
  need(f, t.vtable, t.vtable_bytes, "a list of fields");
  need(f, at, t.bytes, "a table");
  return t;
}

/* What the offset at `at` leads to. */
static size_t target_of(const Flat *f, size_t at) {
  size_t offset = (size_t)little(need(f, at, 4, "an offset"), 4);
  if (offset == 0 || offset > f->len - at)
    error_at((Loc){.src = f->src}, "broken at byte %zu: an offset leads outside the file", at);
  return at + offset;
}

FlatTable flat_root(const Flat *f) { return table_at(f, target_of(f, 0)); }

/* Where a field of so many bytes lies; 0: it is absent. */
static size_t field_at(const FlatTable *t, int field, size_t bytes) {
  size_t slot = 4 + 2 * (size_t)field;
  if (!t->file || slot + 2 > t->vtable_bytes) return 0;
  size_t place = (size_t)little(t->file->bytes + t->vtable + slot, 2);
  if (place == 0) return 0;
  if (place > t->bytes || bytes > t->bytes - place)
    error_at((Loc){.src = t->file->src}, "broken at byte %zu: field %d lies outside its table", t->at, field);
  return t->at + place;
}

bool flat_has(const FlatTable *t, int field) { return field_at(t, field, 1) != 0; }

uint64_t flat_unsigned(const FlatTable *t, int field, int bytes, uint64_t otherwise) {
  size_t at = field_at(t, field, (size_t)bytes);
  return at ? little(t->file->bytes + at, bytes) : otherwise;
}

int64_t flat_int(const FlatTable *t, int field, int bytes, int64_t otherwise) {
  size_t at = field_at(t, field, (size_t)bytes);
  return at ? as_signed(little(t->file->bytes + at, bytes), bytes) : otherwise;
}

static float as_float(uint64_t bits) {
  uint32_t word = (uint32_t)bits;
  float v;
  memcpy(&v, &word, sizeof v);
  return v;
}

float flat_float(const FlatTable *t, int field, float otherwise) {
  size_t at = field_at(t, field, 4);
  return at ? as_float(little(t->file->bytes + at, 4)) : otherwise;
}

FlatTable flat_table(const FlatTable *t, int field) {
  size_t at = field_at(t, field, 4);
  return at ? table_at(t->file, target_of(t->file, at)) : (FlatTable){0};
}

FlatVector flat_vector(const FlatTable *t, int field, int element_bytes) {
  size_t at = field_at(t, field, 4);
  if (!at) return (FlatVector){.element = element_bytes};
  size_t from = target_of(t->file, at), n = (size_t)little(need(t->file, from, 4, "a vector"), 4);
  need(t->file, from + 4, n * (size_t)element_bytes, "a vector");
  return (FlatVector){.file = t->file, .at = from + 4, .n = (int64_t)n, .element = element_bytes};
}

const char *flat_string(const FlatTable *t, int field) {
  FlatVector v = flat_vector(t, field, 1);
  if (v.n == 0) return "";
  if (v.n > MAX_TEXT)
    error_at((Loc){.src = t->file->src}, "broken at byte %zu: a name has %lld bytes, at most %d are possible",
             v.at, (long long)v.n, MAX_TEXT);
  const char *text = (const char *)need(v.file, v.at, (size_t)v.n + 1, "a name");
  if (strnlen(text, (size_t)v.n + 1) != (size_t)v.n)
    error_at((Loc){.src = t->file->src}, "broken at byte %zu: a name does not end where it should", v.at);
  return text;
}

const uint8_t *flat_bytes(const FlatVector *v) { return v->n ? v->file->bytes + v->at : NULL; }

static uint64_t element_at(const FlatVector *v, int64_t i) {
  return little(v->file->bytes + v->at + (size_t)i * (size_t)v->element, v->element);
}

int64_t flat_int_at(const FlatVector *v, int64_t i) { return as_signed(element_at(v, i), v->element); }

float flat_float_at(const FlatVector *v, int64_t i) { return as_float(element_at(v, i)); }

FlatTable flat_table_at(const FlatVector *v, int64_t i) {
  return table_at(v->file, target_of(v->file, v->at + (size_t)i * (size_t)v->element));
}
