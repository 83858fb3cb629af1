/* verbs.c - the table of verbs, made from verbs.def. */
#include "driver/driver.h"

#define VERB(name, function, options, usage, summary) int function(Arena *a, const Options *o);
#include "driver/verbs.def"
#undef VERB

const Verb verbs[] = {
#define VERB(name, function, options, usage, summary) {#name, function, options, usage, summary},
#include "driver/verbs.def"
#undef VERB
};
const int n_verbs = sizeof verbs / sizeof *verbs;
