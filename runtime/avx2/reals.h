/* reals.h - matrix products of codes with scales of run time, see x86/reals.h. */
#ifndef QCC_AVX2_REALS_H
#define QCC_AVX2_REALS_H

#include "avx2/dense.h"
#include "x86/reals.h"

#endif
