/* libc.c - the functions that compilers call of themselves: memory moves and, on a 32-bit
 * machine without a compiler library, 64-bit shifts, products and divisions. The empty asm
 * statements keep compilers from making a call to memcpy of memcpy's own loop. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEEP_LOOP() __asm__ volatile("" ::: "memory")

__attribute__((weak)) void *memcpy(void *to, const void *from, size_t n) {
  uint8_t *d = to;
  const uint8_t *s = from;
  if ((((uintptr_t)d | (uintptr_t)s) & 3) == 0)
    for (; n >= 4; n -= 4, d += 4, s += 4) {
      *(uint32_t *)(void *)d = *(const uint32_t *)(const void *)s;
      KEEP_LOOP();
    }
  for (; n; n--) {
    *d++ = *s++;
    KEEP_LOOP();
  }
  return to;
}

__attribute__((weak)) void *memmove(void *to, const void *from, size_t n) {
  uint8_t *d = to;
  const uint8_t *s = from;
  if ((uintptr_t)d <= (uintptr_t)s) return memcpy(to, from, n);
  while (n--) {
    d[n] = s[n];
    KEEP_LOOP();
  }
  return to;
}

__attribute__((weak)) void *memset(void *to, int value, size_t n) {
  uint8_t *d = to;
  for (; n; n--) {
    *d++ = (uint8_t)value;
    KEEP_LOOP();
  }
  return to;
}

__attribute__((weak)) int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *p = a, *q = b;
  for (; n; n--, p++, q++)
    if (*p != *q) return *p - *q;
  return 0;
}

__attribute__((weak)) size_t strlen(const char *s) {
  size_t n = 0;
  for (; s[n]; n++) KEEP_LOOP();
  return n;
}

/* ---- 64-bit integers in two words; the names are those of the compilers' interface */

typedef union Wide {
  uint64_t all;
  struct {
    uint32_t low, high;
  } word;
} Wide;

uint64_t __ashldi3(uint64_t v, int by);
uint64_t __lshrdi3(uint64_t v, int by);
int64_t __ashrdi3(int64_t v, int by);
uint64_t __muldi3(uint64_t a, uint64_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
uint64_t __umoddi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);
int64_t __moddi3(int64_t a, int64_t b);
int __clzsi2(uint32_t v);
int __ctzsi2(uint32_t v);

__attribute__((weak)) uint64_t __ashldi3(uint64_t v, int by) {
  Wide w = {.all = v};
  if (by == 0) return v;
  if (by >= 32) {
    w.word.high = w.word.low << (by - 32);
    w.word.low = 0;
  } else {
    w.word.high = w.word.high << by | w.word.low >> (32 - by);
    w.word.low <<= by;
  }
  return w.all;
}

__attribute__((weak)) uint64_t __lshrdi3(uint64_t v, int by) {
  Wide w = {.all = v};
  if (by == 0) return v;
  if (by >= 32) {
    w.word.low = w.word.high >> (by - 32);
    w.word.high = 0;
  } else {
    w.word.low = w.word.low >> by | w.word.high << (32 - by);
    w.word.high >>= by;
  }
  return w.all;
}

__attribute__((weak)) int64_t __ashrdi3(int64_t v, int by) {
  Wide w = {.all = (uint64_t)v};
  int32_t high = (int32_t)w.word.high;
  if (by == 0) return v;
  if (by >= 32) {
    w.word.low = (uint32_t)(high >> (by - 32));
    w.word.high = (uint32_t)(high >> 31);
  } else {
    w.word.low = w.word.low >> by | (uint32_t)high << (32 - by);
    w.word.high = (uint32_t)(high >> by);
  }
  return (int64_t)w.all;
}

/* Schoolbook: the cross products only reach the high word. */
__attribute__((weak)) uint64_t __muldi3(uint64_t a, uint64_t b) {
  Wide x = {.all = a}, y = {.all = b};
  Wide w = {.all = (uint64_t)x.word.low * y.word.low};
  w.word.high += x.word.low * y.word.high + x.word.high * y.word.low;
  return w.all;
}

/* Restoring division, bit by bit; dividing by zero gives all ones as the machine's own division
 * does. */
static uint64_t divide(uint64_t a, uint64_t b, uint64_t *rest) {
  uint64_t quotient = 0, r = 0;
  for (int i = 63; i >= 0; i--) {
    r = r << 1 | (a >> i & 1);
    quotient <<= 1;
    if (r >= b) {
      r -= b;
      quotient |= 1;
    }
  }
  *rest = r;
  return quotient;
}

__attribute__((weak)) uint64_t __udivdi3(uint64_t a, uint64_t b) {
  uint64_t rest;
  return divide(a, b, &rest);
}

__attribute__((weak)) uint64_t __umoddi3(uint64_t a, uint64_t b) {
  uint64_t rest;
  divide(a, b, &rest);
  return rest;
}

static uint64_t magnitude(int64_t v) { return v < 0 ? 0 - (uint64_t)v : (uint64_t)v; }

__attribute__((weak)) int64_t __divdi3(int64_t a, int64_t b) {
  uint64_t rest, quotient = divide(magnitude(a), magnitude(b), &rest);
  return (int64_t)((a ^ b) < 0 ? 0 - quotient : quotient);
}

__attribute__((weak)) int64_t __moddi3(int64_t a, int64_t b) {
  uint64_t rest;
  divide(magnitude(a), magnitude(b), &rest);
  return (int64_t)(a < 0 ? 0 - rest : rest);
}

__attribute__((weak)) int __clzsi2(uint32_t v) {
  int n = 0;
  for (; n < 32 && !(v >> 31); v <<= 1) n++;
  return n;
}

__attribute__((weak)) int __ctzsi2(uint32_t v) {
  int n = 0;
  for (; n < 32 && !(v & 1); v >>= 1) n++;
  return n;
}
