/* move.c - the bodies of operators that move elements, and of AffineGrid, whose points are constants times a
 * matrix. */
#include <stdlib.h>

#include "ir/functions.h"

/* In inference: the input, and a mask of what is kept, all. */
bool body_dropout(Body *b) {
  const Tensor *x = b->in[0];
  b->out[0] = b->in[0];
  Tensor *mask = new_const(b->g, fresh_name(b->g, arena_printf(b->g->arena, "%s_mask", b->n->name)), DT_BOOL,
                           x->rank, x->dim, NULL);
  uint8_t *kept = mask->data = arena_alloc(b->g->arena, tensor_bytes(mask) + 1);
  for (int64_t i = 0; i < n_elements(x); i++) kept[i] = 1;
  b->out[1] = mask;
  return true;
}

/* The same number of elements beside the middle, or away from it: a Pad, with negative amounts to crop.  The
 * odd element is cut off at the end where there are fewer, and added there where there are more. */
bool body_center_crop_pad(Body *b) {
  const Tensor *x = b->in[0];
  int64_t axes[MAX_RANK], size[MAX_RANK], pads[2 * MAX_RANK] = {0};
  int n = attr_ints(b->n, "axes", axes, MAX_RANK), count = body_input(b, 1)->data
              ? const_ints(b->in[1], size, MAX_RANK) : -1;
  if (count < 0) return false;
  for (int d = 0; n == 0 && d < x->rank; d++) axes[d] = d;
  if (count != (n ? n : x->rank))
    error_at(b->n->loc, "CenterCropPad: shape has %d values, expected %d", count, n ? n : x->rank);
  for (int i = 0; i < count; i++) {
    int d = get_axis(b->n, axes[i], x->rank);
    if (size[i] < 0 || size[i] > INT32_MAX)
      error_at(b->n->loc, "CenterCropPad: shape has the value %lld", (long long)size[i]);
    int64_t more = size[i] - x->dim[d], before = more / 2;
    pads[d] = before;
    pads[x->rank + d] = more - before;
  }
  b->out[0] = put2(b, "Pad", b->in[0], put_ints(b, 2 * x->rank, pads));
  return true;
}

/* Elements of x go to places in the tensor that a MaxPool of these windows has read; a larger one, where
 * output_shape asks for it, has that in its corner. */
bool body_max_unpool(Body *b) {
  Tensor *x = b->in[0], *places = b->in[1], *shape = body_input(b, 2);
  int64_t kernel[3], stride[3] = {1, 1, 1}, pads[6] = {0}, dim[MAX_RANK], wanted[MAX_RANK], flat = -1;
  int spatial = attr_ints(b->n, "kernel_shape", kernel, 3), count = 0;
  attr_ints(b->n, "strides", stride, 3), attr_ints(b->n, "pads", pads, 6);
  if (x->rank != spatial + 2 || !same_shape(x, places) || spatial < 1)
    error_at(b->n->loc, "MaxUnpool: expected elements and places of the same shape, and kernel_shape for "
             "their spatial dimensions");
  need_type(b->n, 1, DT_I64);
  int64_t all = mul_size(x->dim[0], x->dim[1]), more[2 * MAX_RANK] = {0};
  for (int d = 0; d < x->rank; d++) {
    dim[d] = x->dim[d];
    if (d < 2) continue;
    dim[d] = mul_size(x->dim[d] - 1, stride[d - 2]) + kernel[d - 2] - pads[d - 2] - pads[spatial + d - 2];
    if (dim[d] < 1 || dim[d] > INT32_MAX || kernel[d - 2] < 1 || kernel[d - 2] > INT32_MAX || stride[d - 2] < 1)
      error_at(b->n->loc, "MaxUnpool: windows of %lld have no input of %lld", (long long)kernel[d - 2],
               (long long)dim[d]);
    all = mul_size(all, dim[d]);
  }
  if (all < 0 || all > INT32_MAX) error_at(b->n->loc, "MaxUnpool: the output has too many elements");
  if (shape && !shape->data) return false;
  if (shape && (count = const_ints(shape, wanted, MAX_RANK)) != x->rank)
    error_at(b->n->loc, "MaxUnpool: output_shape has %d values, expected %d", count, x->rank);
  Tensor *zero = put2(b, "Expand", put_real(b, x->dtype, 0), put_ints(b, 1, &all));
  Tensor *y = put_op(b, "ScatterElements", 3,
                     (Tensor *[]){zero, put_reshape(b, places, 1, &flat), put_reshape(b, x, 1, &flat)});
  y = put_reshape(b, y, x->rank, dim);
  for (int d = 0; d < x->rank && shape; d++) more[x->rank + d] = wanted[d] - dim[d];
  b->out[0] = shape ? put2(b, "Pad", y, put_ints(b, 2 * x->rank, more)) : y;
  return true;
}

/* Every column of a block adds to its places: a ConvTranspose in which each tap of a channel's window is a
 * channel of its own, with a kernel of that tap. */
bool body_col2im(Body *b) {
  Tensor *x = b->in[0];
  int64_t image[3], block[3], taps = 1, windows = 1, pads[6] = {0}, stride[3] = {1, 1, 1},
                              dilation[3] = {1, 1, 1};
  int rank = const_ints(b->in[1], image, 3), ranks = const_ints(b->in[2], block, 3);
  if (!b->in[1]->data || !b->in[2]->data) return false;
  if (rank < 1 || ranks != rank || x->rank != 3)
    error_at(b->n->loc, "Col2Im: expected an input of three dimensions, and image_shape and block_shape "
             "of one to three values");
  attr_ints(b->n, "pads", pads, 6), attr_ints(b->n, "strides", stride, 3);
  attr_ints(b->n, "dilations", dilation, 3);
  int64_t dim[5] = {x->dim[0], x->dim[1]}, extra[3];
  for (int d = 0; d < rank; d++) {
    int64_t room = image[d] + pads[d] + pads[rank + d] - (block[d] - 1) * dilation[d] - 1;
    if (block[d] < 1 || block[d] > 4096 || stride[d] < 1 || dilation[d] < 1 || image[d] > INT32_MAX ||
        dilation[d] > INT32_MAX || room < 0)
      error_at(b->n->loc, "Col2Im: a block of %lld does not fit an image of %lld", (long long)block[d],
               (long long)image[d]);
    dim[2 + d] = room / stride[d] + 1, extra[d] = room % stride[d];
    taps *= block[d], windows *= dim[2 + d];
  }
  if (taps > 1 << 16 || x->dim[1] % taps || x->dim[2] != windows)
    error_at(b->n->loc, "Col2Im: the input has %lld rows of %lld, expected a multiple of %lld rows of %lld",
             (long long)x->dim[1], (long long)x->dim[2], (long long)taps, (long long)windows);
  int64_t channels = x->dim[1] / taps, kernel[5] = {x->dim[1], 1, block[0], block[1], block[2]};
  double *one = scratch(mul_size(x->dim[1], taps), sizeof *one);
  for (int64_t i = 0; i < x->dim[1]; i++) one[i * taps + i % taps] = 1;
  Tensor *w = put_reals(b, x->dtype, 2 + rank, kernel, one);
  free(one);
  Node *n = start_node(b, "ConvTranspose", 2, (Tensor *[]){put_reshape(b, x, 2 + rank, dim), w});
  set_int(b->g, n, "group", channels);
  set_ints(b->g, n, "pads", 2 * rank, pads), set_ints(b->g, n, "strides", rank, stride);
  set_ints(b->g, n, "dilations", rank, dilation), set_ints(b->g, n, "output_padding", rank, extra);
  b->out[0] = finish_node(b, n);
  return true;
}

/* theta[N][2 or 3][3 or 4] times the points of a grid [N][D][H][W] between -1 and 1, x first. */
bool body_affine_grid(Body *b) {
  Tensor *theta = b->in[0];
  int64_t size[5];
  if (!b->in[1]->data) return false;
  int spatial = const_ints(b->in[1], size, 5) - 2, corners = attr_int(b->n, "align_corners", 0) != 0;
  if (spatial < 2 || theta->rank != 3 || theta->dim[0] != size[0] || theta->dim[1] != spatial ||
      theta->dim[2] != spatial + 1)
    error_at(b->n->loc, "AffineGrid: theta and size do not fit each other");
  int64_t points = 1, dim[2], to[5] = {size[0]};
  for (int d = 0; d < spatial; d++) {
    points = mul_size(points, size[2 + d]), to[1 + d] = size[2 + d];
    if (points < 1 || points > 1 << 26) error_at(b->n->loc, "AffineGrid: size is not possible");
  }
  dim[0] = spatial + 1, dim[1] = points, to[1 + spatial] = spatial;
  double *p = scratch(mul_size(dim[0], points), sizeof *p);
  for (int64_t i = 0; i < points; i++) {
    int64_t rest = i;
    for (int k = 0; k < spatial; k++) {
      int64_t count = size[1 + spatial - k], at = rest % count;
      rest /= count;
      p[k * points + i] = corners ? (count > 1 ? 2.0 * (double)at / (double)(count - 1) - 1 : 0)
                                  : (2.0 * (double)at + 1) / (double)count - 1;
    }
    p[spatial * points + i] = 1;
  }
  Tensor *grid = put2(b, "MatMul", theta, put_reals(b, theta->dtype, 2, dim, p));
  free(p);
  b->out[0] = put_reshape(b, put_transpose(b, grid, "021"), spatial + 2, to);
  return true;
}
