/* main.c - qcc: finds the verb, reads its options, runs it. */
#include <omp.h>
#include <string.h>

#include "driver/options.h"

static void print_help(void) {
  printf("qcc " QCC_VERSION " - an ahead-of-time quantizing compiler for neural networks\n\n"
         "usage: qcc MODEL [--policy P.yaml] [--target T] [--calib X.npy] -o DIR\n"
         "       qcc VERB ...\n\n");
  for (int i = 0; i < n_verbs; i++) printf("  %-8s %s\n", verbs[i].name, verbs[i].summary);
  printf(
      "\nqcc VERB --help lists the verb's options.  Exit status: 0 fine, 1 the input is wrong, "
      "2 a check\n"
      "failed, 70 a bug in qcc.\n");
}

int main(int argc, char **argv) {
  Arena *a = new_arena();
  Options o = {0};
  const Verb *v = read_options(a, argc, argv, &o);
  int status = 0;
  if (o.version) {
    printf("qcc " QCC_VERSION "\n");
  } else if (argc < 2 || (o.help && strcmp(argv[1], v->name) != 0)) {
    print_help();
  } else if (o.help) {
    print_verb_help(stdout, v);
  } else {
    if (o.threads) omp_set_num_threads(o.threads);
    status = v->run(a, &o);
  }
  if (fflush(stdout) != 0) error("the result cannot be written to standard output");
  free_arena(a);
  return status;
}
