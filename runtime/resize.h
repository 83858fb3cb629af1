/* resize.h - parameters of the two resize kernels.  Source positions come baked as tables per
 * output row and column, so that every coordinate mode of ONNX is the same kernel. */
#ifndef QCC_RESIZE_H
#define QCC_RESIZE_H

#include "common.h"

struct qcc_resize {
  int32_t batch;
  int32_t in_h, in_w, channels; /* x[batch][in_h][in_w][channels] */
  int32_t out_h, out_w;
  int32_t elem;                 /* bytes of an element; read by the nearest kernel only */
};

#endif
