/* channels.h - channels of a float network that may be scaled: found by channels.c, weighed and scaled by
 * scaling.c. */
#ifndef QCC_CHANNELS_H
#define QCC_CHANNELS_H

#include "passes/passes.h"
#include "passes/quant/moments.h"

/* ---- channels.c ------------------------------------------------------------------------------ */

/* A node whose constants take up a scale: a Conv or Gemm, or a normalization with a factor for each
 * channel.  Input 1 are the weights, input 2 is a bias or absent. */
typedef struct Ends {
  Node *n;
  int64_t n_made, n_read; /* 0: makes none, reads none */
  int *made;              /* [n_made] class of each output channel */
  int *read;              /* [n_read] class of each input channel */
  float *lo, *hi;         /* [n_read] of its inputs on the samples; NULL before start_scaling() */
  double *mean;           /* [n_read] of their magnitudes */
  double *square;         /* [n_read] mean of their squares */
  double *live;           /* [n_read] share of them that is not 0 */
} Ends;

/* Layers that read channels of common classes: their scales are chosen together. */
typedef struct Unit {
  int n_layer, n_class;
  const Ends **layer;     /* [n_layer] in execution order; they read channels */
  int *class_of;          /* [n_class] classes, 0 left out */
  const char *fixed;      /* NULL: any scale will do; else what stands against it */
} Unit;

/* Channels of a class have one scale s: who makes them divides by it, who reads them multiplies. */
typedef struct Channels {
  int n_end, n_unit;
  Ends *end;              /* [n_end] in execution order */
  Unit *unit;             /* [n_unit] */
  int n_class;            /* class 0: always zero, no scale matters */
} Channels;

Channels *find_channels(Graph *g);

/* Conv or Gemm with constant weights, output channels first and input channels last, and with a bias
 * per channel or none. */
bool is_scalable_layer(const Node *n);
/* Does f(y / s) equal f(y) / s for the activation that is fused into the node? */
bool scales_through(const Node *n);
int64_t input_channels(const Node *n);
/* Input channel that element i of a layer's weights multiplies. */
int64_t input_channel(const Node *n, int64_t i);
/* Gives the node a copy of input i to write to. */
void own_input(Graph *g, Node *n, int i);

/* ---- scaling.c ------------------------------------------------------------------------------- */

typedef bool LayerFn(const Graph *g, const Context *cx, const Node *n);
/* Finds the channels, and runs the samples to fill in what Ends say of inputs.  Units stay where they have
 * a layer that the transform is for and any scale will do; a note says of the others' why not.  NULL
 * where nothing is left. */
Channels *start_scaling(Graph *g, Context *cx, const char *transform, LayerFn *is_for);
/* Divides and multiplies: s[class] > 0. */
void scale_classes(Graph *g, const Channels *c, const double *s);
/* Scales of candidate number i for the classes of a unit, s[class]. */
typedef void CandidateFn(const void *ctx, const Unit *u, int i, double *s);
/* The candidate with which the outputs of the unit's layers, weights and activations quantized as the
 * policy says, have the least error; 0 is better than equal ones behind it. *loss (or NULL) [n] gets
 * the errors, relative to the outputs and added over the layers. */
int best_candidate(const Graph *g, const Context *cx, const Channels *c, const Unit *u, int n,
                   CandidateFn *candidate, const void *ctx, double *loss);
/* A scale of 1 for every class. */
double *new_scales(const Graph *g, const Channels *c);

#endif
