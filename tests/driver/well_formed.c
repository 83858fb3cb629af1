/* well_formed.c - reads a page from stdin and checks that it is well-formed: every tag is closed in its
 * order, attributes are in double quotes and no two of an element have one name, text has no < & that
 * stand for nothing.  Prints where it is not and ends with status 1. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 24, DEPTH = 100, NAME = 40, ATTRIBUTES = 20 };

static char text[MOST];
static char open_tags[DEPTH][NAME];
static int depth;

static void fail(const char *at, const char *what) {
  int line = 1;
  for (const char *p = text; p < at; p++) line += *p == '\n';
  fprintf(stderr, "line %d: %s: %.40s\n", line, what, at);
  exit(1);
}

static const char *read_name(const char *p, char name[NAME]) {
  int n = 0;
  while (isalnum((unsigned char)*p) || *p == '-' || *p == ':') {
    if (n == NAME - 1) fail(p, "a long name");
    name[n++] = *p++;
  }
  name[n] = 0;
  if (n == 0) fail(p, "no name");
  return p;
}

static const char *check_reference(const char *p) {
  static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strncmp(p, known[i], strlen(known[i])) == 0) return p + strlen(known[i]);
  fail(p, "& stands for nothing");
  return NULL;
}

/* Behind the closing quote. */
static const char *check_value(const char *p) {
  if (p[0] != '=' || p[1] != '"') fail(p, "an attribute without a value in double quotes");
  for (p += 2; *p != '"';) {
    if (*p == '<' || *p == 0) fail(p, "in an attribute");
    p = *p == '&' ? check_reference(p) : p + 1;
  }
  return p + 1;
}

/* Behind the >. */
static const char *check_tag(const char *p) {
  char name[NAME], attribute[ATTRIBUTES][NAME];
  int n = 0;
  p = read_name(p + 1, name);
  while (*p == ' ') {
    if (n == ATTRIBUTES) fail(p, "many attributes");
    p = read_name(p + 1, attribute[n]);
    for (int i = 0; i < n; i++)
      if (strcmp(attribute[i], attribute[n]) == 0) fail(p, "an attribute twice");
    n++;
    p = check_value(p);
  }
  if (p[0] == '/' && p[1] == '>') return p + 2;
  if (*p != '>') fail(p, "a tag does not end");
  if (depth == DEPTH) fail(p, "deep");
  strcpy(open_tags[depth++], name);
  return p + 1;
}

static const char *check_end(const char *p) {
  char name[NAME];
  p = read_name(p + 2, name);
  if (*p != '>' || depth == 0 || strcmp(open_tags[--depth], name) != 0)
    fail(p, depth >= 0 ? open_tags[depth] : "closed twice");
  return p + 1;
}

int main(void) {
  size_t n = fread(text, 1, MOST - 1, stdin);
  const char *p = text, *doctype = "<!DOCTYPE html>";
  text[n] = 0;
  if (strncmp(p, doctype, strlen(doctype)) != 0) fail(p, "no doctype");
  for (p += strlen(doctype); *p;) {
    if (p[0] == '<' && p[1] == '/') p = check_end(p);
    else if (*p == '<') p = check_tag(p);
    else if (*p == '&') p = check_reference(p);
    else if (*p == '>') fail(p, "> in text");
    else p++;
  }
  if (depth > 0) fail(p, open_tags[depth - 1]);
  return 0;
}
