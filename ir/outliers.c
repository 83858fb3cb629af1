/* outliers.c - weights that lie beside the codes: the few that codes hold badly, as three constant
 * inputs of the node that decodes or multiplies these codes.  A weight's place among the codes keeps
 * whatever code it has got; what is beside it is added to that. */
#include "ir/ops/ops.h"

static const struct { const char *op; int input; } holders[] = {
  {"Dequantize", 1}, {"WConv", 3}, {"WGemm", 3}, {"QConv", 6}, {"QGemm", 6},
};

int outlier_input(const Node *n) {
  for (size_t i = 0; i < sizeof holders / sizeof *holders; i++)
    if (is_op(n, holders[i].op)) return in_tensor(n, holders[i].input) ? holders[i].input : 0;
  return 0;
}

OutlierRows get_outliers(const Node *n, const void *const *in) {
  int at = outlier_input(n);
  return (OutlierRows){n_elements(n->in[at]), n_elements(n->in[at + 1]), in[at], in[at + 1], in[at + 2]};
}

static bool fits_rows(const OutlierRows *s, int64_t row) {
  int64_t at = 0;
  for (int64_t r = 0; r < s->rows; r++)
    for (int64_t i = 0; i < s->count[r]; i++, at++)
      if (at >= s->n || s->column[at] >= row) return false;
  return at == s->n;
}

void check_outliers(const Node *n, const Tensor *codes) {
  int at = outlier_input(n);
  if (!at) return;
  for (int i = at; i < at + 3; i++)
    if (!in_tensor(n, i) || !is_const(n->in[i]))
      error_at(n->loc, "%s: weights beside the codes need three constant inputs", op_name(n));
  need_type(n, at, DT_U16), need_type(n, at + 1, DT_U16), need_type(n, at + 2, DT_I16);
  int64_t rows = codes->rank > 0 ? codes->dim[0] : 0;
  need_vector(n, at, "count", rows);
  need_vector(n, at + 2, "value", n_elements(n->in[at + 1]));
  if (!codes->quant || !codes->quant->channel_scale)
    error_at(n->loc, "%s: weights beside the codes need a scale of each channel", op_name(n));
  OutlierRows s = {rows, n_elements(n->in[at + 1]), n->in[at]->data, n->in[at + 1]->data,
                  n->in[at + 2]->data};
  if (!fits_rows(&s, rows ? n_elements(codes) / rows : 0))
    error_at(n->loc, "%s: weights beside the codes do not fit the rows", op_name(n));
}

int64_t add_row_outliers(const OutlierRows *s, int64_t r, int64_t at, float scale, float *w) {
  for (int64_t end = at + s->count[r]; at < end; at++) w[s->column[at]] += scale * (float)s->value[at];
  return at;
}

void add_outliers(const Node *n, const void *const *in, const Tensor *codes, float *w) {
  if (!outlier_input(n)) return;
  OutlierRows s = get_outliers(n, in);
  int64_t row = n_elements(codes) / s.rows;
  for (int64_t r = 0, at = 0; r < s.rows; r++)
    at = add_row_outliers(&s, r, at, codes->quant->channel_scale[r], w + r * row);
}
