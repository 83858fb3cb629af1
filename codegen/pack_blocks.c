/* pack_blocks.c - weights in the order in which the vector kernels read them: in blocks of output
 * channels, within a block by steps along the depth, w[block][steps][channels][step].  Depths are
 * padded with zeros run by run (a run is what is contiguous in the image: one kernel row, or one
 * tap where the kernel is dilated along its width), and so are channels, to whole blocks.
 *
 *   step 4, two channels a b of depth 6     a0 a1 a2 a3  b0 b1 b2 b3  a4 a5 0 0  b4 b5 0 0
 *
 * Narrow codes share bytes with those a fixed distance away: a vector's lowest bits are one vector
 * of codes, those above them the next. */
#include "codegen/codegen.h"

#include <string.h>

typedef struct Order {
  int64_t step, rest; /* codes of a channel that lie together; in the last steps of a run */
  int64_t block;      /* channels of all blocks; 0: it depends */
  bool is_whole;      /* one block of all channels */
} Order;

static Order order_of(Packing packing) {
  switch (packing) {
    case PACK_DOT:
      return (Order){.step = 4, .rest = 4};
    case PACK_MMLA:
      return (Order){.step = 8, .rest = 8};
    case PACK_ROWS:
      return (Order){.step = 16, .rest = 8, .block = 4};
    case PACK_PAIRS:
      return (Order){.step = 2, .rest = 2};
    case PACK_COLUMNS:
      return (Order){.step = 1, .rest = 1, .is_whole = true};
    case PACK_DSP_QUADS: /* of these the multiples only */
    case PACK_MVE_QUADS:
      return (Order){.block = 4};
    case PACK_MVE_EIGHTS:
      return (Order){.block = 8};
    default:
      bug("packing %d has no blocks", packing);
  }
}

/* Channels of the next block; runtime/neon/tile.h has the same rule. */
static int64_t block_of(const Order *o, int64_t left, int bits) {
  if (o->is_whole) return left;
  if (o->block) return o->block;
  if ((bits == 2 && o->step > 2) || left > 12) return 16; /* step 2: WebAssembly's pairs */
  if (bits < 8) return left > 8 ? 16 : 8;
  return left > 4 ? 8 : 4;
}

typedef struct Rows {
  const int8_t *codes; /* [channels][runs][run] */
  int64_t channels, runs, run;
} Rows;

/* One run of `block` channels from channel c on; returns the number of codes written. */
static int64_t pack_run(const Order *o, const Rows *w, int64_t c, int64_t block, int64_t run,
                        int64_t padded, int8_t *out) {
  int64_t n = 0;
  for (int64_t at = 0, step; at < padded; at += step) {
    step = padded - at >= o->step ? o->step : o->rest;
    for (int64_t j = c; j < c + block; j++)
      for (int64_t k = at; k < at + step; k++)
        out[n++] = j < w->channels && k < w->run ? w->codes[(j * w->runs + run) * w->run + k] : 0;
  }
  return n;
}

/* Codes i and i + distance of each 2 * distance share a byte, with 2 bits i + 2 * distance and
 * i + 3 * distance too. */
static int64_t share_bytes(const int8_t *codes, int64_t n, int bits, int64_t distance,
                           uint8_t *out) {
  int64_t sharers = 8 / bits;
  for (int64_t i = 0; i < n / sharers; i++) {
    const int8_t *code = codes + i / distance * sharers * distance + i % distance;
    unsigned byte = 0;
    for (int64_t k = 0; k < sharers; k++)
      byte |= ((unsigned)code[k * distance] & ((1u << bits) - 1)) << (k * bits);
    out[i] = (uint8_t)byte;
  }
  return n / sharers;
}

/* Depthwise: [taps][channels], neighbouring taps of narrow codes in the same bytes. */
static uint8_t *pack_taps(Arena *a, const Tensor *w, int bits, int64_t *bytes) {
  int64_t channels = w->dim[0], padded = (channels + 7) / 8 * 8, taps = n_elements(w) / channels;
  int64_t per = 8 / bits, whole = (taps + per - 1) / per * per;
  int8_t *codes = arena_alloc(a, whole * padded + 1);
  for (int64_t t = 0; t < taps; t++)
    for (int64_t c = 0; c < channels; c++)
      codes[t * padded + c] = ((const int8_t *)w->data)[c * taps + t];
  *bytes = whole * padded;
  if (bits == 8) return (uint8_t *)codes;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  *bytes = share_bytes(codes, *bytes, bits, padded, out);
  return out;
}

uint8_t *pack_floats(Arena *a, const Tensor *w, int64_t lanes, int64_t whole, int64_t *bytes) {
  int64_t channels = w->dim[0], depth = n_elements(w) / channels;
  int64_t slots = (channels + lanes - 1) / lanes * lanes;
  int size = dtype_bytes(w->dtype);
  uint8_t *out = arena_alloc(a, (slots * depth + 1) * size);
  for (int64_t o = 0; o < channels; o++) {
    int64_t first = o / whole * whole, width = slots - first < whole ? slots - first : whole;
    for (int64_t k = 0; k < depth; k++)
      memcpy(out + (first * depth + k * width + o - first) * size,
             (const uint8_t *)w->data + (o * depth + k) * size, (size_t)size);
  }
  *bytes = slots * depth * size;
  return out;
}

/* Depthwise, two taps of each channel side by side; narrow codes are not packed. */
static uint8_t *pack_tap_pairs(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0], padded = (channels + 7) / 8 * 8, taps = n_elements(w) / channels;
  *bytes = (taps + 1) / 2 * 2 * padded;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t t = 0; t < taps; t++)
    for (int64_t c = 0; c < channels; c++)
      out[(t / 2 * padded + c) * 2 + t % 2] = ((const uint8_t *)w->data)[c * taps + t];
  return out;
}

int64_t *pack_multiples(Arena *a, const Node *node, int64_t size, const Kernel *k,
                        int64_t *count) {
  Order o = order_of(k->packing);
  const Tensor *w = node->in[1], *multiple = node->in[4];
  Tensor form = packed_form(w, k);
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, n = 0;
  int64_t groups = (depth + size - 1) / size, per = attr_int(node, "group_size", size) / size;
  int64_t *out = arena_alloc(a, (channels + 16) * groups * (int64_t)sizeof *out);
  for (int64_t c = 0, block; c < channels; c += block) {
    block = block_of(&o, channels - c, dtype_bits(form.dtype));
    for (int64_t g = 0; g < groups; g++)
      for (int64_t i = 0; i < block; i++) {
        int64_t j = c + (k->packing == PACK_MVE_EIGHTS ? 2 * i % 8 + i / 4 : i);
        int64_t at = j * multiple->dim[1] + g / per;
        out[n++] = j < channels ? get_int(multiple->dtype, multiple->data, at) : 0;
      }
  }
  *count = n;
  return out;
}

uint8_t *pack_blocks(Arena *a, const Tensor *w, Packing packing, bool apart, int64_t *bytes) {
  if (packing == PACK_FLOATS) return pack_floats(a, w, 4, 16, bytes);
  if (packing == PACK_FLOAT_TAPS) return pack_floats(a, w, 4, 4, bytes);
  int bits = dtype_bits(w->dtype);
  if (packing == PACK_TAP_PAIRS) return pack_tap_pairs(a, w, bytes);
  if (packing == PACK_TAPS) return pack_taps(a, w, bits, bytes);
  Order o = order_of(packing);
  Rows rows = {w->data, w->dim[0], w->rank == 4 ? w->dim[1] : 1, 0};
  if (apart) rows.runs *= w->dim[w->rank - 2];
  rows.run = n_elements(w) / (rows.channels * rows.runs);
  if (packing == PACK_ROWS && bits == 2) o.rest = o.step;
  int64_t unit = o.is_whole ? bits == 2 ? 4 : 2 : packing == PACK_PAIRS ? 16 / bits : o.rest;
  int64_t padded = (rows.run + unit - 1) / unit * unit;
  int64_t room = (rows.channels + 16) * rows.runs * padded, n = 0;
  int8_t *codes = arena_alloc(a, room + 1);
  for (int64_t c = 0, block; c < rows.channels; c += block) {
    block = block_of(&o, rows.channels - c, bits);
    for (int64_t r = 0; r < rows.runs; r++)
      n += pack_run(&o, &rows, c, block, r, padded, codes + n);
  }
  *bytes = n;
  if (bits == 8) return (uint8_t *)codes;
  uint8_t *out = arena_alloc(a, n + 1);
  *bytes = share_bytes(codes, n, bits, o.is_whole ? rows.channels : 16, out);
  return out;
}
