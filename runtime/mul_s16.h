/* mul_s16.h - product of two tensors in int16 codes, see mul.h. */
#ifndef QCC_MUL_S16_H
#define QCC_MUL_S16_H

#include "mul.h"

QCC_BINARY(mul, s16, int16_t)

#endif
