/* neon/reals_mmla.h - products of codes with scales of run time by matrix instructions (SMMLA). */
#ifndef QCC_NEON_REALS_MMLA_H
#define QCC_NEON_REALS_MMLA_H

#include "neon/mmla.h"
#include "neon/reals.h"

QCC_NEON_REALS(mmla, qcc_mmla_line, 8, 8)
QCC_LINE_REALS_GROUPED(s8, mmla, qcc_mmla_line, qcc_neon_reals_row, 8, 8, , NULL)

#endif
