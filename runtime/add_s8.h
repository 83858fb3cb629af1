/* add_s8.h - sum of two tensors in int8 codes, see add.h. */
#ifndef QCC_ADD_S8_H
#define QCC_ADD_S8_H

#include "add.h"

QCC_BINARY(add, s8, int8_t)

#endif
