/* wasm/float.h - what the float kernels of runtime/fours are written in, for simd128, which has no
 * fused multiply-add. */
#ifndef QCC_WASM_FLOAT_H
#define QCC_WASM_FLOAT_H

#include <wasm_simd128.h>

#include "activation_f32.h"

typedef v128_t qcc_fours;
enum { QCC_FOURS_ROWS = 2 }; /* pixels of a tile: 8 sums, for the 16 registers of x86 */

QCC_INLINE qcc_fours qcc_fours_load(const float *p) { return wasm_v128_load(p); }
QCC_INLINE qcc_fours qcc_fours_spread(float v) { return wasm_f32x4_splat(v); }
QCC_INLINE qcc_fours qcc_fours_add(qcc_fours sum, qcc_fours x, qcc_fours w) {
  return wasm_f32x4_add(sum, wasm_f32x4_mul(x, w));
}

/* w times lane `lane` of x, a constant. */
QCC_INLINE qcc_fours qcc_fours_add_lane(qcc_fours sum, qcc_fours w, qcc_fours x, int32_t lane) {
  switch (lane) {
    case 0: return qcc_fours_add(sum, wasm_i32x4_shuffle(x, x, 0, 0, 0, 0), w);
    case 1: return qcc_fours_add(sum, wasm_i32x4_shuffle(x, x, 1, 1, 1, 1), w);
    case 2: return qcc_fours_add(sum, wasm_i32x4_shuffle(x, x, 2, 2, 2, 2), w);
    default: return qcc_fours_add(sum, wasm_i32x4_shuffle(x, x, 3, 3, 3, 3), w);
  }
}

/* v[0] .. v[n - 1], further lanes 0. */
QCC_INLINE qcc_fours qcc_fours_some(const float *v, int32_t n) {
  float part[4] = {0.0f, 0.0f, 0.0f, 0.0f};
  if (n >= 4)
    return wasm_v128_load(v);
  if (n > 0)
    memcpy(part, v, (size_t)n * 4);
  return wasm_v128_load(part);
}

/* Activates and stores n floats of a vector, 1 or more; the rare activations behind the store. */
QCC_INLINE void qcc_fours_put(const struct qcc_act *p, qcc_fours v, int32_t n, float *y) {
  if (p->kind == QCC_ACT_RELU)
    v = wasm_f32x4_max(v, wasm_f32x4_const_splat(0.0f));
  else if (p->kind == QCC_ACT_CLIP)
    v = wasm_f32x4_min(wasm_f32x4_max(v, wasm_f32x4_splat(p->a)), wasm_f32x4_splat(p->b));
  if (n >= 4) {
    wasm_v128_store(y, v);
  } else {
    float part[4];
    wasm_v128_store(part, v);
    memcpy(y, part, (size_t)n * 4);
  }
  if (p->kind != QCC_ACT_NONE && p->kind != QCC_ACT_RELU && p->kind != QCC_ACT_CLIP)
    qcc_activate_f32(p, qcc_min(n, 4), y, y);
}

#endif
