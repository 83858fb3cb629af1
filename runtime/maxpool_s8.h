/* maxpool_s8.h - maximum pool over int8 or uint8 codes, see maxpool.h. */
#ifndef QCC_MAXPOOL_S8_H
#define QCC_MAXPOOL_S8_H

#include "maxpool.h"

QCC_MAXPOOL(s8, int8_t, -128)
QCC_MAXPOOL(u8, uint8_t, 0)

#endif
