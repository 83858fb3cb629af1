/* pack.c - constant weights in the order in which a kernel reads them, narrow codes packed. */
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/pack_x86.h"

/* Rows of `row` elements, each packed to whole units, also a row of one: two bytes of formats of vectors, three of
 * eight indices of three bits. */
static uint8_t *pack_rows(Arena *a, const QuantSpec *q, const int8_t *codes, int64_t rows, int64_t row,
                          int64_t *bytes) {
  uint8_t *out = arena_alloc(a, rows * (row + 2) + 1);
  *bytes = 0;
  for (int64_t i = 0; i < rows; i++)
    *bytes += pack_codes(q, i, codes + i * row, row, out + *bytes);
  return out;
}

/* [C][kh][kw][1] as [kh][kw][C]. */
static void *taps_first(Arena *a, const Tensor *w) {
  int64_t channels = w->dim[0], taps = n_elements(w) / channels;
  int size = dtype_bytes(w->dtype);
  char *out = arena_alloc(a, n_elements(w) * size + 1);
  for (int64_t c = 0; c < channels; c++)
    for (int64_t t = 0; t < taps; t++)
      memcpy(out + (t * channels + c) * size, (const char *)w->data + (c * taps + t) * size,
             (size_t)size);
  return out;
}

/* Is a kernel dilated along its width, so that its taps are runs of their own? */
static bool has_apart_taps(const Node *n) {
  Window w;
  if (!(is_op(n, "QConv") || is_op(n, "Conv"))) return false;
  get_window(n, n->in[0], n->in[1], &w);
  return w.kernel[w.spatial - 1] > 1 && w.dilation[w.spatial - 1] > 1;
}

bool same_order(const Node *n, const Node *other) {
  return attr_int(n, "group", 1) == attr_int(other, "group", 1) &&
         has_apart_taps(n) == has_apart_taps(other);
}

/* Runs of so many weights of a block of output channels side by side, zeros behind the last ones.  Words
 * are in the order in which SXTB16 makes pairs of neighbours of them. */
static uint8_t *pack_runs_s16(Arena *a, const Tensor *w, int64_t run, int64_t block,
                              int64_t *bytes) {
  static const int64_t place[] = {0, 2, 1, 3};
  int64_t channels = w->dim[0], depth = n_elements(w) / channels, row = (depth + run - 1) / run * run;
  *bytes = (channels + block - 1) / block * block * row;
  uint8_t *out = arena_alloc(a, *bytes + 1);
  for (int64_t o = 0; o < channels; o++)
    for (int64_t k = 0; k < depth; k++)
      out[(o / block * row + k / run * run) * block + o % block * run +
          (run == 4 ? place[k % 4] : k % run)] = ((const uint8_t *)w->data)[o * depth + k];
  return out;
}

/* The weights of one group. */
static uint8_t *pack_part(Arena *a, const Tensor *w, Packing packing, bool apart, int64_t *bytes) {
  if (is_x86_packing(packing)) return pack_x86(a, w, packing, bytes);
  if (is_mve_packing(packing)) return pack_mve(a, w, packing, bytes);
  if (is_dsp_packing(packing)) return pack_dsp(a, w, packing, bytes);
  if (packing >= PACK_DOT && packing <= PACK_FLOAT_TAPS) return pack_blocks(a, w, packing, apart, bytes);
  if (packing == PACK_FOURS_S16) return pack_runs_s16(a, w, 4, 2, bytes);
  if (packing == PACK_EIGHTS_S16) return pack_runs_s16(a, w, 8, 2, bytes);
  if (packing == PACK_PAIRS_S16) return pack_runs_s16(a, w, 2, 8, bytes);
  int64_t count = n_elements(w), channels = w->dim[0];
  bool hwc = packing == PACK_HWC || packing == PACK_OWN_HWC;
  bool own = packing == PACK_OWN || packing == PACK_OWN_HWC;
  const void *data = hwc ? taps_first(a, w) : w->data;
  const Format *f = own ? w->quant->format : format_of(w->dtype);
  if (!f || f->bits >= 8) {
    *bytes = count * dtype_bytes(w->dtype);
    uint8_t *out = arena_alloc(a, *bytes + 1);
    memcpy(out, data, (size_t)*bytes);
    return out;
  }
  int64_t rows = hwc ? count / channels : channels;
  QuantSpec plain = {.format = f};
  return pack_rows(a, own ? w->quant : &plain, data, rows, count / rows, bytes);
}

bool has_parts(const Node *n) {
  const Tensor *w = n->in[1];
  int64_t group = attr_int(n, "group", 1);
  return group > 1 && (w->dim[w->rank - 1] > 1 || w->dim[0] > group);
}

/* The rows of all groups. */
static uint8_t *pack_sparse_rows(Arena *a, const Tensor *w, int64_t *bytes) {
  int64_t channels = w->dim[0], row = n_elements(w) / channels;
  uint8_t *out = arena_alloc(a, sparse_bytes(w) + 1);
  *bytes = 0;
  for (int64_t c = 0; c < channels; c++)
    *bytes += pack_sparse(format_of(w->dtype), (const int8_t *)w->data + c * row, row, out + *bytes);
  return out;
}

Tensor packed_form(const Tensor *w, const Kernel *k) {
  Tensor form = *w;
  if (k->indices) form.dtype = DT_I4;
  return form;
}

/* Indices as int4 codes. */
static int8_t *indices_of(Arena *a, const Tensor *w) {
  const int8_t *codes = w->data;
  int8_t table[N_LEVELS], index[256] = {0}, *out = arena_alloc(a, n_elements(w) + 1);
  level_table(w->quant, table);
  for (int i = N_LEVELS - 1; i >= 0; i--) index[(uint8_t)table[i]] = (int8_t)((i ^ 8) - 8);
  for (int64_t i = 0; i < n_elements(w); i++) out[i] = index[(uint8_t)codes[i]];
  return out;
}

uint8_t *pack_weights(Arena *a, const Node *n, const Kernel *k, int64_t *bytes) {
  Tensor w = packed_form(n->in[1], k);
  if (k->packing == PACK_SPARSE) return pack_sparse_rows(a, &w, bytes);
  if (k->indices) w.data = indices_of(a, n->in[1]);
  int64_t groups = has_parts(n) ? attr_int(n, "group", 1) : 1;
  Tensor part = w;
  uint8_t *out = NULL;
  QuantSpec quant = {0};
  part.dim[0] /= groups;
  if (w.quant) quant = *w.quant, part.quant = &quant;
  for (int64_t i = 0; i < groups; i++) {
    part.data = (char *)w.data + i * n_elements(&part) * dtype_bytes(w.dtype);
    if (w.quant && w.quant->n_book > 1)
      quant.n_book = part.dim[0], quant.book = w.quant->book + i * part.dim[0] * quant.format->book_size;
    uint8_t *packed = pack_part(a, &part, k->packing, has_apart_taps(n), bytes);
    if (groups == 1) return packed;
    if (!out) out = arena_alloc(a, groups * *bytes + 1);
    memcpy(out + i * *bytes, packed, (size_t)*bytes);
  }
  *bytes *= groups;
  return out;
}
