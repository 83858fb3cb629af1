/* signal.c - the bodies of DFT and STFT: a row of a signal times a constant matrix of sines and cosines, with
 * real and imaginary parts side by side.  That takes n^2 products where an FFT takes n log n; rows of
 * signals are short, and matrix products fast. */
#include <math.h>
#include <stdlib.h>

#include "ir/functions.h"

enum { MAX_DFT = 1 << 24 };    /* elements of the matrix */

typedef struct Transform {
  int64_t length;              /* of a period */
  bool inverse, onesided;
  int64_t n_in, n_out;         /* numbers of a row that count, numbers that come out */
  int in_parts, out_parts;     /* 1: real, 2: complex */
} Transform;

/* What part p of number n adds to part q of number k. */
static double weight_of(const Transform *t, int64_t n, int p, int64_t k, int q) {
  double turn = 2 * acos(-1.0) * (double)(n * k % t->length) / (double)t->length;
  double weight = t->inverse ? 1 / (double)t->length : 1, sine = sin(turn) * (t->inverse ? 1 : -1);
  /* Half a spectrum stands for two equal halves, but for its ends. */
  if (t->inverse && t->onesided && n != 0 && 2 * n != t->length) weight *= 2;
  return weight * (p == q ? cos(turn) : q ? sine : -sine);
}

/* x[..][numbers][parts] along `axis`, which is not the last; length 0: what there is. */
static Tensor *put_dft(Body *b, Tensor *x, int axis, int64_t length, bool inverse, bool onesided) {
  int last = x->rank - 1;
  int64_t n = x->dim[axis], parts = x->dim[last];
  bool to_real = inverse && onesided;
  if (length == 0) length = to_real ? 2 * (n - 1) : n;
  if ((parts != 1 && parts != 2) || (onesided && !inverse && parts != 1))
    error_at(b->n->loc, "%s: numbers have %lld parts, expected %s", op_name(b->n), (long long)parts,
             onesided && !inverse ? "1" : "1 or 2");
  if (length < 1 || length > INT32_MAX)
    error_at(b->n->loc, "%s: a length of %lld is not possible", op_name(b->n), (long long)length);
  Transform t = {length, inverse, onesided, 0, onesided && !inverse ? length / 2 + 1 : length, (int)parts,
                 to_real ? 1 : 2};
  t.n_in = to_real ? length / 2 + 1 : length;
  if (t.n_in > n) t.n_in = n;
  int64_t dim[2] = {t.n_in * t.in_parts, t.n_out * t.out_parts}, count = mul_size(dim[0], dim[1]);
  if (count < 0 || count > MAX_DFT)
    error_at(b->n->loc, "%s: a length of %lld is too large", op_name(b->n), (long long)length);
  double *w = scratch(count, sizeof *w);
  for (int64_t i = 0; i < count; i++) {
    int64_t row = i / dim[1], column = i % dim[1];
    w[i] = weight_of(&t, row / t.in_parts, (int)(row % t.in_parts), column / t.out_parts,
                     (int)(column % t.out_parts));
  }
  Tensor *matrix = put_reals(b, x->dtype, 2, dim, w);
  free(w);

  /* The axis moves in front of the parts; a swap of two dimensions is its own inverse. */
  char order[MAX_RANK + 1] = "01234567";
  order[axis] = (char)('0' + last - 1), order[last - 1] = (char)('0' + axis);
  if (t.n_in < n) x = put_slice(b, x, axis, 0, t.n_in);
  if (axis != last - 1) x = put_transpose(b, x, order);
  int64_t to[MAX_RANK];
  for (int d = 0; d < x->rank; d++) to[d] = x->dim[d];
  to[last - 1] = dim[0];
  Tensor *y = put2(b, "MatMul", put_reshape(b, x, last, to), matrix);
  to[last - 1] = t.n_out, to[last] = t.out_parts;
  y = put_reshape(b, y, x->rank, to);
  return axis != last - 1 ? put_transpose(b, y, order) : y;
}

/* An optional input of one integer; false while it is not known. */
static bool read_integer(const Body *b, int i, int64_t otherwise, int64_t *v) {
  const Tensor *t = body_input(b, i);
  *v = otherwise;
  if (!t) return true;
  if (n_elements(t) != 1 || !dtype_is_int(t->dtype))
    error_at(b->n->loc, "%s: input %d is not one integer", op_name(b->n), i + 1);
  if (t->data) *v = get_int(t->dtype, t->data, 0);
  return t->data != NULL;
}

/* The axis is an attribute, 1 unless given, before opset 20; then an input. */
bool body_dft(Body *b) {
  Tensor *x = b->in[0];
  int64_t length, axis;
  need_float(b->n, 0);
  if (x->rank < 2) error_at(b->n->loc, "DFT: the input has %d dimensions, expected at least 2", x->rank);
  if (!read_integer(b, 1, 0, &length) || !read_integer(b, 2, attr_int(b->n, "axis", -2), &axis)) return false;
  int a = get_axis(b->n, axis, x->rank);
  if (a == x->rank - 1) error_at(b->n->loc, "DFT: the last dimension holds the parts of a number");
  if (body_input(b, 1) && length < 1)
    error_at(b->n->loc, "DFT: a length of %lld is not possible", (long long)length);
  b->out[0] = put_dft(b, x, a, length, attr_int(b->n, "inverse", 0) != 0, attr_int(b->n, "onesided", 0) != 0);
  return true;
}

/* signal[batch][samples][parts] in frames, each times the window. */
bool body_stft(Body *b) {
  Tensor *x = b->in[0], *window = body_input(b, 2);
  int64_t step, length;
  need_float(b->n, 0);
  if (x->rank == 2) x = put_reshape(b, x, 3, (int64_t[]){x->dim[0], x->dim[1], 1});
  if (x->rank != 3) error_at(b->n->loc, "STFT: the signal has %d dimensions, expected 3", x->rank);
  int64_t size = window ? n_elements(window) : x->dim[1];
  if (!read_integer(b, 1, 0, &step) || !read_integer(b, 3, size, &length)) return false;
  if (step < 1 || length < 1 || length > x->dim[1] || (window && (window->rank != 1 || size != length)))
    error_at(b->n->loc, "STFT: frames of %lld, %lld from each other, with a window of %lld, of %lld samples",
             (long long)length, (long long)step, (long long)size, (long long)x->dim[1]);
  int64_t dim[2] = {(x->dim[1] - length) / step + 1, length}, count = mul_size(dim[0], length);
  if (count < 0 || count > MAX_DFT) error_at(b->n->loc, "STFT: the frames have too many samples");
  int64_t *place = arena_alloc(b->g->arena, mul_size(count, (int64_t)sizeof *place) + 1);
  for (int64_t i = 0; i < count; i++) place[i] = i / length * step + i % length;
  Tensor *places = new_const(b->g, fresh_name(b->g, "places"), DT_I64, 2, dim, place);
  Node *n = start_node(b, "Gather", 2, (Tensor *[]){x, places});
  set_int(b->g, n, "axis", 1);
  Tensor *frames = finish_node(b, n);
  if (window) frames = put2(b, "Mul", frames, put_along(b, put_cast(b, window, x->dtype), 4, 2));
  b->out[0] = put_dft(b, frames, 2, 0, false, attr_int(b->n, "onesided", 1) != 0);
  return true;
}
