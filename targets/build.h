/* build.h - building test images: what build.c offers to run.c. */
#ifndef QCC_BUILD_H
#define QCC_BUILD_H

#include "targets/process.h"
#include "targets/targets.h"

/* A test image: the generated model, the harness and the board's start-up code, linked. */
typedef struct Image {
  const char *dir;  /* absolute folder of the image; the program runs in it */
  const char *path; /* absolute path of the ELF file */
  bool is_static;   /* link addresses are run addresses (emulated programs) */
} Image;

/* Compiles and links rq->dir/<prefix>.c for the target; `run` says how it will be run.  error()
 * with the compiler's or linker's message when that fails. */
Image build_image(Arena *a, const Target *t, const HarnessIo *io, const RunRequest *rq,
                  RunKind run);

/* Our instruction counter, compiled for this machine into `dir`; its absolute path. */
const char *build_plugin(Arena *a, const char *dir);

/* Writes an embedded file to dir/name. */
void write_embedded(Arena *a, const char *embedded, const char *dir, const char *name);
void write_file(const char *path, const void *bytes, size_t n);
/* The path from the root of the file system. */
const char *absolute_path(Arena *a, const char *path);

#endif
