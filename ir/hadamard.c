/* hadamard.c - orthogonal matrices whose elements all have the same magnitude.  What such a matrix
 * makes of a vector has no large elements any more unless all are large: outliers are spread.
 *
 * The matrix of order 2^a m is the Kronecker product of a core of order m, in front, and Sylvester's
 * matrix of order 2^a, divided by the square root of the order.  Cores are Paley's (1933), from
 * quadratic residues of a prime q: q + 1 where q is 3 modulo 4, 2 (q + 1) where it is 1. */
#include <math.h>

#include "ir/ir.h"

enum { LARGEST_CORE = 60 };

static bool is_prime(int q) {
  for (int d = 2; d * d <= q; d++)
    if (q % d == 0) return false;
  return q > 1;
}

/* 1, -1 or 0: is a a square modulo q? */
static int residue(int a, int q) {
  a = (a % q + q) % q;
  for (int x = 1; a != 0 && x < q; x++)
    if (x * x % q == a) return 1;
  return a == 0 ? 0 : -1;
}

/* Paley's matrix of zeros on the diagonal and signs elsewhere, of order q + 1. */
static int conference(int q, int i, int j) {
  if (i == 0 || j == 0) return i == j ? 0 : i == 0 || q % 4 == 1 ? 1 : -1;
  return residue(i - j, q);
}

static bool is_first_kind(int core) { return is_prime(core - 1) && core % 4 == 0; }

int hadamard_core(int64_t order) {
  int64_t odd = order;
  while (odd > 0 && odd % 2 == 0) odd /= 2;
  if (odd <= 1) return odd == 1 ? 1 : 0;
  if (odd > LARGEST_CORE / 4 || order % (4 * odd) != 0) return 0;
  int core = (int)(4 * odd), q = core / 2 - 1;
  return is_first_kind(core) || (is_prime(q) && q % 4 == 1) ? core : 0;
}

int hadamard_sign(int core, int i, int j) {
  if (core == 1) return 1;
  if (is_first_kind(core)) return i == j ? 1 : conference(core - 1, i, j);
  int second = i % 2 && j % 2 ? -1 : 1; /* of [1 1; 1 -1]; the diagonal takes [1 -1; -1 -1] */
  if (i / 2 == j / 2) return i % 2 || j % 2 ? -1 : 1;
  return second * conference(core / 2 - 1, i / 2, j / 2);
}

int64_t largest_hadamard(int64_t n) {
  if (hadamard_core(n) > 0) return n;
  int64_t order = 1;
  while (n > 0 && n % (2 * order) == 0) order *= 2;
  return order;
}

static void apply_sylvester(double *x, int64_t n) {
  for (int64_t h = 1; h < n; h *= 2)
    for (int64_t i = 0; i < n; i++) {
      if (i & h) continue;
      double a = x[i], b = x[i + h];
      x[i] = a + b, x[i + h] = a - b;
    }
}

/* Columns of x[core][step] times the core. */
static void apply_core(double *x, int core, const int8_t *matrix, int64_t step) {
  double y[LARGEST_CORE];
  for (int64_t k = 0; k < step; k++) {
    for (int i = 0; i < core; i++) {
      y[i] = 0;
      for (int j = 0; j < core; j++) y[i] += matrix[i * core + j] * x[j * step + k];
    }
    for (int i = 0; i < core; i++) x[i * step + k] = y[i];
  }
}

void hadamard_transform(double *x, int64_t n, int64_t order, const int8_t *sign, bool inverse) {
  int core = hadamard_core(order);
  int64_t size = order / core;
  int8_t matrix[LARGEST_CORE * LARGEST_CORE];
  double scale = 1 / sqrt((double)order);
  for (int64_t i = 0; i < n; i++) x[i] *= !inverse && sign ? sign[i] * scale : scale;
  for (int64_t i = 0; i < n; i += size) apply_sylvester(x + i, size);
  for (int i = 0; core > 1 && i < core * core; i++)
    matrix[i] = (int8_t)hadamard_sign(core, inverse ? i % core : i / core,
                                      inverse ? i / core : i % core);
  for (int64_t i = 0; core > 1 && i < n; i += order) apply_core(x + i, core, matrix, size);
  for (int64_t i = 0; inverse && sign && i < n; i++) x[i] *= sign[i];
}
