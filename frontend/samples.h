/* samples.h - what the readers of samples share (private to frontend/). */
#ifndef QCC_SAMPLES_H
#define QCC_SAMPLES_H

#include "frontend/frontend.h"

/* The arrays given for one input, in order of samples. */
typedef struct Given {
  int n;
  Array **array;             /* [n] */
} Given;

/* ---- onnx_samples.c: folders as ONNX's test data sets ---------------------------------------- */

/* Inputs from `path`/input_K.pb, or from test_data_set_N/input_K.pb below it; given[k] grows. */
void read_sample_folder(Arena *a, const Graph *g, const char *path, Given *given);

#endif
