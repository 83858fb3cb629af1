/* pack_x86.h - the order of weights, biases and multiples for the kernels of runtime/avx512 and
 * runtime/avx2, shared by pack_x86.c and emit_x86.c. */
#ifndef QCC_PACK_X86_H
#define QCC_PACK_X86_H

#include "targets/kernels.h"

bool is_x86_packing(Packing p);
uint8_t *pack_x86(Arena *a, const Tensor *w, Packing p, int64_t *bytes);
int x86_step(const Tensor *w, Packing p);      /* inputs of a step: 4 or 2 */
int64_t x86_loads(const Tensor *w, Packing p); /* of weights, for a run of inputs */
int64_t x86_load_inputs(const Tensor *w, Packing p); /* that one load has weights for */
int64_t x86_depthwise_steps(const Tensor *w, Packing p);
int64_t x86_group(Packing p); /* channels of a whole group */
int64_t x86_slots(Packing p, int64_t channels); /* channels rounded up to whole vectors */
/* Where channel o of `channels` lies among the slots. */
int64_t x86_slot(Packing p, int64_t channels, int64_t o);
int x86_lanes(Packing p); /* floats of a vector: 16 or 8 */

#endif
