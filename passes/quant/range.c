/* range.c - how much of a tensor's values codes of 8 or 16 bits should cover.  All methods read one
 * histogram of N_BINS bins between the smallest and largest value: percentile (cut the tails),
 * entropy (Migacz 2017: the threshold whose quantized distribution is nearest in
 * Kullback-Leibler divergence), mse (least expected squared rounding and clipping error).
 */
#include "passes/quant/range.h"

#include <math.h>
#include <string.h>

static double bin_width(const Stats *s) { return ((double)s->hi - s->lo) / N_BINS; }

static double bin_centre(const Stats *s, int i) { return s->lo + (i + 0.5) * bin_width(s); }

void count_values(Stats *s, const float *x, int64_t n) {
  double width = bin_width(s), inverse = width > 0 ? 1 / width : 0;
  for (int64_t i = 0; i < n; i++) {
    int bin = (int)(((double)x[i] - s->lo) * inverse);
    s->count[bin < 0 ? 0 : bin >= N_BINS ? N_BINS - 1 : bin]++;
  }
}

static double total_count(const Stats *s) {
  uint64_t n = 0;
  for (int i = 0; i < N_BINS; i++) n += s->count[i];
  return (double)n;
}

Range percentile_range(const Stats *s, double percentile) {
  /* One-sided values (after Relu) lose only their upper tail. */
  bool one_sided = s->lo >= 0 || s->hi <= 0;
  double cut = total_count(s) * (1 - percentile / 100) * (one_sided ? 1 : 0.5), seen = 0;
  Range r = {s->lo, s->hi};
  if (s->hi > 0) {
    int i = N_BINS - 1;
    while (i > 0 && (seen += (double)s->count[i]) <= cut) i--;
    r.hi = (float)(s->lo + (i + 1) * bin_width(s));
  }
  seen = 0;
  if (s->lo < 0) {
    int i = 0;
    while (i < N_BINS - 1 && (seen += (double)s->count[i]) <= cut) i++;
    r.lo = (float)(s->lo + i * bin_width(s));
  }
  return r;
}

/* Divergence of the first n bins of p (the rest clipped into the last) from their `levels`-level
 * version. */
static double divergence(const double *p, int n, double tail, int levels) {
  double q[N_BINS] = {0}, sum_p = 0, sum_q = 0, d = 0;
  for (int k = 0; k < levels; k++) {
    int from = (int)((int64_t)k * n / levels), to = (int)((int64_t)(k + 1) * n / levels), used = 0;
    double mass = 0;
    for (int i = from; i < to; i++) mass += p[i], used += p[i] > 0;
    for (int i = from; i < to; i++) q[i] = p[i] > 0 ? mass / used : 0;
  }
  for (int i = 0; i < n; i++) sum_q += q[i], sum_p += p[i];
  sum_p += tail;
  if (sum_p <= 0 || sum_q <= 0) return 0;
  for (int i = 0; i < n; i++) {
    double a = (p[i] + (i == n - 1 ? tail : 0)) / sum_p, b = q[i] / sum_q;
    if (a > 0) d += a * log(a / (b > 0 ? b : 1e-4 / n));
  }
  return d;
}

Range entropy_range(const Stats *s, int codes) {
  double largest = fmax(fabs((double)s->lo), fabs((double)s->hi)), p[N_BINS] = {0}, tail = 0;
  if (largest <= 0) return (Range){s->lo, s->hi};
  for (int i = 0; i < N_BINS; i++) {
    int bin = (int)(fabs(bin_centre(s, i)) / largest * N_BINS);
    p[bin >= N_BINS ? N_BINS - 1 : bin] += (double)s->count[i];
  }
  /* Zeros, half of the values behind a Relu, are exact at any scale: they must not decide. */
  p[0] = fmin(p[0], p[1]);
  int levels = s->lo >= 0 ? codes : codes / 2, best = N_BINS;
  double least = divergence(p, N_BINS, 0, levels);
  for (int n = N_BINS; n > levels; n -= 8) {
    double d = divergence(p, n, tail, levels);
    if (d < least) least = d, best = n;
    for (int i = n - 8; i < n; i++) tail += p[i];
  }
  float t = (float)(largest * best / N_BINS);
  return (Range){s->lo < -t ? -t : s->lo, s->hi > t ? t : s->hi};
}

/* Expected squared error when [lo, hi] is cut in `levels` codes. */
static double expected_error(const Stats *s, double lo, double hi, int levels) {
  double step = (hi - lo) / (levels - 1), error = 0;
  for (int i = 0; i < N_BINS; i++) {
    if (s->count[i] == 0) continue;
    double x = bin_centre(s, i), clipped = x < lo ? lo - x : x > hi ? x - hi : 0;
    error += (double)s->count[i] * (clipped > 0 ? clipped * clipped : step * step / 12);
  }
  return error;
}

Range mse_range(const Stats *s, int levels) {
  double lo = fmin(s->lo, 0), hi = fmax(s->hi, 0), best_lo = lo, best_hi = hi;
  double least = expected_error(s, lo, hi, levels);
  for (int k = 100; k >= 20; k--) {  /* both ends together, then each alone */
    double e = expected_error(s, lo * k / 100, hi * k / 100, levels);
    if (e < least) least = e, best_lo = lo * k / 100, best_hi = hi * k / 100;
  }
  for (int side = 0; side < 2; side++) {
    double fixed_lo = best_lo, fixed_hi = best_hi;
    for (int k = 100; k >= 10; k--) {
      double l = side == 0 ? lo * k / 100 : fixed_lo, h = side == 1 ? hi * k / 100 : fixed_hi;
      double e = expected_error(s, l, h, levels);
      if (e < least) least = e, best_lo = l, best_hi = h;
    }
  }
  return (Range){(float)best_lo, (float)best_hi};
}

void fit_scale(Range r, const Format *f, bool symmetric, float *scale, int32_t *zero) {
  double lo = fmin(r.lo, 0), hi = fmax(r.hi, 0);
  double levels = (double)f->hi - f->lo;
  symmetric |= has_floats(f);
  *zero = f->lo < 0 ? 0 : f->lo;
  if (symmetric) *scale = (float)(fmax(-lo, hi) / f->hi);
  else *scale = (float)((hi - lo) / levels);
  if (!(*scale > 1e-30f)) {
    *scale = 1;
    return;
  }
  if (symmetric) return;
  double z = rint(f->lo - lo / *scale);
  *zero = (int32_t)fmin(fmax(z, f->lo), f->hi);
}
