/* fixed_point.c - functions of numbers in fixed point: 32 bits, of which 31 less the integer bits stand behind the
 * point.  They round as TensorFlow Lite's reference kernels do, so that tables made with them are theirs. */
#include "ir/ir.h"

int32_t fixed_times(int32_t a, int32_t b) { return scale_tflite(a, b, 0); }

int32_t fixed_shift(int32_t v, int bits) {
  int64_t wide = (int64_t)v * (1 << bits);
  return wide > INT32_MAX ? INT32_MAX : wide < INT32_MIN ? INT32_MIN : (int32_t)wide;
}

/* e^x for x in [-1/4, 0), by the first terms of the series around -1/8. */
static int32_t exp_of_quarter(int32_t a) {
  const int32_t eighth = 1 << 28, third = 715827883, start = 1895147668;  /* 1/8, 1/3, e^(-1/8) */
  int32_t x = a + eighth, x2 = fixed_times(x, x), x3 = fixed_times(x2, x), x4 = fixed_times(x2, x2);
  int32_t higher = round_shift(fixed_times(round_shift(x4, 2) + x3, third) + x2, 1);
  return start + fixed_times(start, x + higher);
}

/* What is below the next quarter, times e^-2^k for each bit of the quarters above. */
int32_t fixed_exp(int32_t a, int integer_bits) {
  static const int32_t factor[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int first = 31 - integer_bits - 2; /* bit of a quarter */
  if (a == 0) return INT32_MAX;
  int32_t part = (a & ((1 << first) - 1)) - (1 << first), rest = part - a;
  int32_t e = exp_of_quarter(part * (1 << integer_bits));
  for (int k = 0; k < integer_bits + 2; k++)
    if (rest >> (first + k) & 1) e = fixed_times(e, factor[k]);
  return e;
}

/* 1 / d for d = (1 + x) / 2, two integer bits: three steps of Newton's method from 48/17 - 32/17 d. */
static int32_t reciprocal_of_half(int32_t x) {
  const int32_t first = 1515870810, slope = -1010580540, one = 1 << 29;
  int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2), r = first + fixed_times(d, slope);
  for (int i = 0; i < 3; i++) r += fixed_shift(fixed_times(r, one - fixed_times(d, r)), 2);
  return r;
}

int32_t fixed_reciprocal(int32_t x) { return fixed_shift(reciprocal_of_half(x), 1); }

static int32_t below_zero(int32_t a) { return a > 0 ? -a : a; }

int32_t fixed_sigmoid(int32_t a) {
  if (a == 0) return 1 << 30;
  int32_t positive = fixed_reciprocal(fixed_exp(below_zero(a), 4));
  return a > 0 ? positive : INT32_MAX - positive;
}

/* (1 - x) / (1 + x) for x = e^-2|a|, which is 2 / (1 + x) - 1. */
int32_t fixed_tanh(int32_t a) {
  if (a == 0) return 0;
  int32_t t = fixed_shift(reciprocal_of_half(fixed_exp(below_zero(a), 5)) - (1 << 29), 2);
  return a > 0 ? t : -t;
}
