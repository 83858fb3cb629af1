/* unit.h - what every unit test includes: cmocka with the headers that it needs before itself. */
#ifndef QCC_UNIT_H
#define QCC_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A small random sequence that is the same everywhere (xorshift, Marsaglia 2003). */
static inline uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

#endif
