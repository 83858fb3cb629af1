/* ngrams.h - the n-grams of a TfIdfVectorizer of integers, read from its attributes (ops/vectorize.c). */
#ifndef QCC_NGRAMS_H
#define QCC_NGRAMS_H

#include "ir/ir.h"

typedef struct NGrams {
  int64_t n, members;        /* n-grams of the lengths that are wanted, and members of all of them */
  int64_t *pool;             /* [members] one n-gram behind the other */
  int64_t *length, *place;   /* [n] members of each; where its number goes */
  float *weight;             /* [n] or NULL */
  int64_t out, skips;        /* numbers of a row; places left out between members, at most */
} NGrams;

/* False when the attributes do not fit together. */
bool get_ngrams(Arena *a, const Node *n, NGrams *p);

#endif
