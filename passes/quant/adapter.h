/* adapter.h - low-rank adapters as files hold them (LoRA: Hu et al. 2021, arXiv:2106.09685). */
#ifndef QCC_ADAPTER_H
#define QCC_ADAPTER_H

#include "ir/policy.h"
#include "ir/safetensors.h"

/* What the weights of one module change by: factor * b a. */
typedef struct LowRank {
  const char *module;        /* its name, without what the file adds to it */
  const SafeTensor *a, *b;   /* [rank][inputs ...] and [outputs][rank ...] */
  int64_t rank;
  double factor;
} LowRank;

typedef struct Adapter {
  const char *path;
  Loc loc;                   /* where the policy names it */
  uint64_t hash;             /* of the file, and of the configuration beside it where that is used */
  int n;
  LowRank *part;             /* [n] in the order of the file */
} Adapter;

/* The adapter that the policy names, NULL where it names none; error_at() when it is not one. */
Adapter *read_adapter(Arena *a, const Policy *p);
/* Elements of one of its tensors as float32, times `factor`. */
float *adapter_floats(Arena *a, const SafeTensor *t, double factor);

#endif
