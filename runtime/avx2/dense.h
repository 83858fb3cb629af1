/* dense.h - convolutions and matrix products of codes, see x86/dense.h. */
#ifndef QCC_AVX2_DENSE_H
#define QCC_AVX2_DENSE_H

#include "avx2/lanes.h"
#include "x86/dense.h"

#endif
