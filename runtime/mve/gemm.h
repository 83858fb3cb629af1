/* mve/gemm.h - fully connected layer of one row on Helium: eight output channels share the loads of
 * x.  y must not overlap x.  Scratch, where depth is no multiple of 16: x, rounded up to that.
 * Weights as in mve/dot.h, in groups of eight channels; what is left at the end in groups of four.
 * The loop over eight channels is in assembly, its pointers wait in a structure. */
#ifndef QCC_MVE_GEMM_H
#define QCC_MVE_GEMM_H

#include "mve/groups.h"
#include "mve/lookup.h"

/* What the loop reloads for eight channels, in the order of the registers; the assembly points at
 * the end of that. */
struct qcc_mve_row {
  const int8_t *x;
  const int32_t *m;
  int8_t *y;
  int32_t rest;             /* steps behind the first, or fours of them */
  int32_t zero;
  const int32_t *m_end;
  int32_t factor, raise;    /* int4: of the upper channels' sums, of the lower ones' */
  int32_t shift;
  int32_t sums[8];          /* int4: on their way to vectors; int2: what to add to even channels */
};

/* Channels 0 2 4 6 in q0, 1 3 5 7 in q1: narrowing puts them together again. */
#define QCC_MVE_EIGHTS(STEPS, START, JOIN, RAISE, CLAMP, SHIFT)                                    \
  __asm__ volatile("4:\n" START STEPS JOIN                                                         \
                   "ldmdb %[t], {r1, r2, r4, r5, r6, r8, r10, r12, lr}\n" RAISE                    \
                   "vld20.32 {q2, q3}, [r2]\n"                                                     \
                   "vld21.32 {q2, q3}, [r2]!\n" SHIFT "vqrdmlash.s32 q0, q2, r6\n"                 \
                   "vqrdmlash.s32 q1, q3, r6\n"                                                    \
                   "vqmovnb.s32 q0, q0\n"                                                          \
                   "vqmovnt.s32 q0, q1\n" CLAMP "vstrb.16 q0, [r4], #8\n"                          \
                   "strd r2, r4, [%[t], #-32]\n"                                                   \
                   "cmp r2, r8\n"                                                                  \
                   "bne 4b"                                                                        \
                   : [w] "+r"(w), [b] "+r"(b), "+r"(x), "+r"(rest)                                 \
                   : [t] "r"(t->sums), [v0] "w"(v[0]), [v1] "w"(v[1]), [v2] "w"(v[2]),             \
                     [v3] "w"(v[3])                                                                \
                   : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1",                 \
                     "q2", "q3", "cc", "memory")
#define QCC_MVE_JOIN                                                                               \
  "vmov q0[2], q0[0], r0, r8\n"                                                                    \
  "vmov q0[3], q0[1], r4, r12\n"                                                                   \
  "vmov q1[2], q1[0], r2, r10\n"                                                                   \
  "vmov q1[3], q1[1], r6, lr\n"
#define QCC_MVE_JOIN_S4                                                                            \
  "stm %[t], {r0, r2, r4, r6, r8, r10, r12, lr}\n"                                                 \
  "vld20.32 {q0, q1}, [%[t]]\n"                                                                    \
  "vld21.32 {q0, q1}, [%[t]]\n"
#define QCC_MVE_CLAMP                                                                              \
  "vmax.s16 q0, q0, %q[v0]\n"                                                                      \
  "vmin.s16 q0, q0, %q[v1]\n"
#define QCC_MVE_SATURATE "vqmovnb.s16 q0, q0\n"
#define QCC_MVE_SHIFT                                                                              \
  "vshl.s32 q0, lr\n"                                                                              \
  "vshl.s32 q1, lr\n"
/* Of rule tflite: eight second factors lie behind eight m. */
#define QCC_MVE_PRODUCT                                                                            \
  "vqrdmulh.s32 q0, q0, q2\n"                                                                      \
  "vqrdmulh.s32 q1, q1, q3\n"                                                                      \
  "vld20.32 {q2, q3}, [r2]\n"                                                                      \
  "vld21.32 {q2, q3}, [r2]!\n"
/* Behind the steps, or, with int4, which is split here, by vectors, before them: there the lower
 * channels begin with their bias and 16 times that of the upper ones. */
#define QCC_MVE_BIAS                                                                               \
  "vld20.32 {q2, q3}, [%[b]]\n"                                                                    \
  "vld21.32 {q2, q3}, [%[b]]!\n"                                                                   \
  "vadd.i32 q0, q0, q2\n"                                                                          \
  "vadd.i32 q1, q1, q3\n"
#define QCC_MVE_START_S4 "ldm %[b]!, {r0, r2, r4, r6, r8, r10, r12, lr}\n"
#define QCC_MVE_MORE1X8_S4(A) QCC_MVE_STEP1X8_S4("a")
#define QCC_MVE_MORE_MACS1X8_S4(A, X) QCC_MVE_MACS1X8_S4("a", X)
#define QCC_MVE_RAISE_S4                                                                           \
  "vmla.s32 q1, q0, r10\n"                                                                         \
  "vadd.i32 q1, q1, r12\n"
#define QCC_MVE_RAISE_S2                                                                           \
  "vldrw.u32 q2, [%[t]]\n"                                                                         \
  "vadd.i32 q0, q0, q2\n"                                                                          \
  "vadd.i32 q1, q1, r12\n" QCC_MVE_BIAS

/* Without bounds to keep, the first four vectors of x stay in registers. */
#define QCC_MVE_KEPT(MACS)                                                                         \
  MACS("", "%q[v0]") MACS("a", "%q[v1]") MACS("a", "%q[v2]") MACS("a", "%q[v3]")
#define QCC_MVE_BY_KEPT_STEPS(steps, STEP, MACS, START, JOIN, RAISE, SHIFT)                        \
  do {                                                                                             \
    if (steps == 4)                                                                                \
      QCC_MVE_EIGHTS(QCC_MVE_KEPT(MACS), START, JOIN, RAISE, QCC_MVE_SATURATE, SHIFT);             \
    else if (steps == 8)                                                                           \
      QCC_MVE_EIGHTS(QCC_MVE_KEPT(MACS) QCC_MVE_FOUR(STEP), START, JOIN, RAISE, QCC_MVE_SATURATE,  \
                     SHIFT);                                                                       \
    else                                                                                           \
      QCC_MVE_EIGHTS(QCC_MVE_KEPT(MACS) QCC_MVE_FOURS(STEP), START, JOIN, RAISE, QCC_MVE_SATURATE, \
                     SHIFT);                                                                       \
  } while (0)

/* Eights of channels from t->m up to t->m_end, which is further on; returns the weights behind
 * them.  No shift by 0 is done where it is a constant. */
#define QCC_MVE_DEFINE_EIGHTS(name, has_levels, STEP, MACS, START, JOIN, RAISE)                    \
  QCC_INLINE const int8_t *name(const struct qcc_rescale *r, int32_t steps, struct qcc_mve_row *t, \
                                const int8_t *w, const int8_t *levels, const int32_t *b) {         \
    int32_t plain = __builtin_constant_p(r->shift) && r->shift == 0;                               \
    int32_t kept = !has_levels && __builtin_constant_p(steps) && steps % 4 == 0 &&                 \
                   qcc_mve_is_full(r);                                                             \
    int8x16_t v[4];                                                                                \
    register const int8_t *x __asm__("r1");                                                        \
    register int32_t rest __asm__("r5");                                                           \
    t->rest = __builtin_constant_p(steps) ? (steps - 1) >> 2 : steps - 1;                          \
    if (kept) {                                                                                    \
      for (int32_t i = 0; i < 4; i++)                                                              \
        v[i] = vldrbq_s8(t->x + 16 * i);                                                           \
      t->x += 64;                                                                                  \
    } else {                                                                                       \
      v[0] = vreinterpretq_s8_s16(vdupq_n_s16((int16_t)r->lo));                                    \
      v[1] = v[2] = v[3] = vreinterpretq_s8_s16(vdupq_n_s16((int16_t)r->hi));                      \
    }                                                                                              \
    if (has_levels)                                                                                \
      v[2] = vreinterpretq_s8_s32(qcc_mve_keep(t->sums, levels));                                  \
    x = t->x, rest = t->rest;                                                                      \
    if (kept && qcc_mve_is_tflite(r))                                                              \
      QCC_MVE_BY_KEPT_STEPS(steps, STEP, MACS, START, JOIN, RAISE, QCC_MVE_PRODUCT);               \
    else if (qcc_mve_is_tflite(r))                                                                 \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_EIGHTS, STEP, START, JOIN, RAISE, QCC_MVE_CLAMP,             \
                       QCC_MVE_PRODUCT);                                                           \
    else if (kept && plain)                                                                        \
      QCC_MVE_BY_KEPT_STEPS(steps, STEP, MACS, START, JOIN, RAISE, "");                            \
    else if (kept)                                                                                 \
      QCC_MVE_BY_KEPT_STEPS(steps, STEP, MACS, START, JOIN, RAISE, QCC_MVE_SHIFT);                 \
    else if (plain)                                                                                \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_EIGHTS, STEP, START, JOIN, RAISE, QCC_MVE_CLAMP, "");        \
    else                                                                                           \
      QCC_MVE_BY_STEPS(steps, QCC_MVE_EIGHTS, STEP, START, JOIN, RAISE, QCC_MVE_CLAMP,             \
                       QCC_MVE_SHIFT);                                                             \
    return w;                                                                                      \
  }

QCC_MVE_DEFINE_EIGHTS(qcc_mve_eights_s8, 0, QCC_MVE_STEP1X8_S8, QCC_MVE_MACS1X8_S8, "", QCC_MVE_JOIN,
                      QCC_MVE_BIAS)
QCC_MVE_DEFINE_EIGHTS(qcc_mve_eights_s4, 0, QCC_MVE_MORE1X8_S4, QCC_MVE_MORE_MACS1X8_S4,
                      QCC_MVE_START_S4, QCC_MVE_JOIN_S4, QCC_MVE_RAISE_S4)
QCC_MVE_DEFINE_EIGHTS(qcc_mve_eights_s2, 0, QCC_MVE_STEP1X8_S2, QCC_MVE_MACS1X8_S2, "",
                      QCC_MVE_SPLIT_S2 QCC_MVE_JOIN, QCC_MVE_RAISE_S2)
QCC_MVE_DEFINE_EIGHTS(qcc_mve_eights_l8, 1, QCC_MVE_STEP1X8_L8, QCC_MVE_MACS1X8_L8,
                      QCC_MVE_TO_LEVELS("v2"), QCC_MVE_FROM_LEVELS("v2") QCC_MVE_JOIN, QCC_MVE_BIAS)

#undef QCC_MVE_BY_KEPT_STEPS
#undef QCC_MVE_KEPT
#undef QCC_MVE_CLAMP
#undef QCC_MVE_SATURATE
#undef QCC_MVE_DEFINE_EIGHTS
#undef QCC_MVE_EIGHTS
#undef QCC_MVE_SHIFT
#undef QCC_MVE_PRODUCT
#undef QCC_MVE_RAISE_S4
#undef QCC_MVE_MORE_MACS1X8_S4
#undef QCC_MVE_MORE1X8_S4
#undef QCC_MVE_START_S4
#undef QCC_MVE_BIAS
#undef QCC_MVE_JOIN
#undef QCC_MVE_JOIN_S4
#undef QCC_MVE_RAISE_S2

QCC_INLINE const int8_t *qcc_mve_eights(int32_t kind, const struct qcc_rescale *r, int32_t steps,
                                        struct qcc_mve_row *t, const int8_t *w,
                                        const int8_t *levels, const int32_t *b) {
  return kind == 8   ? qcc_mve_eights_s8(r, steps, t, w, levels, b)
         : kind == 4 ? qcc_mve_eights_s4(r, steps, t, w, levels, b)
         : kind == 2 ? qcc_mve_eights_s2(r, steps, t, w, levels, b)
                     : qcc_mve_eights_l8(r, steps, t, w, levels, b);
}

QCC_INLINE void qcc_mve_gemm(int32_t kind, const struct qcc_gemm *p, const int8_t *x,
                             const void *weights, const int8_t *levels, const int32_t *b,
                             const int32_t *m, const int8_t *table, void *scratch, int8_t *y) {
  int32_t steps = (p->depth + 15) >> 4, whole = p->cols & ~7, words = qcc_mve_words(&p->out);
  const int8_t *w = weights;
  if (p->depth & 15) {
    qcc_copy(scratch, x, p->depth);
    x = scratch;
  }
  int32_t raise = kind < 8 ? qcc_mve_raise(kind, x, steps) : 0;
  if (whole > 0) {
    struct qcc_mve_row t;
    t.x = x;
    t.m = m;
    t.y = y;
    t.zero = p->out.zero;
    t.m_end = m + words * whole;
    t.shift = p->out.shift;
    if (kind < 8) {
      t.factor = -16;
      t.raise = raise;
    }
    if (kind == 2)
      vstrwq_s32(t.sums, qcc_mve_lanes(0, raise, 0, raise));
    w = qcc_mve_eights(kind, &p->out, steps, &t, w, levels, b);
  }
  if (table)
    qcc_mve_lookup_s8(whole, table, y, y);
  for (int32_t o = whole; o < p->cols; o += 4, w += 8 * qcc_weight_bits(kind) * steps) {
    int32_t n = p->cols - o;
    int32x4_t acc = qcc_mve_dot1x4(kind, x, w, levels, steps, raise);
    struct qcc_mve_quad q = qcc_mve_load_quad(&p->out, b + o, m + words * o, n);
    qcc_mve_store_quad(&p->out, &q, table, acc, n, y + o);
  }
}

/* b of int4: to that of an odd channel of eights, 16 times the one before is added. */
#define QCC_MVE_GEMM(name, kind, parameter, levels)                                                \
  QCC_KERNEL void qcc_mve_gemm_##name(const struct qcc_gemm *p, const int8_t *x, const void *w,    \
                                      parameter const int32_t *b, const int32_t *m,                \
                                      const int8_t *table, void *scratch, int8_t *y) {             \
    qcc_mve_gemm(kind, p, x, w, levels, b, m, table, scratch, y);                                  \
  }
/* cols is a multiple of 8.  int4: 16 bytes of scratch more for each run of weights, in front. */
#define QCC_MVE_GEMM_GROUPED(name, kind, parameter, levels)                                        \
  QCC_KERNEL void qcc_mve_gemm_grouped_##name(                                                     \
      const struct qcc_gemm *p, const struct qcc_groups *q, const int8_t *x, const void *w,        \
      parameter const uint8_t *multiple, const int32_t *b, const int32_t *m, const int8_t *table,  \
      void *scratch, int8_t *y) {                                                                  \
    struct qcc_mve_groups v = {q, multiple, NULL, levels};                                         \
    int8_t *copy = qcc_mve_begin_groups(kind, &v, scratch);                                        \
    if (p->depth & 15) {                                                                           \
      qcc_copy(copy, x, p->depth);                                                                 \
      x = copy;                                                                                    \
    }                                                                                              \
    qcc_mve_groups_tile(kind, &p->out, &v, QCC_MVE_ROW, (p->depth + 15) >> 4, p->cols, x, x, w, b, \
                        m, table, y, y);                                                           \
  }
QCC_MVE_GEMM(s8, 8, , NULL)
QCC_MVE_GEMM(s4, 4, , NULL)
QCC_MVE_GEMM(s2, 2, , NULL)
QCC_MVE_GEMM(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
QCC_MVE_GEMM_GROUPED(s8, 8, , NULL)
QCC_MVE_GEMM_GROUPED(s4, 4, , NULL)
QCC_MVE_GEMM_GROUPED(l8, QCC_LEVELS_8, QCC_WITH_LEVELS, levels)
#undef QCC_MVE_GEMM
#undef QCC_MVE_GEMM_GROUPED

#endif
