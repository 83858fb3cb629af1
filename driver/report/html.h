/* html.h - writing HTML and SVG.  Markup is written as it stands, by fputs and fprintf of numbers;
 * everything that comes from a file of the user's goes through put_text, which escapes it. */
#ifndef QCC_HTML_H
#define QCC_HTML_H

#include <stdint.h>
#include <stdio.h>

/* As text, or as the value of an attribute in double quotes. */
void put_text(FILE *f, const char *s);
void put_textf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* 1234567 as 1,234,567. */
void put_number(FILE *f, int64_t n);
/* <td class="num">: bytes or counts; "-" for negative ones, which are not known. */
void put_number_cell(FILE *f, int64_t n);
void put_text_cell(FILE *f, const char *s);
/* A table that is folded away below its title, and scrolls where it is too wide; up to the cells of
 * its head, and from behind its last row. */
void open_table(FILE *f, const char *title);
void close_table(FILE *f);

#endif
