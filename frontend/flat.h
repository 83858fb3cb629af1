/* flat.h - reading FlatBuffers (google.github.io/flatbuffers, "internals"): every offset is checked
 * before it is followed, and error_at says at which byte of the file it is wrong.
 *
 * A table begins with the signed distance back to its vtable, which has, after its own size and the
 * table's, the place of each field in the table, 0 for one that is absent and has its default.  What
 * does not fit a field (strings, vectors, other tables) is an offset forward to it. */
#ifndef QCC_FLAT_H
#define QCC_FLAT_H

#include "ir/ir.h"

typedef struct Flat {
  const uint8_t *bytes;
  size_t len;
  const Source *src;
} Flat;

typedef struct FlatTable {
  const Flat *file;       /* NULL: there is no table, and every field has its default */
  size_t at;              /* first byte */
  size_t vtable;
  size_t vtable_bytes, bytes;
} FlatTable;

typedef struct FlatVector {
  const Flat *file;
  size_t at;              /* first element */
  int64_t n;              /* elements; 0 where the field is absent */
  int element;            /* bytes of each */
} FlatVector;

/* The table that the file begins with. */
FlatTable flat_root(const Flat *f);
bool flat_has(const FlatTable *t, int field);
/* A signed integer, an unsigned one of `bytes` bytes, a float32. */
int64_t flat_int(const FlatTable *t, int field, int bytes, int64_t otherwise);
uint64_t flat_unsigned(const FlatTable *t, int field, int bytes, uint64_t otherwise);
float flat_float(const FlatTable *t, int field, float otherwise);
/* A table that a field leads to; one without a file where the field is absent. */
FlatTable flat_table(const FlatTable *t, int field);
FlatVector flat_vector(const FlatTable *t, int field, int element_bytes);
/* The NUL-terminated text of a field; "" where it is absent. */
const char *flat_string(const FlatTable *t, int field);

/* Element i of a vector, 0 <= i < n. */
int64_t flat_int_at(const FlatVector *v, int64_t i);
float flat_float_at(const FlatVector *v, int64_t i);
FlatTable flat_table_at(const FlatVector *v, int64_t i);
const uint8_t *flat_bytes(const FlatVector *v);

#endif
