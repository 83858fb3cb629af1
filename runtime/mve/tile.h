/* mve/tile.h - all output channels of two pixels whose inputs lie contiguous in memory, the inner
 * part of convolutions.  The inputs may be read up to a multiple of 16 elements, against weights
 * that are 0 there.  Weights as in mve/dot.h.  The loop over packs of four channels is in assembly
 * too: its pointers do not fit beside the eight sums and wait in a structure. */
#ifndef QCC_MVE_TILE_H
#define QCC_MVE_TILE_H

#include "mve/dot.h"

/* What the loop reloads for each pack; the order is known to the assembly. */
struct qcc_mve_tile {
  const int32_t *b, *m;
  int8_t *y0, *y1;
  int32_t zero;
  const int32_t *b_end;
  const int8_t *x0, *x1;
  int32_t pairs; /* of steps behind the first or the first two */
  int32_t shift;
  int32_t rest;           /* steps behind the first */
  int32_t nibble_bias[8]; /* int4: of four channels of both pixels */
  const int32_t *first_b, *first_m;
};

#define QCC_MVE_PACKS(STEPS, SPLIT, END, SHIFT)                                                    \
  __asm__ volatile("ldrd r0, r2, [%[t], #76]\n"                                                    \
                   "strd r0, r2, [%[t]]\n"                                                         \
                   "4: ldrd %[x], %[x1], [%[t], #24]\n"                                            \
                   "ldr %[n], [%[t], #32]\n" STEPS SPLIT "vmov q0[2], q0[0], r0, r4\n"             \
                   "vmov q0[3], q0[1], r2, r6\n"                                                   \
                   "vmov q1[2], q1[0], r8, r12\n"                                                  \
                   "vmov q1[3], q1[1], r10, lr\n" END "ldrd r0, r2, [%[t]]\n"                      \
                   "ldrd r4, r6, [%[t], #8]\n"                                                     \
                   "ldrd r8, r10, [%[t], #16]\n"                                                   \
                   "vldrw.u32 q2, [r0], #16\n"                                                     \
                   "vadd.i32 q0, q0, q2\n"                                                         \
                   "vldrw.u32 q3, [r2], #16\n"                                                     \
                   "vadd.i32 q1, q1, q2\n" SHIFT "vqrdmlash.s32 q0, q3, r8\n"                      \
                   "strd r0, r2, [%[t]]\n"                                                         \
                   "vqrdmlash.s32 q1, q3, r8\n"                                                    \
                   "vmax.s32 q0, q0, %q[lo]\n"                                                     \
                   "vmax.s32 q1, q1, %q[lo]\n"                                                     \
                   "vmin.s32 q0, q0, %q[hi]\n"                                                     \
                   "vmin.s32 q1, q1, %q[hi]\n"                                                     \
                   "vstrb.32 q0, [r4], #4\n"                                                       \
                   "vstrb.32 q1, [r6], #4\n"                                                       \
                   "cmp r0, r10\n"                                                                 \
                   "strd r4, r6, [%[t], #8]\n"                                                     \
                   "bne 4b\n"                                                                      \
                   : [w] "+r"(w), [x] "=&r"(x), [x1] "=&r"(x1), [n] "=&r"(n)                       \
                   : [t] "r"(t), [lo] "w"(lo), [hi] "w"(hi), [mask] "w"(mask), [by] "w"(by)        \
                   : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3",     \
                     "cc", "memory")
#define QCC_MVE_SHIFT                                                                              \
  "ldr r12, [%[t], #36]\n"                                                                         \
  "vshl.s32 q0, r12\n"                                                                             \
  "vshl.s32 q1, r12\n"

/* Behind the sums of int4: the upper nibbles' are 16 times too large, the lower ones' biased. */
#define QCC_MVE_UNPACK_S4                                                                          \
  "vldrw.u32 q2, [%[t], #44]\n"                                                                    \
  "vldrw.u32 q3, [%[t], #60]\n"                                                                    \
  "vshl.s32 q0, q0, %q[by]\n"                                                                      \
  "vshl.s32 q1, q1, %q[by]\n"                                                                      \
  "vadd.i32 q0, q0, q2\n"                                                                          \
  "vadd.i32 q1, q1, q3\n"

/* What stays the same from tile to tile: constants, and the inputs of two pixels at x0 and x1. */
QCC_INLINE void qcc_mve_set_tile(struct qcc_mve_tile *t, const struct qcc_rescale *r, int32_t steps,
                                 int32_t cols, const int32_t *b, const int32_t *m, const int8_t *x0,
                                 const int8_t *x1) {
  t->first_b = b;
  t->first_m = m;
  t->b_end = b + (cols & ~3);
  t->zero = r->zero;
  t->x0 = x0;
  t->x1 = x1;
  t->pairs = (steps - 1) >> 1;
  t->shift = r->shift;
  t->rest = steps - 1;
}

/* Packs of four channels from t->b up to t->b_end, which is further on.  Where steps and shift are
 * constants, the parity is not tested and no shift by 0 done. */
#define QCC_MVE_DEFINE_PACKS(name, STEP, SPLIT, END)                                               \
  QCC_INLINE void name(const struct qcc_rescale *r, int32_t steps, struct qcc_mve_tile *t,         \
                       const int8_t *w) {                                                          \
    int32x4_t lo = vdupq_n_s32(r->lo), hi = vdupq_n_s32(r->hi), by = qcc_mve_lanes(-4, 0, -4, 0);  \
    int8x16_t mask = vdupq_n_s8(15);                                                               \
    const int8_t *x, *x1;                                                                          \
    int32_t n;                                                                                     \
    if (!__builtin_constant_p(steps) || !__builtin_constant_p(r->shift) || r->shift != 0)          \
      QCC_MVE_PACKS("ldr %[n], [%[t], #40]\n" QCC_MVE_ANY(STEP), SPLIT, END, QCC_MVE_SHIFT);       \
    else if (steps == 1)                                                                           \
      QCC_MVE_PACKS(STEP(""), SPLIT, END, "");                                                     \
    else if (steps == 2)                                                                           \
      QCC_MVE_PACKS(STEP("") STEP("a"), SPLIT, END, "");                                           \
    else if (steps & 1)                                                                            \
      QCC_MVE_PACKS(STEP("") QCC_MVE_PAIRS(STEP), SPLIT, END, "");                                 \
    else                                                                                           \
      QCC_MVE_PACKS(STEP("") STEP("a") QCC_MVE_PAIRS(STEP), SPLIT, END, "");                       \
  }

QCC_MVE_DEFINE_PACKS(qcc_mve_packs_s8, QCC_MVE_STEP2X4, "", "")
QCC_MVE_DEFINE_PACKS(qcc_mve_packs_s4, QCC_MVE_STEP2X4_S4, QCC_MVE_SPLIT_S4, QCC_MVE_UNPACK_S4)

#undef QCC_MVE_DEFINE_PACKS
#undef QCC_MVE_UNPACK_S4
#undef QCC_MVE_PACKS
#undef QCC_MVE_SHIFT

/* y[i] = table[y[i]] for the codes of two pixels. */
QCC_INLINE void qcc_mve_lookup_s8(const int8_t *table, int32_t n, int8_t *y) {
  for (int32_t i = 0; i < n; i += 16) {
    mve_pred16_t p = vctp8q((uint32_t)(n - i));
    uint8x16_t code = vreinterpretq_u8_s8(veorq_s8(vldrbq_z_s8(y + i, p), vdupq_n_s8(-128)));
    vstrbq_p_s8(y + i, vldrbq_gather_offset_s8(table, code), p);
  }
}

/* Channels `from` and up, up to three, whose last pack is not whole. */
#define QCC_MVE_LAST(packs)                                                                        \
  do {                                                                                             \
    int32_t constants[8] = {0, 0, 0, 0, 0, 0, 0, 0};                                               \
    int8_t codes[8];                                                                               \
    for (int32_t i = 0; i < cols - whole; i++) {                                                   \
      constants[i] = b[whole + i];                                                                 \
      constants[4 + i] = m[whole + i];                                                             \
    }                                                                                              \
    t->first_b = constants;                                                                        \
    t->first_m = t->b_end = constants + 4;                                                         \
    t->y0 = codes;                                                                                 \
    t->y1 = codes + 4;                                                                             \
    packs(r, steps, t, w);                                                                         \
    for (int32_t i = 0; i < cols - whole; i++) {                                                   \
      y0[whole + i] = codes[i];                                                                    \
      y1[whole + i] = codes[4 + i];                                                                \
    }                                                                                              \
    t->first_b = b;                                                                                \
    t->first_m = m;                                                                                \
    t->b_end = b + whole;                                                                          \
  } while (0)

/* y0 and y1 may be the same pixel when x0 and x1 hold the same. */
#define QCC_MVE_DEFINE_TILE(name, packs, bytes)                                                    \
  QCC_KERNEL void name(const struct qcc_rescale *r, int32_t steps, int32_t cols,                   \
                       struct qcc_mve_tile *t, const int8_t *w, const int32_t *b,                  \
                       const int32_t *m, const int8_t *table, int8_t *y0, int8_t *y1) {            \
    int32_t whole = cols & ~3;                                                                     \
    if (bytes == 32) {                                                                             \
      vstrwq_s32(t->nibble_bias, qcc_mve_nibble_bias(t->x0, steps));                               \
      vstrwq_s32(t->nibble_bias + 4, qcc_mve_nibble_bias(t->x1, steps));                           \
    }                                                                                              \
    if (whole > 0) {                                                                               \
      t->y0 = y0;                                                                                  \
      t->y1 = y1;                                                                                  \
      packs(r, steps, t, w);                                                                       \
      w += (whole >> 2) * bytes * steps;                                                           \
    }                                                                                              \
    if (cols > whole)                                                                              \
      QCC_MVE_LAST(packs);                                                                         \
    if (table) {                                                                                   \
      qcc_mve_lookup_s8(table, cols, y0);                                                          \
      if (y1 != y0)                                                                                \
        qcc_mve_lookup_s8(table, cols, y1);                                                        \
    }                                                                                              \
  }

QCC_MVE_DEFINE_TILE(qcc_mve_tile_s8, qcc_mve_packs_s8, 64)
QCC_MVE_DEFINE_TILE(qcc_mve_tile_s4, qcc_mve_packs_s4, 32)

#undef QCC_MVE_DEFINE_TILE
#undef QCC_MVE_LAST

/* The same by the number of bits of a weight. */
QCC_INLINE void qcc_mve_tile(int32_t bits, const struct qcc_rescale *r, int32_t steps, int32_t cols,
                             struct qcc_mve_tile *t, const void *w, const int32_t *b,
                             const int32_t *m, const int8_t *table, int8_t *y0, int8_t *y1) {
  if (bits == 4)
    qcc_mve_tile_s4(r, steps, cols, t, w, b, m, table, y0, y1);
  else
    qcc_mve_tile_s8(r, steps, cols, t, w, b, m, table, y0, y1);
}

#endif
