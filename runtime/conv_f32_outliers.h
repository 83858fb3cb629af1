/* conv_f32_outliers.h - conv_f32_w8.h with weights beside the codes (outliers.h), which are added to the
 * decoded weights of their output channel. */
#ifndef QCC_CONV_F32_OUTLIERS_H
#define QCC_CONV_F32_OUTLIERS_H

#include "conv_f32_w8.h"
#include "outliers.h"

QCC_KERNEL void qcc_conv_f32_outliers(const struct qcc_conv_f32 *p, const struct qcc_codes *q,
                                    const struct qcc_outliers *s, const float *QCC_RESTRICT x,
                                    const void *w, const float *scale, const uint8_t *multiple,
                                    const float *bias, float *QCC_RESTRICT scratch,
                                    float *QCC_RESTRICT y) {
  int32_t channels = p->g.in_c / p->group, per_group = p->g.out_c / p->group;
  for (int32_t o = 0, at = 0, end; o < p->g.out_c; o++, at = end) {
    end = at + s->count[o];
    qcc_decode_row(q, o, p->g.kernel_h * p->g.kernel_w * channels, w, scale, multiple, scratch);
    qcc_add_outliers_f32(s, at, end, scale[o], scratch);
    qcc_conv_channel_f32(p, x + o / per_group * channels, scratch, bias ? bias[o] : 0.0f, y + o);
  }
}

#endif
