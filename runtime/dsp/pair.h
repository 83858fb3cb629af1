/* pair.h - all output channels of a pair of pixels, whose inputs are widened into columns, by the
 * loops for the weights at hand. */
#ifndef QCC_DSP_PAIR_H
#define QCC_DSP_PAIR_H

#include "dsp/pair_groups.h"
#include "dsp/pair_s8.h"

/* bits: of a weight.  raised: of int8 weights, see dsp.h.  v: runs with multiples, or NULL. */
QCC_INLINE void qcc_dsp_any_pair(const struct qcc_rescale *r, int32_t bits, int32_t raised,
                                 const struct qcc_dsp_groups *v, int32_t steps, int32_t channels,
                                 const uint32_t *x, const uint32_t *w, const int32_t *k,
                                 const int8_t *table, int8_t *y0, int8_t *y1) {
  if (v)
    qcc_dsp_pair_groups(r, v, steps, channels, x, w, k, table, y0, y1);
  else if (bits == 8)
    qcc_dsp_pair(r, raised, steps, channels, x, w, k, table, y0, y1);
  else
    qcc_dsp_pair_fours(r, bits, steps, channels, x, w, k, table, y0, y1);
}

#endif
