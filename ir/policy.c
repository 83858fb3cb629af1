/* policy.c - looking things up in a Policy, and checking what it says of the model's inputs. */
#include <stdlib.h>
#include <string.h>

#include "ir/policy.h"

const Setting *find_setting(const Settings *s, const char *key) {
  for (int i = s->n - 1; i >= 0; i--)
    if (strcmp(s->s[i].key, key) == 0) return &s->s[i];
  return NULL;
}

const char *policy_value(const Policy *p, const char *key) {
  const Setting *s = find_setting(&p->defaults, key);
  if (s != NULL) return s->value;
  const PolicyKey *k = find_policy_key(key);
  if (k == NULL) bug("no policy key '%s'", key);
  return k->otherwise;
}

int64_t policy_int(const Policy *p, const char *key) { return parse_bytes(policy_value(p, key)); }

double policy_real(const Policy *p, const char *key) { return strtod(policy_value(p, key), NULL); }

bool policy_has(const Policy *p, const char *key, const char *word) {
  return has_word(policy_value(p, key), word);
}

const char *policy_file(Arena *a, const Policy *p, const char *key) {
  const Setting *s = find_setting(&p->defaults, key);
  if (s == NULL || s->value[0] == '\0') return NULL;
  const char *slash = s->loc.src != NULL ? strrchr(s->loc.src->path, '/') : NULL;
  if (s->value[0] == '/' || slash == NULL) return s->value;
  return arena_printf(a, "%.*s/%s", (int)(slash - s->loc.src->path), s->loc.src->path, s->value);
}

bool policy_range(const Policy *p, const char *tensor, float *lo, float *hi) {
  int from = 0, to = p->n_range;
  while (from < to) {
    int mid = from + (to - from) / 2;
    int order = strcmp(tensor, p->range[mid].tensor);
    if (order == 0) {
      *lo = p->range[mid].lo;
      *hi = p->range[mid].hi;
      return true;
    }
    if (order < 0) to = mid;
    else from = mid + 1;
  }
  return false;
}

const InputPolicy *policy_input(const Policy *p, const char *name) {
  for (int i = 0; i < p->n_input; i++)
    if (strcmp(p->input[i].name, name) == 0) return &p->input[i];
  return NULL;
}

int64_t parse_bytes(const char *text) {
  static const struct { const char *suffix; int64_t factor; } unit[] = {
    {"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024},
    {"kB", 1000}, {"MB", 1000000},
  };
  if (strcmp(text, "never") == 0) return INT64_MAX;
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 15) return -1;
  int64_t n = strtoll(text, NULL, 10);
  text += digits;
  while (*text == ' ') text++;
  for (size_t i = 0; i < sizeof unit / sizeof *unit; i++)
    if (strcmp(text, unit[i].suffix) == 0) return mul_size(n, unit[i].factor);
  return -1;
}

int input_channel_axis(const Tensor *t, const InputPolicy *in) {
  int n = in->n_mean > in->n_std ? in->n_mean : in->n_std;
  int last = t->rank - 1;
  if (t->rank < 2) return last < 0 ? 0 : last;
  if (n > 1 && !in->has_layout && t->dim[1] != n && t->dim[last] == n) return last;
  return 1;
}

static const char *input_names(Arena *a, const Graph *g) {
  const char *text = "";
  for (int i = 0; i < n_inputs(g); i++)
    text = arena_printf(a, "%s%s'%s'", text, i > 0 ? ", " : "", g->in[i]->name);
  return text;
}

static const Tensor *graph_input(const Graph *g, const InputPolicy *in) {
  const char **name = arena_alloc(g->arena, (n_inputs(g) + 1) * (int64_t)sizeof *name);
  for (int i = 0; i < n_inputs(g); i++) {
    if (strcmp(g->in[i]->name, in->name) == 0) return g->in[i];
    name[i] = g->in[i]->name;
  }
  const char *near = nearest_name(in->name, name, n_inputs(g));
  if (near != NULL)
    error_at(in->loc, "the model has no input '%s', did you mean '%s'?", in->name, near);
  error_at(in->loc, "the model has no input '%s'; its inputs are %s", in->name,
           input_names(g->arena, g));
}

static void check_list(const Tensor *t, const InputPolicy *in, int n, const char *what, Loc loc) {
  if (n <= 1) return;
  int axis = input_channel_axis(t, in);
  int64_t channels = t->rank > 0 ? t->dim[axis] : 1;
  if (channels != n)
    error_at(loc, "%s has %d values, but input '%s' has %lld channels", what, n, t->name,
             (long long)channels);
}

static void check_input(const Graph *g, const InputPolicy *in) {
  const Tensor *t = graph_input(g, in);
  bool scaled = in->n_mean > 0 || in->n_std > 0;
  if ((in->storage != DT_NONE || scaled) && !dtype_is_float(t->dtype) && in->storage != t->dtype)
    error_at(in->loc, "input '%s' is %s in the model; storage, mean and std are for float inputs",
             t->name, dtype_name(t->dtype));
  if (in->layout == LAYOUT_NHWC && t->rank < 3)
    error_at(in->layout_loc, "layout: NHWC needs an input of rank 3 or more, but '%s' is %s",
             t->name, shape_text(g->arena, t));
  check_list(t, in, in->n_mean, "mean", in->mean_loc);
  check_list(t, in, in->n_std, "std", in->std_loc);
}

void check_policy_inputs(const Graph *g, const Policy *p) {
  for (int i = 0; i < p->n_input; i++) check_input(g, &p->input[i]);
}
