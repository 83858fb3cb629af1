/* cost_nets.h - networks of layers of random shapes, for the costs of the kernels that compute them. */
#ifndef QCC_COST_NETS_H
#define QCC_COST_NETS_H

#include "frontend/frontend.h"

int n_cost_nets(void);
/* Their layers read parts of one input. */
Graph *random_cost_net(Arena *a, int number);
/* int8, with narrower weights where names say so. */
Policy *cost_net_policy(Arena *a, const char *optimize);
Samples *random_cost_samples(Arena *a, const Graph *g);

#endif
