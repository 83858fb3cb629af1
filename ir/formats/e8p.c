/* e8p.c - eight weights at a time (after Tseng and others, QuIP#, 2024, arXiv:2402.04396): the points
 * of the lattice E8 plus 1/4 that lie nearest to 0.  E8 are eight integers, or eight halves of odd
 * ones, whose sum is even.  Times 4 the coordinates here are odd integers from -11 to 11.
 *
 * A point is a pattern of eight magnitudes 1/2, 3/2, 5/2, with signs that make the sum even, plus 1/4
 * or minus 1/4.  Its 16 bits: the pattern in the upper byte; above bit 0 the signs of all but the
 * first element, whose sign the even sum decides; bit 0 says minus 1/4.
 *
 * 256 patterns, in the order of their digits 0, 1, 2 for 1/2, 3/2, 5/2, first element highest: the
 * 227 with a sum of squares up to 10, then 29 of those with 12, which are too many.  These are taken
 * evenly from the 56 with five 3/2 in order: numbers 56 i / 29.  Weights of a normal distribution then
 * have an error of 0.0915 of their variance, and no choice of 29 that a greedy search for the least
 * error finds has less than 0.0913. */
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <threads.h>

#include "ir/formats/formats.h"

enum {
  SIZE = 8,
  PATTERNS = 256,
  INNER = 227,   /* patterns with a sum of squares up to 10, which is 40 quarters of odd squares */
  FIVES = 56,    /* with five 3/2 and three 1/2 */
  HALVES = 81    /* values of four digits */
};

const int8_t levels_e8p[] = {-11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11};

typedef struct Pattern {
  uint8_t half[2]; /* four digits each, as numbers to base 3 */
  bool odd;        /* would its sum without signs be? */
} Pattern;

static Pattern pattern[PATTERNS];
static int16_t place[HALVES][HALVES]; /* of a pattern by its halves, or -1 */
static uint8_t digit[HALVES][4];
static once_flag made = ONCE_FLAG_INIT;

static void make_patterns(void) {
  int n = 0, fives = 0;
  Pattern five[FIVES];
  for (int v = 0; v < HALVES; v++)
    for (int i = 3, rest = v; i >= 0; i--, rest /= 3) digit[v][i] = (uint8_t)(rest % 3);
  for (int v = 0; v < HALVES * HALVES; v++) {
    Pattern p = {{(uint8_t)(v / HALVES), (uint8_t)(v % HALVES)}, false};
    int squares = 0, digits = 0, largest = 0;
    for (int i = 0; i < SIZE; i++) {
      int d = digit[p.half[i / 4]][i % 4];
      squares += (2 * d + 1) * (2 * d + 1), digits += d;
      if (d > largest) largest = d;
    }
    p.odd = digits % 2;
    if (squares <= 40) pattern[n++] = p;
    else if (squares == 48 && largest == 1) five[fives++] = p;
  }
  for (int i = 0; n < PATTERNS; i++) pattern[n++] = five[FIVES * i / (PATTERNS - INNER)];
  memset(place, -1, sizeof place);
  for (int k = 0; k < PATTERNS; k++) place[pattern[k].half[0]][pattern[k].half[1]] = (int16_t)k;
}

/* The distance of four coordinates to every half of a pattern, and the least that a wrong sign would
 * add to it. */
typedef struct Half {
  double distance[HALVES], wrong[HALVES];
} Half;

static void measure_half(const double *u, int n, Half *h) {
  for (int v = 0; v < HALVES; v++) {
    double distance = 0, wrong = n < 4 ? 0 : INFINITY;
    for (int i = 0; i < n; i++) {
      double a = 0.5 + digit[v][i];
      distance += (u[i] - a) * (u[i] - a);
      wrong = fmin(wrong, 4 * a * u[i]);
    }
    h->distance[v] = distance, h->wrong[v] = wrong;
  }
}

typedef struct Point {
  double distance;
  int pattern, shift; /* shift: 1 or -1, a quarter of it */
  bool wrong;         /* one sign has to be */
} Point;

/* Looks for nearer points among those shifted by `shift`. Coordinates without a weight are free, so
 * that their signs cost nothing. */
static void search(const double *x, int n, int shift, Point *best) {
  double u[SIZE] = {0};
  Half half[2];
  bool odd = false;
  for (int i = 0; i < n; i++) {
    double t = x[i] - shift * 0.25;
    odd ^= t < 0;
    u[i] = fabs(t);
  }
  measure_half(u, n < 4 ? n : 4, &half[0]);
  measure_half(u + 4, n < 4 ? 0 : n - 4, &half[1]);
  for (int k = 0; k < PATTERNS; k++) {
    const Pattern *p = &pattern[k];
    int a = p->half[0], b = p->half[1];
    double distance = half[0].distance[a] + half[1].distance[b];
    if (p->odd != odd) distance += fmin(half[0].wrong[a], half[1].wrong[b]);
    if (distance < best->distance) *best = (Point){distance, k, shift, p->odd != odd};
  }
}

/* All 512 combinations of pattern and shift are tried: exact. */
void nearest_e8p(const double *x, int n, int8_t *codes) {
  double scaled[SIZE], least = INFINITY;
  Point p = {INFINITY, 0, 1, false};
  int change = -1;
  call_once(&made, make_patterns);
  for (int i = 0; i < n; i++) scaled[i] = x[i] / 4;
  search(scaled, n, 1, &p);
  search(scaled, n, -1, &p);
  for (int i = 0; i < n; i++) {
    double t = scaled[i] - p.shift * 0.25;
    int a = 4 * digit[pattern[p.pattern].half[i / 4]][i % 4] + 2;
    if (p.wrong && n == SIZE && a * fabs(t) < least) least = a * fabs(t), change = i;
    codes[i] = (int8_t)((t < 0 ? -a : a) + p.shift);
  }
  if (change >= 0) codes[change] = (int8_t)(2 * p.shift - codes[change]);
}

/* The pattern of the first n codes of a vector; free coordinates are 1/2. */
static const Pattern *find_pattern(const int8_t *codes, int n, int shift) {
  int half[2] = {0, 0};
  for (int i = 0; i < SIZE; i++) {
    int v = i < n ? codes[i] - shift : 2, d = ((v < 0 ? -v : v) - 2) / 4;
    half[i / 4] = 3 * half[i / 4] + d;
  }
  int k = half[0] < HALVES && half[1] < HALVES ? place[half[0]][half[1]] : -1;
  if (k < 0) bug("no point of e8p has the code %d in this place", codes[0]);
  return &pattern[k];
}

int64_t pack_e8p(const int8_t *codes, int64_t n, uint8_t *out) {
  call_once(&made, make_patterns);
  for (int64_t i = 0; i < n; i += SIZE) {
    const int8_t *v = codes + i;
    int size = n - i < SIZE ? (int)(n - i) : SIZE, shift = v[0] & 2 ? 1 : -1, signs = shift < 0;
    const Pattern *p = find_pattern(v, size, shift);
    bool odd = p->odd;
    for (int j = 0; j < size; j++) {
      if (j > 0) signs |= (v[j] < shift) << j;
      odd ^= v[j] < shift;
    }
    if (odd) signs |= 1 << (SIZE - 1); /* the sum is even once a free coordinate is negative */
    out[i / SIZE * 2] = (uint8_t)signs;
    out[i / SIZE * 2 + 1] = (uint8_t)(p - pattern);
  }
  return (n + SIZE - 1) / SIZE * 2;
}

/* Bit j: element j is negative. */
static int signs_of(const uint8_t *code) {
  int signs = code[0] & ~1;
  bool odd = pattern[code[1]].odd;
  for (int j = 1; j < SIZE; j++) odd ^= signs >> j & 1;
  return signs | odd;
}

void unpack_e8p(const uint8_t *packed, int64_t n, int8_t *codes) {
  int signs = 0;
  call_once(&made, make_patterns);
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *code = packed + i / SIZE * 2;
    int j = (int)(i % SIZE), shift = code[0] & 1 ? -1 : 1;
    if (j == 0) signs = signs_of(code);
    int a = 4 * digit[pattern[code[1]].half[j / 4]][j % 4] + 2;
    codes[i] = (int8_t)((signs >> j & 1 ? -a : a) + shift);
  }
}
