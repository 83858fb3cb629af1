/* onnx_samples.c - samples as ONNX's own tests keep them: folders test_data_set_0,
 * test_data_set_1 ... each with input_0.pb, input_1.pb ..., one TensorProto per graph input. */
#include <string.h>
#include <sys/stat.h>

#include "frontend/onnx_reader.h"
#include "frontend/samples.h"

static void *alloc_in_arena(void *arena, size_t size) {
  return arena_alloc(arena, size > 0 ? (int64_t)size : 1);
}

static void free_nothing(void *arena, void *p) {
  (void)arena;
  (void)p;
}

static bool exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0;
}

static OnnxTensor *unpack_file(Arena *a, const Source *src) {
  size_t len;
  const char *bytes = read_file(a, src->path, &len);
  ProtobufCAllocator in_arena = {alloc_in_arena, free_nothing, a};
  OnnxTensor *p = onnx_tensor__unpack(&in_arena, len, (const uint8_t *)bytes);
  if (p == NULL) error_at((Loc){.src = src}, "not an ONNX tensor, or truncated");
  return p;
}

static const char *tensor_name_pb(Arena *a, const char *path) {
  const char *name = unpack_file(a, new_source(a, path, NULL, 0))->name;
  return name ? name : "";
}

Array *read_tensor_pb(Arena *a, const char *path) {
  const Source *src = new_source(a, path, NULL, 0);
  OnnxTensor *p = unpack_file(a, src);
  OnnxReader r = {.arena = a, .src = src, .folder = ""};
  Tensor *t = arena_alloc(a, sizeof *t);
  t->name = path;
  decode_tensor(&r, p, (Loc){.src = src}, t);
  Array *array = arena_alloc(a, sizeof *array);
  *array = (Array){.dtype = t->dtype, .rank = t->rank, .data = t->data, .path = src->path};
  for (int i = 0; i < t->rank; i++) array->dim[i] = t->dim[i];
  return array;
}

/* The file for the input of that name; where none says its name, the index-th. */
static const char *file_for(Arena *a, const char *folder, const char *input, int index) {
  for (int k = 0;; k++) {
    const char *path = arena_printf(a, "%s/input_%d.pb", folder, k);
    if (!exists(path)) return arena_printf(a, "%s/input_%d.pb", folder, index);
    if (strcmp(tensor_name_pb(a, path), input) == 0) return path;
  }
}

static void read_set(Arena *a, const Graph *g, const char *folder, Given *given) {
  for (int k = 0; k < n_inputs(g); k++) {
    const char *path = file_for(a, folder, g->in[k]->name, k);
    if (!exists(path)) error("no '%s' for input '%s'", path, g->in[k]->name);
    given[k].array = arena_grow(a, given[k].array, given[k].n, sizeof *given[k].array);
    given[k].array[given[k].n++] = read_tensor_pb(a, path);
  }
}

void read_sample_folder(Arena *a, const Graph *g, const char *path, Given *given) {
  if (exists(arena_printf(a, "%s/input_0.pb", path))) {
    read_set(a, g, path, given);
    return;
  }
  for (int i = 0;; i++) {
    const char *folder = arena_printf(a, "%s/test_data_set_%d", path, i);
    if (!exists(folder)) break;
    read_set(a, g, folder, given);
  }
}
