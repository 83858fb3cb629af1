/* options.h - the command line (options.c). */
#ifndef QCC_OPTIONS_H
#define QCC_OPTIONS_H

#include "driver/driver.h"

/* The verb that argv names (compile when it names none) and its options; error() on a wrong one. */
const Verb *read_options(Arena *a, int argc, char **argv, Options *o);
void print_verb_help(FILE *f, const Verb *v);

#endif
