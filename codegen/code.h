/* code.h - shared by the files that put the output together: code.c, paste.c, layers.c. */
#ifndef QCC_CODE_H
#define QCC_CODE_H

#include "codegen/emit.h"

/* ---- paste.c */

typedef struct Paste {
  Arena *a;
  FILE *f;
  const char *tag;             /* stands behind the kernels' prefixes qcc_ and QCC_; "": nothing */
  bool system;                 /* only the includes of system headers, each once */
  int n;
  const char **done;           /* [n] headers, and with `system` lines */
} Paste;

/* Text with the prefixes of kernels' names followed by the tag: qcc_conv, qcc_x86_64_v3_conv. */
void write_tagged(FILE *f, const char *tag, const char *text, size_t n);
/* Was the name done before?  It is now. */
bool done_before(Paste *p, const char *name);
/* A header as it stands, behind those that it includes; only the quoted includes go. */
void paste_header(Paste *p, const char *name);

/* ---- layers.c */

/* A name of the model as it may stand in a comment, which it must neither end nor begin. */
const char *comment_text(Arena *a, const char *name);
/* A variant's target as part of a name in C. */
const char *variant_tag(Emitter *e, int v);
/* The body of the run function: a call for each node, in the files of e->now. */
void write_layers(Emitter *e);

#endif
