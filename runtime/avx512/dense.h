/* dense.h - convolutions and matrix products of codes, see x86/dense.h. */
#ifndef QCC_AVX512_DENSE_H
#define QCC_AVX512_DENSE_H

#include "avx512/lanes.h"
#include "x86/dense.h"

#endif
