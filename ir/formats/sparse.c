/* sparse.c - rows of codes that are mostly 0: a bit per code, low bits first, set where it is not 0; then
 * the codes that are not, packed as the format has them. Each row begins on a byte boundary. */
#include <stdlib.h>
#include <string.h>

#include "ir/formats/formats.h"
#include "ir/ops/ops.h"

int64_t pack_sparse(const Format *f, const int8_t *codes, int64_t n, uint8_t *out) {
  int64_t bytes = (n + 7) / 8, kept = 0;
  int8_t *rest = scratch(n, sizeof *rest);
  memset(out, 0, (size_t)bytes);
  for (int64_t i = 0; i < n; i++) {
    if (codes[i] == 0) continue;
    out[i / 8] = (uint8_t)(out[i / 8] | 1 << i % 8);
    rest[kept++] = codes[i];
  }
  bytes += f->pack(rest, kept, out + bytes);
  free(rest);
  return bytes;
}

int64_t sparse_bytes(const Tensor *w) {
  int64_t channels = w->dim[0], row = channels > 0 ? n_elements(w) / channels : 0, bytes = 0;
  int bits = dtype_bits(w->dtype);
  const int8_t *codes = w->data;
  for (int64_t c = 0; c < channels; c++, codes += row) {
    int64_t kept = 0;
    for (int64_t i = 0; i < row; i++) kept += codes[i] != 0;
    bytes += (row + 7) / 8 + (kept * bits + 7) / 8;
  }
  return bytes;
}
