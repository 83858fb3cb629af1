/* report.h - `qcc report`: what a page about one compile shows.  The facts are collected once
 * (collect.c, noise.c, spread.c); each section of the page is a file with a row in report.def that
 * prints them as HTML, as JSON, and for the terminal. */
#ifndef QCC_REPORT_H
#define QCC_REPORT_H

#include <jansson.h>

#include "driver/driver.h"

/* A node of the compiled graph. */
typedef struct LayerFacts {
  const Node *node;
  const char *kernel;    /* NULL: nothing has to be done */
  const Tensor *weights; /* as codes, or real; NULL: none */
  const char *format;    /* of the weights; NULL: none */
  double bits;           /* per weight with what belongs to the codes */
  int64_t bytes;         /* of the weights as they are written */
  int64_t macs;
} LayerFacts;

enum { SPREAD_BINS = 32 };

/* How the values of a tensor lie. */
typedef struct Spread {
  const char *name;  /* of the tensor */
  const char *layer; /* that makes it, or whose weights it is */
  bool is_weights, has_codes;
  float lo, hi;             /* smallest and largest value */
  float from, to;           /* what its codes reach; with has_codes */
  int64_t n, clipped;       /* values; those beyond the codes */
  int64_t bin[SPREAD_BINS]; /* of lo to hi */
  double signal, noise;     /* of weights: squares, and of the error of the codes */
} Spread;

/* What quantization does to a tensor, on the samples. */
typedef struct Noise {
  const char *name, *op;
  double signal; /* squares of the float network's values */
  double own;    /* of the difference, when all that the layer reads is exact */
  double all;    /* of the difference in the quantized network */
} Noise;

typedef struct Report {
  Arena *a;
  Job *j;                  /* compiled for the target */
  const char *policy;      /* as it was given; NULL: none */
  Graph *real, *simulated; /* before the pass `quantize`, and behind it */
  TargetSize size;
  int n_target;
  TargetSize *target;  /* [n_target] others to compare with */
  json_t *sensitivity; /* of `qcc analyze --json`; NULL: not given */
  json_t *front;       /* of `qcc search`; NULL: not given */
  RunResult run;       /* with --bench: by layer */
  int n_layer;
  LayerFacts *layer; /* [n_layer] in execution order */
  int64_t n_sample;  /* that the rest was measured on; 0: there were none */
  bool has_labels;
  Score exact, score; /* of the float network, and of the quantized one */
  int n_spread, n_noise;
  Spread *spread; /* [n_spread] in order, a layer's weights before its output */
  Noise *noise;   /* [n_noise] in order */
} Report;

typedef struct Section {
  const char *id, *title;
  bool (*present)(const Report *r); /* is there anything to show? */
  void (*html)(FILE *f, const Report *r);
  json_t *(*json)(const Report *r);
  void (*text)(FILE *f, const Report *r); /* NULL: not on a terminal */
} Section;
extern const Section sections[];
extern const int n_sections;

/* Reads, compiles, measures. */
Report *collect_report(Arena *a, const Options *o);
/* noise.c: fills in scores and `noise` from the samples; label NULL: none. */
void measure_noise(Report *r, const Samples *s, const int *label);
/* spread.c: fills in `spread`: activations on the samples (NULL: weights only). */
void measure_spread(Report *r, const Samples *s);

void html_summary(FILE *f, const Report *r);
json_t *json_summary(const Report *r);
void text_summary(FILE *f, const Report *r);

void html_network(FILE *f, const Report *r);
json_t *json_network(const Report *r);
void text_network(FILE *f, const Report *r);

bool has_noise(const Report *r);
void html_noise(FILE *f, const Report *r);
json_t *json_noise(const Report *r);
void text_noise(FILE *f, const Report *r);

bool has_ranges(const Report *r);
void html_ranges(FILE *f, const Report *r);
json_t *json_ranges(const Report *r);

bool has_arena(const Report *r);
void html_arena(FILE *f, const Report *r);
json_t *json_arena(const Report *r);

bool has_targets(const Report *r);
void html_targets(FILE *f, const Report *r);
json_t *json_targets(const Report *r);
void text_targets(FILE *f, const Report *r);

bool has_sensitivity(const Report *r);
void html_sensitivity(FILE *f, const Report *r);
json_t *json_sensitivity(const Report *r);
/* error() when the file holds something else. */
json_t *read_sensitivity(Arena *a, const char *path);

bool has_front(const Report *r);
void html_front(FILE *f, const Report *r);
json_t *json_front(const Report *r);
json_t *read_front(Arena *a, const char *path);

void write_page(FILE *f, const Report *r);
json_t *report_json(const Report *r);
void print_report(FILE *f, const Report *r);

/* A file of JSON; error() with the line where it is not. */
json_t *read_json(Arena *a, const char *path);

/* 10 log10 of signal to noise: INFINITY where there is none. */
double decibels(double signal, double noise);
json_t *decibels_json(double signal, double noise);
/* The end of a line on a terminal: a bar of v on an axis from 0 to `most`. */
void put_text_bar(FILE *f, double v, double most);

#endif
