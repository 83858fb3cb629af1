/* mve/groups.h - int8 or int4 weights, or indices into levels, whose runs of q->size, a multiple of 16,
 * have a multiple each: the eight sums of a run, of two pixels by four channels or of one by eight,
 * become two vectors, even channels and odd ones, which go with the multiples into the accumulators.
 * Weights as in mve/dot.h, multiple[blocks of four or eight channels][n_groups][4 or 8], of eight those
 * of the even channels first. */
#ifndef QCC_MVE_GROUPS_H
#define QCC_MVE_GROUPS_H

#include "conv_params.h"
#include "mve/band.h"
#include "mve/dot.h"

/* Runs of weights, and a place for what the codes that meet them raise the odd channels by. */
struct qcc_mve_groups {
  const struct qcc_groups *q;
  const uint8_t *multiple;
  int32_t *raise; /* int4: [n_groups][4]: of the lanes of the odd channels, negated */
  const int8_t *levels;
};

/* Takes the place from scratch; what is left of that. */
QCC_INLINE int8_t *qcc_mve_begin_groups(int32_t kind, struct qcc_mve_groups *v, void *scratch) {
  v->raise = scratch;
  return (int8_t *)(kind == 4 ? v->raise + 4 * v->q->n_groups : v->raise);
}

/* What a run moves on; the order is known to the assembly. */
struct qcc_mve_runs {
  const uint8_t *multiple;
  const int32_t *raise;
  int32_t factor; /* -16, of the even channels' sums in the odd ones' */
};

#define QCC_MVE_RUN(STEPS, MULTIPLES, START, BEGIN, END)                                           \
  __asm__ volatile(START STEPS "vmov q0[2], q0[0], r0, r8\n"                                       \
                         "vmov q0[3], q0[1], r4, r12\n"                                            \
                         "vmov q1[2], q1[0], r2, r10\n"                                            \
                         "vmov q1[3], q1[1], r6, lr\n"                                             \
                         BEGIN MULTIPLES "vmul.i32 q0, q0, q2\n"                                   \
                         "vadd.i32 %q[even], %q[even], q0\n"                                       \
                         "vmul.i32 q1, q1, q3\n"                                                   \
                         "vadd.i32 %q[odd], %q[odd], q1\n" END                                     \
                   : [w] "+r"(w), "+r"(x0), "+r"(x1), "+r"(rest), [even] "+w"(even),               \
                     [odd] "+w"(odd)                                                               \
                   : [t] "r"(t), [at] "w"(channel), [keep] "w"(keep)                               \
                   : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "q3",     \
                     "cc", "memory")
/* int4: the odd channels' sums have 16 times the even ones', and are raised. */
#define QCC_MVE_BEGIN_S4                                                                           \
  "ldm %[t], {r0, r2, r4}\n"                                                                       \
  "vmla.s32 q1, q0, r4\n"                                                                          \
  "vldrw.u32 q2, [r2], #16\n"                                                                      \
  "vadd.i32 q1, q1, q2\n"
#define QCC_MVE_END_S4 "strd r0, r2, [%[t]]"
#define QCC_MVE_BEGIN "ldr r0, [%[t]]\n"
#define QCC_MVE_END "str r0, [%[t]]"
#define QCC_MVE_MULTIPLES2X4                                                                       \
  "vldrb.u32 q2, [r0, %q[at]]\n"                                                                   \
  "add r4, r0, #1\n"                                                                               \
  "add r0, r0, #4\n"                                                                               \
  "vldrb.u32 q3, [r4, %q[at]]\n"
#define QCC_MVE_MULTIPLES1X8                                                                       \
  "vldrb.u32 q2, [r0], #4\n"                                                                       \
  "vldrb.u32 q3, [r0], #4\n"

/* Adds the products of a run of `steps` vectors to sum[2], of the even and of the odd channels;
 * moves x[2], w and t on.  channel: of an even lane. */
#define QCC_MVE_DEFINE_RUN(name, STEP, MULTIPLES, START, BEGIN, END)                               \
  QCC_INLINE const int8_t *name(int32_t steps, uint32x4_t channel, struct qcc_mve_runs *t,         \
                                int32x4_t keep, const int8_t **x, const int8_t *w,                 \
                                int32x4_t *sum) {                                                  \
    register const int8_t *x0 __asm__("r1") = x[0], *x1 __asm__("r3") = x[1];                      \
    register int32_t rest __asm__("r5") =                                                          \
        __builtin_constant_p(steps) ? (steps - 1) >> 2 : steps - 1;                                \
    int32x4_t even = sum[0], odd = sum[1];                                                         \
    QCC_MVE_BY_STEPS(steps, QCC_MVE_RUN, STEP, MULTIPLES, START, BEGIN, END);                      \
    x[0] = x0;                                                                                     \
    x[1] = x1;                                                                                     \
    sum[0] = even;                                                                                 \
    sum[1] = odd;                                                                                  \
    return w;                                                                                      \
  }

#define QCC_MVE_DEFINE_RUNS(name, STEP2X4, STEP1X8, START, BEGIN, END)                             \
  QCC_MVE_DEFINE_RUN(qcc_mve_run2x4_##name, STEP2X4, QCC_MVE_MULTIPLES2X4, START, BEGIN, END)      \
  QCC_MVE_DEFINE_RUN(qcc_mve_run1x8_##name, STEP1X8, QCC_MVE_MULTIPLES1X8, START, BEGIN, END)
QCC_MVE_DEFINE_RUNS(s8, QCC_MVE_STEP2X4_S8, QCC_MVE_STEP1X8_S8, "", QCC_MVE_BEGIN, QCC_MVE_END)
QCC_MVE_DEFINE_RUNS(s4, QCC_MVE_STEP2X4_S4, QCC_MVE_STEP1X8_S4, "", QCC_MVE_BEGIN_S4, QCC_MVE_END_S4)
QCC_MVE_DEFINE_RUNS(l8, QCC_MVE_STEP2X4_L8, QCC_MVE_STEP1X8_L8, QCC_MVE_TO_LEVELS("keep"),
                    QCC_MVE_FROM_LEVELS("keep") QCC_MVE_BEGIN, QCC_MVE_END)

#undef QCC_MVE_DEFINE_RUNS
#undef QCC_MVE_DEFINE_RUN
#undef QCC_MVE_RUN
#undef QCC_MVE_MULTIPLES2X4
#undef QCC_MVE_MULTIPLES1X8
#undef QCC_MVE_BEGIN_S4
#undef QCC_MVE_END_S4
#undef QCC_MVE_BEGIN
#undef QCC_MVE_END

enum { QCC_MVE_PAIR = 4, QCC_MVE_ROW = 8 }; /* channels of a block: for two pixels, for one */

QCC_INLINE const int8_t *qcc_mve_run(int32_t kind, int32_t wide, int32_t steps, uint32x4_t channel,
                                     struct qcc_mve_runs *t, int32x4_t keep, const int8_t **x,
                                     const int8_t *w, int32x4_t *sum) {
  if (wide == QCC_MVE_PAIR)
    return kind == 8   ? qcc_mve_run2x4_s8(steps, channel, t, keep, x, w, sum)
           : kind == 4 ? qcc_mve_run2x4_s4(steps, channel, t, keep, x, w, sum)
                       : qcc_mve_run2x4_l8(steps, channel, t, keep, x, w, sum);
  return kind == 8   ? qcc_mve_run1x8_s8(steps, channel, t, keep, x, w, sum)
         : kind == 4 ? qcc_mve_run1x8_s4(steps, channel, t, keep, x, w, sum)
                     : qcc_mve_run1x8_l8(steps, channel, t, keep, x, w, sum);
}

/* raise[n_groups][4] from `steps` vectors of each pixel; x0 is x1 where there is one. */
QCC_INLINE void qcc_mve_sum_groups(const struct qcc_mve_groups *v, int32_t steps, const int8_t *x0,
                                   const int8_t *x1) {
  int32_t run = v->q->size >> 4;
  for (int32_t g = 0; g < v->q->n_groups; g++, x0 += v->q->size, x1 += v->q->size) {
    int32_t n = qcc_min(run, steps - g * run), a = qcc_mve_raise(4, x0, n);
    int32_t b = x1 == x0 ? a : qcc_mve_raise(4, x1, n);
    vstrwq_s32(v->raise + 4 * g, qcc_mve_lanes(a, a, b, b));
  }
}

/* Lanes of the even (odd 0) or odd channels that there are, of n. */
QCC_INLINE mve_pred16_t qcc_mve_lanes_of(uint32x4_t channel, int32_t n, int32_t odd) {
  return vcmphiq_u32(vdupq_n_u32((uint32_t)(n - odd)), channel);
}

/* Their constants. whole: all lanes have a channel. */
QCC_INLINE int32x4_t qcc_mve_load_lanes(int32_t whole, uint32x4_t channel, int32_t n, int32_t odd,
                                          const int32_t *b) {
  if (whole)
    return vldrwq_gather_shifted_offset_s32(b + odd, channel);
  return vldrwq_gather_shifted_offset_z_s32(b + odd, channel, qcc_mve_lanes_of(channel, n, odd));
}

/* Their codes, to `out` from y on. */
QCC_INLINE void qcc_mve_store_lanes(const struct qcc_rescale *r, int32_t whole,
                                      uint32x4_t channel, uint32x4_t out, int32_t n, int32_t odd,
                                      int32x4_t sum, const int32_t *m, const int8_t *table,
                                      int8_t *y) {
  int32x4_t factor = qcc_mve_load_lanes(whole, channel, n, odd, m);
  int32x4_t codes = qcc_mve_codes(r, table, sum, factor);
  if (whole)
    vstrbq_scatter_offset_s32(y + odd, out, codes);
  else
    vstrbq_scatter_offset_p_s32(y + odd, out, codes, qcc_mve_lanes_of(channel, n, odd));
}

/* All channels of a pixel (wide QCC_MVE_ROW) or of two, at x0 and x1; y1 may be y0 where these
 * hold the same. */
QCC_INLINE void qcc_mve_groups_tile(int32_t kind, const struct qcc_rescale *r,
                                    const struct qcc_mve_groups *v, int32_t wide, int32_t steps,
                                    int32_t cols, const int8_t *x0, const int8_t *x1,
                                    const int8_t *w, const int32_t *b, const int32_t *m,
                                    const int8_t *table, int8_t *y0, int8_t *y1) {
  int32_t run = v->q->size >> 4, runs = steps / run, last = steps % run;
  struct qcc_mve_runs t = {v->multiple, NULL, -16};
  uint32x4_t channel = vshlq_n_u32(vidupq_n_u32(0, 1), 1), out = channel;
  int32x4_t keep = kind > 16 ? qcc_mve_keep(&t, v->levels) : vreinterpretq_s32_u32(channel);
  if (wide == QCC_MVE_PAIR) {
    channel = vandq_u32(channel, vdupq_n_u32(2));
    out = vaddq_m_u32(channel, channel, vdupq_n_u32((uint32_t)(y1 - y0)), 0xff00);
  }
  if (kind == 4)
    qcc_mve_sum_groups(v, steps, x0, x1);
  for (int32_t o = 0; o < cols; o += wide) {
    int32_t n = cols - o, whole = n >= wide;
    const int8_t *x[2] = {x0, x1};
    int32x4_t sum[2] = {qcc_mve_load_lanes(whole, channel, n, 0, b + o),
                        qcc_mve_load_lanes(whole, channel, n, 1, b + o)};
    t.raise = v->raise;
    for (int32_t g = 0; g < runs; g++)
      w = qcc_mve_run(kind, wide, run, channel, &t, keep, x, w, sum);
    if (last > 0)
      w = qcc_mve_run(kind, wide, last, channel, &t, keep, x, w, sum);
    qcc_mve_fence();
    qcc_mve_store_lanes(r, whole, channel, out, n, 0, sum[0], m + o, table, y0 + o);
    qcc_mve_store_lanes(r, whole, channel, out, n, 1, sum[1], m + o, table, y0 + o);
    qcc_mve_fence();
  }
}

#endif
