/* gptq.c - GPTQ (Frantar et al. 2022, arXiv:2210.17323): the weights of an output channel are
 * rounded one after another, each so that the layer's output on the samples comes out best given
 * those before. With act_order: static the columns with the largest inputs come first, while they
 * are free to be made up for, and scales of groups are fitted before, so that the order leaves no
 * trace at run time; otherwise a group's scale is fitted to its weights with the feedback of the
 * groups before it. */
#include "passes/quant/solvers.h"

const char *round_gptq(Layer *l) { return round_groups(l, NULL, order_of(l)); }
