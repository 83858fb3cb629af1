/* reals.h - matrix products of codes with scales of run time, see x86/reals.h. */
#ifndef QCC_AVX512_REALS_H
#define QCC_AVX512_REALS_H

#include "avx512/dense.h"
#include "x86/reals.h"

#endif
