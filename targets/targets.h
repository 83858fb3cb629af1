/* targets.h - what qcc knows of the machine that runs the output: facts read from targets/NAME.yaml
 * (embedded in the binary, or the user's own file), how to compile for it, and how to run it. */
#ifndef QCC_TARGETS_H
#define QCC_TARGETS_H

#include "ir/ir.h"

enum { MAX_REGIONS = 8, MAX_ISA = 16, MAX_COMPILERS = 2, MAX_CPU_FLAGS = 16, MAX_IO = 64,
       MAX_VARIANTS = 8 };

typedef struct Region {
  const char *name;           /* "flash", "ram", "dtcm" ... */
  int64_t bytes;
  bool is_rom;                /* holds code and weights; else RAM */
} Region;

/* One compiler command: a program, its flags, and the Debian package that has it. */
typedef struct Compiler {
  const char *program;        /* "clang-19", "arm-none-eabi-gcc", "cc" */
  const char *package;        /* for the message when it is not installed */
  const char *linker;         /* program that links; `program` unless the file says so */
  int n_need;
  const char **need;          /* [n_need] other files that must exist: the C library's headers */
  int n_flag;
  const char **flag;          /* [n_flag] for compiling, e.g. -mcpu=cortex-m55 */
  int n_link;
  const char **link;          /* [n_link] for linking a test image; they follow the objects */
  int n_openmp;
  const char **openmp;        /* [n_openmp] for compiling and linking; none: no threads */
  int n_openmp_need;
  const char **openmp_need;   /* [n_openmp_need] files that must exist for that */
  int n_libgcc;
  const char **libgcc;        /* [n_libgcc] command that prints libgcc's path, if it is installed */
} Compiler;

typedef enum RunKind { RUN_NONE, RUN_NATIVE, RUN_QEMU_USER, RUN_QEMU_SYSTEM, RUN_NODE } RunKind;

/* One of several sets of kernels in the same output, chosen when the network runs first. */
typedef struct Variant {
  struct Target *target;       /* whose instruction set the kernels may use */
  const char *code;            /* for __attribute__((target("..."))); NULL: nothing to add */
  int n_cpu;
  const char **cpu;            /* [n_cpu] what the processor must have: rows of cpu_features.def */
} Variant;

typedef struct Target {
  const char *name;           /* "cortex-m55" */
  const char *summary;        /* one line for `qcc list targets` */
  const char *costs;          /* what its kernels cost (costs.h): a file, or a built-in table by name; NULL: not known */
  int n_isa;
  const char *isa[MAX_ISA];   /* features that kernels may need: "mve", "dsp" */
  bool is_small;              /* no kernels that are larger than plain C: optimize: size */
  int n_variant;
  Variant variant[MAX_VARIANTS]; /* best first; none: the output is for `isa` */
  int pointer_bytes;
  bool has_fpu;
  int n_region;
  Region region[MAX_REGIONS]; /* sizes of a typical part; budget check */
  int n_compiler;
  Compiler compiler[MAX_COMPILERS]; /* first choice, then the other */
  RunKind run;                /* RUN_NATIVE falls back to `emulator` on a machine of another kind */
  const char *arch;           /* RUN_NATIVE: uname -m of the machines that run it; NULL: any */
  int n_cpu_flag;
  const char *cpu_flag[MAX_CPU_FLAGS]; /* RUN_NATIVE: features needed, as in /proc/cpuinfo */
  const char *emulator;       /* program, e.g. "qemu-system-arm" or "node" */
  const char *emulator_package;
  const char *machine;        /* -M mps3-an547 */
  const char *cpu;            /* qemu-user: -cpu max */
  const char *board;          /* folder in targets/boards/ with start-up code, or NULL */
  Loc loc;
} Target;

/* A built-in target by name, or the user's file when `name` ends in .yaml or has a '/'; error()
 * for an unknown one, with the list. */
Target *load_target(Arena *a, const char *name);
/* Does a name stand for a user's file, not for what is built in? */
bool names_file(const char *name);
/* `optimize`: size, balanced or speed. */
void set_optimize_of(Target *t, const char *optimize);
int n_targets(void);
const char *target_name_at(int i);
/* The header of runtime/ that finds out whether a processor has a feature; NULL: nobody knows. */
const char *cpu_feature_header(const char *name);

/* Total bytes of the ROM (or RAM) regions. */
int64_t rom_bytes(const Target *t);
int64_t ram_bytes(const Target *t);

/* ---- build.c: compile generated C, link a test image, run it --------------------------------- */

/* NULL when the compiler is installed, else the package to install.  `which` 0 or 1. */
const char *missing_compiler(const Target *t, int which);
/* NULL when images of the target can run here, else the package with its emulator ("" when no
 * package would help: see why_not_run). */
const char *missing_emulator(const Target *t);
/* NULL when images of the target can run here, else why not, as a phrase for a message. */
const char *why_not_run(Arena *a, const Target *t);
/* What run_on_target will use; `emulate`: rather the emulator than this machine. */
RunKind chosen_run(const Target *t, bool emulate);
/* Whether such runs are timed; else instructions are counted. */
bool is_timed(RunKind run);

/* Which symbols of an object hold what; NULL-terminated.  One in both lists holds as much of either. */
typedef struct SizeSymbols { const char *const *weights, *const *scales; } SizeSymbols;

typedef struct ObjectSize {
  int64_t code, constants, data, bss;   /* bytes by section; constants without the next two */
  int64_t weights;                      /* codes and biases */
  int64_t scales;                       /* multipliers per channel and per group of weights */
  int64_t stack;  /* bound below any global function (stack.h); -1 unknown */
} ObjectSize;

/* Compiles `c_file` to `o_file` with the target's flags, -std=c99 and `opt` ("-Os", "-O2");
 * extra flags NULL-terminated or NULL. The compiler runs in c_file's folder, so that .incbin
 * finds its file. Returns false and leaves the compiler's messages in *log (arena) when it
 * fails; error() names the package when it is not installed. */
bool compile_object(Arena *a, const Target *t, int which, const char *opt, const char *const *extra,
                    const char *c_file, const char *o_file, char **log);
/* Reads the ELF or WebAssembly object: sizes by section, and of the symbols.  In-process readers, no
 * binutils needed. */
bool read_object_size(Arena *a, const char *o_file, const SizeSymbols *symbols, ObjectSize *size);

/* How the harness must call the model. */
typedef struct HarnessIo {
  const char *prefix;         /* model prefix: header <prefix>.h, function <prefix>_run */
  int n_in, n_out;
  int64_t in_bytes[MAX_IO], out_bytes[MAX_IO];
  int64_t arena_bytes;
  bool has_threads;           /* there are layers that OpenMP may divide among threads */
  bool has_variants;          /* there is <prefix>_variant */
  bool has_state;             /* there are <prefix>_state and <prefix>_reset */
  int n_arena;                /* arguments of the run function: parts of the arena; 0: one */
} HarnessIo;

typedef struct RunResult {
  int n_mark;                 /* layers measured */
  uint64_t total;             /* of one inference, median over the samples: instructions or ns */
  uint64_t *mark;             /* [n_mark] the same per layer, medians too */
  bool counted;               /* false: not measured */
  bool is_time;               /* total and mark are nanoseconds, not instructions */
  int64_t stack_bytes;        /* most of the stack that was used; -1: not measured */
  int variant;                /* of the target's variants, which one ran; 0 where there are none */
} RunResult;

typedef struct RunRequest {
  const char *dir;            /* folder with <prefix>.c, <prefix>.h; images and logs go below it */
  const char *opt;            /* "-Os" or "-O2" */
  int compiler;               /* 0 or 1 */
  int variant;                /* that must run; -1: which the processor can */
  int64_t n_sample;
  const void *input;          /* n_sample * sum(in_bytes): for each sample, inputs in order */
  void *output;               /* n_sample * sum(out_bytes), filled in */
  bool count;                 /* measure instructions or time */
  bool emulate;               /* rather the emulator than this machine: exact instruction counts */
  int n_layer;                /* with count: > 0 measures layers too (builds with PREFIX_PROFILE) */
  void (*progress)(void *ctx, int64_t done);
  void *ctx;
} RunRequest;

/* Builds the image and runs all samples, which the image reads one by one.  error() names the
 * package when the compiler or emulator is missing, and the log when the build or the run fails. */
void run_on_target(Arena *a, const Target *t, const HarnessIo *io, const RunRequest *rq,
                   RunResult *res);

#endif
