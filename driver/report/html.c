/* html.c - escapes what is written into a page. */
#include "driver/report/html.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "ir/ir.h"

static void put_char(FILE *f, unsigned char c) {
  switch (c) {
    case '&':
      fputs("&amp;", f);
      return;
    case '<':
      fputs("&lt;", f);
      return;
    case '>':
      fputs("&gt;", f);
      return;
    case '"':
      fputs("&quot;", f);
      return;
    case '\'':
      fputs("&#39;", f);
      return;
    default:
      fputc(c < 0x20 || c == 0x7f ? ' ' : c, f); /* control characters have no form */
  }
}

void put_text(FILE *f, const char *s) {
  for (; *s; s++) put_char(f, (unsigned char)*s);
}

void put_textf(FILE *f, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  char *text = n < 0 ? NULL : malloc((size_t)n + 1);
  if (!text) error("out of memory");
  va_start(ap, fmt);
  vsnprintf(text, (size_t)n + 1, fmt, ap);
  va_end(ap);
  put_text(f, text);
  free(text);
}

void put_number(FILE *f, int64_t n) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%" PRId64, n);
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') fputc(',', f);
    fputc(digits[i], f);
  }
}

void put_number_cell(FILE *f, int64_t n) {
  fputs("<td class=\"num\">", f);
  if (n < 0) fputs("–", f);
  else put_number(f, n);
  fputs("</td>", f);
}

void put_text_cell(FILE *f, const char *s) {
  fputs("<td>", f);
  put_text(f, s);
  fputs("</td>", f);
}

void open_table(FILE *f, const char *title) {
  fprintf(f, "<details><summary>%s</summary><div class=\"scroll\"><table><thead><tr>", title);
}

void close_table(FILE *f) { fputs("</tbody></table></div></details>\n", f); }
