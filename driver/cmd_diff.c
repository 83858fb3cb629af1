/* cmd_diff.c - qcc diff: what differs between two lock files.
 *
 * A lock file says everything that was decided, so the difference of two says why one network is
 * smaller, or better, than the other.  Each part of the file is a list of named things with keys
 * and values; what is compared is those, by name and key, never the text. */
#include <jansson.h>
#include <string.h>

#include "driver/driver.h"

int cmd_diff(Arena *a, const Options *o);

typedef struct Change {
  const char *part;           /* "file", "settings", "input", "layer", "range", "tensor" */
  const char *name, *key;     /* of what; which of its values */
  const char *before, *after; /* NULL: not there */
} Change;

typedef struct Diff {
  Arena *arena;
  const Policy *before, *after;
  int n;
  Change *change;   /* [n] */
  int64_t bytes[2]; /* of all weights, before and after */
} Diff;

static void compare(Diff *d, const char *part, const char *name, const char *key,
                    const char *before, const char *after) {
  if (before == after || (before && after && strcmp(before, after) == 0)) return;
  d->change = arena_grow(d->arena, d->change, d->n, sizeof *d->change);
  d->change[d->n++] = (Change){part, name, key, before, after};
}

/* ---- settings: of the whole network, and of the layers by their rules ------------------------ */

static const char *value_in(const Settings *s, const char *key) {
  const Setting *found = s ? find_setting(s, key) : NULL;
  return found ? found->value : NULL;
}

static void compare_settings(Diff *d, const char *part, const char *name, const Settings *before,
                             const Settings *after) {
  for (int i = 0; i < n_policy_keys; i++) {
    const char *key = policy_keys[i].key;
    compare(d, part, name, key, value_in(before, key), value_in(after, key));
  }
}

/* The tensor that the rule of a lock file is for. */
static const char *output_of(const Rule *r) {
  return r->n_match == 1 && strcmp(r->match[0].key, "output") == 0 ? r->match[0].value[0] : NULL;
}

static const Settings *rule_for(const Policy *p, const char *output) {
  for (int i = 0; i < p->n_rule; i++) {
    const char *own = output_of(&p->rule[i]);
    if (own && strcmp(own, output) == 0) return &p->rule[i].set;
  }
  return NULL;
}

static void compare_layers(Diff *d) {
  for (int i = 0; i < d->before->n_rule; i++) {
    const char *output = output_of(&d->before->rule[i]);
    if (output)
      compare_settings(d, "layer", output, &d->before->rule[i].set, rule_for(d->after, output));
  }
  for (int i = 0; i < d->after->n_rule; i++) {
    const char *output = output_of(&d->after->rule[i]);
    if (output && !rule_for(d->before, output))
      compare_settings(d, "layer", output, NULL, &d->after->rule[i].set);
  }
}

/* ---- inputs and ranges ----------------------------------------------------------------------- */

static const char *list_text(Arena *a, int n, const float *v) {
  const char *text = "";
  for (int i = 0; i < n; i++) text = arena_printf(a, "%s%s%.9g", text, i ? " " : "", (double)v[i]);
  return n > 0 ? text : NULL;
}

static void compare_input(Diff *d, const char *name, const InputPolicy *x, const InputPolicy *y) {
  const InputPolicy none = {0};
  Arena *a = d->arena;
  x = x ? x : &none, y = y ? y : &none;
  const char *const layouts[] = {[LAYOUT_NONE] = "NCHW", [LAYOUT_NHWC] = "NHWC"};
  compare(d, "input", name, "storage", x->storage ? dtype_name(x->storage) : NULL,
          y->storage ? dtype_name(y->storage) : NULL);
  compare(d, "input", name, "layout", x->has_layout ? layouts[x->layout] : NULL,
          y->has_layout ? layouts[y->layout] : NULL);
  compare(d, "input", name, "mean", list_text(a, x->n_mean, x->mean),
          list_text(a, y->n_mean, y->mean));
  compare(d, "input", name, "std", list_text(a, x->n_std, x->std), list_text(a, y->n_std, y->std));
}

static void compare_inputs(Diff *d) {
  for (int i = 0; i < d->before->n_input; i++) {
    const InputPolicy *x = &d->before->input[i];
    compare_input(d, x->name, x, policy_input(d->after, x->name));
  }
  for (int i = 0; i < d->after->n_input; i++) {
    const InputPolicy *y = &d->after->input[i];
    if (!policy_input(d->before, y->name)) compare_input(d, y->name, NULL, y);
  }
}

static const char *range_text(const Diff *d, const Policy *p, const char *tensor) {
  float lo, hi;
  if (!policy_range(p, tensor, &lo, &hi)) return NULL;
  return arena_printf(d->arena, "[%.6g, %.6g]", (double)lo, (double)hi);
}

static void compare_ranges(Diff *d) {
  const Policy *both[] = {d->before, d->after};
  for (int side = 0; side < 2; side++)
    for (int i = 0; i < both[side]->n_range; i++) {
      const char *tensor = both[side]->range[i].tensor;
      const char *x = range_text(d, d->before, tensor), *y = range_text(d, d->after, tensor);
      if (side == 0 || !x) compare(d, "range", tensor, "range", x, y);
    }
}

/* ---- tensors --------------------------------------------------------------------------------- */

static const LockTensor *tensor_in(const Policy *p, const char *name) {
  for (int i = 0; i < p->lock.n_tensor; i++)
    if (strcmp(p->lock.tensor[i].name, name) == 0) return &p->lock.tensor[i];
  return NULL;
}

/* 0 for what no tensor can have. */
static int64_t bytes_of(const LockTensor *t) {
  double bytes = (double)t->elements * t->bits / 8;
  return bytes > 0 && bytes < 1e12 ? (int64_t)(bytes + 0.5) : 0;
}

static void compare_tensor(Diff *d, const LockTensor *x, const LockTensor *y) {
  Arena *a = d->arena;
  const LockTensor *const side[] = {x, y};
  const char *v[5][2] = {{NULL}};
  static const char *const key[] = {"format", "granularity", "group", "bytes", "scale"};
  for (int i = 0; i < 2; i++) {
    const LockTensor *t = side[i];
    if (!t) continue;
    v[0][i] = t->format, v[1][i] = t->granularity;
    v[2][i] = t->group ? arena_printf(a, "%lld", (long long)t->group) : NULL;
    if (t->elements) v[3][i] = arena_printf(a, "%lld", (long long)bytes_of(t));
    else v[4][i] = arena_printf(a, "%.6g from %g", t->scale, t->zero);
  }
  for (int k = 0; k < 5; k++) compare(d, "tensor", (x ? x : y)->name, key[k], v[k][0], v[k][1]);
}

static void compare_tensors(Diff *d) {
  for (int i = 0; i < d->before->lock.n_tensor; i++) {
    const LockTensor *x = &d->before->lock.tensor[i];
    compare_tensor(d, x, tensor_in(d->after, x->name));
    d->bytes[0] += bytes_of(x);
  }
  for (int i = 0; i < d->after->lock.n_tensor; i++) {
    const LockTensor *y = &d->after->lock.tensor[i];
    if (!tensor_in(d->before, y->name)) compare_tensor(d, NULL, y);
    d->bytes[1] += bytes_of(y);
  }
}

/* ---- where they come from -------------------------------------------------------------------- */

static const char *hash_text(Arena *a, uint64_t hash) {
  return hash ? arena_printf(a, "%016llx", (unsigned long long)hash) : NULL;
}

static void compare_files(Diff *d) {
  const LockPolicy *x = &d->before->lock, *y = &d->after->lock;
  Arena *a = d->arena;
  compare(d, "file", "lock", "qcc", x->version, y->version);
  compare(d, "file", "lock", "model", hash_text(a, x->model), hash_text(a, y->model));
  compare(d, "file", "lock", "policy", hash_text(a, x->policy), hash_text(a, y->policy));
  compare(d, "file", "lock", "calibration", hash_text(a, x->calibration),
          hash_text(a, y->calibration));
}

static const Policy *read_lock_file(Arena *a, const char *path) {
  const Policy *p = read_policy(a, path);
  if (!p->lock.given)
    error("%s: expected a policy.lock.yaml of a compile, found a policy without `lock:`", path);
  return p;
}

/* ---- output ---------------------------------------------------------------------------------- */

static const char *or_dash(const char *text) { return text ? text : "-"; }

/* Raises *width to the text's, up to a limit. */
static void widen(int *width, const char *text) {
  enum { WIDEST = 48 };
  int n = (int)strlen(text);
  if (n > *width) *width = n < WIDEST ? n : WIDEST;
}

static void print_text(const Diff *d) {
  const Change head = {"part", "name", "what", "before", "after"};
  int name = 4, key = 4, before = 6;
  for (int i = 0; i < d->n; i++) {
    const Change *c = &d->change[i];
    widen(&name, c->name);
    widen(&key, c->key);
    widen(&before, or_dash(c->before));
  }
  for (int i = -1; i < d->n && d->n > 0; i++) {
    const Change *c = i < 0 ? &head : &d->change[i];
    printf("%-8s  %-*s  %-*s  %-*s  %s\n", c->part, name, c->name, key, c->key, before,
           or_dash(c->before), or_dash(c->after));
  }
  if (d->n == 0) printf("nothing differs\n");
  printf("weights with their scales: %lld bytes before, %lld after", (long long)d->bytes[0],
         (long long)d->bytes[1]);
  if (d->bytes[0] > 0 && d->bytes[0] != d->bytes[1])
    printf(" (%+.1f %%)", 100.0 * (double)(d->bytes[1] - d->bytes[0]) / (double)d->bytes[0]);
  printf("\n");
}

static void print_json(const Diff *d) {
  json_t *changes = json_array();
  for (int i = 0; i < d->n; i++) {
    const Change *c = &d->change[i];
    json_array_append_new(changes,
                          json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "part", c->part, "name", c->name,
                                    "key", c->key, "before", c->before, "after", c->after));
  }
  json_t *o =
      json_pack("{s:b, s:{s:I, s:I}, s:o}", "same", d->n == 0, "weight_bytes", "before",
                (json_int_t)d->bytes[0], "after", (json_int_t)d->bytes[1], "changes", changes);
  json_dumpf(o, stdout, JSON_INDENT(2));
  putchar('\n');
  json_decref(o);
}

int cmd_diff(Arena *a, const Options *o) {
  if (o->n_arg != 2)
    error("expected two lock files, found %d: qcc diff A.lock.yaml B.lock.yaml", o->n_arg);
  Diff d = {
      .arena = a, .before = read_lock_file(a, o->arg[0]), .after = read_lock_file(a, o->arg[1])};
  compare_files(&d);
  compare_settings(&d, "settings", "all", &d.before->defaults, &d.after->defaults);
  compare_inputs(&d);
  compare_layers(&d);
  compare_ranges(&d);
  compare_tensors(&d);
  if (o->json) print_json(&d);
  else print_text(&d);
  return 0;
}
