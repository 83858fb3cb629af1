/* range.h - activation ranges from streamed statistics (range.c). */
#ifndef QCC_RANGE_H
#define QCC_RANGE_H

#include "ir/ir.h"

enum { N_BINS = 4096 };

/* What is kept of a tensor's values over all samples: nothing that grows with their number. */
typedef struct Stats {
  float lo, hi;            /* smallest and largest value seen */
  uint64_t count[N_BINS];  /* histogram of [lo, hi] */
} Stats;

typedef struct Range { float lo, hi; } Range;

void count_values(Stats *s, const float *x, int64_t n);
Range percentile_range(const Stats *s, double percentile);
/* The range that so many codes, and that so many levels, cover best. */
Range entropy_range(const Stats *s, int codes);
Range mse_range(const Stats *s, int levels);
/* Scale and zero point of int8 codes (or another format's) that cover the range; 0 is exact. */
void fit_scale(Range r, const Format *f, bool symmetric, float *scale, int32_t *zero);

#endif
