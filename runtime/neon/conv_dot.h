/* neon/conv_dot.h - convolutions and matrix products by dot product instructions (SDOT), weights
 * packed as neon/dot.h wants them; line_layers.h says what they accept. */
#ifndef QCC_NEON_CONV_DOT_H
#define QCC_NEON_CONV_DOT_H

#include "neon/dot.h"

QCC_LINE_DENSE(s8, dot, qcc_dot_line, qcc_neon_lookup, 8, 4, , NULL)
QCC_LINE_DENSE(s4, dot, qcc_dot_line, qcc_neon_lookup, 4, 4, , NULL)
QCC_LINE_DENSE(s2, dot, qcc_dot_line, qcc_neon_lookup, 2, 4, , NULL)
QCC_LINE_GROUPED(s8, dot, qcc_dot_line, qcc_neon_lookup, 8, 4, , NULL)
QCC_LINE_GROUPED(s4, dot, qcc_dot_line, qcc_neon_lookup, 4, 4, , NULL)
QCC_LINE_DENSE(l8, dot, qcc_dot_line, qcc_neon_lookup, QCC_LEVELS_8, 4, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l8, dot, qcc_dot_line, qcc_neon_lookup, QCC_LEVELS_8, 4, QCC_WITH_LEVELS, levels)
QCC_LINE_DENSE(l5, dot, qcc_dot_line, qcc_neon_lookup, QCC_LEVELS_5, 4, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l5, dot, qcc_dot_line, qcc_neon_lookup, QCC_LEVELS_5, 4, QCC_WITH_LEVELS, levels)

#endif
