/* avgpool_s8.h - average pool over int8 codes, see avgpool.h. */
#ifndef QCC_AVGPOOL_S8_H
#define QCC_AVGPOOL_S8_H

#include "avgpool.h"

QCC_AVGPOOL(s8, int8_t)

#endif
