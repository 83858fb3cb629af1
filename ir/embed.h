/* embed.h - files of the source tree that travel inside the qcc binary (made by ir/embed.cmake). */
#ifndef QCC_EMBED_H
#define QCC_EMBED_H

typedef struct EmbeddedFile {
  const char *path;                  /* from the project's root: "targets/cortex-m55.yaml" */
  const unsigned char *begin, *end;  /* contents; a NUL byte follows */
} EmbeddedFile;

extern const EmbeddedFile embedded_files[];  /* sorted by path */
extern const int n_embedded_files;
const EmbeddedFile *find_embedded(const char *path);  /* NULL when there is none */

#endif
