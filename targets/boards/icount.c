/* icount.c - a plugin for QEMU's translator (API version 1, QEMU 4.2 to 8.2): counts executed
 * instructions exactly and notes the count whenever one of the given addresses is executed.
 *
 * Arguments: mark=ADDRESS (repeatable; numbered from 0 in that order) and out=FILE.  Each
 * execution of a mark adds the line "mark NUMBER COUNT" to the file; the last line is "total
 * COUNT".
 *
 * No package ships the header of this interface, so the few functions that are used are declared
 * here. Counting is inline code in the translation, not a call, so that it hardly slows the
 * emulation. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { NO_REGISTERS = 0, ADD_U64 = 0, MAX_MARKS = 64 };

typedef uint64_t PluginId;
typedef struct qemu_plugin_tb Block;
typedef struct qemu_plugin_insn Instruction;
typedef struct qemu_info_t Info;

void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, void (*on_block)(PluginId, Block *));
void qemu_plugin_register_atexit_cb(PluginId id, void (*on_exit)(PluginId, void *), void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(Instruction *i, void (*on_exec)(unsigned, void *),
                                            int registers, void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(Instruction *i, int operation, void *counter,
                                                uint64_t by);
size_t qemu_plugin_tb_n_insns(const Block *b);
Instruction *qemu_plugin_tb_get_insn(const Block *b, size_t k);
uint64_t qemu_plugin_insn_vaddr(const Instruction *i);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(PluginId id, const Info *info, int argc, char **argv);

static uint64_t total; /* instructions so far */
static uint64_t mark[MAX_MARKS];
static int n_mark;
static FILE *out;

static void on_mark(unsigned cpu, void *data) {
  (void)cpu;
  fprintf(out, "mark %d %" PRIu64 "\n", (int)(intptr_t)data, total);
}

static void on_block(PluginId id, Block *b) {
  (void)id;
  size_t n = qemu_plugin_tb_n_insns(b);
  for (size_t k = 0; k < n; k++) {
    Instruction *insn = qemu_plugin_tb_get_insn(b, k);
    uint64_t address = qemu_plugin_insn_vaddr(insn);
    for (int i = 0; i < n_mark; i++)
      if (address == mark[i])
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, NO_REGISTERS, (void *)(intptr_t)i);
    qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &total, 1);
  }
}

static void on_exit_(PluginId id, void *data) {
  (void)id;
  (void)data;
  fprintf(out, "total %" PRIu64 "\n", total);
  fclose(out);
}

static bool read_argument(const char *arg) {
  if (strncmp(arg, "mark=", 5) == 0 && n_mark < MAX_MARKS) {
    mark[n_mark++] = strtoull(arg + 5, NULL, 0);
    return true;
  }
  if (strncmp(arg, "out=", 4) == 0 && !out) {
    out = fopen(arg + 4, "w");
    return out != NULL;
  }
  return false;
}

EXPORT int qemu_plugin_install(PluginId id, const Info *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++)
    if (!read_argument(argv[i])) {
      fprintf(stderr, "icount: bad argument '%s'\n", argv[i]);
      return 1;
    }
  if (!out) {
    fprintf(stderr, "icount: no out=FILE\n");
    return 1;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
  qemu_plugin_register_atexit_cb(id, on_exit_, NULL);
  return 0;
}
