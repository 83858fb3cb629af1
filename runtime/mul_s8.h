/* mul_s8.h - product of two tensors in int8 codes, see mul.h. */
#ifndef QCC_MUL_S8_H
#define QCC_MUL_S8_H

#include "mul.h"

QCC_BINARY(mul, s8, int8_t)

#endif
