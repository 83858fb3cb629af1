/* test_stack.c - the bound of the stack on call graphs made by hand. */
#include "targets/stack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { FUNCTIONS = 4, RELOCATIONS = 8 };

/* f0 to f3, each in a section of its own, f0 global; "ab" in `calls` is a call of b by a. */
static int64_t bound_of(const char *section, const char *calls, const char *frames) {
  static const char *const names[FUNCTIONS] = {".text.f0", ".text.f1", ".text.f2", ".text.f3"};
  ElfSection sections[FUNCTIONS + 1] = {{.name = ""}};
  ElfReference references[RELOCATIONS] = {{0, 0}};
  ElfSymbol symbol = {.name = "f0", .section = 1, .type = 2, .is_global = true};
  Elf elf = {.bits = 32, .n_section = FUNCTIONS + 1, .section = sections, .n_symbol = 1,
             .symbol = &symbol, .reference = references};
  for (int i = 0; i < FUNCTIONS; i++)
    sections[i + 1] = (ElfSection){.name = section ? section : names[i], .flags = ELF_EXEC};
  for (const char *c = calls; *c; c += 2)
    references[elf.n_reference++] = (ElfReference){c[0] - '0' + 1, c[1] - '0' + 1};
  Arena *a = new_arena();
  int64_t bound = stack_bound(a, &elf, frames);
  free_arena(a);
  return bound;
}

static const char frames[] = "m.c:1:6:f0\t16\tstatic\nm.c:2:6:f1\t100\tstatic\n"
                             "m.c:3:6:f2\t8\tdynamic,bounded\nm.c:4:6:f3\t40\tstatic\n";

static void deepest_chain_counts(void **state) {
  (void)state;
  assert_int_equal(bound_of(NULL, "", frames), 16);
  assert_int_equal(bound_of(NULL, "01", frames), 116);
  assert_int_equal(bound_of(NULL, "0103", frames), 116);
  assert_int_equal(bound_of(NULL, "010223", frames), 116);
  assert_int_equal(bound_of(NULL, "0123", frames), 116);
  assert_int_equal(bound_of(NULL, "011223", frames), 16 + 100 + 8 + 40);
  assert_int_equal(bound_of(NULL, "0202120131", frames), 16 + 100 + 8);
}

static void what_has_no_bound(void **state) {
  (void)state;
  assert_int_equal(bound_of(NULL, "0112210000", frames), -1);  /* a circle */
  assert_int_equal(bound_of(NULL, "01", "m.c:1:6:f0\t16\tstatic\n"), -1);
  assert_int_equal(bound_of(NULL, "01", "m.c:1:6:f0\t16\tstatic\nm.c:2:6:f1\t0\tdynamic\n"), -1);
  assert_int_equal(bound_of(NULL, "", ""), -1);
  /* ... but only where it is called */
  assert_int_equal(bound_of(NULL, "", "m.c:1:6:f0\t16\tstatic\nm.c:2:6:f1\t0\tdynamic\n"), 16);
}

static void one_section_is_all_frames_together(void **state) {
  (void)state;
  assert_int_equal(bound_of(".text", "", frames), 16 + 100 + 8 + 40);
  assert_int_equal(bound_of(".text", "", ""), -1);
}

static void names_of_parts_and_clones(void **state) {
  (void)state;
  /* The parts of f0 count as one function: its largest frame, and what any of them calls. */
  ElfSection sections[4] = {{.name = ""},
                            {.name = ".text.f0", .flags = ELF_EXEC},
                            {.name = ".text.unlikely.f0", .flags = ELF_EXEC},
                            {.name = ".text.f1.constprop.0", .flags = ELF_EXEC}};
  ElfReference call = {2, 3};
  ElfSymbol symbol = {.name = "f0", .section = 1, .type = 2, .is_global = true};
  Elf elf = {.n_section = 4, .section = sections, .n_symbol = 1, .symbol = &symbol,
             .n_reference = 1, .reference = &call};
  Arena *a = new_arena();
  assert_int_equal(stack_bound(a, &elf, "f0\t16\tstatic\nf0.cold\t24\tstatic\n"
                                        "f1.constprop.0\t32\tstatic\n"), 24 + 32);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deepest_chain_counts),
      cmocka_unit_test(what_has_no_bound),
      cmocka_unit_test(one_section_is_all_frames_together),
      cmocka_unit_test(names_of_parts_and_clones),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
