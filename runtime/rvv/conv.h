/* rvv/conv.h - convolutions and matrix products of int8 codes by RISC-V vectors, with int8, int4 or
 * int2 weights packed as rvv/line.h wants them; line_layers.h says what they accept. */
#ifndef QCC_RVV_CONV_H
#define QCC_RVV_CONV_H

#include "rvv/line.h"

QCC_LINE_DENSE(s8, rvv, qcc_rvv_line, qcc_rvv_lookup, 8, 2, , NULL)
QCC_LINE_DENSE(s4, rvv, qcc_rvv_line, qcc_rvv_lookup, 4, 2, , NULL)
QCC_LINE_DENSE(s2, rvv, qcc_rvv_line, qcc_rvv_lookup, 2, 4, , NULL)
QCC_LINE_GROUPED(s4, rvv, qcc_rvv_line, qcc_rvv_lookup, 4, 2, , NULL)

#endif
