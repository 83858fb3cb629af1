/* ml.c - the bodies of ai.onnx.ml's operators on rows of features: scaling, encoding, linear models.  Real
 * numbers come out as float32, whatever the features are; labels are integers.
 *
 * What a linear model or an ensemble of trees ends with, labels and the transform of its scores, is shared with
 * trees.c. */
#include <string.h>

#include "ir/functions/ml.h"

/* ---- attributes */

bool attr_reals(const Body *b, const char *name, Reals *r) {
  const Attr *x = find_attr(b->n, name);
  *r = (Reals){0, NULL};
  if (!x) return false;
  int64_t n = x->kind == ATTR_TENSOR ? n_elements(x->t) : x->n;
  double *v = arena_alloc(b->g->arena, (n + 1) * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++)
    v[i] = x->kind == ATTR_FLOATS ? x->floats[i]
           : x->kind == ATTR_INTS ? (double)x->ints[i]
           : x->kind == ATTR_TENSOR ? get_real(x->t->dtype, x->t->data, i)
                                    : 0;
  if (x->kind != ATTR_FLOATS && x->kind != ATTR_INTS && x->kind != ATTR_TENSOR)
    error_at(b->n->loc, "%s: attribute '%s' is no list of numbers", op_name(b->n), name);
  *r = (Reals){n, v};
  return true;
}

void refuse_strings(const Body *b, const char *name) {
  const Attr *x = find_attr(b->n, name);
  if (x && (x->kind == ATTR_STRINGS ? x->n > 0 : x->kind == ATTR_STRING))
    error_at(b->n->loc, "%s: '%s': tensors of strings are not supported", op_name(b->n), name);
}

/* Rows of features [n][columns]: a vector is one row. */
Tensor *put_rows(Body *b, DType t) {
  Tensor *x = put_cast(b, b->in[0], t);
  int64_t row[2] = {1, x->rank == 1 ? x->dim[0] : 0};
  if (x->rank == 1) return put_reshape(b, x, 2, row);
  if (x->rank != 2)
    error_at(b->n->loc, "%s: the input has %d dimensions, expected 1 or 2", op_name(b->n), x->rank);
  return x;
}

/* A list of as many numbers as the last dimension of x, or one for all; NULL where it is missing. */
static Tensor *put_list(Body *b, const char *name, const Tensor *x) {
  Reals r;
  if (!attr_reals(b, name, &r)) return NULL;
  int64_t columns = x->rank ? x->dim[x->rank - 1] : 1;
  if (r.n != 1 && r.n != columns)
    error_at(b->n->loc, "%s: '%s' has %lld elements, expected 1 or %lld", op_name(b->n), name,
             (long long)r.n, (long long)columns);
  return put_reals(b, x->dtype, 1, &r.n, r.v);
}

/* ---- features */

bool body_scaler(Body *b) {
  Tensor *x = put_cast(b, b->in[0], DT_F32);
  Tensor *offset = put_list(b, "offset", x), *scale = put_list(b, "scale", x);
  if (offset) x = put2(b, "Sub", x, offset);
  b->out[0] = scale ? put2(b, "Mul", x, scale) : x;
  return true;
}

bool body_binarizer(Body *b) {
  Tensor *x = b->in[0], *bound = put_real(b, DT_F32, attr_float(b->n, "threshold", 0));
  b->out[0] = put_cast(b, put2(b, "Greater", x, put_cast(b, bound, x->dtype)), x->dtype);
  return true;
}

/* Each row over its largest element, the sum of absolute values or the Euclidean norm; a row of norm 0
 * stays. */
bool body_normalizer(Body *b) {
  Tensor *x = put_cast(b, b->in[0], DT_F32);
  const char *kind = attr_str(b->n, "norm", "MAX");
  const char *op = strcmp(kind, "MAX") == 0  ? "ReduceMax"
                   : strcmp(kind, "L1") == 0 ? "ReduceL1"
                   : strcmp(kind, "L2") == 0 ? "ReduceL2"
                                             : NULL;
  if (!op || x->rank < 1)
    error_at(b->n->loc, "Normalizer: norm '%s', expected MAX, L1 or L2 of rows", kind);
  int64_t last = x->rank - 1;
  Tensor *norm = put_reduce(b, op, x, 1, &last);
  Tensor *none = put2(b, "Equal", norm, put_real(b, DT_F32, 0));
  norm = put_op(b, "Where", 3, (Tensor *[]){none, put_real(b, DT_F32, 1), norm});
  b->out[0] = put2(b, "Div", x, norm);
  return true;
}

/* What stands for a missing value is replaced, column by column. */
bool body_imputer(Body *b) {
  Tensor *x = b->in[0];
  bool reals = dtype_is_float(x->dtype);
  Tensor *now = put_list(b, reals ? "imputed_value_floats" : "imputed_value_int64s", x);
  if (!now)
    error_at(b->n->loc, "Imputer: '%s' is missing",
             reals ? "imputed_value_floats" : "imputed_value_int64s");
  double was = reals ? attr_float(b->n, "replaced_value_float", 0)
                     : (double)attr_int(b->n, "replaced_value_int64", 0);
  Tensor *missing = was != was ? put1(b, "IsNaN", x)
                               : put2(b, "Equal", x, put_cast(b, put_real(b, DT_F64, was), x->dtype));
  b->out[0] = put_op(b, "Where", 3, (Tensor *[]){missing, now, x});
  return true;
}

/* Columns of a matrix. */
bool body_feature_extractor(Body *b) {
  Tensor *x = b->in[0];
  if (x->rank < 1) error_at(b->n->loc, "ArrayFeatureExtractor: the input is a scalar");
  Tensor *index = put_reshape(b, b->in[1], 1, (int64_t[]){n_elements(b->in[1])});
  Node *n = start_node(b, "Gather", 2, (Tensor *[]){x, index});
  set_int(b->g, n, "axis", x->rank - 1);
  Tensor *y = finish_node(b, n);
  b->out[0] = x->rank > 1 ? y : put_reshape(b, y, 2, (int64_t[]){1, n_elements(y)});
  return true;
}

bool body_vectorizer(Body *b) {
  Tensor *x[sizeof b->in / sizeof *b->in];
  for (int i = 0; i < b->n_in; i++) {
    x[i] = put_cast(b, b->in[i], DT_F32);
    if (x[i]->rank == 1) x[i] = put_reshape(b, x[i], 2, (int64_t[]){1, x[i]->dim[0]});
  }
  b->out[0] = put_concat(b, b->n_in, x, 1);
  return true;
}

/* ---- encoders: x against all keys, a dimension more */

static Tensor *put_matches(Body *b, Tensor *x, Tensor *keys) {
  int64_t dim[MAX_RANK];
  if (x->rank == MAX_RANK) error_at(b->n->loc, "%s: the input has %d dimensions", op_name(b->n), x->rank);
  memcpy(dim, x->dim, sizeof dim);
  dim[x->rank] = 1;
  Tensor *wide = put_reshape(b, x, x->rank + 1, dim), *same = put2(b, "Equal", wide, keys);
  if (!dtype_is_float(x->dtype)) return same;
  return put2(b, "Or", same, put2(b, "And", put1(b, "IsNaN", wide), put1(b, "IsNaN", keys)));
}

bool body_onehot_encoder(Body *b) {
  Reals cats;
  refuse_strings(b, "cats_strings");
  if (!attr_reals(b, "cats_int64s", &cats))
    error_at(b->n->loc, "OneHotEncoder: 'cats_int64s' is missing");
  Tensor *keys = put_reals(b, b->in[0]->dtype, 1, &cats.n, cats.v);
  b->out[0] = put_cast(b, put_matches(b, b->in[0], keys), DT_F32);
  return true;
}

/* The constant of the first of these attributes that there is, as numbers of its own type. */
static Tensor *put_words(Body *b, const char *what) {
  static const char *const kinds[] = {"int64s", "floats", "tensor"};
  static const DType types[] = {DT_I64, DT_F32, DT_NONE};
  for (int i = 0; i < 3; i++) {
    const char *name = arena_printf(b->g->arena, "%s_%s", what, kinds[i]);
    Reals r;
    if (!attr_reals(b, name, &r)) continue;
    DType t = types[i] == DT_NONE ? find_attr(b->n, name)->t->dtype : types[i];
    return put_reals(b, t, 1, &r.n, r.v);
  }
  refuse_strings(b, arena_printf(b->g->arena, "%s_strings", what));
  error_at(b->n->loc, "LabelEncoder: '%s_...' is missing", what);
}

static double default_label(const Body *b, DType t) {
  const Attr *x = find_attr(b->n, "default_tensor");
  if (x && x->kind == ATTR_TENSOR && n_elements(x->t) == 1) return get_real(x->t->dtype, x->t->data, 0);
  return dtype_is_float(t) ? attr_float(b->n, "default_float", -0.0)
                           : (double)attr_int(b->n, "default_int64", -1);
}

bool body_label_encoder(Body *b) {
  refuse_strings(b, "keys_strings");
  refuse_strings(b, "values_strings");
  Tensor *keys = put_words(b, "keys"), *values = put_words(b, "values"), *x = b->in[0];
  if (keys->dim[0] != values->dim[0] || keys->dim[0] == 0 || keys->dtype != x->dtype)
    error_at(b->n->loc, "LabelEncoder: %lld keys of type %s and %lld values for an input of type %s",
             (long long)keys->dim[0], dtype_name(keys->dtype), (long long)values->dim[0],
             dtype_name(x->dtype));
  Tensor *match = put_cast(b, put_matches(b, x, keys), DT_F32);
  int64_t last = match->rank - 1;
  Node *which = start_node(b, "ArgMax", 1, &match);
  set_int(b->g, which, "axis", last);
  Tensor *index = put_reshape(b, finish_node(b, which), x->rank, x->dim);
  Tensor *any = put_reshape(b, put_reduce(b, "ReduceMax", match, 1, &last), x->rank, x->dim);
  Tensor *found = put2(b, "Greater", any, put_real(b, DT_F32, 0));
  Tensor *otherwise = put_cast(b, put_real(b, DT_F64, default_label(b, values->dtype)), values->dtype);
  b->out[0] = put_op(b, "Where", 3, (Tensor *[]){found, put2(b, "Gather", values, index), otherwise});
  return true;
}

/* ---- scores */

Tensor *put_post(Body *b, Tensor *score, const char *transform) {
  if (strcmp(transform, "NONE") == 0) return score;
  if (strcmp(transform, "LOGISTIC") == 0) return put1(b, "Sigmoid", score);
  if (strcmp(transform, "SOFTMAX") == 0) return put1_with(b, "Softmax", score, "axis", -1);
  if (strcmp(transform, "SOFTMAX_ZERO") == 0) {
    /* Scores of exactly 0 take no part. */
    int64_t last = score->rank - 1;
    Tensor *shifted = put2(b, "Sub", score, put_reduce(b, "ReduceMax", score, 1, &last));
    Tensor *zero = put_real(b, score->dtype, 0), *none = put2(b, "Equal", score, zero);
    Tensor *e = put_op(b, "Where", 3, (Tensor *[]){none, zero, put1(b, "Exp", shifted)});
    Tensor *sum = put_reduce(b, "ReduceSum", e, 1, &last);
    sum = put_op(b, "Where", 3,
                 (Tensor *[]){put2(b, "Equal", sum, zero), put_real(b, score->dtype, 1), sum});
    return put2(b, "Div", e, sum);
  }
  error_at(b->n->loc, "%s: post_transform '%s', expected NONE, LOGISTIC, SOFTMAX or SOFTMAX_ZERO",
           op_name(b->n), transform);
}

void put_label(Body *b, Tensor *score, Tensor *which, const char *labels) {
  Reals r;
  refuse_strings(b, "classlabels_strings");
  int64_t classes = score->dim[1], n = score->dim[0];
  bool given = attr_reals(b, labels, &r) && r.n > 0;
  if (given && r.n != classes)
    error_at(b->n->loc, "%s: '%s' has %lld elements for %lld classes", op_name(b->n), labels,
             (long long)r.n, (long long)classes);
  if (!which) {
    Node *best = start_node(b, "ArgMax", 1, &score);
    set_int(b->g, best, "axis", 1);
    which = put_reshape(b, finish_node(b, best), 1, &n);
  }
  if (given) which = put2(b, "Gather", put_reals(b, DT_I64, 1, &r.n, r.v), which);
  b->out[0] = which;
}

Tensor *put_two_classes(Body *b, Tensor *first, Tensor *second) {
  return put_concat(b, 2, (Tensor *[]){first, second}, 1);
}

/* ---- linear models */

/* x w^T + c, w [outputs][columns]. */
static Tensor *put_linear(Body *b, Tensor *x, int64_t outputs) {
  Reals w, c;
  int64_t dim[2] = {outputs, x->dim[1]};
  if (!attr_reals(b, "coefficients", &w) || outputs < 1 || w.n != dim[0] * dim[1])
    error_at(b->n->loc, "%s: %lld coefficients, expected %lld x %lld", op_name(b->n), (long long)w.n,
             (long long)dim[0], (long long)dim[1]);
  bool shifted = attr_reals(b, "intercepts", &c);
  if (shifted && c.n != outputs)
    error_at(b->n->loc, "%s: %lld intercepts, expected %lld", op_name(b->n), (long long)c.n,
             (long long)outputs);
  Tensor *in[3] = {x, put_reals(b, DT_F32, 2, dim, w.v), NULL};
  if (shifted) in[2] = put_reals(b, DT_F32, 1, &outputs, c.v);
  Node *n = start_node(b, "Gemm", shifted ? 3 : 2, in);
  set_int(b->g, n, "transB", 1);
  return finish_node(b, n);
}

bool body_linear_regressor(Body *b) {
  Tensor *y = put_linear(b, put_rows(b, DT_F32), attr_int(b->n, "targets", 1));
  b->out[0] = put_post(b, y, attr_str(b->n, "post_transform", "NONE"));
  return true;
}

/* Of two classes, the coefficients may be those of the second alone. */
bool body_linear_classifier(Body *b) {
  Reals w, labels;
  Tensor *x = put_rows(b, DT_F32);
  const char *transform = attr_str(b->n, "post_transform", "NONE");
  attr_reals(b, "coefficients", &w);
  attr_reals(b, "classlabels_ints", &labels);
  Tensor *score = put_linear(b, x, x->dim[1] ? w.n / x->dim[1] : 0), *which = NULL;
  Tensor *post = put_post(b, score, transform);
  if (score->dim[1] == 1 && labels.n == 2) {
    Tensor *positive = put2(b, "Greater", score, put_real(b, DT_F32, 0));
    which = put_reshape(b, put_cast(b, positive, DT_I64), 1, &x->dim[0]);
    post = put_two_classes(b, put2(b, "Sub", put_real(b, DT_F32, 1), post), post);
    score = post;
  }
  put_label(b, score, which, "classlabels_ints");
  b->out[1] = post;
  return true;
}
