/* window.c - geometry of convolutions and pools: attributes and shapes become one Window with steps
 * for both layouts, so that the loops that use it do not know about layouts.
 *
 * out = (in + pad + pad_end - ((kernel - 1) * dilation + 1)) / stride + 1, rounded down, or up with
 * ceil_mode, in which case a last window that would start in the padding behind the input is
 * dropped.  auto_pad follows ONNX's operator pages. */
#include <string.h>

#include "ir/ops/ops.h"

static const char *const axis_names[] = {"first", "second", "third"};

/* A list attribute with one value for each of `count` places, each at least `lo`. */
static void read_list(const Node *n, const char *name, int count, int64_t otherwise, int64_t lo,
                      int64_t *v) {
  int64_t given[6];
  int got = attr_ints(n, name, given, 6);
  if (got == 0) {
    for (int i = 0; i < count; i++) v[i] = otherwise;
    return;
  }
  if (got != count)
    error_at(n->loc, "%s: %s has %d values, expected %d", op_name(n), name, got, count);
  for (int i = 0; i < count; i++) {
    if (given[i] < lo || given[i] > INT32_MAX)
      error_at(n->loc, "%s: %s has the value %lld, expected %lld to %d", op_name(n), name,
               (long long)given[i], (long long)lo, INT32_MAX);
    v[i] = given[i];
  }
}

static bool is_global(const Node *n) {
  return is_op(n, "GlobalAveragePool") || is_op(n, "GlobalMaxPool") || is_op(n, "GlobalLpPool");
}

/* Integer operators are channels-last by definition. */
static bool channels_last(const Node *n, const Tensor *t) {
  return t->layout == LAYOUT_NHWC || (n->op->flags & OP_INTEGER);
}

static int64_t extent(const Window *w, int d) { return (w->kernel[d] - 1) * w->dilation[d] + 1; }

static void read_input(const Node *n, const Tensor *x, Window *w) {
  char text[DIMS_TEXT];
  if (x->rank < 3 || x->rank > 5)
    error_at(n->loc, "%s: input has shape %s, expected 3 to 5 dimensions", op_name(n),
             dims_text(text, sizeof text, x));
  bool last = channels_last(n, x);
  w->spatial = x->rank - 2;
  w->batch = x->dim[0];
  w->channels = x->dim[last ? x->rank - 1 : 1];
  for (int d = 0; d < w->spatial; d++) {
    w->in[d] = x->dim[d + (last ? 1 : 2)];
    if (w->in[d] > INT32_MAX)
      error_at(n->loc, "%s: input's %s spatial dimension is %lld, at most %d are possible",
               op_name(n), axis_names[d], (long long)w->in[d], INT32_MAX);
  }
}

static void read_kernel(const Node *n, const Tensor *weights, Window *w) {
  bool given = find_attr(n, "kernel_shape") != NULL;
  if (is_global(n)) {
    memcpy(w->kernel, w->in, sizeof w->kernel);
    return;
  }
  if (!weights && !given) error_at(n->loc, "%s: kernel_shape is missing", op_name(n));
  if (given) read_list(n, "kernel_shape", w->spatial, 1, 1, w->kernel);
  int64_t taps = 1;
  for (int d = 0; d < w->spatial && taps >= 0; d++) taps = given ? mul_size(taps, w->kernel[d]) : 1;
  if (taps < 0) error_at(n->loc, "%s: kernel_shape is too large", op_name(n));
  if (!weights) return;
  char text[DIMS_TEXT];
  if (weights->rank != w->spatial + 2)
    error_at(n->loc, "%s: weights have shape %s, expected %d dimensions", op_name(n),
             dims_text(text, sizeof text, weights), w->spatial + 2);
  const int64_t *size = weights->dim + (channels_last(n, weights) ? 1 : 2);
  for (int d = 0; d < w->spatial; d++) {
    if (given && w->kernel[d] != size[d])
      error_at(n->loc, "%s: kernel_shape is %lld in the %s dimension, the weights have %lld",
               op_name(n), (long long)w->kernel[d], axis_names[d], (long long)size[d]);
    if (size[d] < 1 || size[d] > INT32_MAX)
      error_at(n->loc, "%s: weights have shape %s", op_name(n),
               dims_text(text, sizeof text, weights));
    w->kernel[d] = size[d];
  }
}

static int64_t read_group(const Node *n, const Window *w) {
  int64_t group = attr_int(n, "group", 1);
  if (group < 1 || w->channels % group)
    error_at(n->loc, "%s: %lld input channels can't be divided in %lld groups", op_name(n),
             (long long)w->channels, (long long)group);
  return group;
}

static void read_channels(const Node *n, const Tensor *weights, Window *w) {
  w->group = read_group(n, w);
  w->out_channels = weights->dim[0];
  int64_t per_group = weights->dim[channels_last(n, weights) ? weights->rank - 1 : 1];
  if (per_group != w->channels / w->group)
    error_at(n->loc, "%s: weights have %lld input channels per group, input has %lld channels in "
             "%lld groups", op_name(n), (long long)per_group, (long long)w->channels,
             (long long)w->group);
  if (w->out_channels % w->group)
    error_at(n->loc, "%s: %lld output channels can't be divided in %lld groups", op_name(n),
             (long long)w->out_channels, (long long)w->group);
}

/* A pool's window must touch the input wherever it is. */
static void check_pool_pads(const Node *n, const Window *w) {
  for (int d = 0; d < w->spatial; d++) {
    int64_t widest = w->pad[d] > w->pad_end[d] ? w->pad[d] : w->pad_end[d];
    if (widest >= extent(w, d))
      error_at(n->loc, "%s: padding of %lld elements is not smaller than the window, %lld",
               op_name(n), (long long)widest, (long long)extent(w, d));
  }
}

static void read_pads(const Node *n, Window *w) {
  int64_t pads[6];
  read_list(n, "pads", 2 * w->spatial, 0, 0, pads);
  for (int d = 0; d < w->spatial; d++) {
    w->pad[d] = pads[d];
    w->pad_end[d] = pads[w->spatial + d];
  }
}

/* SAME: as many outputs as ceil(in / stride); the odd element of padding goes to the end or, for
 * SAME_LOWER, to the beginning. */
static void pad_same(Window *w, int d, bool upper) {
  w->out[d] = (w->in[d] + w->stride[d] - 1) / w->stride[d];
  int64_t total = (w->out[d] - 1) * w->stride[d] + extent(w, d) - w->in[d];
  if (total < 0) total = 0;
  w->pad[d] = upper ? total / 2 : total - total / 2;
  w->pad_end[d] = total - w->pad[d];
}

static void slide(const Node *n, Window *w, int d, bool ceil_mode) {
  int64_t room = w->in[d] + w->pad[d] + w->pad_end[d] - extent(w, d);
  if (room < 0)
    error_at(n->loc, "%s: the window covers %lld elements in the %s dimension, the padded input "
             "has %lld", op_name(n), (long long)extent(w, d), axis_names[d],
             (long long)(room + extent(w, d)));
  w->out[d] = room / w->stride[d] + 1;
  if (ceil_mode && room % w->stride[d]) {
    int64_t start = w->out[d] * w->stride[d];
    if (start < w->in[d] + w->pad[d]) w->out[d]++;
  }
}

static void place_window(const Node *n, Window *w) {
  const char *auto_pad = attr_str(n, "auto_pad", "NOTSET");
  bool ceil_mode = attr_int(n, "ceil_mode", 0) != 0;
  bool same = strcmp(auto_pad, "SAME_UPPER") == 0 || strcmp(auto_pad, "SAME_LOWER") == 0;
  if (!same && strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)
    error_at(n->loc, "%s: unknown auto_pad '%s'", op_name(n), auto_pad);
  if (strcmp(auto_pad, "NOTSET") == 0) read_pads(n, w);
  for (int d = 0; d < w->spatial; d++) {
    if (same)
      pad_same(w, d, strcmp(auto_pad, "SAME_UPPER") == 0);
    else
      slide(n, w, d, ceil_mode);
  }
}

static void set_steps(bool last, int spatial, int64_t channels, const int64_t *size, int64_t *step,
                      int64_t *channel_step, int64_t *batch_step) {
  int64_t s = last ? channels : 1;
  for (int d = spatial - 1; d >= 0; d--) {
    step[d] = s;
    s *= size[d];
  }
  *channel_step = last ? 1 : s;
  *batch_step = last ? s : s * channels;
}

static void set_all_steps(const Node *n, const Tensor *x, Window *w) {
  bool last = channels_last(n, x);
  set_steps(last, w->spatial, w->channels, w->in, w->in_step, &w->in_channel_step,
            &w->in_batch_step);
  /* A hostile output shape overflows here before infer.c can refuse it. */
  int64_t size = w->batch;
  for (int d = 0; d < w->spatial && size >= 0; d++) size = mul_size(size, w->out[d]);
  if (size >= 0) size = mul_size(size, w->out_channels);
  if (size < 0) error_at(n->loc, "%s: the output has too many elements", op_name(n));
  set_steps(last, w->spatial, w->out_channels, w->out, w->out_step, &w->out_channel_step,
            &w->out_batch_step);
}

void get_window(const Node *n, const Tensor *x, const Tensor *weights, Window *w) {
  if (is_op(n, "ConvTranspose")) {
    get_conv_transpose(n, x, weights, w);
    return;
  }
  *w = (Window){.group = 1};
  read_input(n, x, w);
  read_kernel(n, weights, w);
  read_list(n, "strides", w->spatial, 1, 1, w->stride);
  read_list(n, "dilations", w->spatial, 1, 1, w->dilation);
  w->out_channels = w->channels;
  if (weights) read_channels(n, weights, w);
  if (is_global(n)) {
    for (int d = 0; d < w->spatial; d++) w->out[d] = w->stride[d] = w->dilation[d] = 1;
  } else {
    place_window(n, w);
    if (!weights) check_pool_pads(n, w);
  }
  set_all_steps(n, x, w);
}

/* The output of a transposed convolution along d, and its padding. */
static void place_transposed(const Node *n, Window *w, int d, const int64_t *wanted,
                             int64_t extra) {
  const char *auto_pad = attr_str(n, "auto_pad", "NOTSET");
  bool upper = strcmp(auto_pad, "SAME_UPPER") == 0;
  bool same = upper || strcmp(auto_pad, "SAME_LOWER") == 0;
  int64_t full = w->stride[d] * (w->in[d] - 1) + extra + extent(w, d);
  if (!wanted && !same) {
    w->out[d] = full - w->pad[d] - w->pad_end[d];
  } else {
    w->out[d] = wanted ? wanted[d] : w->in[d] * w->stride[d];
    int64_t total = full - w->out[d] > 0 ? full - w->out[d] : 0;
    w->pad[d] = upper ? total / 2 : total - total / 2;
    w->pad_end[d] = total - w->pad[d];
  }
  if (w->out[d] < 1)
    error_at(n->loc, "%s: the output has %lld elements in the %s dimension", op_name(n),
             (long long)w->out[d], axis_names[d]);
}

void get_conv_transpose(const Node *n, const Tensor *x, const Tensor *weights, Window *w) {
  *w = (Window){.group = 1};
  read_input(n, x, w);
  read_kernel(n, weights, w);
  read_list(n, "strides", w->spatial, 1, 1, w->stride);
  read_list(n, "dilations", w->spatial, 1, 1, w->dilation);
  w->group = read_group(n, w);
  if (weights->dim[0] != w->channels)
    error_at(n->loc, "%s: weights have %lld input channels, input has %lld", op_name(n),
             (long long)weights->dim[0], (long long)w->channels);
  int64_t per_group = weights->dim[channels_last(n, weights) ? weights->rank - 1 : 1];
  w->out_channels = mul_size(per_group, w->group);
  int64_t extra[3], wanted[3];
  read_list(n, "output_padding", w->spatial, 0, 0, extra);
  read_pads(n, w);
  bool sized = find_attr(n, "output_shape") != NULL;
  if (sized) read_list(n, "output_shape", w->spatial, 1, 1, wanted);
  for (int d = 0; d < w->spatial; d++)
    place_transposed(n, w, d, sized ? wanted : NULL, extra[d]);
  set_all_steps(n, x, w);
}

void set_window_type(Node *n, DType t, const Window *w, Layout layout) {
  int64_t dim[MAX_RANK];
  bool last = layout == LAYOUT_NHWC;
  dim[0] = w->batch;
  dim[last ? w->spatial + 1 : 1] = w->out_channels;
  for (int d = 0; d < w->spatial; d++) dim[d + (last ? 1 : 2)] = w->out[d];
  set_type(n, 0, t, w->spatial + 2, dim, layout);
}

/* ---- loops */

static void shift_list(int64_t *v, int by, int64_t fill) {
  memmove(v + by, v, (size_t)(3 - by) * sizeof *v);
  for (int i = 0; i < by; i++) v[i] = fill;
}

void widen_window(Window *w) {
  int by = 3 - w->spatial;
  shift_list(w->in, by, 1);
  shift_list(w->out, by, 1);
  shift_list(w->kernel, by, 1);
  shift_list(w->stride, by, 1);
  shift_list(w->dilation, by, 1);
  shift_list(w->pad, by, 0);
  shift_list(w->pad_end, by, 0);
  shift_list(w->in_step, by, 0);
  shift_list(w->out_step, by, 0);
  w->spatial = 3;
}

int64_t window_taps(const Window *w) { return dims_product(w->kernel, 0, w->spatial); }

int64_t window_positions(const Window *w) { return dims_product(w->out, 0, w->spatial); }

/* First input coordinates of the window at output position p. */
static void window_corner(const Window *w, int64_t p, int64_t *corner) {
  for (int d = 2; d >= 0; d--) {
    corner[d] = p % w->out[d] * w->stride[d] - w->pad[d];
    p /= w->out[d];
  }
}

int64_t valid_taps(const Window *w, int64_t p, int64_t *offset, int64_t *tap) {
  int64_t corner[3], count = 0, t = 0;
  window_corner(w, p, corner);
  for (int64_t a = 0; a < w->kernel[0]; a++)
    for (int64_t b = 0; b < w->kernel[1]; b++)
      for (int64_t c = 0; c < w->kernel[2]; c++, t++) {
        int64_t i = corner[0] + a * w->dilation[0], j = corner[1] + b * w->dilation[1];
        int64_t k = corner[2] + c * w->dilation[2];
        if (i < 0 || i >= w->in[0] || j < 0 || j >= w->in[1] || k < 0 || k >= w->in[2]) continue;
        offset[count] = i * w->in_step[0] + j * w->in_step[1] + k * w->in_step[2];
        if (tap) tap[count] = t;
        count++;
      }
  return count;
}

/* Do the taps of one kernel row lie side by side in the input as they do in the patch, with none in
 * the padding? */
static bool is_run(const Patches *p, int64_t i, int64_t j, int64_t k) {
  const Window *w = p->w;
  return w->group == 1 && !p->taps_last && w->in_channel_step == 1 && w->dilation[2] == 1 &&
         w->in_step[2] == w->channels && i >= 0 && i < w->in[0] && j >= 0 && j < w->in[1] &&
         k >= 0 && k + w->kernel[2] <= w->in[2];
}

/* One tap of a row: the channels of a group, `from` NULL in the padding. */
static void copy_tap(const Patches *p, int64_t channels, int64_t step, const char *from, char *to) {
  int64_t bytes = (int64_t)p->bytes, in_step = p->w->in_channel_step * bytes;
  if (step == 1 && !from) {
    memset(to, p->pad_byte, (size_t)(channels * bytes));
  } else if (step == 1 && in_step == bytes) {
    memcpy(to, from, (size_t)(channels * bytes));
  } else if (from && bytes == 4) {
    const float *x = (const float *)(const void *)from;
    float *y = (float *)(void *)to;
    for (int64_t c = 0; c < channels; c++) y[c * step] = x[c * p->w->in_channel_step];
  } else {
    for (int64_t c = 0; c < channels; c++, to += step * bytes) {
      if (!from)
        memset(to, p->pad_byte, p->bytes);
      else
        memcpy(to, from + c * in_step, p->bytes);
    }
  }
}

void gather_patches(const Patches *p, int64_t first, int64_t count, void *rows) {
  const Window *w = p->w;
  int64_t channels = w->channels / w->group, taps = window_taps(w);
  int64_t channel_step = p->taps_last ? taps : 1, tap_step = p->taps_last ? 1 : channels;
  int64_t bytes = (int64_t)p->bytes;
  const char *x = (const char *)p->x +
                  (p->batch * w->in_batch_step + p->group * channels * w->in_channel_step) * bytes;
  char *row = rows;
  for (int64_t r = first; r < first + count; r++, row += channels * taps * bytes) {
    int64_t corner[3];
    window_corner(w, r, corner);
    char *to = row;
    for (int64_t a = 0; a < w->kernel[0]; a++)
      for (int64_t b = 0; b < w->kernel[1]; b++) {
        int64_t i = corner[0] + a * w->dilation[0], j = corner[1] + b * w->dilation[1];
        if (is_run(p, i, j, corner[2])) {
          int64_t at = i * w->in_step[0] + j * w->in_step[1] + corner[2] * w->in_step[2];
          int64_t size = w->kernel[2] * channels * bytes;
          memcpy(to, x + at * bytes, (size_t)size);
          to += size;
          continue;
        }
        for (int64_t c = 0; c < w->kernel[2]; c++, to += tap_step * bytes) {
          int64_t k = corner[2] + c * w->dilation[2];
          bool inside = i >= 0 && i < w->in[0] && j >= 0 && j < w->in[1] && k >= 0 && k < w->in[2];
          int64_t at = i * w->in_step[0] + j * w->in_step[1] + k * w->in_step[2];
          copy_tap(p, channels, channel_step, inside ? x + at * bytes : NULL, to);
        }
      }
  }
}
