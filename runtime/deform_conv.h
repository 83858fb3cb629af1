/* deform_conv.h - convolution of images whose taps are moved by computed offsets, and read between four
 * elements (Dai et al. 2017, with the mask of Zhu et al. 2019).  Channels first; offsets may be any numbers.
 * y must not overlap the inputs. */
#ifndef QCC_DEFORM_CONV_H
#define QCC_DEFORM_CONV_H

#include <math.h>

#include "common.h"

struct qcc_deform_conv {
  int32_t batch, in_c, in_h, in_w, out_c, out_h, out_w;
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  int32_t group, offset_group;
};

/* The element of an image at a place between four, 0 for those outside. */
QCC_KERNEL float qcc_between(const float *x, int32_t h, int32_t w, float y, float v) {
  if (!(y > -1.0f && y < (float)h && v > -1.0f && v < (float)w))
    return 0.0f;
  float y0 = floorf(y), v0 = floorf(v), sy = y - y0, sv = v - v0, sum = 0.0f;
  for (int32_t k = 0; k < 4; k++) {
    int32_t i = (int32_t)y0 + k / 2, j = (int32_t)v0 + k % 2;
    if (i >= 0 && i < h && j >= 0 && j < w)
      sum += (k / 2 ? sy : 1.0f - sy) * (k % 2 ? sv : 1.0f - sv) * x[i * w + j];
  }
  return sum;
}

/* One output element, without bias.  offset[offset_group][kernel_h][kernel_w][2][out_h][out_w], mask without the
 * 2, or NULL. */
QCC_KERNEL float qcc_deform_sum(const struct qcc_deform_conv *p, int32_t o, int32_t oy, int32_t ox, const float *x,
                                const float *w, const float *offset, const float *mask) {
  int32_t channels = p->in_c / p->group, first = o / (p->out_c / p->group) * channels;
  int32_t taps = p->kernel_h * p->kernel_w, plane = p->out_h * p->out_w, at = oy * p->out_w + ox;
  float sum = 0.0f;
  for (int32_t c = 0; c < channels; c++)
    for (int32_t k = 0; k < taps; k++) {
      int32_t own = (first + c) / (p->in_c / p->offset_group) * taps + k;
      float y = (float)(oy * p->stride_h - p->pad_top + k / p->kernel_w * p->dilation_h) + offset[2 * own * plane + at];
      float v = (float)(ox * p->stride_w - p->pad_left + k % p->kernel_w * p->dilation_w) +
                offset[(2 * own + 1) * plane + at];
      float value = qcc_between(x + (first + c) * p->in_h * p->in_w, p->in_h, p->in_w, y, v);
      sum += w[(o * channels + c) * taps + k] * value * (mask ? mask[own * plane + at] : 1.0f);
    }
  return sum;
}

QCC_KERNEL void qcc_deform_conv_f32(const struct qcc_deform_conv *p, const float *QCC_RESTRICT x,
                                    const float *QCC_RESTRICT w, const float *offset, const float *bias,
                                    const float *mask, float *QCC_RESTRICT y) {
  int32_t shifts = p->offset_group * p->kernel_h * p->kernel_w * p->out_h * p->out_w;
  for (int32_t n = 0; n < p->batch; n++) {
    for (int32_t o = 0; o < p->out_c; o++)
      for (int32_t oy = 0; oy < p->out_h; oy++)
        for (int32_t ox = 0; ox < p->out_w; ox++)
          *y++ = qcc_deform_sum(p, o, oy, ox, x, w, offset, mask) + (bias ? bias[o] : 0.0f);
    x += p->in_c * p->in_h * p->in_w;
    offset += 2 * shifts;
    mask = mask ? mask + shifts : NULL;
  }
}

#endif
