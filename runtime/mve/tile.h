/* mve/tile.h - all output channels of two pixels whose inputs lie contiguous in memory, the inner
 * part of convolutions.  The inputs may be read up to a multiple of 16 elements, against weights
 * that are 0 there.  Weights as in mve/dot.h, in groups of four channels.  The loop over these is
 * in assembly too: its pointers do not fit beside the eight sums and wait in a structure. */
#ifndef QCC_MVE_TILE_H
#define QCC_MVE_TILE_H

#include "mve/dot.h"
#include "mve/lookup.h"

/* What the loop reloads for each group; the order is known to the assembly, which points at b. */
struct qcc_mve_tile {
  const int8_t *x0, *x1;
  int32_t rest;          /* steps behind the first, or fours of them */
  const int32_t *b, *m;
  int8_t *y0, *y1;
  int32_t zero;
  const int32_t *b_end;
  int32_t shift;
  const int8_t *levels;  /* of weights that are indices */
};

#define QCC_MVE_GROUPS(STEPS, START, SPLIT, RAISE, SHIFT)                                          \
  __asm__ volatile("4: ldmdb %[t], {r1, r3, r5}\n" START STEPS SPLIT                               \
                   "vmov q0[2], q0[0], r0, r4\n"                                                   \
                   "vmov q0[3], q0[1], r2, r6\n"                                                   \
                   "vmov q1[2], q1[0], r8, r12\n"                                                  \
                   "vmov q1[3], q1[1], r10, lr\n"                                                  \
                   "ldm %[t], {r0, r2, r4, r6, r8, r10}\n" RAISE "vldrw.u32 q2, [r0], #16\n"       \
                   "vadd.i32 q0, q0, q2\n"                                                         \
                   "vldrw.u32 q3, [r2], #16\n"                                                     \
                   "vadd.i32 q1, q1, q2\n" SHIFT "vqrdmlash.s32 q0, q3, r8\n"                      \
                   "vqrdmlash.s32 q1, q3, r8\n"                                                    \
                   "vmax.s32 q0, q0, %q[lo]\n"                                                     \
                   "vmax.s32 q1, q1, %q[lo]\n"                                                     \
                   "vmin.s32 q0, q0, %q[hi]\n"                                                     \
                   "vmin.s32 q1, q1, %q[hi]\n"                                                     \
                   "vstrb.32 q0, [r4], #4\n"                                                       \
                   "vstrb.32 q1, [r6], #4\n"                                                       \
                   "cmp r0, r10\n"                                                                 \
                   "stm %[t], {r0, r2, r4, r6}\n"                                                  \
                   "bne 4b"                                                                        \
                   : [w] "+r"(w)                                                                   \
                   : [t] "r"(&t->b), [lo] "w"(lo), [hi] "w"(hi), [up0] "w"(up0), [up1] "w"(up1)    \
                   : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "q0",     \
                     "q1", "q2", "q3", "cc", "memory")
#define QCC_MVE_SHIFT                                                                              \
  "ldr r12, [%[t], #24]\n"                                                                         \
  "vshl.s32 q0, r12\n"                                                                             \
  "vshl.s32 q1, r12\n"
#define QCC_MVE_PRODUCT                                                                            \
  "vqrdmulh.s32 q0, q0, q3\n"                                                                      \
  "vqrdmulh.s32 q1, q1, q3\n"                                                                      \
  "vldrw.u32 q3, [r2], #16\n"
#define QCC_MVE_RAISE                                                                              \
  "vadd.i32 q0, q0, %q[up0]\n"                                                                     \
  "vadd.i32 q1, q1, %q[up1]\n"

/* What lifts the sums with narrow weights of four channels back. */
QCC_INLINE int32x4_t qcc_mve_lift(int32_t bits, const int8_t *x, int32_t steps) {
  int32_t v = qcc_mve_raise(bits, x, steps);
  return qcc_mve_lanes(0, v, bits == 4 ? 0 : v, v);
}

/* Whole groups of channels from t->b up to t->b_end, which is further on.  No
 * shift by 0 is done where it is a constant. */
#define QCC_MVE_DEFINE_GROUPS(name, kind, STEP, START, SPLIT, RAISE)                               \
  QCC_KERNEL void name(const struct qcc_rescale *r, int32_t steps, struct qcc_mve_tile *t,         \
                       const int8_t *w) {                                                          \
    int32x4_t lo = vdupq_n_s32(r->lo), hi = vdupq_n_s32(r->hi), up0 = lo, up1 = lo;                \
    if (kind < 8) {                                                                                \
      up0 = qcc_mve_lift(kind, t->x0, steps);                                                      \
      up1 = qcc_mve_lift(kind, t->x1, steps);                                                      \
    }                                                                                              \
    if (kind > 16)                                                                                 \
      up0 = qcc_mve_keep(&t->b, t->levels);                                                        \
    t->rest = __builtin_constant_p(steps) ? (steps - 1) >> 2 : steps - 1;                          \
    if (qcc_mve_is_tflite(r))                                                                      \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_GROUPS, STEP, START, SPLIT, RAISE, QCC_MVE_PRODUCT);         \
    else if (__builtin_constant_p(r->shift) && r->shift == 0)                                      \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_GROUPS, STEP, START, SPLIT, RAISE, "");                      \
    else                                                                                           \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_GROUPS, STEP, START, SPLIT, RAISE, QCC_MVE_SHIFT);           \
  }

QCC_MVE_DEFINE_GROUPS(qcc_mve_groups_s8, 8, QCC_MVE_STEP2X4_S8, "", "", "")
QCC_MVE_DEFINE_GROUPS(qcc_mve_groups_s4, 4, QCC_MVE_STEP2X4_S4, "", QCC_MVE_SPLIT_S4, QCC_MVE_RAISE)
QCC_MVE_DEFINE_GROUPS(qcc_mve_groups_s2, 2, QCC_MVE_STEP2X4_S2, "", QCC_MVE_SPLIT_S2, QCC_MVE_RAISE)
QCC_MVE_DEFINE_GROUPS(qcc_mve_groups_l8, QCC_LEVELS_8, QCC_MVE_STEP2X4_L8,
                      QCC_MVE_TO_LEVELS("up0"), QCC_MVE_FROM_LEVELS("up0"), "")

#undef QCC_MVE_DEFINE_GROUPS
#undef QCC_MVE_GROUPS
#undef QCC_MVE_SHIFT
#undef QCC_MVE_PRODUCT
#undef QCC_MVE_RAISE

QCC_INLINE void qcc_mve_groups(int32_t kind, const struct qcc_rescale *r, int32_t steps,
                               struct qcc_mve_tile *t, const int8_t *w) {
  if (kind == 8)
    qcc_mve_groups_s8(r, steps, t, w);
  else if (kind == 4)
    qcc_mve_groups_s4(r, steps, t, w);
  else if (kind == 2)
    qcc_mve_groups_s2(r, steps, t, w);
  else
    qcc_mve_groups_l8(r, steps, t, w);
}

/* What stays the same from tile to tile: constants, and the inputs of two pixels at x0 and x1. */
QCC_INLINE void qcc_mve_set_tile(struct qcc_mve_tile *t, const struct qcc_rescale *r, int32_t cols,
                                 const int8_t *levels, const int32_t *b, const int8_t *x0,
                                 const int8_t *x1) {
  t->levels = levels;
  t->x0 = x0;
  t->x1 = x1;
  t->zero = r->zero;
  t->b_end = b + (cols & ~3);
  t->shift = r->shift;
}

/* The last n channels, up to three, which make no whole group. */
QCC_INLINE void qcc_mve_last_group(int32_t kind, const struct qcc_rescale *r, int32_t steps,
                                   int32_t n, struct qcc_mve_tile *t, const int8_t *w,
                                   const int32_t *b, const int32_t *m, int8_t *y0, int8_t *y1) {
  int32_t constants[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  int8_t codes[8];
  for (int32_t i = 0; i < n; i++) {
    constants[i] = b[i];
    constants[4 + i] = m[i];
    if (qcc_mve_is_tflite(r))
      constants[8 + i] = m[4 + i];
  }
  t->b = constants;
  t->m = t->b_end = constants + 4;
  t->y0 = codes;
  t->y1 = codes + 4;
  qcc_mve_groups(kind, r, steps, t, w);
  t->b_end = b;
  for (int32_t i = 0; i < n; i++) {
    y0[i] = codes[i];
    y1[i] = codes[4 + i];
  }
}

/* y0 and y1 may be the same pixel when x0 and x1 hold the same. */
QCC_INLINE void qcc_mve_any_tile(int32_t kind, const struct qcc_rescale *r, int32_t steps,
                                 int32_t cols, struct qcc_mve_tile *t, const int8_t *w,
                                 const int32_t *b, const int32_t *m, const int8_t *table,
                                 int8_t *y0, int8_t *y1) {
  int32_t whole = cols & ~3;
  if (whole > 0) {
    t->b = b;
    t->m = m;
    t->y0 = y0;
    t->y1 = y1;
    qcc_mve_groups(kind, r, steps, t, w);
  }
  if (cols > whole)
    qcc_mve_last_group(kind, r, steps, cols - whole, t,
                       w + whole * 2 * qcc_weight_bits(kind) * steps, b + whole,
                       m + qcc_mve_words(r) * whole, y0 + whole, y1 + whole);
  if (table) {
    qcc_mve_lookup_s8(cols, table, y0, y0);
    if (y1 != y0)
      qcc_mve_lookup_s8(cols, table, y1, y1);
  }
}

#define QCC_MVE_DEFINE_TILE(name, kind)                                                            \
  QCC_KERNEL void name(const struct qcc_rescale *r, int32_t steps, int32_t cols,                   \
                       struct qcc_mve_tile *t, const int8_t *w, const int32_t *b,                  \
                       const int32_t *m, const int8_t *table, int8_t *y0, int8_t *y1) {            \
    qcc_mve_any_tile(kind, r, steps, cols, t, w, b, m, table, y0, y1);                             \
  }

QCC_MVE_DEFINE_TILE(qcc_mve_tile_s8, 8)
QCC_MVE_DEFINE_TILE(qcc_mve_tile_s4, 4)
QCC_MVE_DEFINE_TILE(qcc_mve_tile_s2, 2)
QCC_MVE_DEFINE_TILE(qcc_mve_tile_l8, QCC_LEVELS_8)

#undef QCC_MVE_DEFINE_TILE

QCC_INLINE void qcc_mve_tile(int32_t kind, const struct qcc_rescale *r, int32_t steps, int32_t cols,
                             struct qcc_mve_tile *t, const int8_t *w, const int32_t *b,
                             const int32_t *m, const int8_t *table, int8_t *y0, int8_t *y1) {
  if (kind == 8)
    qcc_mve_tile_s8(r, steps, cols, t, w, b, m, table, y0, y1);
  else if (kind == 4)
    qcc_mve_tile_s4(r, steps, cols, t, w, b, m, table, y0, y1);
  else if (kind == 2)
    qcc_mve_tile_s2(r, steps, cols, t, w, b, m, table, y0, y1);
  else
    qcc_mve_tile_l8(r, steps, cols, t, w, b, m, table, y0, y1);
}

#endif
