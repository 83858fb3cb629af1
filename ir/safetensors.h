/* safetensors.h - the safetensors container: named arrays in one file.  Large constants of the text
 * form of a graph live in one, so that any tool for neural networks can look at them. */
#ifndef QCC_SAFETENSORS_H
#define QCC_SAFETENSORS_H

#include "ir/ir.h"

typedef struct SafeTensor {
  const char *name;
  DType dtype;              /* as stored: types of less than a byte are kept as int8 or uint8 */
  int rank;
  int64_t dim[MAX_RANK];    /* [rank] */
  const void *data;         /* elements in C order, aligned for their type */
  int64_t bytes;            /* of data */
} SafeTensor;

typedef struct SafeTensors {
  const char *path;
  int n;
  SafeTensor *tensor;       /* [n] in the order of the header */
} SafeTensors;

/* The element type that a file stores for elements of type t; DT_NONE when it has none. */
DType safetensors_dtype(DType t);
/* Reads a whole file; error_at(loc, ...) when it cannot be read or is malformed. */
SafeTensors *read_safetensors(Arena *a, Loc loc, const char *path);
const SafeTensor *find_safetensor(const SafeTensors *s, const char *name);  /* or NULL */
/* Writes n tensors with different names; error() when that fails. */
void write_safetensors(Arena *a, const char *path, int n, const SafeTensor *t);

#endif
