/* choose_code.c - the flash of a choice that nobody has compiled.
 *
 * Constants of layers are known to the byte from the network with one candidate everywhere, and
 * add up.  Code does not: layers share kernels, a network of several formats has those of all of
 * them, and a kernel that one layer alone calls is written into the run function, often at half
 * its size.  So layers fall into kinds that use the same kernels with every candidate.  What the
 * code of a kind takes depends on which candidates are used in it, by one layer or by more.  Each
 * such mixture is compiled once, with the first candidate in all other kinds; what it takes more
 * than the first candidate everywhere is added up over the kinds. */
#include <math.h>
#include <string.h>

#include "driver/choose.h"

/* Predictions are off by so much at most, mostly by far less: a choice that is foretold to exceed a
 * limit by more is not tried. */
static const double MARGIN = 0.005;

void add_kernels(Chooser *c, const Graph *g) {
  const BitSpace *s = c->s;
  for (int i = 0; i < g->n_node; i++)
    for (int l = 0; l < s->n_layer; l++) {
      const Node *n = g->node[i];
      if (!n->kernel || strcmp(n->name, s->layer[l].name) != 0) continue;
      const char *name = variant_kernel(n, 0)->name;
      c->kernels[l] = hash_bytes(c->kernels[l], name, strlen(name) + 1);
      break;
    }
}

/* Layers of one group cannot be told apart, so their kinds are one. */
static bool are_of_a_kind(const Chooser *c, int a, int b) {
  return c->kernels[a] == c->kernels[b] || c->s->layer[a].group == c->s->layer[b].group;
}

static void join_kinds(Chooser *c, int a, int b) {
  int from = c->kind[b], to = c->kind[a];
  for (int i = 0; i < c->s->n_layer; i++)
    if (c->kind[i] == from) c->kind[i] = to;
}

void find_kinds(Chooser *c) {
  for (int i = 0; i < c->s->n_layer; i++) c->kind[i] = i;
  for (int i = 0; i < c->s->n_layer; i++)
    for (int k = 0; k < i; k++)
      if (are_of_a_kind(c, k, i)) join_kinds(c, k, i);
}

/* How often a choice uses a layer's kernels with a candidate: not at all, once, or more. */
static int uses_of(const Chooser *c, const int *choice, int layer, int candidate) {
  int uses = 0;
  for (int i = 0; i < c->s->n_layer && uses < 2; i++)
    uses += c->kernels[i] == c->kernels[layer] && choice[c->s->layer[i].group] == candidate;
  return uses;
}

/* Of the mixture of candidates that a choice has in the kind. */
static uint64_t mixture_key(const Chooser *c, const int *choice, int kind) {
  uint64_t h = hash_bytes(HASH_START, &kind, sizeof kind);
  for (int i = 0; i < c->s->n_layer; i++)
    for (int k = 0; c->kind[i] == kind && k < c->s->n_candidate; k++) {
      int uses = uses_of(c, choice, i, k);
      h = hash_bytes(hash_bytes(h, &c->kernels[i], sizeof *c->kernels), &uses, sizeof uses);
    }
  return h;
}

double sum_takes(const Chooser *c, LimitKind m, const int *choice) {
  double sum = 0;
  for (int g = 0; g < c->s->n_group; g++) sum += c->take[m][g * c->s->n_candidate + choice[g]];
  return sum;
}

/* What lies beside the constants of layers with the choice's mixture in one kind. */
static double code_of_kind(Chooser *c, const int *choice, int kind) {
  BitSpace *s = c->s;
  uint64_t key = mixture_key(c, choice, kind);
  for (int i = 0; i < c->n_code; i++)
    if (c->code[i].key == key) return c->code[i].bytes;
  int *alone = arena_alloc(s->a, (s->n_group + 1) * (int64_t)sizeof *alone);
  bool is_first = true;
  for (int i = 0; i < s->n_layer; i++) {
    if (c->kind[i] != kind) continue;
    alone[s->layer[i].group] = choice[s->layer[i].group];
    is_first &= choice[s->layer[i].group] == 0;
  }
  double bytes = is_first ? c->first_code
                          : build_flash(c, alone, arena_printf(s->a, "code-%d", c->n_code)) -
                                sum_takes(c, LIMIT_FLASH, alone);
  c->code = arena_grow(s->a, c->code, c->n_code, sizeof *c->code);
  c->code[c->n_code++] = (CodeBytes){key, bytes};
  write_state(c);
  return bytes;
}

double predict_flash(Chooser *c, const int *choice) {
  double flash = sum_takes(c, LIMIT_FLASH, choice) + c->first_code;
  for (int i = 0; i < c->s->n_layer; i++)
    if (c->kind[i] == i) flash += code_of_kind(c, choice, i) - c->first_code;
  return flash;
}

bool may_fit(Chooser *c, const int *choice) {
  const Limit *flash = &c->limit[LIMIT_FLASH];
  return !flash->text || predict_flash(c, choice) <= (1 + MARGIN) * flash->most;
}
