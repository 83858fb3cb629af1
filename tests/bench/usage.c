/* usage.c - what a program takes: runs it, without its output, and prints seconds of wall clock, seconds of
 * all processors, and the most memory that it held, in KB:
 *
 *     usage PROGRAM ARGUMENTS... */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
  double begin = now();
  struct rusage used;
  int status;
  pid_t child = argc > 1 ? fork() : -1;
  if (child == 0) {
    int none = open("/dev/null", O_WRONLY);
    if (none >= 0) dup2(none, STDOUT_FILENO);
    execvp(argv[1], argv + 1);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &used) < 0 || status != 0) return 1;
  printf("%.2f %.2f %ld\n", now() - begin, seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
         used.ru_maxrss);
  return 0;
}
