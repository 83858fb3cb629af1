/* samples.c - calibration and evaluation data for the inputs of a model.
 *
 * Samples are kept as the firmware gets them.  An input whose policy gives `storage: uint8` or
 * `int8` takes arrays of that type raw; arrays of floats are real values and become codes by
 * round(x * std + mean), clamped.  Any other input takes numbers of every type, converted to
 * the model's type; a value that this type can't hold is an error, and so are NaN and infinity, but
 * for ONNX's own test vectors (.pb), which say what a network does with them.  The layout is the policy's
 * where it gives one; arrays that aren't raw may also have the model's, which is told from the
 * shape and converted.
 *
 * The first dimension counts samples.  The others are the input's, with or without dimensions
 * of 1. */
#include "frontend/samples.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* What samples of one input become. */
typedef struct Slot {
  const Graph *graph;
  const Tensor *input;
  const InputPolicy *policy;  /* or NULL */
  DType dtype;
  int rank;
  int64_t dim[MAX_RANK];      /* of one sample, in the firmware's layout */
  int64_t elements;           /* of one sample */
  bool channels_last;         /* while the model has them first */
  int64_t channels, inner;    /* element i belongs to channel i / inner % channels */
} Slot;

/* One array and how its elements lie. */
typedef struct Piece {
  const Array *array;
  int64_t n;                  /* samples */
  bool raw;                   /* codes already */
  bool transposed;            /* in the model's layout, not in the slot's */
} Piece;

/* ---- shapes ---------------------------------------------------------------------------------- */

static Slot make_slot(const Graph *g, const Policy *p, int i) {
  const Tensor *t = g->in[i];
  Slot s = {.graph = g,
            .input = t,
            .policy = policy_input(p, t->name),
            .dtype = t->dtype,
            .rank = t->rank};
  s.elements = n_elements(t);
  if (s.elements < 0) error("input '%s' has no static shape", t->name);
  memcpy(s.dim, t->dim, sizeof s.dim);
  if (s.policy != NULL && s.policy->storage != DT_NONE) s.dtype = s.policy->storage;
  int axis = s.policy != NULL ? input_channel_axis(t, s.policy) : 0;
  s.channels_last = s.policy != NULL && s.policy->layout == LAYOUT_NHWC &&
                    t->layout == LAYOUT_NONE && t->rank >= 3;
  if (s.channels_last) {
    for (int d = 1; d + 1 < t->rank; d++) s.dim[d] = t->dim[d + 1];
    s.dim[t->rank - 1] = t->dim[1];
    axis = t->rank - 1;
  }
  s.channels = t->rank > 0 ? s.dim[axis] : 1;
  s.inner = 1;
  for (int d = axis + 1; d < t->rank; d++) s.inner *= s.dim[d];
  return s;
}

static int drop_ones(int rank, const int64_t *dim, int64_t *to) {
  int n = 0;
  for (int d = 0; d < rank; d++)
    if (dim[d] != 1) to[n++] = dim[d];
  return n;
}

static bool equal_dims(int rank, const int64_t *a, const int64_t *b) {
  return rank <= 0 || memcmp(a, b, (size_t)rank * sizeof *a) == 0;
}

/* Number of samples of shape `dim` in an array, or -1. */
static int64_t count_samples(const Array *a, int rank, const int64_t *dim) {
  if (a->rank < 1) return rank == 0 ? 1 : -1;
  if (a->rank == rank && equal_dims(rank, a->dim, dim)) return 1; /* also where a dimension is 0 */
  if (a->rank == rank + 1 && equal_dims(rank, a->dim + 1, dim)) return a->dim[0];
  if (a->rank == rank && rank > 0 && equal_dims(rank - 1, a->dim + 1, dim + 1) && dim[0] > 0 &&
      a->dim[0] % dim[0] == 0)
    return a->dim[0] / dim[0];
  int64_t x[MAX_RANK], y[MAX_RANK];
  int nx = drop_ones(a->rank - 1, a->dim + 1, x), ny = drop_ones(rank, dim, y);
  return nx == ny && equal_dims(nx, x, y) ? a->dim[0] : -1;
}

static const char *dims_text(Arena *a, const char *first, int rank, const int64_t *dim) {
  const char *text = arena_printf(a, "[%s", first);
  for (int d = 0; d < rank; d++)
    text = arena_printf(a, "%s%s%lld", text, d > 0 || *first != '\0' ? "," : "", (long long)dim[d]);
  return arena_printf(a, "%s]", text);
}

/* Whether the array would fit with channels last: the likeliest reason why it doesn't. */
static bool fits_channels_last(const Array *a, const Slot *s) {
  int64_t dim[MAX_RANK];
  if (s->rank < 3 || s->channels_last) return false;
  memcpy(dim, s->dim, sizeof dim);
  for (int d = 1; d + 1 < s->rank; d++) dim[d] = s->dim[d + 1];
  dim[s->rank - 1] = s->dim[1];
  return count_samples(a, s->rank, dim) >= 0;
}

static _Noreturn void wrong_shape(Arena *a, const Array *array, const Slot *s) {
  bool batch = s->rank > 0 && s->dim[0] == 1;
  error("'%s': expected shape %s for input '%s', found %s%s", array->path,
        dims_text(a, "n", s->rank - batch, s->dim + batch), s->input->name,
        dims_text(a, "", array->rank, array->dim),
        fits_channels_last(array, s)
            ? "; `layout: NHWC` for this input in the policy would accept it"
            : "");
}

static Piece make_piece(Arena *a, const Array *array, const Slot *s) {
  bool coded = s->dtype != s->input->dtype && s->dtype != DT_F32;
  Piece p = {.array = array, .raw = coded && array->dtype == s->dtype};
  if (coded && !p.raw && !dtype_is_float(array->dtype))
    error("'%s': input '%s' takes %s as stored or floats as real values, found %s", array->path,
          s->input->name, dtype_name(s->dtype), dtype_name(array->dtype));
  p.n = count_samples(array, s->rank, s->dim);
  if (p.n < 0 && s->channels_last && !p.raw) {
    p.n = count_samples(array, s->rank, s->input->dim);
    p.transposed = p.n >= 0;
  }
  if (p.n < 0) wrong_shape(a, array, s);
  return p;
}

/* ---- elements -------------------------------------------------------------------------------- */

/* Place of element i of a channels-last sample in one with channels first. */
static int64_t channels_first(const Slot *s, int64_t i) {
  int64_t c = i % s->channels, pixel = i / s->channels, pixels = 1;
  for (int d = 1; d + 1 < s->rank; d++) pixels *= s->dim[d];
  return (pixel / pixels * s->channels + c) * pixels + pixel % pixels;
}

static double to_code(const Slot *s, int64_t i, double x) {
  const InputPolicy *in = s->policy;
  int64_t c = i / s->inner % s->channels;
  double mean = in->n_mean == 0 ? 0 : in->mean[in->n_mean == 1 ? 0 : c];
  double std = in->n_std == 0 ? 1 : in->std[in->n_std == 1 ? 0 : c];
  return rint(x * std + mean);
}

static _Noreturn void bad_value(const Slot *s, const Piece *p, int64_t sample, int64_t i,
                                double v) {
  const char *name = s->input->name;
  long long at = (long long)sample, element = (long long)i;
  if (!isfinite(v))
    error("'%s': sample %lld of input '%s' is %s at element %lld", p->array->path, at, name,
          isnan(v) ? "NaN" : "infinite", element);
  error("'%s': sample %lld of input '%s' is %.9g at element %lld, which is not a value of type %s",
        p->array->path, at, name, v, element, dtype_name(s->dtype));
}

static void convert_sample(const Slot *s, const Piece *p, int64_t sample, void *to) {
  bool coded = s->dtype != s->input->dtype && s->dtype != DT_F32 && !p->raw;
  bool exact = !coded && !dtype_is_float(s->dtype);
  int64_t base = sample * s->elements;
  for (int64_t i = 0; i < s->elements; i++) {
    int64_t from = base + (p->transposed ? channels_first(s, i) : i);
    double v = get_real(p->array->dtype, p->array->data, from);
    if (!isfinite(v)) bad_value(s, p, sample, from - base, v);
    set_real(s->dtype, to, i, coded ? to_code(s, i, v) : v);
    double kept = get_real(s->dtype, to, i);
    if ((exact && kept != v) || !isfinite(kept)) bad_value(s, p, sample, from - base, v);
  }
}

static void copy_sample(const Slot *s, const Piece *p, int64_t sample, void *to) {
  size_t bytes = (size_t)(s->elements * dtype_bytes(s->dtype));
  bool same = p->array->dtype == s->dtype && !p->transposed;
  if (same && (!dtype_is_float(s->dtype) || ends_with(p->array->path, ".pb")))
    memcpy(to, (const char *)p->array->data + (size_t)sample * bytes, bytes);
  else
    convert_sample(s, p, sample, to);
}

/* All samples of one input, at most `limit`; *n is how many. */
static void *read_input(Arena *a, const Slot *s, const Given *given, int64_t limit, int64_t *n) {
  Piece *piece = arena_alloc(a, (given->n + 1) * (int64_t)sizeof *piece);
  int64_t total = 0;
  for (int i = 0; i < given->n; i++) {
    piece[i] = make_piece(a, given->array[i], s);
    total += piece[i].n;
  }
  if (limit > 0 && total > limit) total = limit;
  int64_t bytes = mul_size(s->elements, dtype_bytes(s->dtype)), all = mul_size(bytes, total);
  if (all < 0) error("the samples of input '%s' are too large", s->input->name);
  char *data = arena_alloc(a, all), *to = data;
  int64_t left = total;
  for (int i = 0; i < given->n; i++)
    for (int64_t k = 0; k < piece[i].n && left > 0; k++, left--, to += bytes)
      copy_sample(s, &piece[i], k, to);
  *n = total;
  return data;
}

/* ---- files ----------------------------------------------------------------------------------- */

static void give(Arena *a, Given *to, Array *array) {
  to->array = arena_grow(a, to->array, to->n, sizeof *to->array);
  to->array[to->n++] = array;
}

/* One array per input, by name; arrays of other names (labels) are left alone.  With one input and
 * one array the name does not matter. */
static void read_archive(Arena *a, const Graph *g, const char *path, Given *given) {
  const char **name;
  Array **array;
  int n = read_npz(a, path, &name, &array);
  for (int k = 0; k < n_inputs(g); k++) {
    for (int i = 0; i < n; i++)
      if (strcmp(name[i], g->in[k]->name) == 0) give(a, &given[k], array[i]);
    if (given[k].n == 0 && n == 1 && n_inputs(g) == 1) give(a, &given[k], array[0]);
    if (given[k].n > 0) continue;
    const char *near = nearest_name(g->in[k]->name, name, n);
    if (near != NULL)
      error("'%s' has no array '%s' for the input of that name; its '%s' looks like it", path,
            g->in[k]->name, near);
    error("'%s' has no array '%s' for the input of that name", path, g->in[k]->name);
  }
}

static void read_given(Arena *a, const Graph *g, const char *path, Given *given) {
  struct stat st;
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    read_sample_folder(a, g, path, given);
    if (n_inputs(g) > 0 && given[0].n == 0)
      error("'%s' has no input_0.pb and no test_data_set_0 with one", path);
  } else if (ends_with(path, ".npz")) {
    read_archive(a, g, path, given);
  } else {
    if (n_inputs(g) != 1)
      error("'%s': the model has %d inputs; give an .npz with one array per input", path, n_inputs(g));
    give(a, &given[0], read_npy(a, path));
  }
}

Samples *read_samples(Arena *a, const Graph *g, const Policy *p, const char *path, int64_t limit) {
  check_policy_inputs(g, p);
  Arena *files = new_arena();
  Given *given = arena_alloc(files, (n_inputs(g) + 1) * (int64_t)sizeof *given);
  read_given(files, g, path, given);
  Samples *s = arena_alloc(a, sizeof *s);
  s->n_in = n_inputs(g);
  s->n = n_inputs(g) ? 0 : 1;   /* what has no inputs runs once */
  s->hash = HASH_START;
  s->data = arena_alloc(a, (n_inputs(g) + 1) * (int64_t)sizeof *s->data);
  for (int i = 0; i < n_inputs(g); i++) {
    Slot slot = make_slot(g, p, i);
    int64_t n;
    s->data[i] = read_input(a, &slot, &given[i], limit, &n);
    if (n == 0) error("'%s' holds no samples", path);
    if (i > 0 && n != s->n)
      error("'%s': %lld samples for input '%s', but %lld for '%s'", path, (long long)n,
            g->in[i]->name, (long long)s->n, g->in[0]->name);
    s->n = n;
    s->hash =
        hash_bytes(s->hash, s->data[i], (size_t)(n * slot.elements * dtype_bytes(slot.dtype)));
  }
  free_arena(files);
  return s;
}

void need_finite_samples(const Graph *g, const Policy *p, const Samples *s, const char *path) {
  for (int k = 0; k < s->n_in; k++) {
    Slot slot = make_slot(g, p, k);
    for (int64_t i = 0; dtype_is_float(slot.dtype) && i < s->n * slot.elements; i++) {
      double v = get_real(slot.dtype, s->data[k], i);
      if (!isfinite(v))
        error("'%s': sample %lld of input '%s' is %s at element %lld", path,
              (long long)(i / slot.elements), slot.input->name, isnan(v) ? "NaN" : "infinite",
              (long long)(i % slot.elements));
    }
  }
}
