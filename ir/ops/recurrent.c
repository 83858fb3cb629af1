/* recurrent.c - RNN, GRU and LSTM: a cell that runs over the steps of a sequence and carries its state
 * from one to the next, forwards, backwards or both.  All three share their shapes and the loop over
 * directions, samples and steps; a Cell function is one step of one sample.  Sums are in double.
 *
 * The gates' weights stand one behind the other: z r h in a GRU, i o f c in an LSTM. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ops/ops.h"

/* ---- attributes */

/* What gates may compute, numbered as in runtime/recurrent.h, and their parameters where none are given. */
static const struct {
  const char *name;
  int n_parameter;
  float alpha, beta;
} functions[] = {
    {"Sigmoid", 0, 0, 0},       {"Tanh", 0, 0, 0},           {"Relu", 0, 0, 0},
    {"Affine", 2, 1, 0},        {"LeakyRelu", 1, 0.01f, 0},  {"ThresholdedRelu", 1, 1, 0},
    {"ScaledTanh", 2, 1, 1},    {"HardSigmoid", 2, 0.2f, 0.5f}, {"Elu", 1, 1, 0},
    {"Softsign", 0, 0, 0},      {"Softplus", 0, 0, 0},
};
enum { SIGMOID, TANH, RELU, AFFINE, LEAKY_RELU, THRESHOLDED_RELU, SCALED_TANH, HARD_SIGMOID, ELU,
       SOFTSIGN, SOFTPLUS, N_FUNCTIONS };
_Static_assert(N_FUNCTIONS == sizeof functions / sizeof *functions, "a function without a number");

static bool same_word(const char *a, const char *b) {
  for (; *a && (*a | 32) == (*b | 32); a++) b++;
  return *a == *b;
}

static int find_function(const Node *n, const char *name) {
  for (int i = 0; i < N_FUNCTIONS; i++)
    if (same_word(functions[i].name, name)) return i;
  error_at(n->loc, "%s: no activation '%s'", op_name(n), name);
}

/* Lists of parameters have them for those functions only that take any, in their order. */
static double take_parameter(const Attr *list, int *at, double otherwise) {
  return list && list->kind == ATTR_FLOATS && *at < list->n ? list->floats[(*at)++] : otherwise;
}

static void get_functions(const Node *n, Recurrent *r) {
  static const int usual[3][3] = {{TANH}, {SIGMOID, TANH}, {SIGMOID, TANH, TANH}};
  const Attr *names = find_attr(n, "activations"), *alpha = find_attr(n, "activation_alpha"),
             *beta = find_attr(n, "activation_beta");
  int count = r->directions * r->n_function, at_alpha = 0, at_beta = 0;
  if (names && (names->kind != ATTR_STRINGS || names->n != count))
    error_at(n->loc, "%s: %d activations, expected %d", op_name(n),
             names->kind == ATTR_STRINGS ? names->n : 1, count);
  for (int i = 0; i < count; i++) {
    int f = names ? find_function(n, names->strings[i]) : usual[r->n_function - 1][i % r->n_function];
    GateFunction *to = &r->function[i / r->n_function][i % r->n_function];
    *to = (GateFunction){f, (double)functions[f].alpha, (double)functions[f].beta};
    if (functions[f].n_parameter > 0) to->alpha = take_parameter(alpha, &at_alpha, to->alpha);
    if (functions[f].n_parameter > 1) to->beta = take_parameter(beta, &at_beta, to->beta);
  }
}

static int count_directions(const Node *n, bool *backwards) {
  const char *direction = attr_str(n, "direction", "forward");
  bool both = strcmp(direction, "bidirectional") == 0;
  *backwards = strcmp(direction, "reverse") == 0;
  if (!both && !*backwards && strcmp(direction, "forward") != 0)
    error_at(n->loc, "%s: no direction '%s'", op_name(n), direction);
  return both ? 2 : 1;
}

void get_recurrent(const Node *n, Recurrent *r) {
  const Tensor *x = n->in[0];
  bool batch_first = attr_int(n, "layout", 0) != 0;
  *r = (Recurrent){.gates = is_op(n, "LSTM") ? 4 : is_op(n, "GRU") ? 3 : 1,
                   .n_function = is_op(n, "LSTM") ? 3 : is_op(n, "GRU") ? 2 : 1,
                   .steps = x->dim[batch_first],
                   .batch = x->dim[!batch_first],
                   .inputs = x->dim[2],
                   .hidden = n->in[2]->dim[2],
                   .clip = attr_float(n, "clip", 0),
                   .cell_clip = attr_float(n, "cell_clip", 0)};
  r->directions = count_directions(n, &r->backwards);
  int64_t h = r->hidden, d = r->directions;
  r->x_step = (batch_first ? 1 : r->batch) * r->inputs;
  r->x_sample = (batch_first ? r->steps : 1) * r->inputs;
  r->y_step = (batch_first ? 1 : r->batch) * d * h;
  r->y_sample = batch_first ? r->steps * d * h : h;
  r->y_direction = (batch_first ? 1 : r->batch) * h;
  r->h_sample = (batch_first ? d : 1) * h;
  r->h_direction = (batch_first ? 1 : r->batch) * h;
  get_functions(n, r);
}

/* ---- shapes */

static void need_shape(const Node *n, int i, const char *what, int rank, const int64_t *dim) {
  const Tensor *t = in_tensor(n, i);
  if (!t) return;
  Tensor want = {.rank = rank};
  memcpy(want.dim, dim, (size_t)rank * sizeof *dim);
  char got[DIMS_TEXT], expected[DIMS_TEXT];
  if (!same_shape(t, &want))
    error_at(n->loc, "%s: %s has shape %s, expected %s", op_name(n), what,
             dims_text(got, sizeof got, t), dims_text(expected, sizeof expected, &want));
}

void infer_recurrent(Graph *g, Node *n) {
  (void)g;
  if (!inputs_ready(n)) return;
  char text[DIMS_TEXT];
  for (int i = 0; i < n->n_in; i++)
    if (i != 4) need_float(n, i), need_same_type(n, 0, i);
  need_type(n, 4, DT_I32);
  for (int i = 0; i < 3; i += 2)
    if (n->in[i]->rank != 3)
      error_at(n->loc, "%s: %s has shape %s, expected three dimensions", op_name(n),
               i ? "R" : "X", dims_text(text, sizeof text, n->in[i]));
  Recurrent r;
  get_recurrent(n, &r);
  int64_t h = r.hidden, d = r.directions, hidden = attr_int(n, "hidden_size", h);
  bool batch_first = attr_int(n, "layout", 0) != 0;
  if (hidden != h)
    error_at(n->loc, "%s: hidden_size is %lld, but R has shape %s",
             op_name(n), (long long)hidden, dims_text(text, sizeof text, n->in[2]));
  if (mul_size(h, 8) < 0)
    error_at(n->loc, "%s: hidden_size %lld is too large", op_name(n), (long long)h);
  int64_t samples = r.batch, state[3] = {batch_first ? samples : d, batch_first ? d : samples, h};
  need_shape(n, 1, "W", 3, (int64_t[]){d, r.gates * h, r.inputs});
  need_shape(n, 2, "R", 3, (int64_t[]){d, r.gates * h, h});
  need_shape(n, 3, "B", 2, (int64_t[]){d, 2 * r.gates * h});
  need_vector(n, 4, "sequence_lens", samples);
  need_shape(n, 5, "initial_h", 3, state);
  need_shape(n, 6, "initial_c", 3, state);
  need_shape(n, 7, "P", 2, (int64_t[]){d, 3 * h});
  int64_t y[4] = {r.steps, d, samples, h};
  if (batch_first) y[0] = samples, y[1] = r.steps, y[2] = d;
  if (has_out(n, 0)) set_type(n, 0, n->in[0]->dtype, 4, y, LAYOUT_NONE);
  for (int i = 1; i < n->n_out; i++)
    if (has_out(n, i)) set_type(n, i, n->in[0]->dtype, 3, state, LAYOUT_NONE);
}

/* ---- values */

/* One step of a sample: x[inputs] changes h[hidden] and c[hidden]; weights are those of the direction. */
typedef struct Step {
  const Node *n;
  Recurrent r;
  const GateFunction *function;
  const double *w, *v, *b, *peephole; /* [gates * hidden][inputs], [..][hidden], [2 * ..], [3 * hidden] */
  const double *x;
  double *h, *c, *sum, *next;         /* [hidden], [hidden], [gates * hidden], [hidden] */
} Step;

static double apply(const GateFunction *f, double clip, double x) {
  double a = f->alpha, b = f->beta, v = x;
  if (clip > 0) v = fmin(fmax(x, -clip), clip);
  switch (f->function) {
    case SIGMOID: return 1 / (1 + exp(-v));
    case TANH: return tanh(v);
    case RELU: return v < 0 ? 0 : v;
    case AFFINE: return a * v + b;
    case LEAKY_RELU: return v < 0 ? a * v : v;
    case THRESHOLDED_RELU: return v > a ? v : 0;
    case SCALED_TANH: return a * tanh(b * v);
    case HARD_SIGMOID: return fmin(fmax(a * v + b, 0), 1);
    case ELU: return v < 0 ? a * expm1(v) : v;
    case SOFTSIGN: return v / (1 + fabs(v));
    default: return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
  }
}

static double dot(int64_t n, const double *a, const double *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static double bias(const Step *s, int64_t i) { return s->b ? s->b[i] : 0; }

/* What gates [from, to) get of the input, and of `state`. */
static void add_up(const Step *s, int from, int to, const double *state) {
  int64_t h = s->r.hidden, all = s->r.gates * h;
  for (int64_t i = from * h; i < to * h; i++)
    s->sum[i] = dot(s->r.inputs, s->w + i * s->r.inputs, s->x) + dot(h, s->v + i * h, state) +
                bias(s, i) + bias(s, all + i);
}

static void step_rnn(Step *s) {
  add_up(s, 0, 1, s->h);
  for (int64_t i = 0; i < s->r.hidden; i++) s->h[i] = apply(s->function, s->r.clip, s->sum[i]);
}

static void step_gru(Step *s) {
  int64_t h = s->r.hidden;
  const double *z = s->sum, *r = s->sum + h, *candidate = s->sum + 2 * h;
  add_up(s, 0, 2, s->h);
  for (int64_t i = 0; i < 2 * h; i++) s->sum[i] = apply(&s->function[0], s->r.clip, s->sum[i]);
  if (attr_int(s->n, "linear_before_reset", 0)) {
    for (int64_t i = 0; i < h; i++) {
      int64_t row = 2 * h + i;
      double linear = dot(h, s->v + row * h, s->h) + bias(s, 3 * h + row);
      s->sum[row] = dot(s->r.inputs, s->w + row * s->r.inputs, s->x) + bias(s, row) + r[i] * linear;
    }
  } else {
    for (int64_t i = 0; i < h; i++) s->next[i] = r[i] * s->h[i];
    add_up(s, 2, 3, s->next);
  }
  for (int64_t i = 0; i < h; i++)
    s->h[i] = (1 - z[i]) * apply(&s->function[1], s->r.clip, candidate[i]) + z[i] * s->h[i];
}

static double peep(const Step *s, int gate, int64_t i) {
  return s->peephole ? s->peephole[gate * s->r.hidden + i] * s->c[i] : 0;
}

static void step_lstm(Step *s) {
  int64_t h = s->r.hidden;
  bool coupled = attr_int(s->n, "input_forget", 0) != 0;
  const GateFunction *f = s->function;
  double clip = s->r.clip;
  add_up(s, 0, 4, s->h);
  for (int64_t i = 0; i < h; i++) {
    double in = apply(&f[0], clip, s->sum[i] + peep(s, 0, i));
    double keep = coupled ? 1 - in : apply(&f[0], clip, s->sum[2 * h + i] + peep(s, 2, i));
    s->c[i] = keep * s->c[i] + in * apply(&f[1], clip, s->sum[3 * h + i]);
    if (s->r.cell_clip > 0) s->c[i] = fmin(fmax(s->c[i], -s->r.cell_clip), s->r.cell_clip);
    s->h[i] = apply(&f[0], clip, s->sum[h + i] + peep(s, 1, i)) * apply(&f[2], 0, s->c[i]);
  }
}

/* Elements of an input as reals, NULL where it is absent. */
static double *reals(const Node *n, int i, const void *const *in) {
  const void *data = in_data(n, in, i);
  if (!data) return NULL;
  int64_t count = n_elements(n->in[i]);
  double *v = scratch(count, sizeof *v);
  for (int64_t k = 0; k < count; k++) v[k] = get_real(n->in[i]->dtype, data, k);
  return v;
}

static void put_reals(const Node *n, int i, void *const *out, int64_t at, int64_t count, const double *v) {
  if (!has_out(n, i)) return;
  for (int64_t k = 0; k < count; k++) set_real(n->out[i]->dtype, out[i], at + k, v[k]);
}

/* All steps of one sample in direction d; what lies behind the end of its sequence stays 0. */
static void run_sample(Step *s, int d, int64_t sample, int64_t steps, const double *x, void *const *out) {
  const Recurrent *r = &s->r;
  bool backwards = r->backwards || d > 0;
  for (int64_t k = 0; k < steps; k++) {
    int64_t t = backwards ? steps - 1 - k : k;
    s->x = x + t * r->x_step + sample * r->x_sample;
    if (r->gates == 4) step_lstm(s);
    else if (r->gates == 3) step_gru(s);
    else step_rnn(s);
    put_reals(s->n, 0, out, t * r->y_step + d * r->y_direction + sample * r->y_sample, r->hidden, s->h);
  }
}

void eval_recurrent(const Node *n, const void *const *in, void *const *out) {
  Recurrent r;
  get_recurrent(n, &r);
  int64_t h = r.hidden, rows = r.gates * h;
  double *v[8];
  for (int i = 0; i < 8; i++) v[i] = i == 4 ? NULL : reals(n, i, in);
  const int32_t *lens = in_data(n, in, 4);
  double *work = scratch(3 * h + rows, sizeof *work);
  if (has_out(n, 0)) memset(out[0], 0, (size_t)tensor_bytes(n->out[0]));
  for (int d = 0; d < r.directions; d++)
    for (int64_t i = 0; i < r.batch; i++) {
      int64_t at = d * r.h_direction + i * r.h_sample, steps = lens ? lens[i] : r.steps;
      Step s = {.n = n, .r = r, .function = r.function[d], .w = v[1] + d * rows * r.inputs,
                .v = v[2] + d * rows * h, .b = v[3] ? v[3] + d * 2 * rows : NULL,
                .peephole = v[7] ? v[7] + d * 3 * h : NULL,
                .h = work, .c = work + h, .next = work + 2 * h, .sum = work + 3 * h};
      for (int64_t k = 0; k < h; k++) {
        s.h[k] = v[5] ? v[5][at + k] : 0;
        s.c[k] = v[6] ? v[6][at + k] : 0;
      }
      run_sample(&s, d, i, steps < 0 ? 0 : steps > r.steps ? r.steps : steps, v[0], out);
      put_reals(n, 1, out, at, h, s.h);
      put_reals(n, 2, out, at, h, s.c);
    }
  free(work);
  for (int i = 0; i < 8; i++) free(v[i]);
}

int64_t recurrent_macs(const Node *n) {
  Recurrent r;
  get_recurrent(n, &r);
  return r.directions * r.batch * r.steps * r.gates * r.hidden * (r.inputs + r.hidden);
}
