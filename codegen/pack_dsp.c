/* pack_dsp.c - weights and per-channel constants in the order of the kernels of runtime/dsp/.
 *
 * Two output channels a and b share halfwords 256 * a + b; a step of four codes k0..k3 is the
 * words (k0, k2) and (k1, k3), lower halfword first.  PAIRS: [pair][step][2].  FOURS: two pairs
 * side by side, [four][step]{k0 k2 of both pairs, k1 k3 of both}.  Depth and channels are padded
 * with zeros.  RAISED_PAIRS, RAISED_FOURS: halfwords 256 * a + (b + 128).  QUADS, for int4: four
 * channels in halfwords 4096 a + 256 (b + 8) + 16 (c + 8) + (d + 8), two words per step as in PAIRS.
 * BYTES, for int2: four channels in a byte 64 a + 16 (b + 2) + 4 (c + 2) + (d + 2).  TAPS: per channel
 * and column of a 3x3 kernel the bytes w0, w1, w1, w2; for int4 two bytes w0 + 16 w1 + 256 w2, for
 * int2 one byte w0 + 4 w1 + 16 w2. */
#include "codegen/codegen.h"

bool is_dsp_packing(Packing p) {
  return p >= PACK_DSP_PAIRS && p <= PACK_DSP_TAPS;
}

/* Output channels whose constants lie together. */
int dsp_channels(Packing p) {
  return p == PACK_DSP_TAPS ? 1 : p == PACK_DSP_PAIRS || p == PACK_DSP_RAISED_PAIRS ? 2 : 4;
}

typedef struct Codes {
  const int8_t *w; /* [channels][depth] */
  int64_t channels, depth;
} Codes;

static int code_at(const Codes *c, int64_t o, int64_t k) {
  return o < c->channels && k < c->depth ? c->w[o * c->depth + k] : 0;
}

static uint8_t *put_halfword(uint8_t *out, int v) {
  out[0] = (uint8_t)(v & 255);
  out[1] = (uint8_t)(v >> 8 & 255);
  return out + 2;
}

/* Channels o and o + 1. */
static int pair_at(const Codes *c, int64_t o, int64_t k) {
  return 256 * code_at(c, o, k) + code_at(c, o + 1, k);
}

/* Elements k and k + 2. */
static uint8_t *put_word(uint8_t *out, const Codes *c, int offset, int64_t o, int64_t k) {
  out = put_halfword(out, pair_at(c, o, k) + offset);
  return put_halfword(out, pair_at(c, o, k + 2) + offset);
}

static void put_pairs(uint8_t *out, const Codes *c, int offset, int64_t block) {
  for (int64_t o = 0; o < c->channels; o += block)
    for (int64_t k = 0; k < c->depth; k += 4)
      for (int64_t odd = 0; odd < 2; odd++)
        for (int64_t j = 0; j < block; j += 2) out = put_word(out, c, offset, o + j, k + odd);
}

static int quad_at(const Codes *c, int64_t o, int64_t k) {
  return 4096 * code_at(c, o, k) + 256 * (code_at(c, o + 1, k) + 8) +
         16 * (code_at(c, o + 2, k) + 8) + code_at(c, o + 3, k) + 8;
}

static void put_quads(uint8_t *out, const Codes *c) {
  for (int64_t o = 0; o < c->channels; o += 4)
    for (int64_t k = 0; k < c->depth; k += 4)
      for (int64_t odd = 0; odd < 2; odd++) {
        out = put_halfword(out, quad_at(c, o, k + odd));
        out = put_halfword(out, quad_at(c, o, k + odd + 2));
      }
}

static void put_bytes(uint8_t *out, const Codes *c) {
  for (int64_t o = 0; o < c->channels; o += 4)
    for (int64_t k = 0; k < (c->depth + 3) / 4 * 4; k++)
      *out++ = (uint8_t)(64 * code_at(c, o, k) + 16 * (code_at(c, o + 1, k) + 2) +
                         4 * (code_at(c, o + 2, k) + 2) + code_at(c, o + 3, k) + 2);
}

static void put_taps(uint8_t *out, const Codes *c, int bits) {
  for (int64_t o = 0; o < c->channels; o++)
    for (int column = 0; column < 3; column++) {
      int w0 = code_at(c, o, column), w1 = code_at(c, o, 3 + column),
          w2 = code_at(c, o, 6 + column);
      if (bits == 8) {
        out = put_halfword(out, (w0 & 255) + 256 * w1);
        out = put_halfword(out, (w1 & 255) + 256 * w2);
      } else if (bits == 4) {
        out = put_halfword(out, (w0 & 15) + 16 * (w1 & 15) + 256 * (w2 & 15));
      } else {
        *out++ = (uint8_t)((w0 & 3) + 4 * (w1 & 3) + 16 * (w2 & 3));
      }
    }
}

uint8_t *pack_dsp(Arena *a, const Tensor *w, Packing packing, int64_t *bytes) {
  Codes c = {w->data, w->dim[0], n_elements(w) / w->dim[0]};
  int64_t block = dsp_channels(packing), steps = (c.depth + 3) / 4;
  int64_t padded = (c.channels + block - 1) / block * block;
  int bits = w->dtype == DT_I8 ? 8 : w->dtype == DT_I4 ? 4 : 2;
  if (packing == PACK_DSP_TAPS)
    *bytes = bits == 8 ? 12 * c.channels : (3 * bits / 2 * c.channels + 3) / 4 * 4;
  else
    *bytes = padded * steps * bits / 2;
  bool raised = packing == PACK_DSP_RAISED_PAIRS || packing == PACK_DSP_RAISED_FOURS;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  if (packing == PACK_DSP_TAPS) put_taps(out, &c, bits);
  else if (packing == PACK_DSP_QUADS) put_quads(out, &c);
  else if (packing == PACK_DSP_BYTES) put_bytes(out, &c);
  else put_pairs(out, &c, raised ? 128 : 0, block);
  return out;
}
