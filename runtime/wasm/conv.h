/* wasm/conv.h - convolutions and matrix products for simd128, weights packed as wasm/pairs.h wants
 * them; line_layers.h says what they accept. */
#ifndef QCC_WASM_CONV_H
#define QCC_WASM_CONV_H

#include "wasm/pairs.h"

QCC_LINE_DENSE(s8, wasm, qcc_pairs_line, qcc_lookup_s8, 8, 8, , NULL)
QCC_LINE_DENSE(s4, wasm, qcc_pairs_line, qcc_lookup_s8, 4, 8, , NULL)
QCC_LINE_DENSE(s2, wasm, qcc_pairs_line, qcc_lookup_s8, 2, 8, , NULL)
QCC_LINE_GROUPED(s4, wasm, qcc_pairs_line, qcc_lookup_s8, 4, 8, , NULL)

#endif
