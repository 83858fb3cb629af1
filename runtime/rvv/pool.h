/* rvv/pool.h - pools over NHWC images by RISC-V vectors of any length: a vector is channels, which
 * stay in registers over all taps.  y must not overlap x. */
#ifndef QCC_RVV_POOL_H
#define QCC_RVV_POOL_H

#include <math.h>

#include "avgpool_s8.h"
#include "rvv/line.h"

/* All channels of an output pixel; x is the first tap. */
typedef void qcc_rvv_pixel(const void *p, int32_t channels, const struct qcc_run *t, const void *x,
                           void *y);

QCC_INLINE void qcc_rvv_pool(qcc_rvv_pixel *pixel, const void *p, const struct qcc_window *g,
                             int32_t elem, const void *x, void *y) {
  const uint8_t *image = (const uint8_t *)x;
  uint8_t *to = (uint8_t *)y;
  for (int32_t k = 0; k < g->batch; k++, image += g->in_h * g->in_w * g->in_c * elem)
    for (int32_t oy = 0; oy < g->out_h; oy++)
      for (int32_t ox = 0; ox < g->out_w; ox++, to += g->out_c * elem) {
        struct qcc_run t = qcc_find_run(g, oy, ox);
        pixel(p, g->out_c, &t, image + t.first * elem, to);
      }
}

QCC_INLINE void qcc_rvv_max_s8(const void *p, int32_t channels, const struct qcc_run *t,
                               const void *x, void *y) {
  size_t vl;
  (void)p;
  for (size_t c = 0; c < (size_t)channels; c += vl) {
    const int8_t *at = (const int8_t *)x + c;
    vl = __riscv_vsetvl_e8m4((size_t)channels - c);
    vint8m4_t max = __riscv_vmv_v_x_i8m4(-128, vl);
    for (int32_t i = 0; i < t->rows; i++, at += t->row_step)
      for (int32_t k = 0; k < t->cols; k++)
        max = __riscv_vmax_vv_i8m4(max, __riscv_vle8_v_i8m4(at + k * t->step, vl), vl);
    __riscv_vse8_v_i8m4((int8_t *)y + c, max, vl);
  }
}

QCC_INLINE void qcc_rvv_max_u8(const void *p, int32_t channels, const struct qcc_run *t,
                               const void *x, void *y) {
  size_t vl;
  (void)p;
  for (size_t c = 0; c < (size_t)channels; c += vl) {
    const uint8_t *at = (const uint8_t *)x + c;
    vl = __riscv_vsetvl_e8m4((size_t)channels - c);
    vuint8m4_t max = __riscv_vmv_v_x_u8m4(0, vl);
    for (int32_t i = 0; i < t->rows; i++, at += t->row_step)
      for (int32_t k = 0; k < t->cols; k++)
        max = __riscv_vmaxu_vv_u8m4(max, __riscv_vle8_v_u8m4(at + k * t->step, vl), vl);
    __riscv_vse8_v_u8m4((uint8_t *)y + c, max, vl);
  }
}

QCC_INLINE void qcc_rvv_max_f32(const void *p, int32_t channels, const struct qcc_run *t,
                                const void *x, void *y) {
  size_t vl;
  (void)p;
  for (size_t c = 0; c < (size_t)channels; c += vl) {
    const float *at = (const float *)x + c;
    vl = __riscv_vsetvl_e32m8((size_t)channels - c);
    vfloat32m8_t max = __riscv_vfmv_v_f_f32m8(-INFINITY, vl);
    for (int32_t i = 0; i < t->rows; i++, at += t->row_step)
      for (int32_t k = 0; k < t->cols; k++)
        max = __riscv_vfmax_vv_f32m8(max, __riscv_vle32_v_f32m8(at + k * t->step, vl), vl);
    __riscv_vse32_v_f32m8((float *)y + c, max, vl);
  }
}

/* What an average needs beside its window. */
struct qcc_rvv_average {
  const struct qcc_avgpool *p;
  const int32_t *m;
};

QCC_INLINE void qcc_rvv_average_s8(const void *params, int32_t channels, const struct qcc_run *t,
                                   const void *x, void *y) {
  const struct qcc_rvv_average *a = (const struct qcc_rvv_average *)params;
  int32_t count = t->rows * t->cols, factor = a->m[a->p->m_by_count && count > 0 ? count - 1 : 0];
  size_t vl;
  for (size_t c = 0; c < (size_t)channels; c += vl) {
    const int8_t *at = (const int8_t *)x + c;
    vl = __riscv_vsetvl_e32m4((size_t)channels - c);
    vint32m4_t acc = __riscv_vmv_v_x_i32m4(-count * a->p->x_zero, vl);
    for (int32_t i = 0; i < t->rows; i++, at += t->row_step)
      for (int32_t k = 0; k < t->cols; k++) {
        vint8m1_t v = __riscv_vle8_v_i8m1(at + k * t->step, vl);
        acc = __riscv_vwadd_wv_i32m4(acc, __riscv_vsext_vf2_i16m2(v, vl), vl);
      }
    qcc_rvv_store(&a->p->out, acc, __riscv_vmv_v_x_i32m4(factor, vl), (int8_t *)y + c, vl);
  }
}

QCC_KERNEL void qcc_maxpool_rvv_s8(const struct qcc_window *g, const int8_t *x, int8_t *y) {
  qcc_rvv_pool(qcc_rvv_max_s8, NULL, g, 1, x, y);
}

QCC_KERNEL void qcc_maxpool_rvv_u8(const struct qcc_window *g, const uint8_t *x, uint8_t *y) {
  qcc_rvv_pool(qcc_rvv_max_u8, NULL, g, 1, x, y);
}

QCC_KERNEL void qcc_maxpool_rvv_f32(const struct qcc_window *g, const float *x, float *y) {
  qcc_rvv_pool(qcc_rvv_max_f32, NULL, g, 4, x, y);
}

QCC_KERNEL void qcc_avgpool_rvv_s8(const struct qcc_avgpool *p, const int8_t *x, const int32_t *m,
                                   int8_t *y) {
  struct qcc_rvv_average a = {p, m};
  qcc_rvv_pool(qcc_rvv_average_s8, &a, &p->g, 1, x, y);
}

#endif
