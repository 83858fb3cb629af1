/* test_facts.c - the facts of every built-in target, and the readers of ELF and WebAssembly on
 * objects that are whole, cut off and damaged at random. */
#include "targets/elf.h"
#include "targets/process.h"
#include "targets/targets.h"
#include "targets/wasm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void facts_are_sane(void **state) {
  (void)state;
  Arena *a = new_arena();
  assert_true(n_targets() >= 20);
  for (int i = 0; i < n_targets(); i++) {
    Target *t = load_target(a, target_name_at(i));
    assert_string_equal(t->name, target_name_at(i));
    assert_non_null(t->summary);
    assert_true(rom_bytes(t) > 0 && ram_bytes(t) > 0);
    assert_in_range(t->n_compiler, 1, MAX_COMPILERS);
    for (int c = 0; c < t->n_compiler; c++) assert_non_null(t->compiler[c].linker);
    if (t->run == RUN_NONE) assert_non_null(why_not_run(a, t));
  }
  Target *m0 = load_target(a, "cortex-m0");
  assert_int_equal(rom_bytes(m0), 256 * 1024);
  assert_int_equal(ram_bytes(m0), 16 * 1024);
  free_arena(a);
}

/* ---- a 32-bit and a 64-bit object, made by hand */

typedef struct Bytes {
  uint8_t p[1024];
  size_t n;
} Bytes;

static void put(Bytes *b, size_t at, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) b->p[at + (size_t)i] = (uint8_t)(v >> (8 * i));
}

enum { N_SECTION = 6 };
static const char names[] = "\0.text.f\0.rodata\0.bss\0.symtab\0f_run\0f_weights";
enum { AT_TEXT = 1, AT_RODATA = 9, AT_BSS = 17, AT_SYMTAB = 22, AT_RUN = 30, AT_WEIGHTS = 36 };

static void put_section(Bytes *b, int bits, int i, uint32_t name, uint32_t type, uint64_t flags,
                        uint64_t offset, uint64_t size) {
  size_t w = (size_t)bits / 8, at = (bits == 32 ? 52 : 64) + (size_t)i * (bits == 32 ? 40 : 64);
  put(b, at, name, 4);
  put(b, at + 4, type, 4);
  put(b, at + 8, flags, (int)w);
  put(b, at + 8 + 2 * w, offset, (int)w);
  put(b, at + 8 + 3 * w, size, (int)w);
  put(b, at + 8 + 4 * w, 5, 4);
}

static void put_symbol(Bytes *b, int bits, size_t at, uint32_t name, uint64_t value, uint64_t size,
                       int section) {
  put(b, at, name, 4);
  put(b, at + (bits == 32 ? 4 : 8), value, bits / 8);
  put(b, at + (bits == 32 ? 8 : 16), size, bits / 8);
  put(b, at + (bits == 32 ? 14 : 6), (uint64_t)section, 2);
}

/* Sections: none, .text.f of 20 bytes, .rodata of 40, .bss of 100, .symtab, and the names. */
static Bytes make_object(int bits) {
  Bytes b = {.n = sizeof b.p};
  size_t header = bits == 32 ? 52 : 64, section = bits == 32 ? 40 : 64,
         symbol = bits == 32 ? 16 : 24;
  size_t text = header + N_SECTION * section, rodata = text + 20, symtab = rodata + 40;
  size_t strings = symtab + 3 * symbol;
  memcpy(b.p, "\177ELF", 4);
  b.p[4] = bits == 32 ? 1 : 2;
  b.p[5] = 1;
  put(&b, 18, 40, 2);
  put(&b, bits == 32 ? 32 : 40, header, bits / 8);
  put(&b, bits == 32 ? 46 : 58, section, 2);
  put(&b, bits == 32 ? 48 : 60, N_SECTION, 2);
  put(&b, bits == 32 ? 50 : 62, 5, 2);
  put_section(&b, bits, 1, AT_TEXT, 1, ELF_ALLOC | ELF_EXEC, text, 20);
  put_section(&b, bits, 2, AT_RODATA, 1, ELF_ALLOC, rodata, 40);
  put_section(&b, bits, 3, AT_BSS, ELF_NOBITS, ELF_ALLOC | ELF_WRITE, 0xfffff, 100);
  put_section(&b, bits, 4, AT_SYMTAB, 2, 0, symtab, 3 * symbol);
  put_section(&b, bits, 5, 0, 3, 0, strings, sizeof names);
  put_symbol(&b, bits, symtab + symbol, AT_RUN, 5, 8, 1);
  put_symbol(&b, bits, symtab + 2 * symbol, AT_WEIGHTS, 8, 0, 2);
  memcpy(b.p + strings, names, sizeof names);
  b.n = strings + sizeof names;
  return b;
}

static void whole_objects_are_read(void **state) {
  (void)state;
  for (int bits = 32; bits <= 64; bits += 32) {
    Arena *a = new_arena();
    Bytes b = make_object(bits);
    Elf elf;
    assert_true(read_elf(a, b.p, b.n, &elf));
    assert_int_equal(elf.bits, bits);
    assert_int_equal(elf.n_section, N_SECTION);
    assert_int_equal(elf.n_symbol, 3);
    assert_string_equal(elf.section[2].name, ".rodata");
    uint64_t address;
    assert_true(find_address(&elf, "f_run", &address));
    assert_int_equal(address, 4); /* without the Thumb bit */
    assert_false(find_address(&elf, "g_run", &address));
    free_arena(a);
  }
}

/* One function of two bytes, segments .rodata.f (3 bytes), .data.d (2) and .bss.z (4), and the
 * symbols f_weights (2 bytes of the first), f (a function) and g (elsewhere).  Each section and part
 * is its number, its length and its contents. */
/* clang-format off */
static const char wasm_object[] =
    "\0asm\1\0\0\0"
    "\12\4" "\1\2\0\13"
    "\13\31\3" "\0\101\0\13\3abc" "\0\101\4\13\2de" "\0\101\10\13\4\0\0\0\0"
    "\0\106\7linking\2"
    "\5\40\3" "\11.rodata.f\0\0" "\7.data.d\0\0" "\6.bss.z\0\0"
    "\10\31\3" "\1\2\11f_weights\0\1\0" "\0\0\0\1f" "\1\20\1g";
/* clang-format on */

/* Sizes of an object that is written to a file, as the compiler would have. */
static ObjectSize size_of(const void *bytes, size_t n, const char *const *weights,
                          const char *const *scales) {
  Arena *a = new_arena();
  char path[] = "/tmp/qcc-test-elf-XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  FILE *f = fdopen(fd, "wb");
  assert_int_equal(fwrite(bytes, 1, n, f), n);
  fclose(f);
  ObjectSize size;
  SizeSymbols symbols = {.weights = weights, .scales = scales};
  assert_true(read_object_size(a, path, &symbols, &size));
  remove(path);
  free_arena(a);
  return size;
}

static void sizes_are_sorted_by_section(void **state) {
  (void)state;
  static const char *const weights[] = {"f_weights", NULL};
  Bytes b = make_object(32);
  ObjectSize size = size_of(b.p, b.n, weights, NULL);
  assert_int_equal(size.code, 20);
  assert_int_equal(size.weights, 32); /* no size of its own: to the end of the section */
  assert_int_equal(size.scales, 0);
  assert_int_equal(size.constants, 8);
  assert_int_equal(size.bss, 100);
  assert_int_equal(size.data, 0);
  assert_int_equal(size.stack, -1);
  size = size_of(b.p, b.n, weights, weights); /* half to each */
  assert_int_equal(size.weights, 16);
  assert_int_equal(size.scales, 16);
  assert_int_equal(size.constants, 8);
  size = size_of(wasm_object, sizeof wasm_object - 1, weights, NULL);
  assert_int_equal(size.code, 4);
  assert_int_equal(size.weights, 2);
  assert_int_equal(size.constants, 1);
  assert_int_equal(size.data, 2);
  assert_int_equal(size.bss, 4);
}

/* The copy has exactly n bytes, so that the sanitizer sees any access behind them. */
static void read_copy(const uint8_t *p, size_t n) {
  Arena *a = new_arena();
  uint8_t *copy = malloc(n ? n : 1);
  memcpy(copy, p, n);
  Elf elf;
  uint64_t address;
  if (read_elf(a, copy, n, &elf) || read_wasm(a, copy, n, &elf))
    find_address(&elf, "f_run", &address);
  free(copy);
  free_arena(a);
}

static void read_damaged(Bytes b) {
  uint32_t seed = 1;
  for (size_t n = 0; n < b.n; n++) read_copy(b.p, n);
  for (int k = 0; k < 20000; k++) {
    Bytes bad = b;
    for (int j = 0; j <= k % 4; j++) {
      seed = seed * 1664525u + 1013904223u;
      bad.p[(seed >> 8) % bad.n] = (uint8_t)(k % 3 ? seed >> 24 : 0xff);
    }
    read_copy(bad.p, bad.n);
  }
}

static void damaged_objects_are_refused(void **state) {
  (void)state;
  read_damaged(make_object(32));
  read_damaged(make_object(64));
  Bytes wasm = {.n = sizeof wasm_object - 1};
  memcpy(wasm.p, wasm_object, wasm.n);
  read_damaged(wasm);
  Arena *a = new_arena();
  Elf elf;
  for (size_t n = 9; n < wasm.n; n++) /* cut off between two sections it is whole */
    if (n != 14 && n != 41) assert_false(read_wasm(a, wasm.p, n, &elf));
  free_arena(a);
}

/* ---- processes */

static void outcomes_are_told(void **state) {
  (void)state;
  Arena *a = new_arena();
  Command talk = {.argv = {"sh", "-c", "echo out; echo err >&2; exit 7"}, .n = 3};
  Outcome o = run_process(a, &talk, "/tmp", 30, NULL, NULL);
  assert_int_equal(o.status, 7);
  assert_string_equal(o.log, "out\nerr\n");
  Command absent = {.argv = {"/no/such/program"}, .n = 1};
  assert_int_equal(run_process(a, &absent, NULL, 30, NULL, NULL).status, 127);
  Command hang = {.argv = {"sleep", "100"}, .n = 2};
  assert_true(run_process(a, &hang, NULL, 1, NULL, NULL).stalled);
  Command loud = {.argv = {"sh", "-c", "yes | head -c 1000000; echo the end"}, .n = 3};
  o = run_process(a, &loud, NULL, 30, NULL, NULL);
  assert_true(strlen(o.log) < 100000);
  assert_non_null(strstr(o.log, "the end"));
  free_arena(a);
}

static void programs_are_found(void **state) {
  (void)state;
  char path[MAX_PATH];
  assert_true(find_program("sh", path));
  assert_false(find_program("no-such-program-at-all", path));
  assert_false(find_compiler("no-such-compiler", path));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(facts_are_sane),
      cmocka_unit_test(whole_objects_are_read),
      cmocka_unit_test(sizes_are_sorted_by_section),
      cmocka_unit_test(damaged_objects_are_refused),
      cmocka_unit_test(outcomes_are_told),
      cmocka_unit_test(programs_are_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
