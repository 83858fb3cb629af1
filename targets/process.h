/* process.h - other programs: where they are, and running them without a shell. */
#ifndef QCC_PROCESS_H
#define QCC_PROCESS_H

#include "ir/ir.h"

enum { MAX_PATH = 4096, MAX_ARGS = 256 };

/* An argument vector under construction; argv[n] stays NULL. */
typedef struct Command {
  const char *argv[MAX_ARGS];
  int n;
} Command;

void add_arg(Command *c, const char *arg);
void add_args(Command *c, int n, const char *const *arg);

typedef struct Outcome {
  int status;      /* exit status; 128 + number when a signal ended it */
  bool stalled;    /* it was killed because it made no progress */
  const char *log; /* what it wrote to stdout and stderr, cut in the middle when long */
} Outcome;

/* A number that grows while the program makes progress. */
typedef int64_t Progress(void *ctx);

/* Runs argv[0] (a path or a name on PATH) in folder `dir` (NULL: the current one) and waits.  It is
 * killed when `progress` (or NULL: the start) has not moved for stall_s seconds. */
Outcome run_process(Arena *a, const Command *c, const char *dir, int stall_s, Progress *progress,
                    void *ctx);

/* Path of a program on PATH; false when it is not installed. */
bool find_program(const char *name, char path[MAX_PATH]);
/* The same for a compiler: "clang-19" accepts any clang of at least version 16. */
bool find_compiler(const char *name, char path[MAX_PATH]);

#endif
