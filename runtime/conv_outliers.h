/* conv_outliers.h - conv_grouped.h with weights beside the codes (outliers.h), which go into the folded
 * weights of their output channel: pixels cost what they do without.  Depthwise, too. */
#ifndef QCC_CONV_OUTLIERS_H
#define QCC_CONV_OUTLIERS_H

#include "conv_grouped.h"
#include "outliers.h"

QCC_KERNEL void qcc_conv_outliers(const struct qcc_conv *p, const struct qcc_groups *q,
                                const struct qcc_outliers *s, const int8_t *x, const void *w,
                                const uint8_t *multiple, const int32_t *b, const int32_t *m,
                                const int8_t *table, void *scratch, int8_t *y) {
  int32_t channels = p->g.in_c / p->group, per_group = p->g.out_c / p->group;
  int32_t depth = p->g.kernel_h * p->g.kernel_w * channels;
  for (int32_t o = 0, at = 0, end; o < p->g.out_c; o++, at = end) {
    end = at + s->count[o];
    qcc_fold_row(q, o, w, multiple, depth, scratch);
    qcc_add_outliers(s, at, end, scratch);
    qcc_conv_channel_folded(p, x + o / per_group * channels, scratch, b ? b[o] : 0, m + o, table,
                            y + o);
  }
}

#endif
