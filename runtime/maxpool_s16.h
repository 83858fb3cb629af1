/* maxpool_s16.h - maximum pool over int16 codes, see maxpool.h. */
#ifndef QCC_MAXPOOL_S16_H
#define QCC_MAXPOOL_S16_H

#include "maxpool.h"

QCC_MAXPOOL(s16, int16_t, -32768)

#endif
