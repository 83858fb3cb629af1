/* chart.h - charts as inline SVG.
 *
 * Coordinates are shares of the width and height that the page gives them, never of a view box: so
 * shapes stretch with the page and text keeps its size, on a phone as on a wide screen.  Colours
 * are classes of style.css: c1 to c4 fill, s1 to s4 stroke.  Every shape can carry a title, which
 * browsers show as a tooltip and readers speak. */
#ifndef QCC_CHART_H
#define QCC_CHART_H

#include <stdbool.h>
#include <stdio.h>

/* One bar of a list: from 0 to v on an axis from 0 to `most`; error bars from lo to hi where hi >
 * lo. `style` is a class of the colour. */
void put_bar(FILE *f, double v, double most, double lo, double hi, const char *style,
             const char *title);

/* An area with two axes. */
typedef struct Plot {
  FILE *f;
  double x0, x1, y0, y1; /* left, right, bottom, top */
} Plot;

/* `style` is "plot", or "plot axed" with room for the numbers of plot_grid at its left; `label`
 * says what it is, to those who do not see it; height in pixels. */
Plot open_plot(FILE *f, const char *style, double x0, double x1, double y0, double y1, int height,
               const char *label);
void close_plot(const Plot *p);
/* Horizontal lines at round values with their numbers, `unit` behind them. */
void plot_grid(const Plot *p, const char *unit);
/* One such line. */
void plot_tick(const Plot *p, double y, const char *text);
void plot_line(const Plot *p, double xa, double ya, double xb, double yb, const char *style);
void plot_point(const Plot *p, double x, double y, const char *style, const char *title);
/* With a name in it where `name` is not NULL, as much of it as has room. */
void plot_box(const Plot *p, double xa, double xb, double ya, double yb, const char *style,
              const char *name, const char *title);

#endif
