/* test_text.c - the text form of graphs and its safetensors file: random graphs with every kind of
 * attribute and annotation are printed, read and printed again.  The second text, its weights file
 * and the graph itself must equal the first.  Files that lie about their contents must end in an
 * error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "ir/safetensors.h"

/* ---- random graphs -------------------------------------------------------------------------- */

static uint64_t seed;

static int pick(int n) {
  seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (int)((seed >> 33) % (uint64_t)n);
}

static bool maybe(void) { return pick(2); }

/* Any finite float, most of them of ordinary size. */
static float pick_float(void) {
  uint32_t bits = (uint32_t)pick(1 << 30) ^ (uint32_t)pick(1 << 30) << 2;
  float f;
  if (pick(4)) return (float)(pick(2000001) - 1000000) / (float)(1 + pick(1000));
  memcpy(&f, &bits, sizeof f);
  return isfinite(f) ? f : 0.1f;
}

static const char *pick_name(Arena *a, int number) {
  static const char *const shapes[] = {"x%d", "layer.%d.weight", "model/conv;%d", "c\"%d\"", "%d",
                                       "a\\b\n\t%d", "\xc3\xb6lige %d", "\x01%d", "_%d"};
  return arena_printf(a, shapes[pick(sizeof shapes / sizeof *shapes)], number);
}

static void *pick_data(Arena *a, const Tensor *t) {
  int64_t n = n_elements(t);
  void *data = arena_alloc(a, tensor_bytes(t) + 1);
  for (int64_t i = 0; i < n; i++) {
    if (t->dtype == DT_I64 || t->dtype == DT_U64)
      ((uint64_t *)data)[i] = (uint64_t)pick(1 << 30) << 34 ^ (uint64_t)pick(1 << 30);
    else
      set_real(t->dtype, data, i, pick(20) ? (double)pick_float() : (double)INFINITY);
  }
  return data;
}

static QuantSpec *pick_quant(Graph *g, const Tensor *t) {
  int axis = t->rank > 0 ? pick(t->rank + 1) - 1 : -1;
  int64_t channels = axis >= 0 ? t->dim[axis] : 1, rest = n_elements(t) / channels, groups = 1;
  int64_t group = axis >= 0 && maybe() ? 1 + pick(3) : 0;
  if (group) groups = (rest + group - 1) / group;
  QuantSpec *q = new_quant(g, format_of(t->dtype), axis, group, channels * groups);
  if (group && maybe()) {
    q->multiple = arena_alloc(g->arena, q->n);
    q->channel_scale = arena_alloc(g->arena, channels * 4);
  }
  for (int64_t i = 0; i < q->n; i++) {
    q->scale[i] = (float)(1 + pick(100000)) / 7e6f;
    q->zero[i] = maybe() ? 0 : pick(4);
    if (!q->multiple) continue;
    if (i % groups == 0) q->channel_scale[i / groups] = (float)(1 + pick(100000)) / 7e6f;
    q->multiple[i] = (uint8_t)(1 + pick(255));
    q->scale[i] = q->channel_scale[i / groups] * (float)q->multiple[i];
  }
  if (format_of(t->dtype)->bits < 4) memset(q->zero, 0, (size_t)q->n * sizeof *q->zero);
  return q;
}

static void annotate(Graph *g, Tensor *t, bool may_alias) {
  if (format_of(t->dtype) && maybe()) t->quant = pick_quant(g, t);
  if (maybe()) {
    t->has_range = true;
    t->lo = -fabsf(pick_float());
    t->hi = fabsf(pick_float());
  }
  if (may_alias && maybe()) t->offset = (int64_t)pick(1 << 20) * 64;
  if (may_alias && maybe()) t->alias = g->in[0]->id;
}

static void add_constants(Graph *g) {
  static const DType types[] = {DT_F32, DT_F64, DT_F16, DT_BF16, DT_F8E4M3, DT_F8E5M2, DT_F4E2M1,
                                DT_F8E4M3FNUZ, DT_F8E5M2FNUZ, DT_F8E8M0,
                                DT_BOOL, DT_I8, DT_U8, DT_I16, DT_U16, DT_I32, DT_U32, DT_I64,
                                DT_U64, DT_I4, DT_U4, DT_I2, DT_U2};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    Tensor like = {.dtype = types[i], .rank = pick(4)};
    for (int d = 0; d < like.rank; d++) like.dim[d] = 1 + pick(6);
    Tensor *t = new_const(g, pick_name(g->arena, 1000 + (int)i), types[i], like.rank, like.dim,
                          pick_data(g->arena, &like));
    if (like.rank > 2 && maybe()) t->layout = LAYOUT_NHWC;
    annotate(g, t, false);
  }
  new_const(g, "empty", DT_I64, 1, (int64_t[]){0}, arena_alloc(g->arena, 1));
}

static void add_attributes(Graph *g, Node *n) {
  static const char *const words[] = {"", "SAME_UPPER", "a \"b\"\n"};
  int64_t ints[] = {INT64_MIN, -1, INT64_MAX};
  double floats[] = {(double)pick_float(), (double)pick_float(), (double)-INFINITY};
  const char *strings[] = {words[pick(3)], words[pick(3)]};
  Tensor *t = arena_alloc(g->arena, sizeof *t);
  *t = (Tensor){.name = maybe() ? "" : "inner value", .dtype = DT_F32, .rank = 2,
                .dim = {2, 1 + pick(9)}, .id = -1};
  t->data = pick_data(g->arena, t);
  Attr all[] = {
    {.name = "an_int", .kind = ATTR_INT, .i = ints[pick(3)]},
    {.name = "a_float", .kind = ATTR_FLOAT, .f = (double)(float)pick(1000)},
    {.name = "another", .kind = ATTR_FLOAT, .f = floats[pick(3)]},
    {.name = "a string", .kind = ATTR_STRING, .s = words[pick(3)]},
    {.name = "some_ints", .kind = ATTR_INTS, .n = pick(4), .ints = ints},
    {.name = "some_floats", .kind = ATTR_FLOATS, .n = pick(4), .floats = floats},
    {.name = "some_strings", .kind = ATTR_STRINGS, .n = pick(3), .strings = strings},
    {.name = "const", .kind = ATTR_TENSOR, .t = t},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (maybe()) set_attr(g, n, &all[i]);
}

static Tensor *pick_float_tensor(const Graph *g) {
  for (;;) {
    Tensor *t = g->tensor[pick(g->n_tensor)];
    bool is_computed = t->def || t == g->in[0];
    if (is_computed && t->dtype == DT_F32) return t;
  }
}

static void add_nodes(Graph *g) {
  Tensor *limit = new_scalar_f32(g, "limit", 6.5f);
  for (int i = 0; i < 8; i++) {
    Tensor *x = pick_float_tensor(g);
    Tensor *out = copy_tensor(g, pick_name(g->arena, i), x);
    out->inferred = true;
    Node *n = NULL;
    const char *name = maybe() ? NULL : arena_printf(g->arena, "node %d", i);
    switch (pick(3)) {
    case 0: n = add_node(g, -1, "Relu", name, 1, &x, 1, &out); break;
    case 1: n = add_node(g, -1, "Add", name, 2, (Tensor *[]){x, x}, 1, &out); break;
    default: n = add_node(g, -1, "Clip", name, 3, (Tensor *[]){x, NULL, limit}, 1, &out); break;
    }
    add_attributes(g, n);
    annotate(g, out, true);
  }
}

static Graph *random_graph(Arena *a, uint64_t number) {
  seed = number * UINT64_C(0x9e3779b97f4a7c15) + 1;
  Graph *g = new_graph(a, maybe() ? "net" : "my net/1");
  g->opset = 13 + pick(8);
  if (maybe()) g->stage = "plan";
  if (maybe()) g->hash = UINT64_C(0x0123456789abcdef) * (1 + (uint64_t)pick(1000));
  if (maybe()) {
    g->arena_bytes = pick(100000);
    g->arena_bound = pick(100000);
    for (int i = pick(3); i > 0; i--, g->n_part++)
      g->part[g->n_part] =
          (ArenaPart){arena_printf(a, maybe() ? "r%d" : "my %d", i), g->n_part * pick(1000)};
  }
  g->in = arena_alloc(a, 8 * sizeof *g->in);
  g->in[g->n_in++] = new_tensor(g, "in/put", DT_F32, 3, (int64_t[]){1 + pick(2), 2, 1 + pick(3)});
  g->in[g->n_in++] = new_tensor(g, "codes", DT_I8, 2, (int64_t[]){3, 2});
  g->in[g->n_in++] = new_tensor(g, "open", DT_F32, 3, (int64_t[]){-1, -1, 5});
  g->in[2]->dim_param[0] = maybe() ? "N" : "batch size";
  g->in[g->n_in++] = new_tensor(g, "anything", DT_I32, -1, NULL);
  annotate(g, g->in[0], false);
  annotate(g, g->in[1], false);
  add_constants(g);
  add_nodes(g);
  g->out = arena_alloc(a, 8 * sizeof *g->out);
  g->out[g->n_out++] = g->node[g->n_node - 1]->out[0];
  if (maybe()) g->out[g->n_out++] = g->node[0]->out[0];
  infer_shapes(g);
  if (g->n_out > 1 && g->out[0] != g->out[1] && maybe())
    add_state(g, g->loc, g->out[pick(2)]->name, g->in[pick(g->n_in)]->name);
  return g;
}

/* ---- equality ------------------------------------------------------------------------------- */

static void same_text(const char *a, const char *b) {
  assert_int_equal(a == NULL, b == NULL);
  if (a) assert_string_equal(a, b);
}

static void same_name(const Tensor *a, const Tensor *b) {
  assert_int_equal(a == NULL, b == NULL);
  if (a) assert_string_equal(a->name, b->name);
}

static void same_bytes(const void *a, const void *b, int64_t n) {
  assert_int_equal(a == NULL, b == NULL);
  if (a && n) assert_memory_equal(a, b, (size_t)n);
}

static void same_quant(const QuantSpec *a, const QuantSpec *b) {
  assert_int_equal(a == NULL, b == NULL);
  if (!a) return;
  assert_ptr_equal(a->format, b->format);
  assert_int_equal(a->axis, b->axis);
  assert_int_equal(a->group, b->group);
  assert_int_equal(a->n, b->n);
  same_bytes(a->scale, b->scale, a->n * 4);
  same_bytes(a->zero, b->zero, a->n * 4);
  same_bytes(a->multiple, b->multiple, a->n);
  same_bytes(a->channel_scale, b->channel_scale, 4);
}

static void same_tensor(const Graph *g, const Tensor *a, const Graph *h, const Tensor *b) {
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->dtype, b->dtype);
  assert_int_equal(a->rank, b->rank);
  for (int i = 0; i < a->rank; i++) {
    assert_int_equal(a->dim[i], b->dim[i]);
    same_text(a->dim_param[i], b->dim_param[i]);
  }
  assert_int_equal(a->layout, b->layout);
  same_quant(a->quant, b->quant);
  assert_int_equal(a->has_range, b->has_range);
  same_bytes(&a->lo, &b->lo, 4);
  same_bytes(&a->hi, &b->hi, 4);
  assert_int_equal(a->offset, b->offset);
  same_name(a->alias < 0 ? NULL : g->tensor[a->alias], b->alias < 0 ? NULL : h->tensor[b->alias]);
  same_bytes(a->data, b->data, a->data ? tensor_bytes(a) : 0);
}

static void same_attr(const Attr *a, const Attr *b) {
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->kind, b->kind);
  assert_int_equal(a->n, b->n);
  assert_int_equal(a->i, b->i);
  same_bytes(&a->f, &b->f, sizeof a->f);
  same_text(a->s, b->s);
  if (a->kind == ATTR_INTS) same_bytes(a->ints, b->ints, a->n * (int64_t)sizeof *a->ints);
  if (a->kind == ATTR_FLOATS) same_bytes(a->floats, b->floats, a->n * (int64_t)sizeof *a->floats);
  if (a->kind == ATTR_STRINGS)
    for (int i = 0; i < a->n; i++) same_text(a->strings[i], b->strings[i]);
  if (a->kind != ATTR_TENSOR) return;
  assert_string_equal(a->t->name, b->t->name);
  assert_true(same_shape(a->t, b->t));
  same_bytes(a->t->data, b->t->data, tensor_bytes(a->t));
}

static void same_node(const Node *a, const Node *b) {
  assert_ptr_equal(a->op, b->op);
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->n_in, b->n_in);
  assert_int_equal(a->n_out, b->n_out);
  assert_int_equal(a->n_attr, b->n_attr);
  for (int i = 0; i < a->n_in; i++) same_name(a->in[i], b->in[i]);
  for (int i = 0; i < a->n_out; i++) same_name(a->out[i], b->out[i]);
  for (int i = 0; i < a->n_attr; i++) same_attr(&a->attr[i], &b->attr[i]);
}

static void same_graph(const Graph *a, const Graph *b) {
  assert_string_equal(a->name, b->name);
  assert_int_equal(a->opset, b->opset);
  same_text(a->stage, b->stage);
  assert_true(a->hash == b->hash);
  assert_int_equal(a->arena_bytes, b->arena_bytes);
  assert_int_equal(a->n_part, b->n_part);
  for (int i = 0; i < a->n_part; i++) {
    assert_string_equal(a->part[i].region, b->part[i].region);
    assert_int_equal(a->part[i].start, b->part[i].start);
  }
  assert_int_equal(a->arena_bound, b->arena_bound);
  assert_int_equal(a->n_in, b->n_in);
  assert_int_equal(a->n_out, b->n_out);
  assert_int_equal(a->n_state, b->n_state);
  assert_int_equal(a->n_node, b->n_node);
  assert_int_equal(a->n_tensor, b->n_tensor);
  for (int i = 0; i < a->n_in; i++) same_name(a->in[i], b->in[i]);
  for (int i = 0; i < a->n_out; i++) same_name(a->out[i], b->out[i]);
  for (int i = 0; i < a->n_node; i++) same_node(a->node[i], b->node[i]);
  for (int i = 0; i < a->n_tensor; i++) {
    const Tensor *twin = find_tensor(b, a->tensor[i]->name);
    assert_non_null(twin);
    same_tensor(a, a->tensor[i], b, twin);
  }
}

/* ---- files ---------------------------------------------------------------------------------- */

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/qcc_test_text_XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  static const char *const names[] = {"a.graph", "b.graph", "w.safetensors", "twin/w.safetensors",
                                      "twin"};
  char path[128];
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    remove(path);
  }
  return rmdir(folder);
}

static const char *in_folder(Arena *a, const char *name) {
  return arena_printf(a, "%s/%s", folder, name);
}

static void write_bytes(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static void print_to(const char *path, const Graph *g, const char *weights, int inline_max) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  print_graph(f, g, weights, inline_max);
  assert_int_equal(fclose(f), 0);
}

static void same_files(Arena *a, const char *first, const char *second) {
  size_t n, m;
  const char *one = read_file(a, first, &n), *two = read_file(a, second, &m);
  assert_int_equal(n, m);
  assert_memory_equal(one, two, n);
}

/* Exit status of `read` for a file, in a process of its own. */
static int status_of(void (*read)(Arena *a, const char *path), const char *path) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (!freopen("/dev/null", "w", stderr)) _exit(99);
    Arena *a = new_arena();
    read(a, path);
    free_arena(a);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void round_trip(uint64_t number, bool to_file, int inline_max) {
  Arena *a = new_arena();
  const char *one = in_folder(a, "a.graph"), *two = in_folder(a, "b.graph");
  const char *weights = in_folder(a, "w.safetensors"), *twin = in_folder(a, "twin/w.safetensors");
  Graph *g = random_graph(a, number);
  print_to(one, g, to_file ? weights : NULL, inline_max);
  Graph *h = read_graph_text(a, one);
  verify_graph(h);
  print_to(two, h, to_file ? twin : NULL, inline_max);
  same_graph(g, h);
  same_files(a, one, two);
  if (to_file) same_files(a, weights, twin);
  free_arena(a);
}

static void test_round_trip_inline(void **state) {
  (void)state;
  for (uint64_t i = 0; i < 60; i++) round_trip(i, false, 0);
}

static void test_round_trip_weights(void **state) {
  Arena *a = new_arena();
  (void)state;
  const char *path = in_folder(a, "twin/w.safetensors");
  assert_int_equal(mkdir(in_folder(a, "twin"), 0700), 0);
  for (uint64_t i = 0; i < 60; i++) round_trip(i, true, (int)(i % 3) * 4);
  assert_int_equal(access(path, R_OK), 0);
  free_arena(a);
}

/* A text with every construct, beside the folder of this file, is what it is printed as. */
static void test_printed_text(void **state) {
  Arena *a = new_arena();
  (void)state;
  const char *here = __FILE__, *slash = strrchr(here, '/');
  int len = slash ? (int)(slash - here) : 0;
  const char *path = arena_printf(a, "%.*s/../print/all.graph", len, here);
  if (access(path, R_OK)) skip();
  const char *copy = in_folder(a, "a.graph");
  Graph *g = read_graph_text(a, path);
  verify_graph(g);
  print_to(copy, g, NULL, 0);
  same_files(a, path, copy);
  free_arena(a);
}

/* The shortest decimals that read back, recognisable as floats. */
static void test_float_digits(void **state) {
  static const float values[] = {0, -0.0f, 1, 0.1f, 1e-5f, 3e38f, 1e-45f, 0.333333343f, 16777216,
                                 INFINITY, -INFINITY};
  Arena *a = new_arena();
  (void)state;
  Graph *g = new_graph(a, "digits");
  enum { N = sizeof values / sizeof *values };
  new_const(g, "x", DT_F32, 1, (int64_t[]){N}, (void *)(uintptr_t)values);
  char *text = NULL;
  size_t len;
  FILE *f = open_memstream(&text, &len);
  print_graph(f, g, NULL, 0);
  fclose(f);
  assert_non_null(strstr(text, "{0.0, -0.0, 1.0, 0.1, 1e-05, 3e+38, 1e-45, 0.33333334, 16777216.0, "
                               "inf, -inf}"));
  free(text);
  free_arena(a);
}

static void read_weights(Arena *a, const char *path) { read_safetensors(a, (Loc){0}, path); }

/* A file with this header and `bytes` bytes of data. */
static int header_status(const char *header, size_t bytes) {
  char file[512] = {0};
  uint64_t n = strlen(header);
  Arena *a = new_arena();
  const char *path = in_folder(a, "w.safetensors");
  memcpy(file, &n, sizeof n);
  memcpy(file + 8, header, n);
  write_bytes(path, file, 8 + n + bytes);
  int status = status_of(read_weights, path);
  free_arena(a);
  return status;
}

static void test_safetensors_headers(void **state) {
  static const char *const bad[] = {
    "", "[", "[]", "{\"x\":1}", "{\"x\":{}}", "{\"x\":{\"dtype\":\"F32\"}}",
    "{\"x\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}",
    "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
    "{\"x\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}",
    "{\"x\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]},\"x\":1}",
  };
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_int_equal(header_status(bad[i], 8), 1);
  assert_int_equal(header_status("{}", 0), 0);
  assert_int_equal(header_status("{\"__metadata__\":{\"a\":\"b\"},"
                                 "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
                                 8),
                   0);
}

static void test_safetensors_truncated(void **state) {
  Arena *a = new_arena();
  (void)state;
  const char *path = in_folder(a, "w.safetensors");
  float x[3] = {1, 2, 3};
  SafeTensor t[2] = {{"b", DT_U8, 1, {2}, "\1\2", 2}, {"a\n\"", DT_F32, 2, {3, 1}, x, sizeof x}};
  write_safetensors(a, path, 2, t);
  SafeTensors *s = read_safetensors(a, (Loc){0}, path);
  assert_int_equal(s->n, 2);
  assert_null(find_safetensor(s, "c"));
  assert_memory_equal(find_safetensor(s, "a\n\"")->data, x, sizeof x);
  assert_memory_equal(find_safetensor(s, "b")->data, "\1\2", 2);
  size_t len;
  char *file = read_file(a, path, &len);
  for (size_t n = 0; n < len; n++) {
    write_bytes(path, file, n);
    assert_int_equal(status_of(read_weights, path), 1);
  }
  static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, INT64_MAX, 1 << 20, 0};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    memcpy(file, &lengths[i], sizeof lengths[i]);
    write_bytes(path, file, len);
    assert_int_equal(status_of(read_weights, path), 1);
  }
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_round_trip_inline),    cmocka_unit_test(test_round_trip_weights),
    cmocka_unit_test(test_printed_text),         cmocka_unit_test(test_float_digits),
    cmocka_unit_test(test_safetensors_headers),  cmocka_unit_test(test_safetensors_truncated),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
