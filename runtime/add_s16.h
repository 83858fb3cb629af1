/* add_s16.h - sum of two tensors in int16 codes, see add.h. */
#ifndef QCC_ADD_S16_H
#define QCC_ADD_S16_H

#include "add.h"

QCC_BINARY(add, s16, int16_t)

#endif
