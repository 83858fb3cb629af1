/* score.c - compares outputs with those of the float network: signal to quantization noise, cosine,
 * top-1; and two networks with one another, sample by sample. */
#include <math.h>

#include "ir/ir.h"

static int64_t largest(const float *v, int64_t n) {
  int64_t best = 0;
  for (int64_t i = 1; i < n; i++)
    if (v[i] > v[best]) best = i;
  return best;
}

void add_score(Score *s, const float *exact, const float *got, int64_t n, int label) {
  s->samples++;
  s->agree += largest(exact, n) == largest(got, n);
  s->right += label >= 0 && largest(got, n) == label;
  s->float_right += label >= 0 && largest(exact, n) == label;
  for (int64_t i = 0; i < n; i++) {
    double a = exact[i], b = got[i];
    s->signal += a * a;
    s->noise += (a - b) * (a - b);
    s->dot += a * b;
    s->energy += b * b;
  }
}

double sign_test(int64_t more, int64_t less) {
  double n = (double)(more + less), half = n * log(2), sum = 0;
  for (int64_t k = 0; k <= (more < less ? more : less); k++)
    sum += exp(lgamma(n + 1) - lgamma((double)k + 1) - lgamma(n - (double)k + 1) - half);
  return fmin(1, 2 * sum);
}

double sqnr_db(const Score *s) {
  if (s->noise == 0) return INFINITY;
  return 10 * log10(s->signal / s->noise);
}

double cosine_of(const Score *s) {
  double d = sqrt(s->signal) * sqrt(s->energy);
  return d > 0 ? s->dot / d : 1;
}
