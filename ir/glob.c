/* glob.c - patterns for names such as "layers.3.mlp.down" or "/block1/conv/Conv".
 *
 * A pattern is read as a small automaton: state i means that the first i characters of the pattern
 * have matched.  All states advance together (Thompson 1968), so that the time is bounded by length
 * times length whatever the pattern is. */
#include <string.h>

#include "ir/policy.h"

enum { MAX_GLOB = 512 };

typedef enum { LITERAL, ONE, MANY, ANY } PieceKind;

typedef struct Piece {
  PieceKind kind;
  char c;
} Piece;

static bool is_separator(char c) { return c == '.' || c == '/'; }

/* Pieces of a pattern that glob_fault() accepts. */
static int split_glob(const char *glob, Piece *piece) {
  int n = 0;
  for (const char *p = glob; *p != '\0' && n < MAX_GLOB; p++, n++) {
    piece[n] = (Piece){LITERAL, *p};
    if (*p == '?') piece[n].kind = ONE;
    if (*p == '*') piece[n].kind = p[1] == '*' ? ANY : MANY;
    if (piece[n].kind == ANY) p++;
    if (*p == '\\' && p[1] != '\0') piece[n].c = *++p;
  }
  return n;
}

static bool takes(Piece p, char c) {
  if (p.kind == LITERAL) return p.c == c;
  return p.kind == ANY || !is_separator(c);
}

/* `*` and `**` also match nothing: their state passes on to the next. */
static void skip_empty(const Piece *piece, int n, bool *at) {
  for (int i = 0; i < n; i++)
    if (at[i] && piece[i].kind >= MANY) at[i + 1] = true;
}

bool glob_match(const char *glob, const char *name) {
  Piece piece[MAX_GLOB];
  int n = split_glob(glob, piece);
  bool at[MAX_GLOB + 1] = {true};
  skip_empty(piece, n, at);
  for (const char *c = name; *c != '\0'; c++) {
    bool next[MAX_GLOB + 1] = {false};
    for (int i = 0; i < n; i++)
      if (at[i] && takes(piece[i], *c)) next[piece[i].kind >= MANY ? i : i + 1] = true;
    skip_empty(piece, n, next);
    memcpy(at, next, sizeof at);
  }
  return at[n];
}

const char *glob_fault(const char *glob) {
  if (*glob == '\0') return "it is empty";
  if (strlen(glob) > MAX_GLOB) return "it is longer than 512 characters";
  if (strstr(glob, "***") != NULL) return "'***' has no meaning; '**' crosses parts of a name";
  for (const char *p = glob; *p != '\0'; p++)
    if (*p == '\\' && *++p == '\0') return "it ends in a backslash";
  return NULL;
}
