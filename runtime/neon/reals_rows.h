/* neon/reals_rows.h - products of codes with scales of run time by plain NEON. */
#ifndef QCC_NEON_REALS_ROWS_H
#define QCC_NEON_REALS_ROWS_H

#include "neon/rows.h"
#include "neon/reals.h"

QCC_NEON_REALS(neon, qcc_rows_line, 8, 16)

#endif
