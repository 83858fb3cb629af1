/* patch.c - lowers the peak of the arena by computing the layers around it in bands of rows.
 *
 *   x -> Conv -> big -> DepthwiseConv -> small     a few rows of `big` at a time
 *
 * While the peak is at a node that can be split, every group of nodes around it that has one
 * result is tried with several numbers of bands (bands.c), and the planner says what each would
 * need.  The first round goes for the lowest peak.  The second starts again and, knowing how low
 * the peak of the whole comes, takes in each place what multiplies least: near the lowest peak many
 * bands save little memory for much work.  `schedule.patch: off` leaves the graph alone. */
#include <string.h>

#include "passes/lower/bands.h"
#include "passes/lower/liveness.h"
#include "passes/passes.h"
#include "targets/kernels.h"

enum {
  MAX_PATCHES = 8,           /* groups that are split, one after the other */
  REACH = 8,                 /* nodes behind the peak that a group may end with */
  MAX_EXTRA = 4,             /* bands may add 1 / so much of the network's multiplications */
  SLACK = 32,                /* 1 / so much of the peak is given up for less work */
};

static const int64_t band_counts[] = {2, 3, 4, 6, 8, 12, 16, 24};

/* One way to split, and what comes of it. */
typedef struct Choice {
  Section section;             /* n 0: none */
  int64_t bands;
  int64_t peak;              /* bytes while the bands are computed */
  int64_t macs;              /* of the whole network */
} Choice;

static bool choose_kernels(const Graph *g, const Target *t) {
  for (int i = 0; i < g->n_node; i++)
    if (!set_kernel(g, t, g->node[i])) return false;
  return true;
}

/* Most bytes alive at the nodes [from, to), and where. */
static int64_t peak_between(Arena *a, const Graph *g, int from, int to, int *where) {
  const Liveness *l = find_liveness(a, g);
  const Block *b = list_blocks(a, l);
  int64_t peak = 0;
  for (int m = from; m < to; m++) {
    int64_t load = block_load(b, l->n_buffer, m);
    if (load <= peak) continue;
    peak = load;
    if (where) *where = m;
  }
  return peak;
}

static Graph *clone_into(Arena *a, const Graph *g) {
  Graph shallow = *g;
  shallow.arena = a;
  return clone_graph(&shallow);
}

/* The same section of another copy of the graph. */
static Section map_section(const Graph *from, const Graph *to, const Section *r) {
  Section mapped = {.n = r->n};
  for (int i = 0; i < r->n; i++) mapped.node[i] = to->node[node_index(from, r->node[i])];
  return mapped;
}

/* Fills in peak and macs of a choice; false where it is impossible. */
static bool try_choice(const Graph *g, const Target *t, Choice *c) {
  Arena *a = new_arena();
  Graph *copy = clone_into(a, g);
  Section r = map_section(g, copy, &c->section);
  int from = node_index(g, c->section.node[0]) - (r.n - 1);
  bool possible = split_section(copy, &r, c->bands) && choose_kernels(copy, t);
  if (possible) {
    int to = from + copy->n_node - (g->n_node - r.n);
    c->peak = peak_between(a, copy, from, to, NULL);
    c->macs = count_macs(copy);
  }
  free_arena(a);
  return possible;
}

/* Is x the better choice?  Below `limit` it does not matter how low the peak is. */
static bool is_better(const Choice *x, const Choice *y, int64_t limit) {
  if (y->section.n == 0) return true;
  int64_t px = x->peak < limit ? limit : x->peak, py = y->peak < limit ? limit : y->peak;
  if (px != py) return px < py;
  if (x->macs != y->macs) return x->macs < y->macs;
  return x->bands < y->bands;
}

typedef struct Search {
  const Graph *g;
  const Target *target;
  int64_t limit, most_macs;
  Choice best;
} Search;

static void try_bands(Search *s, const Section *r) {
  for (size_t i = 0; i < sizeof band_counts / sizeof *band_counts; i++) {
    Choice c = {.section = *r, .bands = band_counts[i]};
    if (c.bands > count_rows(r) || !try_choice(s->g, s->target, &c)) return;
    if (c.macs <= s->most_macs && is_better(&c, &s->best, s->limit)) s->best = c;
  }
}

static bool may_join(const Node *n) { return splits_in_rows(n) && !find_attr(n, "rows"); }

/* Tries all groups around the node at the peak, `at`. */
static void try_sections(Search *s, int at) {
  const Graph *g = s->g;
  for (int end = at; end < g->n_node && end <= at + REACH; end++) {
    if (!may_join(g->node[end])) continue;
    Section r = {.n = 1, .node = {g->node[end]}};
    bool around = end == at;
    for (;;) {
      if (around) try_bands(s, &r);
      Node *next = next_node(g, &r);
      if (!next || !may_join(next)) break;
      r.node[r.n++] = next;
      around |= next == g->node[at];
    }
  }
}

static int64_t macs_of(const Section *r) {
  int64_t macs = 0;
  for (int i = 0; i < r->n; i++) macs += node_macs(r->node[i]);
  return macs;
}

/* Splits where the peak is, as long as that lowers it and it is above the limit.  Returns the
 * number of patches. */
static int lower_peak(Graph *g, const Target *t, int64_t limit, int64_t most_macs, Patch *patch) {
  for (int n = 0; n < MAX_PATCHES; n++) {
    Arena *a = new_arena();
    int at = 0;
    int64_t peak = peak_between(a, g, 0, g->n_node, &at);
    free_arena(a);
    Search s = {.g = g, .target = t, .limit = limit, .most_macs = most_macs};
    if (peak > limit) try_sections(&s, at);
    const Section *r = &s.best.section;
    if (r->n == 0 || s.best.peak >= peak) return n;
    int64_t macs = macs_of(r);
    patch[n] = (Patch){r->node[r->n - 1]->name, r->node[0]->name, r->n, s.best.bands, macs,
                       s.best.macs - count_macs(g)};
    split_section(g, r, s.best.bands);
    choose_kernels(g, t);
  }
  return MAX_PATCHES;
}

static int64_t arena_of(Arena *a, const Graph *g) {
  const Liveness *l = find_liveness(a, g);
  return place_blocks(a, list_blocks(a, l), l->n_buffer);
}

static void report_patches(Context *cx, int n, const Patch *patch, int64_t before, int64_t after) {
  PlanReport *report = cx->report;
  for (int i = 0; i < n; i++) {
    const Patch *p = &patch[i];
    const char *others =
        p->n_node < 2 ? "" : arena_printf(cx->arena, " with all from %s on", p->first);
    add_note(cx, p->last, "computed in %lld bands of rows%s: %lld MACs instead of %lld",
             (long long)p->bands, others, (long long)(p->macs + p->extra_macs), (long long)p->macs);
    if (!report) continue;
    report->patch = arena_grow(cx->arena, report->patch, report->n_patch, sizeof *report->patch);
    report->patch[report->n_patch++] = *p;
    report->unpatched_arena = before;
  }
  if (cx->verbose)
    fprintf(cx->verbose, "patch: %d groups in bands, arena %lld bytes instead of %lld\n", n,
            (long long)after, (long long)before);
}

/* The graph with the lowest peak, and with the least work for that. */
static void patch_graph(Graph *g, Context *cx, Arena *a) {
  int64_t most_macs = count_macs(g) + count_macs(g) / MAX_EXTRA, before = arena_of(a, g), limit = 0;
  int64_t unpatched = peak_between(a, g, 0, g->n_node, NULL);
  Graph *best = NULL;
  Patch patch[2][MAX_PATCHES];
  int n[2] = {0}, taken = 0;
  for (int round = 0; round < 2; round++) {
    Graph *copy = clone_graph(g);
    n[round] = lower_peak(copy, cx->target, limit, most_macs, patch[round]);
    int64_t peak = peak_between(a, copy, 0, copy->n_node, NULL);
    if (n[round] == 0 || (round > 0 && peak > limit)) break;
    limit = peak + peak / SLACK < unpatched ? peak + peak / SLACK : peak;
    best = copy;
    taken = round;
  }
  int64_t after = best ? arena_of(a, best) : before;
  if (after >= before) return;
  *g = *best;
  report_patches(cx, n[taken], patch[taken], before, after);
}

void pass_schedule(Graph *g, Context *cx);

void pass_patch(Graph *g, Context *cx) {
  const char *patch = cx->policy ? policy_value(cx->policy, "schedule.patch") : NULL;
  if (!cx->target || !patch || strcmp(patch, "auto") != 0 || !choose_kernels(g, cx->target)) return;
  pass_schedule(g, cx);
  Arena *a = new_arena();
  patch_graph(g, cx, a);
  free_arena(a);
}
