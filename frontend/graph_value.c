/* graph_value.c - what stands behind an equals sign in the text form: elements of constants,
 * attributes of nodes and annotations of tensors.  A number in the text is exact until it meets the
 * type that it is for; one that does not fit is an error at its place, never a silent change. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "frontend/graph_text.h"

const char *suggest(Parser *p, const char *word, const char *const *names, int n) {
  const char *near = nearest_name(word, names, n);
  return near ? arena_printf(p->arena, "; did you mean '%s'?", near) : "";
}

void check_unique(Pairs pairs) {
  for (int i = 1; i < pairs.n; i++)
    for (int j = 0; j < i; j++)
      if (strcmp(pairs.pair[i].name.text, pairs.pair[j].name.text) == 0)
        error_at(pairs.pair[i].name.loc, "'%s' is given twice", pairs.pair[i].name.text);
}

static Loc item_loc(const Parser *p, const Item *item) {
  return (Loc){.src = p->source, .line = item->line, .col = item->col};
}

/* The one item of a value that is neither a list nor anything larger. */
static const Item *only_item(const Pair *pair) {
  return pair->value.kind == VALUE_ITEM ? &pair->value.items.item[0] : NULL;
}

int64_t read_integer(const Pair *pair, int64_t lo, int64_t hi) {
  const Item *item = only_item(pair);
  if (!item || item->kind != ITEM_INT)
    error_at(pair->value.loc, "'%s' should be an integer", pair->name.text);
  if (item->i < lo || item->i > hi)
    error_at(pair->value.loc, "'%s' should be at %s %" PRId64, pair->name.text,
             item->i < lo ? "least" : "most", item->i < lo ? lo : hi);
  return item->i;
}

const char *read_text(const Pair *pair) {
  const Item *item = only_item(pair);
  if (!item || item->kind != ITEM_STRING)
    error_at(pair->value.loc, "'%s' should be a string", pair->name.text);
  return item->u.s;
}

/* ---- elements ------------------------------------------------------------------------------- */

static bool is_signed(DType t) {
  return t == DT_I2 || t == DT_I4 || t == DT_I8 || t == DT_I16 || t == DT_I32 || t == DT_I64;
}

/* Whether an integer is a value of an integer type or bool. */
static bool fits(DType t, int64_t i) {
  int bits = t == DT_BOOL ? 1 : dtype_bits(t);
  if (t == DT_I64) return true;
  if (t == DT_U64) return i >= 0;
  int64_t lo = is_signed(t) ? -(INT64_C(1) << (bits - 1)) : 0;
  int64_t hi = is_signed(t) ? -lo - 1 : (INT64_C(1) << bits) - 1;
  return i >= lo && i <= hi;
}

static void store_real(Parser *p, DType t, void *data, int64_t i, const Item *item) {
  double v = item->u.f;
  if (t == DT_F32 && isinf((float)v) && !isinf(v))
    error_at(item_loc(p, item), "%g does not fit type float", v);
  set_real(t, data, i, v);
}

static void store_integer(Parser *p, DType t, void *data, int64_t i, const Item *item) {
  if (item->kind == ITEM_FLOAT) error_at(item_loc(p, item), "%g is not an integer", item->u.f);
  if (item->kind == ITEM_UINT ? t != DT_U64 : !fits(t, item->i))
    error_at(item_loc(p, item), "%.20g does not fit type %s", item->u.f, dtype_name(t));
  /* The low bytes of the little-endian number are the element. */
  memcpy((char *)data + i * dtype_bytes(t), &item->i, (size_t)dtype_bytes(t));
}

static void store_item(Parser *p, DType t, void *data, int64_t i, const Item *item) {
  if (item->kind == ITEM_STRING)
    error_at(item_loc(p, item), "a string among elements of type %s", dtype_name(t));
  if (dtype_is_float(t)) store_real(p, t, data, i, item);
  else store_integer(p, t, data, i, item);
}

/* Types of less than a byte are kept as bytes in the file, which may hold anything. */
static void check_codes(const Tensor *t, const SafeTensor *s, Loc loc) {
  if (s->dtype == t->dtype || !dtype_is_int(t->dtype)) return;
  for (int64_t i = 0; i < s->bytes; i++)
    if (!fits(t->dtype, get_int(s->dtype, s->data, i)))
      error_at(loc, "element %" PRId64 " of '%s' does not fit type %s", i, s->name,
               dtype_name(t->dtype));
}

/* An array of the weights file, which must have t's type and shape. */
static void *find_array(Parser *p, const Tensor *t, const char *key, Loc loc) {
  if (!p->weights) error_at(loc, "the graph names no weights file to take '%s' from", key);
  const SafeTensor *s = find_safetensor(p->weights, key);
  if (!s) error_at(loc, "there is no tensor '%s' in '%s'", key, p->weights->path);
  Tensor found = {.dtype = s->dtype, .rank = s->rank};
  memcpy(found.dim, s->dim, sizeof found.dim);
  bool is_scalar = t->rank == 0 && s->rank == 0;
  if (s->dtype != safetensors_dtype(t->dtype) || !(is_scalar || same_shape(&found, t)))
    error_at(loc, "'%s' in '%s' is %s%s, expected %s%s", key, p->weights->path,
             dtype_name(s->dtype), shape_text(p->arena, &found), dtype_name(t->dtype),
             shape_text(p->arena, t));
  check_codes(t, s, loc);
  return (void *)(uintptr_t)s->data;  /* lives in the arena; nobody writes to a constant */
}

void *read_elements(Parser *p, const Tensor *t, const Data *data) {
  int64_t n = n_elements(t), bytes = tensor_bytes(t);
  if (dtype_bytes(t->dtype) == 0)
    error_at(t->loc, "a constant cannot have type %s",
             t->dtype == DT_NONE ? "?" : dtype_name(t->dtype));
  if (n < 0 || bytes < 0) error_at(t->loc, "a constant needs a known shape");
  if (data->key) return find_array(p, t, data->key, data->loc);
  if (n != data->items.n)
    error_at(data->loc, "expected %" PRId64 " elements for %s%s, found %d", n,
             dtype_name(t->dtype), shape_text(p->arena, t), data->items.n);
  void *elements = arena_alloc(p->arena, bytes > 0 ? bytes : 1);
  for (int64_t i = 0; i < n; i++) store_item(p, t->dtype, elements, i, &data->items.item[i]);
  return elements;
}

/* ---- attributes ----------------------------------------------------------------------------- */

/* The names of the kinds are ONNX's. */
static const char *const kind_names[] = {
  [ATTR_INT] = "int",       [ATTR_FLOAT] = "float", [ATTR_STRING] = "string",
  [ATTR_TENSOR] = "tensor", [ATTR_INTS] = "ints",   [ATTR_FLOATS] = "floats",
  [ATTR_STRINGS] = "strings",
};
enum { N_KINDS = sizeof kind_names / sizeof *kind_names };

/* The kind that was written behind the name, or 0. */
static int written_kind(Parser *p, const Pair *pair) {
  if (!pair->kind.text) return 0;
  for (int i = 1; i < N_KINDS; i++)
    if (strcmp(kind_names[i], pair->kind.text) == 0) return i;
  error_at(pair->kind.loc, "unknown kind of attribute '%s'%s", pair->kind.text,
           suggest(p, pair->kind.text, kind_names + 1, N_KINDS - 1));
}

/* The kind of a list of such items: an integer may be a float, a string is only a string. */
static int list_kind(Parser *p, const Pair *pair) {
  const Items *items = &pair->value.items;
  bool any_float = false, any_string = false, any_number = false;
  for (int i = 0; i < items->n; i++) {
    any_string |= items->item[i].kind == ITEM_STRING;
    any_float |= items->item[i].kind == ITEM_FLOAT;
    any_number |= items->item[i].kind != ITEM_STRING;
    if (any_string && any_number)
      error_at(item_loc(p, &items->item[i]), "a list of numbers and strings");
  }
  return any_string ? ATTR_STRINGS : any_float ? ATTR_FLOATS : ATTR_INTS;
}

static int natural_kind(Parser *p, const Pair *pair) {
  static const AttrKind of_item[] = {
    [ITEM_INT] = ATTR_INT,     [ITEM_UINT] = ATTR_INT,
    [ITEM_FLOAT] = ATTR_FLOAT, [ITEM_STRING] = ATTR_STRING,
  };
  switch (pair->value.kind) {
  case VALUE_ITEM: return (int)of_item[only_item(pair)->kind];
  case VALUE_LIST: return list_kind(p, pair);
  case VALUE_TENSOR: return ATTR_TENSOR;
  case VALUE_KEY:
    error_at(pair->value.loc, "expected a type before '@', as in 'float[64] @\"key\"'");
  default:
    error_at(pair->value.loc, "'%s(...)' is no value of an attribute", pair->value.word.text);
  }
}

static int attr_kind(Parser *p, const Pair *pair) {
  int written = written_kind(p, pair), kind = natural_kind(p, pair);
  bool is_empty = pair->value.kind == VALUE_LIST && pair->value.items.n == 0;
  bool is_list = written == ATTR_INTS || written == ATTR_FLOATS || written == ATTR_STRINGS;
  if (is_empty && !written)
    error_at(pair->value.loc, "an empty list needs a kind, as in '%s: ints = []'", pair->name.text);
  bool converts = (written == ATTR_FLOAT && kind == ATTR_INT) ||
                  (written == ATTR_FLOATS && kind == ATTR_INTS) || (is_empty && is_list);
  if (written && written != kind && !converts)
    error_at(pair->value.loc, "attribute '%s' should be of kind %s but is of kind %s",
             pair->name.text, kind_names[written], kind_names[kind]);
  return written ? written : kind;
}

static int64_t integer_of(Parser *p, const Item *item) {
  int64_t i;
  store_integer(p, DT_I64, &i, 0, item);
  return i;
}

static double real_of(Parser *p, const Item *item) {
  float f;
  store_real(p, DT_F32, &f, 0, item);
  return (double)f;
}

static Tensor *read_attr_tensor(Parser *p, const Value *v) {
  Tensor *t = arena_alloc(p->arena, sizeof *t);
  t->name = v->word.text ? v->word.text : "";
  t->id = t->alias = -1;
  t->offset = -1;
  t->loc = v->loc;
  read_type(p, &v->type, t);
  t->data = read_elements(p, t, &v->data);
  return t;
}

/* Room for the elements of a list, never NULL. */
static void *list_room(Parser *p, const Items *items, size_t bytes) {
  return arena_alloc(p->arena, (int64_t)bytes * (items->n + 1));
}

static void read_list(Parser *p, const Items *items, Attr *a) {
  a->n = items->n;
  if (a->kind == ATTR_INTS) a->ints = list_room(p, items, sizeof *a->ints);
  if (a->kind == ATTR_FLOATS) a->floats = list_room(p, items, sizeof *a->floats);
  if (a->kind == ATTR_STRINGS) a->strings = list_room(p, items, sizeof *a->strings);
  for (int i = 0; i < a->n; i++) {
    const Item *item = &items->item[i];
    if (a->kind == ATTR_INTS) a->ints[i] = integer_of(p, item);
    else if (a->kind == ATTR_FLOATS) a->floats[i] = real_of(p, item);
    else a->strings[i] = item->u.s;
  }
}

Attr read_attr(Parser *p, const Pair *pair) {
  Attr a = {.name = pair->name.text, .kind = (AttrKind)attr_kind(p, pair)};
  switch (a.kind) {
  case ATTR_INT: a.i = integer_of(p, only_item(pair)); break;
  case ATTR_FLOAT: a.f = real_of(p, only_item(pair)); break;
  case ATTR_STRING: a.s = only_item(pair)->u.s; break;
  case ATTR_TENSOR: a.t = read_attr_tensor(p, &pair->value); break;
  default: read_list(p, &pair->value.items, &a); break;
  }
  return a;
}

/* ---- annotations ---------------------------------------------------------------------------- */

/* A number, a list or an array of the weights file, as elements of type t; NULL for no pair. */
static void *read_numbers(Parser *p, const Pair *pair, DType t, int64_t *n) {
  *n = 0;
  if (!pair) return NULL;
  const Value *v = &pair->value;
  if (v->kind == VALUE_KEY) {
    const SafeTensor *s = p->weights ? find_safetensor(p->weights, v->word.text) : NULL;
    Tensor like = {.dtype = t, .rank = 1, .dim = {s && s->rank == 1 ? s->dim[0] : -1}};
    *n = like.dim[0];
    return find_array(p, &like, v->word.text, v->loc);
  }
  *n = v->items.n;
  if (*n == 0) error_at(v->loc, "'%s' needs at least one number", pair->name.text);
  void *data = arena_alloc(p->arena, *n * dtype_bytes(t));
  for (int64_t i = 0; i < *n; i++) store_item(p, t, data, i, &v->items.item[i]);
  return data;
}

enum { AXIS, GROUP, SCALE, ZERO, MULTIPLE, CHANNEL_SCALE, BOOK, N_QUANT_FIELDS };
static const char *const quant_fields[] = {
  [AXIS] = "axis", [GROUP] = "group",       [SCALE] = "scale",
  [ZERO] = "zero", [MULTIPLE] = "multiple", [CHANNEL_SCALE] = "channel_scale",
  [BOOK] = "book",
};

/* Sorts the arguments of quant=format(...) by field. */
static void sort_fields(Parser *p, const Pairs *args, const Pair *field[N_QUANT_FIELDS]) {
  for (int i = 0; i < args->n; i++) {
    const Pair *pair = &args->pair[i];
    int k = 0;
    while (k < N_QUANT_FIELDS && strcmp(quant_fields[k], pair->name.text) != 0) k++;
    if (k == N_QUANT_FIELDS)
      error_at(pair->name.loc, "unknown part '%s' of a quantization%s", pair->name.text,
               suggest(p, pair->name.text, quant_fields, N_QUANT_FIELDS));
    field[k] = pair;
  }
}

static const Format *read_format(Parser *p, Word w) {
  const Format *f = find_format(w.text);
  if (f) return f;
  const char **names = arena_alloc(p->arena, (int64_t)sizeof *names * (n_formats() + 1));
  for (int i = 0; i < n_formats(); i++) names[i] = format_at(i)->name;
  error_at(w.loc, "unknown format '%s'%s", w.text, suggest(p, w.text, names, n_formats()));
}

/* An array of n numbers for the n scales; one number stands for all where `repeats` allows it. */
static void expect_count(const Pair *pair, int64_t found, int64_t n, bool repeats) {
  if (found != n && !(repeats && found == 1))
    error_at(pair->value.loc, "expected %" PRId64 " numbers for '%s', found %" PRId64, n,
             pair->name.text, found);
}

/* Scales of groups: a byte times the scale of the group's channel. */
static void read_multiples(Parser *p, QuantSpec *q, const Pair *const *field) {
  int64_t n, channels;
  if (!field[MULTIPLE] || !field[CHANNEL_SCALE])
    error_at(field[MULTIPLE] ? field[MULTIPLE]->name.loc : field[CHANNEL_SCALE]->name.loc,
             "'multiple' and 'channel_scale' belong together");
  q->multiple = read_numbers(p, field[MULTIPLE], DT_U8, &n);
  q->channel_scale = read_numbers(p, field[CHANNEL_SCALE], DT_F32, &channels);
  expect_count(field[MULTIPLE], n, q->n, false);
  if (q->n % channels != 0)
    error_at(field[CHANNEL_SCALE]->value.loc, "%" PRId64 " groups cannot share %" PRId64 " scales",
             q->n, channels);
  if (field[SCALE]) return;
  for (int64_t i = 0; i < q->n; i++)
    q->scale[i] = q->channel_scale[i / (q->n / channels)] * (float)q->multiple[i];
}

static void read_zeros(Parser *p, QuantSpec *q, const Pair *pair) {
  int64_t n;
  const int32_t *zero = read_numbers(p, pair, DT_I32, &n);
  if (!zero) return;
  expect_count(pair, n, q->n, true);
  for (int64_t i = 0; i < q->n; i++) q->zero[i] = zero[n == 1 ? 0 : i];
}

/* One codebook or several; check_scales() knows how many there have to be. */
static void read_book(Parser *p, QuantSpec *q, const Value *v, const Pair *pair) {
  int64_t n, size = q->format->book_size;
  if (!size && !pair) return;
  if (!size) error_at(pair->name.loc, "format %s has no codebook", q->format->name);
  if (!pair) error_at(v->loc, "format %s needs a codebook, 'book'", q->format->name);
  q->book = read_numbers(p, pair, DT_I8, &n);
  if (q->format->terms == 1 && n > 0 && n % q->format->vector == 0 && n <= size)
    q->entries = n / q->format->vector, size = n;
  if (n % size != 0)
    error_at(pair->value.loc, "a codebook of format %s has %" PRId64 " numbers, found %" PRId64,
             q->format->name, size, n);
  q->n_book = n / size;
  for (int64_t i = 1; !has_sums(q->format) && i < n; i++)
    if (i % size != 0 && q->book[i - 1] > q->book[i])
      error_at(pair->value.loc, "the numbers of a codebook should rise");
}

static void check_numbers(const Pair *const *field, const QuantSpec *q) {
  const Pair *scales = field[SCALE] ? field[SCALE] : field[MULTIPLE];
  for (int64_t i = 0; i < q->n; i++) {
    if (!(q->scale[i] > 0) || isinf(q->scale[i]))
      error_at(scales->value.loc, "a scale should be a positive number");
    if (q->zero[i] < q->format->lo || q->zero[i] > q->format->hi)
      error_at(field[ZERO] ? field[ZERO]->value.loc : scales->value.loc,
               "zero point %" PRId32 " is no code of format %s", q->zero[i], q->format->name);
  }
}

static QuantSpec *read_quant(Parser *p, const Pair *pair) {
  const Value *v = &pair->value;
  const Pair *field[N_QUANT_FIELDS] = {0};
  if (v->kind != VALUE_CALL)
    error_at(v->loc, "expected a format, as in 'int8(scale=0.5)'");
  const Format *format = read_format(p, v->word);
  check_unique(v->args);
  sort_fields(p, &v->args, field);
  const Pair *counted = field[SCALE] ? field[SCALE] : field[MULTIPLE];
  if (!counted) error_at(v->loc, "the quantization has no scale");
  int64_t n;
  const void *numbers = read_numbers(p, counted, field[SCALE] ? DT_F32 : DT_U8, &n);
  int axis = field[AXIS] ? (int)read_integer(field[AXIS], 0, MAX_RANK - 1) : -1;
  int64_t group = field[GROUP] ? read_integer(field[GROUP], 1, INT64_MAX) : 0;
  if (group && axis < 0) error_at(field[GROUP]->name.loc, "'group' needs an 'axis'");
  if (n < 1) error_at(counted->value.loc, "'%s' needs at least one number", counted->name.text);
  QuantSpec *q = new_quant(p->graph, format, axis, group, n);
  if (field[SCALE]) memcpy(q->scale, numbers, (size_t)n * sizeof *q->scale);
  if (field[MULTIPLE] || field[CHANNEL_SCALE]) read_multiples(p, q, field);
  read_zeros(p, q, field[ZERO]);
  read_book(p, q, v, field[BOOK]);
  check_numbers(field, q);
  return q;
}

int64_t count_scales(const Tensor *t) {
  const QuantSpec *q = t->quant;
  if (q->axis < 0) return 1;
  int64_t n = n_elements(t);
  if (n < 0 || q->axis >= t->rank) return -1;
  int64_t channels = t->dim[q->axis];
  if (q->group == 0 || n == 0) return channels;
  int64_t rest = n / channels;
  return channels * (rest / q->group + (rest % q->group != 0));
}

static void read_range(Parser *p, Tensor *t, const Pair *pair) {
  const Items *items = &pair->value.items;
  if (pair->value.kind != VALUE_LIST || items->n != 2)
    error_at(pair->value.loc, "a range is a list of two numbers, as in [-1.0, 6.0]");
  store_item(p, DT_F32, &t->lo, 0, &items->item[0]);
  store_item(p, DT_F32, &t->hi, 0, &items->item[1]);
  if (!(t->lo <= t->hi)) error_at(pair->value.loc, "the range is empty");
  t->has_range = true;
}

/* What it stands for may be defined later, so it is looked up at the end. */
static void remember_alias(Parser *p, Tensor *t, const Pair *pair) {
  p->alias = arena_grow(p->arena, p->alias, p->n_alias, sizeof *p->alias);
  p->alias[p->n_alias++] = (Alias){t, {read_text(pair), pair->value.loc}};
}

/* Of a graph input: outputs are known at the end. */
static void remember_next(Parser *p, Tensor *t, const Pair *pair) {
  bool is_input = p->graph->n_in > 0 && p->graph->in[p->graph->n_in - 1] == t && p->graph->n_node == 0;
  if (!is_input) error_at(pair->name.loc, "only inputs of the graph are states");
  p->next = arena_grow(p->arena, p->next, p->n_next, sizeof *p->next);
  p->next[p->n_next++] = (NextValue){t, {read_text(pair), pair->value.loc}};
}

/* Where a state starts, in the tensor's own elements; one number stands for all. */
static void read_start(Parser *p, Tensor *t, const Pair *pair) {
  int64_t n, count = n_elements(t);
  if (count < 0 || t->dtype == DT_NONE) error_at(pair->name.loc, "the tensor has no size");
  const char *numbers = read_numbers(p, pair, t->dtype, &n);
  expect_count(pair, n, count, true);
  Tensor *start = arena_alloc(p->arena, sizeof *start);
  size_t bytes = (size_t)dtype_bytes(t->dtype);
  *start = *t;
  char *data = start->data = arena_alloc(p->arena, tensor_bytes(t) + 1);
  for (int64_t i = 0; i < count; i++)
    memcpy(data + (size_t)i * bytes, numbers + (n == 1 ? 0 : (size_t)i * bytes), bytes);
  t->start = start;
}

static void read_annotation(Parser *p, Tensor *t, const Pair *pair) {
  static const char *const names[] = {"quant", "range", "offset", "alias", "state", "start"};
  enum { QUANT, RANGE, OFFSET, ALIAS, STATE, START, N_NAMES };
  int which = 0;
  while (which < N_NAMES && strcmp(names[which], pair->name.text) != 0) which++;
  switch (which) {
  case QUANT: t->quant = read_quant(p, pair); break;
  case RANGE: read_range(p, t, pair); break;
  case OFFSET: t->offset = read_integer(pair, 0, INT64_MAX); break;
  case ALIAS: remember_alias(p, t, pair); break;
  case STATE: remember_next(p, t, pair); break;
  case START: read_start(p, t, pair); break;
  default:
    error_at(pair->name.loc, "unknown annotation '%s' of a tensor%s", pair->name.text,
             suggest(p, pair->name.text, names, N_NAMES));
  }
}

void read_annotations(Parser *p, Tensor *t, Pairs notes) {
  check_unique(notes);
  for (int i = 0; i < notes.n; i++) read_annotation(p, t, &notes.pair[i]);
}
