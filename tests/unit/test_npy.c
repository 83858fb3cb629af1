/* test_npy.c - NumPy files: every element type and version comes back as written, Fortran order is
 * turned around, archives give their arrays, and damaged files end in an error, never in a crash.
 * Samples: conversion to the firmware's type and layout. */
#include "unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zip.h>

#include "frontend/frontend.h"

static char folder[] = "/tmp/qcc_npy_XXXXXX";

static const char *in_folder(Arena *a, const char *name) {
  return arena_printf(a, "%s/%s", folder, name);
}

static void write_bytes(const char *path, const void *bytes, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
}

/* A .npy file as text of its header and bytes of its elements. */
static size_t make_npy(char *to, int major, const char *header, const void *data, size_t bytes) {
  size_t at = major == 1 ? 10 : 12, n = strlen(header);
  memcpy(to, "\x93NUMPY", 6);
  to[6] = (char)major;
  to[7] = 0;
  memset(to + 8, 0, 4);
  to[8] = (char)(n & 255);
  to[9] = (char)(n >> 8);
  memcpy(to + at, header, n);
  memcpy(to + at + n, data, bytes);
  return at + n + bytes;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static void round_trips(void **state) {
  (void)state;
  static const DType types[] = {DT_F32, DT_F64, DT_F16, DT_U8,  DT_I8,  DT_U16,
                                DT_I16, DT_I32, DT_I64, DT_U32, DT_U64, DT_BOOL};
  Arena *a = new_arena();
  uint32_t seed = 7;
  for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
    for (int rank = 0; rank <= 4; rank++) {
      int64_t dim[4], n = 1;
      for (int d = 0; d < rank; d++) n *= dim[d] = next_random(&seed) % 4;
      size_t bytes = (size_t)(n * dtype_bytes(types[k]));
      uint8_t *data = arena_alloc(a, (int64_t)bytes + 1);
      for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(next_random(&seed) >> 8 & (types[k] == DT_BOOL ? 1 : 255));
      const char *path = in_folder(a, "array.npy");
      write_npy(path, types[k], rank, dim, data);
      const Array *got = read_npy(a, path);
      assert_int_equal(got->dtype, types[k]);
      assert_int_equal(got->rank, rank);
      for (int d = 0; d < rank; d++) assert_int_equal(got->dim[d], dim[d]);
      if (bytes > 0) assert_memory_equal(got->data, data, bytes);
    }
  }
  free_arena(a);
}

static void reads_versions_and_fortran_order(void **state) {
  (void)state;
  Arena *a = new_arena();
  static const int16_t by_column[] = {0, 3, 1, 4, 2, 5};
  const char *path = in_folder(a, "fortran.npy");
  char file[256];
  for (int major = 1; major <= 3; major++) {
    size_t n = make_npy(file, major, "{'shape': (2, 3), 'fortran_order': True, 'descr': '<i2'}\n",
                        by_column, sizeof by_column);
    write_bytes(path, file, n);
    const Array *got = read_npy(a, path);
    assert_int_equal(got->dim[0], 2);
    assert_int_equal(got->dim[1], 3);
    for (int i = 0; i < 6; i++) assert_int_equal(((int16_t *)got->data)[i], i);
  }
  free_arena(a);
}

static void reads_archives(void **state) {
  (void)state;
  Arena *a = new_arena();
  const char *path = in_folder(a, "two.npz");
  static const float x[] = {1, 2, 3};
  char file[256];
  size_t n =
      make_npy(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", x, sizeof x);
  zip_t *zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
  assert_non_null(zip);
  static const char *const names[] = {"x.npy", "deep/y.npy"};
  for (int i = 0; i < 2; i++)
    zip_file_add(zip, names[i], zip_source_buffer(zip, file, n, 0), 0);
  assert_int_equal(zip_close(zip), 0);
  const char **name;
  Array **array;
  assert_int_equal(read_npz(a, path, &name, &array), 2);
  assert_string_equal(name[0], "x");
  assert_string_equal(name[1], "deep/y");
  for (int i = 0; i < 2; i++) assert_memory_equal(array[i]->data, x, sizeof x);
  free_arena(a);
}

/* Runs read_npy (or read_npz) in a process of its own: it must end by itself. */
static void must_end(const char *path, bool archive) {
  fflush(NULL);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(99);
    Arena *a = new_arena();
    const char **name;
    Array **array;
    if (archive) read_npz(a, path, &name, &array);
    else read_npy(a, path);
    free_arena(a);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1));
}

static void survives_damage(void **state) {
  (void)state;
  Arena *a = new_arena();
  const char *path = in_folder(a, "damaged.npy"), *zipped = in_folder(a, "damaged.npz");
  size_t len, zip_len;
  const char *good = read_file(a, in_folder(a, "fortran.npy"), &len);
  const char *zip = read_file(a, in_folder(a, "two.npz"), &zip_len);
  uint32_t seed = 99;
  for (int i = 0; i < 150; i++) {
    char file[2048];
    bool archive = i % 3 == 0;
    size_t n = archive ? zip_len : len;
    assert_true(n < sizeof file);
    memcpy(file, archive ? zip : good, n);
    for (uint32_t k = next_random(&seed) % 4; k > 0; k--)
      file[next_random(&seed) % n] = (char)next_random(&seed);
    if (i % 4 == 0) n = next_random(&seed) % n;
    write_bytes(archive ? zipped : path, file, n);
    must_end(archive ? zipped : path, archive);
  }
  free_arena(a);
}

/* ---- samples --------------------------------------------------------------------------------- */

static Graph *camera_graph(Arena *a) {
  static const int64_t dim[] = {1, 3, 2, 2};
  Graph *g = new_graph(a, "camera");
  Tensor *t = new_tensor(g, "image", DT_F32, 4, dim);
  g->n_in = 1;
  g->in = arena_alloc(a, sizeof *g->in);
  g->in[0] = t;
  return g;
}

static InputPolicy *camera_policy(Arena *a) {
  static float mean[] = {10, 20, 30}, std[] = {2};
  InputPolicy *in = arena_alloc(a, sizeof *in);
  *in = (InputPolicy){.name = "image", .storage = DT_U8, .layout = LAYOUT_NHWC, .has_layout = true,
                      .n_mean = 3, .mean = mean, .n_std = 1, .std = std};
  return in;
}

static void converts_samples(void **state) {
  (void)state;
  Arena *a = new_arena();
  const Graph *g = camera_graph(a);
  Policy plain = {0}, camera = {.n_input = 1, .input = camera_policy(a)};
  const char *path = in_folder(a, "samples.npy");
  float real[12];
  uint8_t raw[12];
  for (int i = 0; i < 12; i++) real[i] = (float)(raw[i] = (uint8_t)i);

  write_npy(path, DT_U8, 4, (int64_t[]){1, 3, 2, 2}, raw); /* any type becomes the model's */
  const Samples *s = read_samples(a, g, &plain, path, 0);
  assert_int_equal(s->n, 1);
  assert_memory_equal(s->data[0], real, sizeof real);

  write_npy(path, DT_U8, 4, (int64_t[]){1, 2, 2, 3}, raw); /* codes as the firmware gets them */
  s = read_samples(a, g, &camera, path, 0);
  assert_memory_equal(s->data[0], raw, sizeof raw);

  write_npy(path, DT_F32, 4, (int64_t[]){1, 3, 2, 2}, real); /* reals in the model's layout */
  s = read_samples(a, g, &camera, path, 0);
  for (int pixel = 0; pixel < 4; pixel++)
    for (int c = 0; c < 3; c++)
      assert_int_equal(((uint8_t *)s->data[0])[pixel * 3 + c], (c * 4 + pixel) * 2 + 10 * (c + 1));
  free_arena(a);
}

static void counts_samples(void **state) {
  (void)state;
  Arena *a = new_arena();
  const Graph *g = camera_graph(a);
  Policy plain = {0};
  const char *path = in_folder(a, "count.npy");
  static float data[5 * 12];
  static const struct { int rank; int64_t dim[5]; } shape[] = {
      {4, {5, 3, 2, 2}}, {5, {5, 1, 3, 2, 2}}, {5, {5, 3, 2, 2, 1}}};
  for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
    write_npy(path, DT_F32, shape[i].rank, shape[i].dim, data);
    assert_int_equal(read_samples(a, g, &plain, path, 0)->n, 5);
    assert_int_equal(read_samples(a, g, &plain, path, 2)->n, 2);
  }
  free_arena(a);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  static const char *const files[] = {"array.npy",   "fortran.npy", "two.npz",  "damaged.npy",
                                      "damaged.npz", "samples.npy", "count.npy"};
  Arena *a = new_arena();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) remove(in_folder(a, files[i]));
  free_arena(a);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trips),      cmocka_unit_test(reads_versions_and_fortran_order),
      cmocka_unit_test(reads_archives),   cmocka_unit_test(survives_damage),
      cmocka_unit_test(converts_samples), cmocka_unit_test(counts_samples),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
