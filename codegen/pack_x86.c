/* pack_x86.c - weights, biases and multiples in the order in which the kernels of runtime/avx512
 * and runtime/avx2 read them: [group of channels][step][channel][inputs of a step].
 *
 * A step is what one multiply-accumulate instruction takes per lane: 4 inputs for VPDPBUSD and
 * VPMADDUBSW, 2 for VPMADDWD, which weights and levels of eight bits need on AVX2.  Fewer bits are
 * loaded for several steps at once: a byte holds an input of each, the first one lowest.
 * The place of a channel within its group, its slot, is chosen such that narrowing the sums with
 * pack instructions, which work on quarters of 128 bits, puts the codes in order. */
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/pack_x86.h"

bool is_x86_packing(Packing p) { return p >= PACK_VNNI_RUNS && p <= PACK_FMA_TAPS_8; }

static bool is_vnni(Packing p) { return p <= PACK_VNNI_JOINED; }

static int64_t round_to(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

static int weight_bits(const Tensor *w) {
  return w->dtype == DT_I2 ? 2 : w->dtype == DT_I4 ? 4 : 8;
}

/* Do two products of bytes fit 16 bits? */
static bool is_narrow(const Tensor *w) {
  return weight_bits(w) < 8 && (!w->quant || w->quant->format->hi <= 64);
}

int x86_step(const Tensor *w, Packing p) { return is_vnni(p) || is_narrow(w) ? 4 : 2; }

int64_t x86_load_inputs(const Tensor *w, Packing p) {
  return x86_step(w, p) * (8 / weight_bits(w));
}

int64_t x86_group(Packing p) { return is_vnni(p) ? 64 : 16; }

int64_t x86_slots(Packing p, int64_t channels) { return round_to(channels, is_vnni(p) ? 16 : 8); }

/* Channels of the group that channel o belongs to. */
static int64_t width_at(Packing p, int64_t channels, int64_t o) {
  int64_t whole = x86_group(p), left = x86_slots(p, channels) - o / whole * whole;
  return left < whole ? left : whole;
}

int64_t x86_slot(Packing p, int64_t channels, int64_t o) {
  int64_t whole = x86_group(p), first = o / whole * whole, c = o % whole;
  if (width_at(p, channels, o) < whole) return o;
  if (is_vnni(p)) return first + c % 16 / 4 * 16 + c / 16 * 4 + c % 4;
  return first + c % 8 / 4 * 8 + c / 8 * 4 + c % 4;
}

/* Elements that lie one behind the other in the image: a kernel row, or a tap. */
static int64_t run_length(const Tensor *w, Packing p) {
  bool taps = p == PACK_VNNI_TAPS || p == PACK_MADD_TAPS;
  int64_t inner = w->dim[w->rank - 1];
  return taps || w->rank == 2 ? inner : inner * w->dim[w->rank - 2];
}

int64_t x86_loads(const Tensor *w, Packing p) {
  int64_t inputs = x86_load_inputs(w, p);
  return round_to(run_length(w, p), inputs) / inputs;
}

static uint8_t *pack_runs(Arena *a, const Tensor *w, Packing p, int64_t *bytes) {
  const int8_t *codes = w->data;
  int bits = weight_bits(w), unit = x86_step(w, p), mask = (1 << bits) - 1;
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, run = run_length(w, p);
  int64_t steps = 8 / bits, all = depth / run * x86_loads(w, p), slots = x86_slots(p, channels);
  *bytes = slots * all * unit;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t o = 0; o < channels; o++) {
    int64_t width = width_at(p, channels, o), first = o / x86_group(p) * x86_group(p);
    int64_t slot = x86_slot(p, channels, o) - first;
    for (int64_t k = 0; k < depth; k++) {
      int64_t step = k % run / unit, load = k / run * x86_loads(w, p) + step / steps;
      out[first * all * unit + (load * width + slot) * unit + k % run % unit] |=
          (uint8_t)((codes[o * depth + k] & mask) << (bits * (step % steps)));
    }
  }
  return out;
}

int64_t x86_depthwise_steps(const Tensor *w, Packing p) {
  int64_t taps = n_elements(w) / w->dim[0];
  return round_to(taps, x86_step(w, p)) / x86_step(w, p);
}

/* [channels / width][step][width slots][taps of a step]; joined: the channels over and over. */
static uint8_t *pack_depthwise(Arena *a, const Tensor *w, Packing p, int64_t *bytes) {
  const int8_t *codes = w->data;
  int64_t channels = w->dim[0], taps = n_elements(w) / channels, width = x86_group(p);
  int64_t unit = x86_step(w, p), steps = x86_depthwise_steps(w, p), all = round_to(channels, width);
  bool joined = p == PACK_VNNI_JOINED || p == PACK_MADD_JOINED;
  *bytes = all * steps * unit;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t c = 0; c < (joined ? all : channels); c++) {
    int64_t slot = x86_slot(p, all, c) % width;
    for (int64_t t = 0; t < taps; t++)
      out[((c / width * steps + t / unit) * width + slot) * unit + t % unit] =
          (uint8_t)codes[c % channels * taps + t];
  }
  return out;
}

/* ---- floats */

int x86_lanes(Packing p) {
  return p == PACK_FMA_16 || p == PACK_WINOGRAD_16 || p == PACK_FMA_TAPS_16 ? 16 : 8;
}

/* G g G^T of Winograd's F(2x2, 3x3) for 3x3 weights, `step` apart. */
static void transform_taps(const float *w, int64_t step, double *u) {
  static const double g[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  for (int i = 0; i < 16; i++) {
    u[i] = 0;
    for (int t = 0; t < 9; t++) u[i] += g[i / 4][t / 3] * g[i % 4][t % 3] * (double)w[t * step];
  }
}

/* The 16 matrices of transformed weights one behind the other, each packed like a pointwise one. */
static uint8_t *pack_winograd(Arena *a, const Tensor *w, Packing p, int64_t *bytes) {
  int64_t channels = w->dim[0], depth = w->dim[3], plane = channels * depth;
  float *matrix = arena_alloc(a, plane * (int64_t)sizeof *matrix);
  double *u = arena_alloc(a, 16 * plane * (int64_t)sizeof *u);
  for (int64_t o = 0; o < channels; o++)
    for (int64_t c = 0; c < depth; c++)
      transform_taps((const float *)w->data + o * 9 * depth + c, depth, u + 16 * (o * depth + c));
  Tensor one = {.dtype = DT_F32, .rank = 2, .dim = {channels, depth}, .data = matrix};
  uint8_t *out = NULL;
  for (int64_t i = 0; i < 16; i++) {
    for (int64_t k = 0; k < plane; k++) matrix[k] = (float)u[16 * k + i];
    const uint8_t *packed = pack_floats(a, &one, x86_lanes(p), 2 * x86_lanes(p), bytes);
    if (!out) out = arena_alloc(a, 16 * *bytes);
    memcpy(out + i * *bytes, packed, (size_t)*bytes);
  }
  *bytes *= 16;
  return out;
}

uint8_t *pack_x86(Arena *a, const Tensor *w, Packing p, int64_t *bytes) {
  bool runs =
      p == PACK_VNNI_RUNS || p == PACK_VNNI_TAPS || p == PACK_MADD_RUNS || p == PACK_MADD_TAPS;
  bool taps = p == PACK_FMA_TAPS_16 || p == PACK_FMA_TAPS_8;
  if (p == PACK_WINOGRAD_16 || p == PACK_WINOGRAD_8) return pack_winograd(a, w, p, bytes);
  if (p >= PACK_FMA_16) return pack_floats(a, w, x86_lanes(p), (taps ? 1 : 2) * x86_lanes(p), bytes);
  return runs ? pack_runs(a, w, p, bytes) : pack_depthwise(a, w, p, bytes);
}
