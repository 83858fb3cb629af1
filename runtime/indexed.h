/* indexed.h - ONNX's GatherElements, GatherND, ScatterElements, ScatterND for elements of any size, and
 * TensorScatter: runs of elements between a small tensor, in its order, and places in a large one that
 * indices name.  Negative indices count from the end; those that are outside all the same are clamped, because
 * they may come from the user at run time.  Indices are int32, or int64 where `wide`. */
#ifndef QCC_INDEXED_H
#define QCC_INDEXED_H

#include "copy.h"

/* Entry e of a walk over dim, last dimension fastest, belongs to the run that begins at
 * sum of place in dim[d] * step[d] + sum of index[e * depth + k] * stride[k]. */
struct qcc_indexed {
  int32_t rank, depth;         /* of the walk; indices of an entry */
  int32_t entries, run;        /* elements moved together */
  int32_t elem, wide;          /* bytes of an element */
  int32_t dim[8], step[8];     /* elements of the large tensor */
  int32_t size[8], stride[8];  /* the dimension that an index is of, at least 1 */
};

/* How far the walk is: place in every dimension, and what that adds to the start of the run. */
struct qcc_entry_walk {
  int32_t at[8], base;
};

QCC_INLINE int64_t qcc_index_at(const void *index, int32_t wide, int32_t i) {
  return wide ? ((const int64_t *)index)[i] : ((const int32_t *)index)[i];
}

QCC_INLINE int32_t qcc_index_place(int64_t k, int32_t size) {
  if (k < 0 && k >= -(int64_t)size)
    k += size;
  return k < 0 ? 0 : k < size ? (int32_t)k : size - 1;
}

/* Where the run of entry e begins, in elements. */
QCC_KERNEL int32_t qcc_run_start(const struct qcc_indexed *p, const struct qcc_entry_walk *w, int32_t e,
                                 const void *index) {
  int32_t start = w->base;
  for (int32_t k = 0; k < p->depth; k++)
    start += qcc_index_place(qcc_index_at(index, p->wide, e * p->depth + k), p->size[k]) *
             p->stride[k];
  return start;
}

QCC_KERNEL void qcc_next_entry(const struct qcc_indexed *p, struct qcc_entry_walk *w) {
  for (int32_t d = p->rank - 1; d >= 0; d--) {
    w->base += p->step[d];
    if (++w->at[d] < p->dim[d])
      return;
    w->base -= p->step[d] * p->dim[d];
    w->at[d] = 0;
  }
}

QCC_KERNEL void qcc_gather_indexed(const struct qcc_indexed *p, const void *index, const void *x,
                                   void *y) {
  struct qcc_entry_walk w = {{0, 0, 0, 0, 0, 0, 0, 0}, 0};
  int32_t bytes = p->run * p->elem;
  for (int32_t e = 0; e < p->entries; e++) {
    qcc_copy((uint8_t *)y + e * bytes,
             (const uint8_t *)x + qcc_run_start(p, &w, e, index) * p->elem, bytes);
    qcc_next_entry(p, &w);
  }
}

/* y has the elements of x already. */
QCC_KERNEL void qcc_scatter_indexed(const struct qcc_indexed *p, const void *index,
                                    const void *updates, void *y) {
  struct qcc_entry_walk w = {{0, 0, 0, 0, 0, 0, 0, 0}, 0};
  int32_t bytes = p->run * p->elem;
  for (int32_t e = 0; e < p->entries; e++) {
    qcc_copy((uint8_t *)y + qcc_run_start(p, &w, e, index) * p->elem,
             (const uint8_t *)updates + e * bytes, bytes);
    qcc_next_entry(p, &w);
  }
}

/* updates[batch][middle][count][inner] go to y[batch][middle][first[batch] + ..][inner]. */
struct qcc_tensor_scatter {
  int32_t batch, middle, size, count; /* size, at least count: the dimension of y */
  int32_t inner_bytes;
  int32_t circular;
};

/* first NULL: 0. */
QCC_KERNEL void qcc_tensor_scatter(const struct qcc_tensor_scatter *p, const int64_t *first,
                                   const void *updates, void *y) {
  const uint8_t *from = (const uint8_t *)updates;
  int32_t last = p->circular ? p->size - 1 : p->size - p->count;
  for (int32_t b = 0; b < p->batch; b++) {
    int64_t given = first ? first[b] : 0;
    int32_t at = given < 0 ? 0 : given < last ? (int32_t)given : last;
    for (int32_t o = b * p->middle; o < (b + 1) * p->middle; o++)
      for (int32_t s = 0; s < p->count; s++, from += p->inner_bytes)
        qcc_copy((uint8_t *)y + (o * p->size + (at + s) % p->size) * p->inner_bytes, from,
                 p->inner_bytes);
  }
}

#endif
