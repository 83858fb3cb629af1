/* ml.h - what the bodies of ai.onnx.ml's operators share. */
#ifndef QCC_FUNCTIONS_ML_H
#define QCC_FUNCTIONS_ML_H

#include "ir/functions.h"

typedef struct Reals {
  int64_t n;
  double *v; /* [n] */
} Reals;

/* A list of numbers: floats, integers or the elements of a tensor; false, and none, where it is missing. */
bool attr_reals(const Body *b, const char *name, Reals *r);
/* error_at where that attribute holds strings. */
void refuse_strings(const Body *b, const char *name);
/* The first input as rows of features [n][columns] of a type. */
Tensor *put_rows(Body *b, DType t);
/* Scores by a post_transform of ai.onnx.ml. */
Tensor *put_post(Body *b, Tensor *score, const char *transform);
/* Output 0: the label of each row, `which`[n] of the list in an attribute, the best score[n][classes] where
 * `which` is NULL; its number where there is no list. */
void put_label(Body *b, Tensor *score, Tensor *which, const char *labels);
/* [n][1] and [n][1] as [n][2]. */
Tensor *put_two_classes(Body *b, Tensor *first, Tensor *second);

#endif
