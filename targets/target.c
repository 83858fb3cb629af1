/* target.c - reads the facts of a target from YAML.  A built-in target NAME is the embedded file
 * targets/NAME.yaml; a user's target is a file of the same form.  docs/targets.md describes the
 * keys; the tables below are the authority. */
#include "targets/targets.h"

#include "ir/embed.h"
#include "targets/yaml_facts.h"
#include <string.h>

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

static const char *const target_names[] = {
#define TARGET(name) name,
#include "targets/targets.def"
#undef TARGET
};

static const struct {
  const char *name, *header;
} cpu_features[] = {
#define FEATURE(name, header) {name, header},
#include "targets/cpu_features.def"
#undef FEATURE
};

const char *cpu_feature_header(const char *name) {
  for (int i = 0; i < COUNT(cpu_features); i++)
    if (strcmp(cpu_features[i].name, name) == 0) return cpu_features[i].header;
  return NULL;
}

int n_targets(void) { return COUNT(target_names); }
const char *target_name_at(int i) { return target_names[i]; }

/* ---- one region of memory */

static void region_name(const Facts *f, yaml_node_t *v, void *r) {
  ((Region *)r)->name = read_string(f, v);
}
static void region_bytes(const Facts *f, yaml_node_t *v, void *r) {
  ((Region *)r)->bytes = read_number(f, v, true);
}
static void region_kind(const Facts *f, yaml_node_t *v, void *r) {
  static const char *const kinds[] = {"rom", "ram"};
  ((Region *)r)->is_rom = read_choice(f, v, kinds, COUNT(kinds)) == 0;
}

static const FactKey region_keys[] = {
    {"name", true, region_name},
    {"bytes", true, region_bytes},
    {"kind", true, region_kind},
};

/* ---- one compiler */

static void compiler_program(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->program = read_string(f, v);
}
static void compiler_package(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->package = read_string(f, v);
}
static void compiler_linker(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->linker = read_string(f, v);
}
static void compiler_needs(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->need = read_strings(f, v, &((Compiler *)c)->n_need);
}
static void compiler_flags(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->flag = read_strings(f, v, &((Compiler *)c)->n_flag);
}
static void compiler_link(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->link = read_strings(f, v, &((Compiler *)c)->n_link);
}
static void compiler_openmp(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->openmp = read_strings(f, v, &((Compiler *)c)->n_openmp);
}
static void compiler_openmp_needs(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->openmp_need = read_strings(f, v, &((Compiler *)c)->n_openmp_need);
}
static void compiler_libgcc(const Facts *f, yaml_node_t *v, void *c) {
  ((Compiler *)c)->libgcc = read_strings(f, v, &((Compiler *)c)->n_libgcc);
}

static const FactKey compiler_keys[] = {
    {"program", true, compiler_program}, {"package", true, compiler_package},
    {"linker", false, compiler_linker},  {"needs", false, compiler_needs},
    {"flags", true, compiler_flags},     {"link", true, compiler_link},
    {"openmp", false, compiler_openmp},  {"openmp_needs", false, compiler_openmp_needs},
    {"libgcc", false, compiler_libgcc},
};

/* ---- how to run */

static const char *const run_names[] = {
    [RUN_NONE] = "none",
    [RUN_NATIVE] = "native",
    [RUN_QEMU_USER] = "qemu-user",
    [RUN_QEMU_SYSTEM] = "qemu-system",
    [RUN_NODE] = "node",
};

static void run_kind(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->run = (RunKind)read_choice(f, v, run_names, COUNT(run_names));
}
static void run_arch(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->arch = read_string(f, v);
}
static void run_cpu_flags(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  const char **flag = read_strings(f, v, &t->n_cpu_flag);
  if (t->n_cpu_flag > MAX_CPU_FLAGS)
    error_at(fact_loc(f, v), "at most %d processor flags, found %d", MAX_CPU_FLAGS, t->n_cpu_flag);
  for (int i = 0; i < t->n_cpu_flag; i++) t->cpu_flag[i] = flag[i];
}
static void run_emulator(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->emulator = read_string(f, v);
}
static void run_package(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->emulator_package = read_string(f, v);
}
static void run_machine(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->machine = read_string(f, v);
}
static void run_cpu(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->cpu = read_string(f, v);
}
static void run_board(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  t->board = read_string(f, v);
  const char *prefix = arena_printf(f->arena, "targets/boards/%s/", t->board);
  for (int i = 0; i < n_embedded_files; i++)
    if (strncmp(embedded_files[i].path, prefix, strlen(prefix)) == 0) return;
  error_at(fact_loc(f, v), "unknown board '%s', expected cortex-m, rv32 or posix", t->board);
}

static const FactKey run_keys[] = {
    {"kind", true, run_kind},
    {"arch", false, run_arch},
    {"cpu_flags", false, run_cpu_flags},
    {"emulator", false, run_emulator},
    {"package", false, run_package},
    {"machine", false, run_machine},
    {"cpu", false, run_cpu},
    {"board", false, run_board},
};

/* ---- one variant */

bool names_file(const char *name) { return ends_with(name, ".yaml") || strchr(name, '/'); }

static void variant_target(const Facts *f, yaml_node_t *v, void *variant) {
  const char *name = read_string(f, v);
  if (names_file(name)) error_at(fact_loc(f, v), "a variant is a built-in target, found '%s'", name);
  Target *t = load_target(f->arena, name);
  if (t->n_variant) error_at(fact_loc(f, v), "target '%s' has variants itself", t->name);
  ((Variant *)variant)->target = t;
}
static void variant_code(const Facts *f, yaml_node_t *v, void *variant) {
  ((Variant *)variant)->code = read_string(f, v);
}
static void variant_cpu(const Facts *f, yaml_node_t *v, void *variant) {
  Variant *to = variant;
  to->cpu = read_strings(f, v, &to->n_cpu);
  for (int i = 0; i < to->n_cpu; i++) {
    if (!cpu_feature_header(to->cpu[i]))
      error_at(fact_loc(f, list_item(f, v, i)), "generated code cannot look for the feature '%s'",
               to->cpu[i]);
  }
}

static const FactKey variant_keys[] = {
    {"target", true, variant_target},
    {"code", false, variant_code},
    {"cpu", false, variant_cpu},
};

/* ---- the target */

static void target_summary(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->summary = read_string(f, v);
}
static void target_isa(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  const char **isa = read_strings(f, v, &t->n_isa);
  if (t->n_isa > MAX_ISA)
    error_at(fact_loc(f, v), "at most %d instruction set features, found %d", MAX_ISA, t->n_isa);
  for (int i = 0; i < t->n_isa; i++) t->isa[i] = isa[i];
}
static void target_pointer_bytes(const Facts *f, yaml_node_t *v, void *t) {
  int64_t n = read_number(f, v, false);
  if (n != 2 && n != 4 && n != 8)
    error_at(fact_loc(f, v), "expected 2, 4 or 8 bytes of a pointer, found %lld", (long long)n);
  ((Target *)t)->pointer_bytes = (int)n;
}
static void target_fpu(const Facts *f, yaml_node_t *v, void *t) {
  ((Target *)t)->has_fpu = read_bool(f, v);
}
static void target_regions(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  t->n_region = list_length(f, v);
  if (t->n_region < 1 || t->n_region > MAX_REGIONS)
    error_at(fact_loc(f, v), "expected 1 to %d regions, found %d", MAX_REGIONS, t->n_region);
  for (int i = 0; i < t->n_region; i++)
    read_mapping(f, list_item(f, v, i), "a region", region_keys, COUNT(region_keys), &t->region[i]);
}
static void target_compilers(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  t->n_compiler = list_length(f, v);
  if (t->n_compiler < 1 || t->n_compiler > MAX_COMPILERS)
    error_at(fact_loc(f, v), "expected 1 to %d compilers, found %d", MAX_COMPILERS, t->n_compiler);
  for (int i = 0; i < t->n_compiler; i++) {
    Compiler *c = &t->compiler[i];
    read_mapping(f, list_item(f, v, i), "a compiler", compiler_keys, COUNT(compiler_keys), c);
    if (!c->linker) c->linker = c->program;
  }
}

/* All but the last have a condition; the last runs everywhere. */
static void target_variants(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  t->n_variant = list_length(f, v);
  if (t->n_variant < 2 || t->n_variant > MAX_VARIANTS)
    error_at(fact_loc(f, v), "expected 2 to %d variants, found %d", MAX_VARIANTS, t->n_variant);
  for (int i = 0; i < t->n_variant; i++) {
    Variant *variant = &t->variant[i];
    yaml_node_t *item = list_item(f, v, i);
    bool last = i == t->n_variant - 1;
    read_mapping(f, item, "a variant", variant_keys, COUNT(variant_keys), variant);
    if (!last && (!variant->n_cpu || !variant->code))
      error_at(fact_loc(f, item), "a variant before the last needs the keys 'code' and 'cpu'");
    if (last && (variant->n_cpu || variant->code))
      error_at(fact_loc(f, item), "the last variant runs everywhere: it has no 'code' or 'cpu'");
    for (int k = 0; k < variant->n_cpu; k++)
      if (strcmp(cpu_feature_header(variant->cpu[k]), cpu_feature_header(t->variant->cpu[0])) != 0)
        error_at(fact_loc(f, item), "'%s' and '%s' belong to different processors",
                 t->variant->cpu[0], variant->cpu[k]);
  }
}

/* A file beside the target's, or a built-in table. */
static void target_costs(const Facts *f, yaml_node_t *v, void *target) {
  const char *name = read_string(f, v), *slash = strrchr(f->src->path, '/');
  if (!names_file(name) && !find_embedded(arena_printf(f->arena, "targets/costs/%s.yaml", name)))
    error_at(fact_loc(f, v), "there is no built-in table of costs '%s'", name);
  if (names_file(name) && name[0] != '/' && slash)
    name = arena_printf(f->arena, "%.*s/%s", (int)(slash - f->src->path), f->src->path, name);
  ((Target *)target)->costs = name;
}

/* Which keys of `run` go together. */
static void target_run(const Facts *f, yaml_node_t *v, void *target) {
  Target *t = target;
  read_mapping(f, v, "run", run_keys, COUNT(run_keys), t);
  Loc loc = fact_loc(f, v);
  const char *kind = run_names[t->run];
  if (t->run != RUN_NONE && !t->board) error_at(loc, "run lacks the key 'board' (kind %s)", kind);
  bool emulated = t->run != RUN_NONE && t->run != RUN_NATIVE;
  if (emulated && !t->emulator) error_at(loc, "run lacks the key 'emulator' (kind %s)", kind);
  if (t->emulator && !t->emulator_package)
    error_at(loc, "run lacks the key 'package', the Debian package of '%s'", t->emulator);
  if (t->run != RUN_NONE && t->run != RUN_QEMU_SYSTEM && strcmp(t->board, "posix") != 0)
    error_at(loc, "kind %s needs the board posix, found '%s'", kind, t->board);
  if (t->run != RUN_QEMU_SYSTEM) return;
  if (!t->machine) error_at(loc, "run lacks the key 'machine' (kind %s)", kind);
  if (!find_embedded(arena_printf(f->arena, "targets/boards/%s/%s.ld", t->board, t->machine)))
    error_at(loc, "board '%s' has no memory map of the machine '%s'", t->board, t->machine);
}

static const FactKey target_keys[] = {
    {"summary", true, target_summary},
    {"isa", true, target_isa},
    {"variants", false, target_variants},
    {"pointer_bytes", true, target_pointer_bytes},
    {"fpu", true, target_fpu},
    {"regions", true, target_regions},
    {"compilers", true, target_compilers},
    {"run", true, target_run},
    {"costs", false, target_costs},
};

/* "dir/board.yaml" is the target "board". */
static const char *base_name(Arena *a, const char *path) {
  const char *slash = strrchr(path, '/');
  const char *base = slash ? slash + 1 : path;
  size_t n = strlen(base);
  return arena_strndup(a, base, ends_with(base, ".yaml") ? n - 5 : n);
}

static const Source *built_in_source(Arena *a, const char *name) {
  const char *path = arena_printf(a, "targets/%s.yaml", name);
  const EmbeddedFile *file = find_embedded(path);
  if (file)
    return new_source(a, path, (const char *)file->begin, (size_t)(file->end - file->begin));
  const char *all = "";
  for (int i = 0; i < n_targets(); i++)
    all = arena_printf(a, "%s%s%s", all, i ? ", " : "", target_names[i]);
  const char *near = nearest_name(name, target_names, n_targets());
  if (near)
    error("unknown target '%s'; did you mean '%s'? (targets: %s, or a file NAME.yaml)", name, near,
          all);
  error("unknown target '%s' (targets: %s, or a file NAME.yaml)", name, all);
}

Target *load_target(Arena *a, const char *name) {
  const Source *src;
  if (names_file(name)) {
    size_t len;
    const char *text = read_file(a, name, &len);
    src = new_source(a, name, text, len);
  } else {
    src = built_in_source(a, name);
  }
  Target *t = arena_alloc(a, sizeof *t);
  t->name = base_name(a, name);
  t->loc = read_facts(a, src, "target", "a target", target_keys, COUNT(target_keys), t);
  return t;
}

void set_optimize_of(Target *t, const char *optimize) {
  t->is_small = strcmp(optimize, "size") == 0;
  for (int i = 0; i < t->n_variant; i++) set_optimize_of(t->variant[i].target, optimize);
}

static int64_t sum_regions(const Target *t, bool rom) {
  int64_t sum = 0;
  for (int i = 0; i < t->n_region; i++)
    if (t->region[i].is_rom == rom) sum += t->region[i].bytes;
  return sum;
}

int64_t rom_bytes(const Target *t) { return sum_regions(t, true); }
int64_t ram_bytes(const Target *t) { return sum_regions(t, false); }
