/* test_arena.c - alignment, zeroing, growth and sizes. */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

static void gives_aligned_zeroed_memory(void **state) {
  (void)state;
  Arena *a = new_arena();
  static const int64_t sizes[] = {0, 1, 63, 64, 65, 4096, 65536, 65537, 1 << 20, 3};
  for (int round = 0; round < 3; round++)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      unsigned char *p = arena_alloc(a, sizes[i]);
      assert_non_null(p);
      assert_int_equal((uintptr_t)p % 64, 0);
      for (int64_t j = 0; j < sizes[i]; j++) assert_int_equal(p[j], 0);
      memset(p, 0xff, (size_t)sizes[i]);
    }
  free_arena(a);
}

static void copies_strings(void **state) {
  (void)state;
  Arena *a = new_arena();
  assert_string_equal(arena_strdup(a, ""), "");
  assert_string_equal(arena_strdup(a, "conv1"), "conv1");
  assert_string_equal(arena_strndup(a, "conv1/weights", 5), "conv1");
  assert_string_equal(arena_strndup(a, "ab", 5), "ab");
  assert_string_equal(arena_printf(a, "%s_%d", "conv", 12), "conv_12");
  free_arena(a);
}

static void grows_arrays(void **state) {
  (void)state;
  Arena *a = new_arena();
  int *array = NULL;
  for (int n = 0; n < 1000; n++) {
    array = arena_grow(a, array, n, sizeof *array);
    array[n] = n;
  }
  for (int n = 0; n < 1000; n++) assert_int_equal(array[n], n);
  free_arena(a);
}

static void multiplies_sizes(void **state) {
  (void)state;
  assert_int_equal(mul_size(0, 5), 0);
  assert_int_equal(mul_size(5, 0), 0);
  assert_int_equal(mul_size(6, 7), 42);
  assert_int_equal(mul_size(-1, 7), -1);
  assert_int_equal(mul_size(7, -1), -1);
  assert_int_equal(mul_size(INT64_MAX, 1), INT64_MAX);
  assert_int_equal(mul_size(INT64_MAX / 2, 2), INT64_MAX - 1);
  assert_int_equal(mul_size(INT64_MAX / 2 + 1, 2), -1);
  assert_int_equal(mul_size(INT64_C(1) << 32, INT64_C(1) << 31), -1);
}

static void finds_near_names(void **state) {
  (void)state;
  static const char *const names[] = {"int8", "int4", "format", "granularity"};
  assert_string_equal(nearest_name("formt", names, 4), "format");
  assert_string_equal(nearest_name("grnaularity", names, 4), "granularity");
  assert_string_equal(nearest_name("int9", names, 4), "int8");
  assert_null(nearest_name("bananas", names, 4));
  assert_null(nearest_name("", names, 4));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_aligned_zeroed_memory), cmocka_unit_test(copies_strings),
      cmocka_unit_test(grows_arrays),                cmocka_unit_test(multiplies_sizes),
      cmocka_unit_test(finds_near_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
