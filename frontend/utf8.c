/* utf8.c - whether a name is UTF-8 (RFC 3629) without control characters.  Names of a model end up
 * in JSON reports and in comments of the generated C, which cannot hold anything else. */
#include <ctype.h>

#include "frontend/frontend.h"

/* Bytes of the character at s.  0: overlong forms, surrogates and numbers above 10FFFF are none. */
static int character_bytes(const unsigned char *s) {
  int n = 0;
  if (s[0] < 0x80) n = 1;
  else if (s[0] >= 0xc2 && s[0] < 0xe0) n = 2;
  else if (s[0] >= 0xe0 && s[0] < 0xf0) n = 3;
  else if (s[0] >= 0xf0 && s[0] < 0xf5) n = 4;
  for (int i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
  bool not_there = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
  return overlong || not_there ? 0 : n;
}

const char *name_fault(const char *name) {
  for (const unsigned char *s = (const unsigned char *)name; *s;) {
    int n = character_bytes(s);
    if (n == 0) return "bytes that are not UTF-8";
    if (iscntrl(*s)) return "control characters";
    s += n;
  }
  return NULL;
}
