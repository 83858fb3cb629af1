/* adapter.c - reads a low-rank adapter: a safetensors file with two matrices for each module that it
 * changes, named as the library peft names them:
 *
 *   base_model.model.layers.0.q_proj.lora_A.weight   [rank, inputs]
 *   base_model.model.layers.0.q_proj.lora_B.weight   [outputs, rank]
 *
 * The first two parts may be missing.  A file adapter_config.json beside it says how the product is
 * scaled, where the policy does not. */
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "passes/quant/adapter.h"

static const char prefix[] = "base_model.model.";
static const char *const half_name[2] = {".lora_A.weight", ".lora_B.weight"};

/* ---- the matrices */

/* Which half of a module a tensor is: 0 or 1; -1: neither. */
static int half_of(const SafeTensor *t) {
  for (int i = 0; i < 2; i++)
    if (ends_with(t->name, half_name[i])) return i;
  return -1;
}

static void check_half(const Adapter *f, const SafeTensor *t) {
  if (half_of(t) < 0)
    error_at(f->loc,
             "adapter '%s': tensor '%s' is no low-rank matrix; their names end in %s or %s",
             f->path, t->name, half_name[0], half_name[1]);
  if (t->dtype != DT_F32 && t->dtype != DT_F16 && t->dtype != DT_BF16)
    error_at(f->loc, "adapter '%s': tensor '%s' has elements of type %s, expected float, float16 or bfloat16",
             f->path, t->name, dtype_name(t->dtype));
  if (t->rank < 2)
    error_at(f->loc, "adapter '%s': tensor '%s' is no matrix, it has %d dimension%s", f->path, t->name,
             t->rank, t->rank == 1 ? "" : "s");
  for (int64_t i = 0, n = t->bytes / dtype_bytes(t->dtype); i < n; i++)
    if (!isfinite(get_real(t->dtype, t->data, i)))
      error_at(f->loc, "adapter '%s': element %lld of tensor '%s' is not a finite number", f->path,
               (long long)i, t->name);
}

static const char *module_of(Arena *a, const SafeTensor *t) {
  const char *name = t->name;
  size_t n = strlen(prefix);
  if (strncmp(name, prefix, n) == 0) name += n;
  return arena_strndup(a, name, strlen(name) - strlen(half_name[0]));
}

static LowRank *part_of(Arena *a, Adapter *f, const char *module) {
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->part[i].module, module) == 0) return &f->part[i];
  f->part = arena_grow(a, f->part, f->n, sizeof *f->part);
  f->part[f->n] = (LowRank){.module = module};
  return &f->part[f->n++];
}

static void check_part(const Adapter *f, LowRank *p) {
  if (p->a == NULL || p->b == NULL)
    error_at(f->loc, "adapter '%s': module '%s' has no %s", f->path, p->module,
             half_name[p->a == NULL ? 0 : 1] + 1);
  p->rank = p->a->dim[0];
  if (p->rank < 1 || p->b->dim[1] != p->rank)
    error_at(f->loc, "adapter '%s': module '%s' has lora_A of rank %lld and lora_B of rank %lld", f->path,
             p->module, (long long)p->rank, (long long)p->b->dim[1]);
}

static void read_parts(Arena *a, Adapter *f) {
  const SafeTensors *s = read_safetensors(a, f->loc, f->path);
  for (int i = 0; i < s->n; i++) {
    const SafeTensor *t = &s->tensor[i];
    check_half(f, t);
    LowRank *p = part_of(a, f, module_of(a, t));
    const SafeTensor **half = half_of(t) == 0 ? &p->a : &p->b;
    if (*half != NULL)
      error_at(f->loc, "adapter '%s': '%s' and '%s' are the same matrix of module '%s'", f->path,
               (*half)->name, t->name, p->module);
    *half = t;
  }
  if (f->n == 0) error_at(f->loc, "adapter '%s' is empty", f->path);
  for (int i = 0; i < f->n; i++) check_part(f, &f->part[i]);
}

float *adapter_floats(Arena *a, const SafeTensor *t, double factor) {
  int64_t n = t->bytes / dtype_bytes(t->dtype);
  float *v = arena_alloc(a, (n + 1) * (int64_t)sizeof *v);
  for (int64_t i = 0; i < n; i++) v[i] = (float)(factor * get_real(t->dtype, t->data, i));
  return v;
}

/* ---- how they are scaled */

typedef struct Config {
  double alpha;      /* 0: it does not say */
  bool by_root;      /* divided by the root of the rank, not by the rank */
} Config;

/* What this version does not do, or NULL. */
static const char *config_fault(json_t *root) {
  if (!json_is_object(root)) return "it is no JSON object";
  if (json_is_true(json_object_get(root, "use_dora"))) return "use_dora is not supported";
  if (json_object_size(json_object_get(root, "alpha_pattern")) > 0)
    return "alpha_pattern is not supported";
  json_t *alpha = json_object_get(root, "lora_alpha");
  if (alpha != NULL && !(json_is_number(alpha) && json_number_value(alpha) >= 0))
    return "lora_alpha is no number from 0 on";
  return NULL;
}

/* adapter_config.json beside the adapter; what it says goes into the hash. */
static Config read_config(Arena *a, Adapter *f) {
  const char *slash = strrchr(f->path, '/');
  const char *path = arena_printf(a, "%.*sadapter_config.json",
                                  slash != NULL ? (int)(slash + 1 - f->path) : 0, f->path);
  Config c = {0};
  if (access(path, F_OK) != 0) return c;
  size_t len;
  json_error_t at;
  const char *text = read_file(a, path, &len);
  json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
  if (root == NULL) error_at(f->loc, "'%s' is not valid JSON: %s", path, at.text);
  const char *fault = config_fault(root);
  c.alpha = json_number_value(json_object_get(root, "lora_alpha"));
  c.by_root = json_is_true(json_object_get(root, "use_rslora"));
  json_decref(root);
  if (fault != NULL) error_at(f->loc, "'%s': %s", path, fault);
  f->hash = hash_bytes(f->hash, text, len);
  return c;
}

static void set_factors(Arena *a, const Policy *policy, Adapter *f) {
  bool known = strcmp(policy_value(policy, "lora.alpha"), "auto") != 0;
  Config c = known ? (Config){.alpha = policy_real(policy, "lora.alpha")} : read_config(a, f);
  for (int i = 0; i < f->n; i++) {
    double rank = (double)f->part[i].rank;
    f->part[i].factor = !known && c.alpha == 0 ? 1 : c.alpha / (c.by_root ? sqrt(rank) : rank);
  }
}

/* ---- the file */

/* Settings of an adapter that is not there, or that contradict each other. */
static void check_settings(const Policy *p, const char *path) {
  const Setting *base = find_setting(&p->defaults, "lora.base.format"), *mode = NULL;
  bool merge = strcmp(policy_value(p, "lora.mode"), "merge") == 0;
  for (int i = 0; i < p->defaults.n && path == NULL; i++)
    if (has_word("lora.alpha lora.mode lora.base.format", p->defaults.s[i].key))
      error_at(p->defaults.s[i].loc, "'lora' needs `file`, or --lora FILE on the command line");
  mode = find_setting(&p->defaults, "lora.mode");
  if (merge && base == NULL)
    error_at(mode->loc, "`mode: merge` needs `base: {format: ...}`: the weights that the adapter was "
                        "trained with, `float` if they were not quantized");
  if (!merge && base != NULL) error_at(base->loc, "'base' needs `mode: merge`");
}

Adapter *read_adapter(Arena *a, const Policy *p) {
  const char *path = policy_file(a, p, "lora.file");
  check_settings(p, path);
  if (path == NULL) return NULL;
  Adapter *f = arena_alloc(a, sizeof *f);
  *f = (Adapter){.path = path, .loc = find_setting(&p->defaults, "lora.file")->loc};
  if (access(path, R_OK) != 0)
    error_at(f->loc, "cannot read adapter '%s'; --lora FILE says where it is", path);
  size_t len;
  const char *bytes = read_file(a, path, &len);
  f->hash = hash_bytes(HASH_START, bytes, len);
  read_parts(a, f);
  set_factors(a, p, f);
  if (p->lock.adapter != 0 && p->lock.adapter != f->hash)
    error_at(p->lock.adapter_loc, "the lock file was made with another adapter than '%s'", path);
  return f;
}
