/* signal.c - constants of signal processing, which depend on numbers that must be known: windows, and the
 * matrix that sums the bins of a spectrum on the mel scale (Davis and Mermelstein 1980). */
#include <math.h>

#include "ir/ops/ops.h"

/* A number that must be constant; false while it is not known. */
static bool read_number(const Node *n, const void *const *in, int i, double *v) {
  const Tensor *t = n->in[i];
  const void *data = in ? in[i] : t->data;
  if (!data || !has_static_shape(t)) return false;
  if (n_elements(t) != 1) error_at(n->loc, "%s: input %d is not one number", op_name(n), i + 1);
  *v = get_real(t->dtype, data, 0);
  return true;
}

/* The type that attribute output_datatype wants. */
static DType wanted_type(const Node *n) {
  int64_t t = attr_int(n, "output_datatype", DT_F32);
  if (t <= DT_NONE || t >= DT_COUNT || dtype_bytes((DType)t) == 0 || t == DT_BOOL || t == DT_STRING)
    error_at(n->loc, "%s: output_datatype %lld is not supported", op_name(n), (long long)t);
  return (DType)t;
}

void infer_cosine_window(Graph *g, Node *n) {
  (void)g;
  double size;
  if (!read_number(n, NULL, 0, &size)) return;
  if (!(size >= 0 && size <= INT32_MAX)) error_at(n->loc, "%s: size is %g", op_name(n), size);
  int64_t dim = (int64_t)size;
  set_type(n, 0, wanted_type(n), 1, &dim, LAYOUT_NONE);
}

/* a - b cos(turn) + c cos(2 turn), of which the periodic one leaves out the last. */
void eval_cosine_window(const Node *n, const void *const *in, void *const *out) {
  (void)in;
  static const struct {
    const char *op;
    double a, b, c;
  } windows[] = {{"HannWindow", 0.5, 0.5, 0}, {"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
                 {"BlackmanWindow", 0.42, 0.5, 0.08}};
  int64_t size = n_elements(n->out[0]), period = attr_int(n, "periodic", 1) ? size : size - 1;
  int k = 0;
  while (!is_op(n, windows[k].op)) k++;
  for (int64_t i = 0; i < size; i++) {
    double turn = period > 0 ? 2 * acos(-1.0) * (double)i / (double)period : 0;
    set_real(n->out[0]->dtype, out[0], i,
             windows[k].a - windows[k].b * cos(turn) + windows[k].c * cos(2 * turn));
  }
}

/* ---- MelWeightMatrix: number of bands, length of the DFT, sample rate, lowest and highest frequency */

typedef struct Mel {
  double bands, length, rate, low, high;
} Mel;

static bool read_mel(const Node *n, const void *const *in, Mel *m) {
  double *v[] = {&m->bands, &m->length, &m->rate, &m->low, &m->high};
  for (int i = 0; i < 5; i++)
    if (!read_number(n, in, i, v[i])) return false;
  if (!(m->bands >= 1 && m->bands <= 1 << 20 && m->length >= 1 && m->length <= 1 << 24 && m->rate > 0 &&
        m->low >= 0 && m->high > m->low && m->high <= m->rate / 2))
    error_at(n->loc, "MelWeightMatrix: %g bands of %g to %g Hz, of a DFT of %g at %g Hz, are not possible",
             m->bands, m->low, m->high, m->length, m->rate);
  return true;
}

void infer_mel_weights(Graph *g, Node *n) {
  (void)g;
  Mel m;
  if (!read_mel(n, NULL, &m)) return;
  int64_t dim[2] = {(int64_t)m.length / 2 + 1, (int64_t)m.bands};
  set_type(n, 0, wanted_type(n), 2, dim, LAYOUT_NONE);
}

static double mel_of(double hertz) { return 2595 * log10(1 + hertz / 700); }

/* The bin of the spectrum in which edge i of the bands lies. */
static int64_t edge_bin(const Mel *m, int64_t i) {
  double low = mel_of(m->low), step = (mel_of(m->high) - low) / (m->bands + 2);
  double hertz = 700 * (pow(10, (low + step * (double)i) / 2595) - 1);
  return (int64_t)floor((m->length + 1) * hertz / m->rate);
}

/* A band is a triangle over three edges. */
void eval_mel_weights(const Node *n, const void *const *in, void *const *out) {
  Mel m;
  if (!read_mel(n, in, &m)) return;
  const Tensor *y = n->out[0];
  int64_t bins = y->dim[0], bands = y->dim[1];
  for (int64_t band = 0; band < bands; band++) {
    int64_t from = edge_bin(&m, band), top = edge_bin(&m, band + 1), to = edge_bin(&m, band + 2);
    for (int64_t bin = 0; bin < bins; bin++) {
      double v = 0;
      if (bin >= top && bin < to) v = (double)(to - bin) / (double)(to - top);
      else if (bin >= from && bin < top) v = (double)(bin - from) / (double)(top - from);
      else if (bin == top) v = 1;
      set_real(y->dtype, out[0], bin * bands + band, v);
    }
  }
}
