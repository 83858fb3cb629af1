/* products.c - rule tflite of docs/numerics.md as vectors compute it: what a channel is shifted right by is a
 * product too,
 *
 *     v = (acc * m + 2^30) >> 31        code = zero + ((v * s + 2^(bits - 1)) >> bits)        s = 2^(bits - right) + 1
 *
 * The 1 in s makes halves go away from zero: it adds v / 2^bits to v / 2^right, which is less than the 2^-right from a
 * half to the numbers beside it while |v| < 2^(bits - right).  Where that is not so and 2 right + 8 <= bits, the code
 * is beyond its range by either.  Of shifts by more bits it is tried, at every step from one code to the next,
 * whether a pair of factors gives the same codes for the sums that the channel's weights allow. */
#include "targets/kernels.h"

#include <string.h>

/* Rule tflite of one channel. */
typedef struct Channel {
  int64_t low, high;    /* its sums */
  int32_t m, exponent;
  int32_t zero, lo, hi;
  int bits;             /* what the second product is shifted by */
} Channel;

static int64_t clamp_code(const Channel *c, int64_t v) {
  return v < c->lo ? c->lo : v > c->hi ? c->hi : v;
}

static int64_t code_by_rule(const Channel *c, int64_t acc) {
  return clamp_code(c, c->zero + (int64_t)scale_tflite((int32_t)acc, c->m, c->exponent));
}

static int64_t code_by_products(const Channel *c, int64_t acc, const int32_t *factor) {
  int64_t v = (acc * factor[0] + (INT64_C(1) << 30)) >> 31;
  return clamp_code(c, c->zero + ((v * factor[1] + (INT64_C(1) << (c->bits - 1))) >> c->bits));
}

/* Neither code falls while sums rise: they are the same where they are at both ends of each run of sums with one
 * code. */
static bool is_same(const Channel *c, const int32_t *factor) {
  for (int64_t acc = c->low; acc <= c->high; acc++) {
    int64_t code = code_by_rule(c, acc), last = acc, beyond = c->high + 1;
    if (code_by_products(c, acc, factor) != code) return false;
    while (beyond - last > 1) {
      int64_t middle = last + (beyond - last) / 2;
      if (code_by_rule(c, middle) == code) last = middle;
      else beyond = middle;
    }
    if (code_by_products(c, last, factor) != code) return false;
    acc = last;
  }
  return true;
}

static bool find_factors(const Channel *c, int32_t *factor) {
  int right = -c->exponent, most = c->bits - right;
  bool none = c->m == 0;
  factor[0] = none ? 0 : c->m;
  factor[1] = 0;
  if (none) return true;
  if (right < 1 || most > 30) return false;
  factor[1] = (1 << most) + 1;
  if (2 * right + 8 <= c->bits || is_same(c, factor)) return true;
  factor[1]--;                     /* no negative halves */
  if (is_same(c, factor)) return true;
  factor[0] = factor[1] = 0;       /* always the zero point */
  return is_same(c, factor);
}

/* The sums that channel o may have. */
static void bound_sums(const Node *n, int64_t o, Channel *c) {
  const Tensor *w = n->in[1];
  int64_t depth = n_elements(w) / w->dim[0];
  const int8_t *v = (const int8_t *)w->data + o * depth;
  c->low = c->high = get_int(DT_I32, n->in[2]->data, o);
  for (int64_t i = 0; i < depth; i++) {
    c->low += v[i] > 0 ? -128 * v[i] : 127 * v[i];
    c->high += v[i] > 0 ? 127 * v[i] : -128 * v[i];
  }
}

bool follows_tflite(const Node *n) { return strcmp(attr_str(n, "rule", "q31"), "tflite") == 0; }

bool tflite_products(const Node *n, int bits, int32_t *factors) {
  const Tensor *w = n->in[1], *m = n->in[3];
  if (w->dtype != DT_I8 || !is_const(w) || !is_const(n->in[2]) || !is_const(m)) return false;
  if (n->n_in > 4 && n->in[4]) return false; /* multiples of groups */
  int64_t channels = w->dim[0], room = bits == 32 ? 1 << 30 : INT64_C(1) << 31;
  Channel c = {.zero = (int32_t)attr_int(n, "y_zero", 0), .lo = (int32_t)attr_int(n, "lo", -128),
               .hi = (int32_t)attr_int(n, "hi", 127), .bits = bits};
  for (int64_t o = 0; o < channels; o++) {
    int32_t own[2], *factor = factors ? factors + 2 * o : own;
    c.m = (int32_t)get_int(DT_I32, m->data, o);
    c.exponent = (int32_t)get_int(DT_I32, m->data, channels + o);
    bound_sums(n, o, &c);
    if (c.low < -room || c.high >= room || !find_factors(&c, factor)) return false;
  }
  return true;
}
