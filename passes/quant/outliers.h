/* outliers.h - weights that are kept beside the codes (outliers.c). */
#ifndef QCC_OUTLIERS_H
#define QCC_OUTLIERS_H

#include "passes/quant/solvers.h"

typedef struct OutlierRule {
  const char *name;
  /* Marks weights before scales are fitted. */
  void (*mark)(Layer *l);
  /* Scale of the n weights w, which are elements from `from` on, without the outliers among them. */
  float (*fit)(const Layer *l, const float *w, int64_t from, int64_t n);
  /* What rounding a weight of a group of channels may cost; cost [row]: of each column per square. */
  double (*limit)(const Layer *l, int64_t group, const double *cost);
  int needs;               /* NEEDS_... of moments.h */
} OutlierRule;

typedef struct Outliers {
  const OutlierRule *rule;
  uint8_t *kept;           /* [channels][row] marked, or kept by now */
  int16_t *value;          /* [channels][row] beside the code, in units of the channel's scale */
  int64_t *left;           /* [channels] that the limit may still keep */
  double *limit;           /* [groups] */
  bool asked;              /* the solver has asked for every weight */
} Outliers;

int outlier_needs(const OutlierChoice *c);
Outliers *new_outliers(Layer *l);
void free_outliers(Outliers *o);
/* Mean square of what a weight multiplies, times two as Hessians have it. */
double input_square(const Layer *l, int64_t channel, int64_t column);
/* The scale that the layer's solver gives a run without the weights of out [n]. */
float fit_without(const Layer *l, const float *w, int64_t from, int64_t n, const uint8_t *out);
/* The largest multiple for groups of a channel whose largest scale this is: the larger, the finer are
 * the values beside the codes; but they must fit 16 bits and the accumulator 31. */
int outlier_multiple(const Layer *l, int64_t channel, float scale, float x_scale, const float *bias);
/* Counts, columns and values as constants; leaves `beside` alone where nothing is kept. */
void store_outliers(Graph *g, Layer *l, const char *name, Tensor *beside[3]);

float fit_unmarked(const Layer *l, const float *w, int64_t from, int64_t n);
void mark_squeeze(Layer *l);
float fit_spqr(const Layer *l, const float *w, int64_t from, int64_t n);
double limit_spqr(const Layer *l, int64_t group, const double *cost);

#endif
