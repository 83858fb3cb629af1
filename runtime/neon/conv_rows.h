/* neon/conv_rows.h - convolutions and matrix products by plain NEON, weights packed as neon/rows.h
 * wants them; line_layers.h says what they accept. */
#ifndef QCC_NEON_CONV_ROWS_H
#define QCC_NEON_CONV_ROWS_H

#include "neon/rows.h"

QCC_LINE_DENSE(s8, neon, qcc_rows_line, qcc_neon_lookup, 8, 8, , NULL)
QCC_LINE_DENSE(s4, neon, qcc_rows_line, qcc_neon_lookup, 4, 8, , NULL)
QCC_LINE_DENSE(s2, neon, qcc_rows_line, qcc_neon_lookup, 2, 16, , NULL)
QCC_LINE_GROUPED(s4, neon, qcc_rows_line, qcc_neon_lookup, 4, 8, , NULL)
QCC_LINE_DENSE(l8, neon, qcc_rows_line, qcc_neon_lookup, QCC_LEVELS_8, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l8, neon, qcc_rows_line, qcc_neon_lookup, QCC_LEVELS_8, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_DENSE(l5, neon, qcc_rows_line, qcc_neon_lookup, QCC_LEVELS_5, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l5, neon, qcc_rows_line, qcc_neon_lookup, QCC_LEVELS_5, 8, QCC_WITH_LEVELS, levels)

#endif
