/* policy_inputs.c - `inputs:` (how data arrives in the firmware), `ranges:` and `lock:` (what a
 * policy.lock.yaml holds so that no calibration data is needed). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/policy_reader.h"

/* A number, or a list with one per channel. */
static float *read_reals(PolicyReader *r, const Yaml *y, const char *key, int *n) {
  bool list = y->kind == YAML_LIST;
  *n = list ? y->n : 1;
  if (*n == 0)
    error_at(y->loc, "expected a number or a list of numbers for '%s', found an empty list", key);
  float *v = arena_alloc(r->arena, *n * (int64_t)sizeof *v);
  for (int i = 0; i < *n; i++) v[i] = (float)want_real(r, list ? y->item[i] : y, key);
  return v;
}

static void read_std(PolicyReader *r, InputPolicy *in, const Yaml *y) {
  in->std = read_reals(r, y, "std", &in->n_std);
  in->std_loc = y->loc;
  for (int i = 0; i < in->n_std; i++) {
    const Yaml *item = y->kind == YAML_LIST ? y->item[i] : y;
    if (!(in->std[i] > 0)) error_at(item->loc, "'std' must be positive, found %s", item->text);
  }
}

static void read_layout(PolicyReader *r, InputPolicy *in, const Yaml *y) {
  const char *word = want_word(r, y, "inputs.layout", "NCHW NHWC", NULL);
  in->layout = strcmp(word, "NHWC") == 0 ? LAYOUT_NHWC : LAYOUT_NONE;
  in->layout_loc = y->loc;
  in->has_layout = true;
}

static void read_storage(PolicyReader *r, InputPolicy *in, const Yaml *y) {
  const char *word = want_word(r, y, "inputs.storage", "uint8 int8 float", "int16 uint16 float16");
  in->storage = strcmp(word, "uint8") == 0 ? DT_U8 : strcmp(word, "int8") == 0 ? DT_I8 : DT_F32;
}

static void read_input_key(PolicyReader *r, InputPolicy *in, const Yaml *key, const Yaml *y) {
  static const char *const known[] = {"storage", "mean", "std", "layout"};
  if (strcmp(key->text, "storage") == 0) {
    read_storage(r, in, y);
  } else if (strcmp(key->text, "mean") == 0) {
    in->mean = read_reals(r, y, "mean", &in->n_mean);
    in->mean_loc = y->loc;
  } else if (strcmp(key->text, "std") == 0) {
    read_std(r, in, y);
  } else if (strcmp(key->text, "layout") == 0) {
    read_layout(r, in, y);
  } else {
    unknown_key(r, key, 4, known);
  }
}

void read_inputs(PolicyReader *r, const Yaml *y) {
  want_map(r, y, "inputs");
  Policy *p = r->policy;
  for (int i = 0; i < y->n; i++) {
    InputPolicy in = {.name = y->key[i]->text, .loc = y->key[i]->loc};
    want_map(r, y->item[i], in.name);
    for (int k = 0; k < y->item[i]->n; k++)
      read_input_key(r, &in, y->item[i]->key[k], y->item[i]->item[k]);
    if (in.n_mean > 1 && in.n_std > 1 && in.n_mean != in.n_std)
      error_at(in.std_loc, "'mean' has %d values and 'std' has %d", in.n_mean, in.n_std);
    p->input = arena_grow(r->arena, p->input, p->n_input, sizeof *p->input);
    p->input[p->n_input++] = in;
  }
}

static int by_tensor(const void *a, const void *b) {
  return strcmp(((const RangePolicy *)a)->tensor, ((const RangePolicy *)b)->tensor);
}

void read_ranges(PolicyReader *r, const Yaml *y) {
  want_map(r, y, "ranges");
  Policy *p = r->policy;
  p->range = arena_alloc(r->arena, (y->n + 1) * (int64_t)sizeof *p->range);
  p->n_range = y->n;
  for (int i = 0; i < y->n; i++) {
    const Yaml *pair = y->item[i];
    const char *name = y->key[i]->text;
    want_list(r, pair, name);
    if (pair->n != 2) error_at(pair->loc, "a range is [lo, hi], found %d values", pair->n);
    float lo = (float)want_real(r, pair->item[0], name),
          hi = (float)want_real(r, pair->item[1], name);
    if (!(lo <= 0 && hi >= 0))
      error_at(pair->loc, "the range [%g, %g] does not contain 0", (double)lo, (double)hi);
    p->range[i] = (RangePolicy){.tensor = name, .lo = lo, .hi = hi, .loc = y->key[i]->loc};
  }
  qsort(p->range, (size_t)p->n_range, sizeof *p->range, by_tensor);
}

static uint64_t want_hash(PolicyReader *r, const Yaml *y, const char *key) {
  const char *text = want_text(r, y, key);
  size_t n = strspn(text, "0123456789abcdef");
  if (n != 16 || text[n] != '\0')
    error_at(y->loc, "expected 16 hexadecimal digits for '%s', found '%s'", key, text);
  return (uint64_t)strtoull(text, NULL, 16);
}

static LockTensor read_lock_tensor(PolicyReader *r, const Yaml *y) {
  static const char *const known[] = {"name",     "format", "granularity", "group",
                                      "elements", "bits",   "scale",       "zero"};
  LockTensor t = {.name = "", .format = "", .granularity = ""};
  want_map(r, y, "tensors");
  for (int i = 0; i < y->n; i++) {
    const char *key = y->key[i]->text;
    const Yaml *v = y->item[i];
    if (strcmp(key, "name") == 0) t.name = want_text(r, v, key);
    else if (strcmp(key, "format") == 0) t.format = want_text(r, v, key);
    else if (strcmp(key, "granularity") == 0) t.granularity = want_text(r, v, key);
    else if (strcmp(key, "group") == 0) t.group = want_int(r, v, key, 1);
    else if (strcmp(key, "elements") == 0) t.elements = want_int(r, v, key, 1);
    else if (strcmp(key, "bits") == 0) t.bits = want_real(r, v, key);
    else if (strcmp(key, "scale") == 0) t.scale = want_real(r, v, key);
    else if (strcmp(key, "zero") == 0) t.zero = want_real(r, v, key);
    else unknown_key(r, y->key[i], 8, known);
  }
  return t;
}

static void read_lock_tensors(PolicyReader *r, LockPolicy *lock, const Yaml *y) {
  want_list(r, y, "tensors");
  lock->n_tensor = y->n;
  lock->tensor = arena_alloc(r->arena, (y->n + 1) * (int64_t)sizeof *lock->tensor);
  for (int i = 0; i < y->n; i++) lock->tensor[i] = read_lock_tensor(r, y->item[i]);
}

/* `tensors` is for the reader of the file and for `qcc diff`: the rules and ranges say the same. */
void read_lock(PolicyReader *r, const Yaml *key, const Yaml *y) {
  static const char *const known[] = {"qcc",         "model",   "policy",
                                      "calibration", "adapter", "tensors"};
  LockPolicy *lock = &r->policy->lock;
  want_map(r, y, "lock");
  *lock = (LockPolicy){.given = true, .loc = key->loc, .model_loc = key->loc};
  for (int i = 0; i < y->n; i++) {
    const char *name = y->key[i]->text;
    if (strcmp(name, "qcc") == 0) {
      lock->version = want_text(r, y->item[i], name);
    } else if (strcmp(name, "model") == 0) {
      lock->model = want_hash(r, y->item[i], name);
      lock->model_loc = y->item[i]->loc;
    } else if (strcmp(name, "policy") == 0) {
      lock->policy = want_hash(r, y->item[i], name);
    } else if (strcmp(name, "calibration") == 0) {
      lock->calibration = want_hash(r, y->item[i], name);
    } else if (strcmp(name, "adapter") == 0) {
      lock->adapter = want_hash(r, y->item[i], name);
      lock->adapter_loc = y->item[i]->loc;
    } else if (strcmp(name, "tensors") == 0) {
      read_lock_tensors(r, lock, y->item[i]);
    } else {
      unknown_key(r, y->key[i], 6, known);
    }
  }
}
