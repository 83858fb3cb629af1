/* neon/conv_mmla.h - convolutions and matrix products by matrix instructions (SMMLA), weights
 * packed as neon/mmla.h wants them; line_layers.h says what they accept. */
#ifndef QCC_NEON_CONV_MMLA_H
#define QCC_NEON_CONV_MMLA_H

#include "neon/mmla.h"

QCC_LINE_DENSE(s8, mmla, qcc_mmla_line, qcc_neon_lookup, 8, 8, , NULL)
QCC_LINE_DENSE(s4, mmla, qcc_mmla_line, qcc_neon_lookup, 4, 8, , NULL)
QCC_LINE_DENSE(s2, mmla, qcc_mmla_line, qcc_neon_lookup, 2, 8, , NULL)
QCC_LINE_GROUPED(s8, mmla, qcc_mmla_line, qcc_neon_lookup, 8, 8, , NULL)
QCC_LINE_GROUPED(s4, mmla, qcc_mmla_line, qcc_neon_lookup, 4, 8, , NULL)
QCC_LINE_DENSE(l8, mmla, qcc_mmla_line, qcc_neon_lookup, QCC_LEVELS_8, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l8, mmla, qcc_mmla_line, qcc_neon_lookup, QCC_LEVELS_8, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_DENSE(l5, mmla, qcc_mmla_line, qcc_neon_lookup, QCC_LEVELS_5, 8, QCC_WITH_LEVELS, levels)
QCC_LINE_GROUPED(l5, mmla, qcc_mmla_line, qcc_neon_lookup, QCC_LEVELS_5, 8, QCC_WITH_LEVELS, levels)

#endif
