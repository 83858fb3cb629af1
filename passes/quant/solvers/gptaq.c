/* gptaq.c - GPTQ that looks at the layers before (after Li et al. 2025, arXiv:2504.02692).
 *
 * The inputs x of a quantized network differ from those of the float network. Least squares say
 * which weights give the float outputs from them: W + W M H^-1, M the mean of (x_float - x) x^T.
 * With few samples that overfits, so only the share `alpha` of the correction is taken; GPTQ does
 * the rest. */
#include <cblas.h>
#include <stdlib.h>

#include "ir/ops/ops.h"
#include "passes/quant/solvers.h"

/* shift [n][k], in the order of the steps, times the inverse of R D R^T. */
static void solve_right(const Factor *f, int64_t n, double *shift) {
  int k = (int)f->n, rows = (int)n;
  cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasTrans, CblasUnit, rows, k, 1, f->r, k,
              shift, k);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < f->n; j++) shift[i * f->n + j] /= f->d[j];
  cblas_dtrsm(CblasRowMajor, CblasRight, CblasUpper, CblasNoTrans, CblasUnit, rows, k, 1, f->r, k,
              shift, k);
}

static void aim_at_float(const Layer *l, const Factor *f, int64_t from, int64_t n, double *target) {
  int64_t k = f->n, group = from / (l->channels / l->x->groups);
  double *product = scratch(2 * n * k, sizeof *product), *shift = product + n * k;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)k, (int)k, 1, target, (int)k,
              l->x->mismatch + group * k * k, (int)k, 0, product, (int)k);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < k; j++) shift[i * k + j] = product[i * k + f->order[j]];
  solve_right(f, n, shift);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < k; j++)
      target[i * k + f->order[j]] += l->choice->alpha * shift[i * k + j];
  free(product);
}

const char *round_gptaq(Layer *l) { return round_groups(l, aim_at_float, order_of(l)); }
