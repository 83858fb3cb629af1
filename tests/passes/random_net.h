/* random_net.h - small random networks, the same for the same seed: what the property tests of the
 * passes and of the generated code run on.  Every network has one or two inputs, all of its loose
 * ends are outputs, and values stay within a few powers of two of 1. */
#ifndef QCC_TESTS_RANDOM_NET_H
#define QCC_TESTS_RANDOM_NET_H

#include "ir/ir.h"

typedef struct Random { uint64_t state; } Random;

Random new_random(uint64_t seed);
int random_int(Random *r, int lo, int hi);           /* lo..hi, both included */
float random_real(Random *r, float lo, float hi);
bool one_in(Random *r, int n);

/* In ONNX's order, opset 17, shapes inferred. */
Graph *random_net(Arena *a, uint64_t seed);
/* With choices of a computed condition and loops among its nodes. */
Graph *random_flow_net(Arena *a, uint64_t seed);
/* n samples for the inputs of a random network, between -2 and 2. */
Samples *random_samples(const Graph *g, uint64_t seed, int64_t n);
/* All outputs of g for sample i, as they are stored, one behind the other; from the arena. */
uint8_t *run_graph(Arena *a, const Graph *g, const Samples *s, int64_t i);
int64_t output_size(const Graph *g);                 /* bytes of all outputs */

#endif
