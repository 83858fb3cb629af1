/* neon/reals_dot.h - products of codes with scales of run time by dot product instructions (SDOT). */
#ifndef QCC_NEON_REALS_DOT_H
#define QCC_NEON_REALS_DOT_H

#include "neon/dot.h"
#include "neon/reals.h"

QCC_NEON_REALS(dot, qcc_dot_line, 4, 4)
QCC_LINE_REALS_GROUPED(s8, dot, qcc_dot_line, qcc_neon_reals_row, 8, 4, , NULL)

#endif
