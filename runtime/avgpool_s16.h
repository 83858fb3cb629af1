/* avgpool_s16.h - average pool over int16 codes, see avgpool.h. */
#ifndef QCC_AVGPOOL_S16_H
#define QCC_AVGPOOL_S16_H

#include "avgpool.h"

QCC_AVGPOOL(s16, int16_t)

#endif
