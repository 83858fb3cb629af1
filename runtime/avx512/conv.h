/* conv.h - convolution of int8 codes with int8 or int4 weights, ungrouped: any kernel, stride,
 * dilation and padding.  The image is first copied into `scratch` with its border, therefore y
 * may be x, also where it is larger. */
#ifndef QCC_AVX512_CONV_H
#define QCC_AVX512_CONV_H

#include "avx512/stage.h"
#include "avx512/vnni.h"

QCC_KERNEL void qcc_avx512_conv_s8(const struct qcc_vnni *v, const struct qcc_stage *t,
                                   const int8_t *x, const void *w, const uint8_t *multiple,
                                   const int32_t *b, const int32_t *m, const int8_t *table,
                                   void *scratch, int8_t *y) {
  qcc_stage_u8(t, x, scratch);
  qcc_vnni_s8(v, scratch, w, multiple, b, m, table, y);
}

QCC_KERNEL void qcc_avx512_conv_s4(const struct qcc_vnni *v, const struct qcc_stage *t,
                                   const int8_t *x, const void *w, const uint8_t *multiple,
                                   const int32_t *b, const int32_t *m, const int8_t *table,
                                   void *scratch, int8_t *y) {
  qcc_stage_u8(t, x, scratch);
  qcc_vnni_s4(v, scratch, w, multiple, b, m, table, y);
}

#endif
