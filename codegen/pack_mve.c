/* pack_mve.c - weights in the orders that the kernels of runtime/mve read. */
#include "codegen/codegen.h"

#include <string.h>

/* [O / 4][depth / 16][4][16], padded with zeros. */
static uint8_t *pack_quads(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, steps = (depth + 15) / 16;
  *bytes = (channels + 3) / 4 * steps * 64;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  const int8_t *codes = w->data;
  for (int64_t o = 0; o < channels; o++)
    for (int64_t k = 0; k < depth; k++)
      out[((o / 4 * steps + k / 16) * 4 + o % 4) * 16 + k % 16] = (uint8_t)codes[o * depth + k];
  return out;
}

/* int4: [O / 4][depth / 16][2][16], the channel of an even number above that of the next, which is
 * moved up by 8; padded with codes 0. */
static uint8_t *pack_nibbles(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, steps = (depth + 15) / 16;
  *bytes = (channels + 3) / 4 * steps * 32;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  const int8_t *codes = w->data;
  memset(out, 8, (size_t)*bytes);
  for (int64_t o = 0; o < channels; o++)
    for (int64_t k = 0; k < depth; k++) {
      int64_t at = ((o / 4 * steps + k / 16) * 2 + o % 4 / 2) * 16 + k % 16;
      int code = codes[o * depth + k];
      out[at] =
          (uint8_t)(o % 2 ? (out[at] & 0xf0) | (code + 8) : (out[at] & 0x0f) | (code & 15) << 4);
    }
  return out;
}

/* Depthwise 3x3: 5 zeros, then 16 bytes a channel, tap [kx][ky] at 4 * kx + ky. */
static uint8_t *pack_shifted(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0];
  const int8_t *codes = w->data;
  *bytes = 5 + 16 * channels;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t k = 0; k < 9; k++) out[5 + 16 * c + k % 3 * 4 + k / 3] = (uint8_t)codes[9 * c + k];
  return out;
}

/* Depthwise: [C][kh / 4][kw / 4][4 kx][4 ky], padded with zeros. */
static uint8_t *pack_bands(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0], kw = w->dim[w->rank - 2], kh = n_elements(w) / channels / kw;
  int64_t bands = (kh + 3) / 4, quads = (kw + 3) / 4;
  const int8_t *codes = w->data;
  *bytes = channels * bands * quads * 16;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t y = 0; y < kh; y++)
      for (int64_t x = 0; x < kw; x++) {
        int64_t at = (c * bands + y / 4) * quads + x / 4;
        out[at * 16 + x % 4 * 4 + y % 4] = (uint8_t)codes[(c * kh + y) * kw + x];
      }
  return out;
}

bool is_mve_packing(Packing packing) {
  return packing >= PACK_MVE_QUADS && packing <= PACK_MVE_BANDS;
}

uint8_t *pack_mve(Arena *a, const Tensor *w, Packing packing, int64_t *bytes) {
  if (packing == PACK_MVE_QUADS) return pack_quads(a, w, bytes);
  if (packing == PACK_MVE_NIBBLES) return pack_nibbles(a, w, bytes);
  if (packing == PACK_MVE_SHIFTED) return pack_shifted(a, w, bytes);
  return pack_bands(a, w, bytes);
}
