/* harness.c - runs the model over the samples of input.bin and writes output.bin.
 *
 * For every sample the inputs are read into the arena, the model runs between bench_begin and
 * bench_end, and the outputs are written.  The calls that mark time are empty functions: on an
 * emulator the plugin sees their addresses executed, on a real machine they note the clock.  Pairs
 * of marks with nothing between them, made first, measure what the marks themselves cost.
 *
 * The arena is full of 0xA5 before the first sample, so that a model that reads what it never wrote
 * shows, and the guard behind it tells whether a kernel writes too far. */
#include "board.h"
#include "harness_config.h"
#include "machine.h"

enum { FILL = 0xA5, GUARD_BYTES = 64, N_CALIBRATION = 8, STACK_WINDOW = 256 * 1024 };
enum { MARK_BEGIN, MARK_END, MARK_LAYER };

typedef struct Span {
  uint32_t offset, bytes, arena; /* where in which arena */
} Span;

static const Span inputs[] = {MODEL_INPUTS{0, 0, 0}};
static const Span outputs[] = {MODEL_OUTPUTS{0, 0, 0}};

/* The arenas with their guards; the first in the board's largest memory, others where data lie. */
#define ARENA(i, where, bytes) \
  static uint8_t arena_##i[(bytes) + GUARD_BYTES] __attribute__((aligned(16), section(where)));
MODEL_ARENAS
#undef ARENA

typedef struct Memory {
  uint8_t *at;
  uint32_t bytes; /* without the guard */
} Memory;

#define ARENA(i, where, bytes) {arena_##i, bytes},
static const Memory arenas[] = {MODEL_ARENAS};
enum { N_ARENA = sizeof arenas / sizeof *arenas };

#ifdef MODEL_CLOCK
#define MARK(index) board_mark(index)
#else
#define MARK(index) (void)(index)
#endif

/* The bodies differ so that no compiler makes one function of them. */
__attribute__((noinline)) void bench_begin(void) {
  __asm__ volatile("nop" ::: "memory");
  MARK(MARK_BEGIN);
}

__attribute__((noinline)) void bench_end(void) {
  MARK(MARK_END);
  __asm__ volatile("nop\n nop" ::: "memory");
}

void MODEL_PROFILE(int layer);
__attribute__((noinline)) void MODEL_PROFILE(int layer) {
  __asm__ volatile("" : : "r"(layer) : "memory");
  MARK(MARK_LAYER);
}

static void calibrate(void) {
  for (int i = 0; i < N_CALIBRATION; i++) {
    bench_begin();
    bench_end();
    board_flush();
  }
  for (int i = 0; i < N_CALIBRATION; i++) {
    bench_begin();
    MODEL_PROFILE(0);
    MODEL_PROFILE(1);
    bench_end();
    board_flush();
  }
}

static uint8_t *place_of(const Span *s) { return arenas[s->arena].at + s->offset; }

static void check_guard(void) {
  for (int k = 0; k < N_ARENA; k++)
    for (int i = 0; i < GUARD_BYTES; i++)
      if (arenas[k].at[arenas[k].bytes + i] != FILL) board_exit(EXIT_GUARD);
}

/* ---- the stack, painted below the stack pointer before the first run, inspected after it */

#if defined(BOARD_STACK) || defined(MODEL_VARIANT)
static void say_number(const char *what, uint32_t v) {
  char text[12];
  char *p = text + sizeof text;
  *--p = 0;
  *--p = '\n';
  do *--p = (char)('0' + v % 10);
  while ((v /= 10) != 0);
  board_say(what);
  board_say(p);
}
#endif

#ifdef BOARD_STACK
/* Lowest word of the stack that is watched. */
static uint32_t *stack_floor(uint32_t *top) {
  uint32_t *floor = BOARD_STACK;
  return top - floor > STACK_WINDOW / 4 ? top - STACK_WINDOW / 4 : floor;
}
#endif

static void run_watched(void) {
#ifdef BOARD_STACK
  uint32_t *top, *floor;
  READ_STACK_POINTER(top);
  floor = stack_floor(top);
  READ_STACK_POINTER(top);
  for (volatile uint32_t *p = floor; p < top; p++) *p = CANARY;
#endif
  bench_begin();
  MODEL_RUN();
  bench_end();
#ifdef BOARD_STACK
  uint32_t *used = floor;
  while (used < top && *(volatile uint32_t *)used == CANARY) used++;
  if (used == floor) board_exit(EXIT_STACK);
  say_number("stack ", (uint32_t)((top - used) * 4));
#endif
}

static void run_sample(int is_first) {
  for (int i = 0; inputs[i].bytes; i++) board_read(place_of(&inputs[i]), inputs[i].bytes);
  if (is_first) {
    run_watched();
  } else {
    bench_begin();
    MODEL_RUN();
    bench_end();
  }
#ifdef BOARD_STACK
  if (*BOARD_STACK_CANARY != CANARY) board_exit(EXIT_STACK);
#endif
  check_guard();
  for (int i = 0; outputs[i].bytes; i++) board_write(place_of(&outputs[i]), outputs[i].bytes);
  board_flush();
}

/* Clocks are noisy: the samples run again until enough time has been measured. */
#ifdef MODEL_CLOCK
enum { MIN_REPEATS = 10, MAX_REPEATS = 1000, ENOUGH_NS = 300000000 };

static void repeat_runs(void) {
  uint64_t start = board_clock();
  for (uint32_t k = 0; k < MAX_REPEATS; k++) {
    if (k >= MIN_REPEATS && board_clock() - start > ENOUGH_NS) break;
    if (k % N_SAMPLE == 0) board_rewind();
    for (int i = 0; inputs[i].bytes; i++) board_read(place_of(&inputs[i]), inputs[i].bytes);
    bench_begin();
    MODEL_RUN();
    bench_end();
    board_flush();
  }
}
#endif

int main(void) {
  board_open();
  for (int k = 0; k < N_ARENA; k++)
    for (uint32_t i = 0; i < arenas[k].bytes + GUARD_BYTES; i++) arenas[k].at[i] = FILL;
#ifdef BOARD_STACK
  *BOARD_STACK_CANARY = CANARY;
#endif
  calibrate();
#ifdef MODEL_VARIANT
  say_number("variant ", (uint32_t)MODEL_VARIANT());
#endif
#ifdef MODEL_RESET
  MODEL_RESET();
#endif
  for (uint32_t i = 0; i < N_SAMPLE; i++) run_sample(i == 0);
#ifdef MODEL_CLOCK
  repeat_runs();
#endif
  board_exit(0);
  return 0;
}
