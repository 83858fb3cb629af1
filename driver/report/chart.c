/* chart.c - bars, lines, points and boxes as SVG in shares of the room there is. */
#include "driver/report/chart.h"

#include <math.h>

#include "driver/report/html.h"

static double share(double v, double from, double to) {
  return to != from ? 100 * (v - from) / (to - from) : 0;
}

static void put_title(FILE *f, const char *title) {
  if (!title) return;
  fputs("<title>", f);
  put_text(f, title);
  fputs("</title>", f);
}

/* A part of an error bar, in percent. */
static void put_whisker(FILE *f, double xa, double xb, double ya, double yb) {
  fprintf(f, "<line class=\"error\" x1=\"%.2f%%\" x2=\"%.2f%%\" y1=\"%.0f%%\" y2=\"%.0f%%\"/>", xa,
          xb, ya, yb);
}

void put_bar(FILE *f, double v, double most, double lo, double hi, const char *style,
             const char *title) {
  fputs("<svg class=\"bar\" role=\"img\">", f);
  put_title(f, title);
  fprintf(f,
          "<rect class=\"room\" width=\"100%%\" height=\"100%%\"/>"
          "<rect class=\"%s\" width=\"%.2f%%\" height=\"100%%\"/>",
          style, share(v, 0, most));
  if (hi > lo) {
    double from = share(lo > 0 ? lo : 0, 0, most), to = share(hi, 0, most);
    put_whisker(f, from, to, 50, 50);
    put_whisker(f, from, from, 15, 85);
    put_whisker(f, to, to, 15, 85);
  }
  fputs("</svg>", f);
}

Plot open_plot(FILE *f, const char *style, double x0, double x1, double y0, double y1, int height,
               const char *label) {
  fprintf(f, "<svg class=\"%s\" role=\"img\" style=\"height:%dpx\" aria-label=\"", style, height);
  put_text(f, label);
  fputs("\">", f);
  return (Plot){f, x0, x1, y0, y1};
}

void close_plot(const Plot *p) { fputs("</svg>\n", p->f); }

static double at_x(const Plot *p, double x) { return share(x, p->x0, p->x1); }
static double at_y(const Plot *p, double y) { return 100 - share(y, p->y0, p->y1); }

/* 1, 2 or 5 times a power of ten that gives about four lines. */
static double grid_step(double range) {
  double raw = range / 4, power = pow(10, floor(log10(raw))), r = raw / power;
  return power * (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10);
}

void plot_tick(const Plot *p, double y, const char *text) {
  double at = at_y(p, y);
  fprintf(p->f,
          "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%.2f%%\" y2=\"%.2f%%\"/>"
          "<text class=\"tick\" x=\"-8\" y=\"%.2f%%\" dy=\"4\">",
          at, at, at);
  put_text(p->f, text);
  fputs("</text>", p->f);
}

void plot_grid(const Plot *p, const char *unit) {
  if (!(p->y1 > p->y0)) return;
  double step = grid_step(p->y1 - p->y0);
  for (double i = ceil(p->y0 / step); i * step <= p->y1; i++) {
    char text[40];
    snprintf(text, sizeof text, "%g%s", i * step, unit);
    plot_tick(p, i * step, text);
  }
}

void plot_line(const Plot *p, double xa, double ya, double xb, double yb, const char *style) {
  fprintf(p->f, "<line class=\"%s\" x1=\"%.2f%%\" y1=\"%.2f%%\" x2=\"%.2f%%\" y2=\"%.2f%%\"/>",
          style, at_x(p, xa), at_y(p, ya), at_x(p, xb), at_y(p, yb));
}

void plot_point(const Plot *p, double x, double y, const char *style, const char *title) {
  fprintf(p->f, "<circle class=\"%s\" cx=\"%.2f%%\" cy=\"%.2f%%\" r=\"4\">", style, at_x(p, x),
          at_y(p, y));
  put_title(p->f, title);
  fputs("</circle>", p->f);
}

void plot_box(const Plot *p, double xa, double xb, double ya, double yb, const char *style,
              const char *name, const char *title) {
  /* An svg of its own cuts the name off at its edge. */
  fprintf(p->f, "<svg x=\"%.3f%%\" y=\"%.3f%%\" width=\"%.3f%%\" height=\"%.3f%%\">", at_x(p, xa),
          at_y(p, yb), at_x(p, xb) - at_x(p, xa), at_y(p, ya) - at_y(p, yb));
  put_title(p->f, title);
  fprintf(p->f, "<rect class=\"%s\" width=\"100%%\" height=\"100%%\"/>", style);
  if (name) {
    fputs("<text class=\"name\" x=\"5\" y=\"14\">", p->f);
    put_text(p->f, name);
    fputs("</text>", p->f);
  }
  fputs("</svg>", p->f);
}
