/* pack_mve.c - weights in the orders that the kernels of runtime/mve read. */
#include "codegen/codegen.h"

#include <string.h>

/* The bits of a code that is the `at`-th of those that share a byte: the first, on top, keeps its
 * sign, the others are moved up to 0 and more. */
static int place_code(int code, int bits, int at) {
  int up = at == 0 ? 0 : 1 << (bits - 1);
  return (code + up) * (1 << (8 - bits * (at + 1)));
}

/* Indices into levels as they are. */
static int place_index(int index, int bits, int at) {
  return (index & ((1 << bits) - 1)) << (8 - bits * (at + 1));
}

/* Groups of `most` channels, those left in groups of four: [depth / 16][group * bits / 8][16], the
 * channels of a byte from the top, padded with codes 0. */
static uint8_t *pack_groups(Arena *a, const Tensor *w, int most, int64_t *bytes) {
  int bits = format_of(w->dtype)->bits, share = 8 / bits;
  bool indices = w->quant && w->quant->format->dtype != w->dtype;
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, steps = (depth + 15) / 16;
  *bytes = (channels + 3) / 4 * steps * 8 * bits;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t o = 0; o < (channels + 3) / 4 * 4; o++) {
    int64_t group = o < channels / most * most ? most : 4, first = o - o % group;
    uint8_t *to = out + first * steps * 2 * bits + o % group / share * 16;
    for (int64_t k = 0; k < steps * 16; k++) {
      int code = o < channels && k < depth ? ((const int8_t *)w->data)[o * depth + k] : 0;
      uint8_t *byte = to + k / 16 * group * 2 * bits + k % 16;
      *byte = (uint8_t)(*byte + (indices ? place_index : place_code)(code, bits, (int)(o % share)));
    }
  }
  return out;
}

/* Depthwise: the taps of a channel column by column, lowest bits first, from a whole byte on. */
static uint8_t *pack_columns(Arena *a, const Tensor *w, int64_t *bytes) {
  const Format *f = format_of(w->dtype);
  int64_t channels = w->dim[0], kw = w->dim[w->rank - 2], taps = n_elements(w) / channels;
  int64_t kh = taps / kw, size = (taps * f->bits + 7) / 8;
  int8_t *columns = arena_alloc(a, taps + 1);
  const int8_t *codes = w->data;
  *bytes = channels * size;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t c = 0; c < channels; c++, codes += taps) {
    for (int64_t t = 0; t < taps; t++) columns[t] = codes[t % kh * kw + t / kh];
    f->pack(columns, taps, out + c * size);
  }
  return out;
}

bool is_mve_packing(Packing packing) {
  return packing >= PACK_MVE_QUADS && packing <= PACK_MVE_HALVES;
}

uint8_t *pack_mve(Arena *a, const Tensor *w, Packing packing, int64_t *bytes) {
  if (packing == PACK_MVE_COLUMNS) return pack_columns(a, w, bytes);
  if (packing == PACK_MVE_FLOATS) return pack_floats(a, w, 4, 8, bytes);
  if (packing == PACK_MVE_HALVES) return pack_floats(a, w, 8, 16, bytes);
  return pack_groups(a, w, packing == PACK_MVE_EIGHTS ? 8 : 4, bytes);
}
