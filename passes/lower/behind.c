/* behind.c - a buffer that is filled while another one is given back.
 *
 *   x  |a|b|c|d|        rows of x are read for the last time one after the other,
 *   y  |A|B|C|D|        and as many bytes of y, or fewer, are written each time
 *
 * When y starts early enough, everything that is written lies behind what is still to be read, and
 * y takes no memory of its own.  Every tensor of a buffer is a run of bytes with a life: a Slice
 * needs its rows until it has been read, what a Concat joins is there as soon as it has been made.
 * Diagonal memory optimisation, for the rows of a patched chain. */
#include "passes/lower/liveness.h"

/* How far behind the start of x the group y may start when it is to lie below all of x that is in
 * use at the same moments. */
static int64_t find_lead(const Sharing *s, int x, int y) {
  int64_t lead = INT64_MAX;
  for (int i = 0; i < s->g->n_tensor; i++) {
    if (s->root[i] != x) continue;
    for (int j = 0; j < s->g->n_tensor; j++) {
      if (s->root[j] != y || !live_together(s->life[i], s->life[j])) continue;
      int64_t end = s->at[j] + stored_bytes(s->g->tensor[j]);
      if (s->at[i] - end < lead) lead = s->at[i] - end;
    }
  }
  return lead < 0 ? -round_to_block(-lead) : lead / BLOCK_ALIGN * BLOCK_ALIGN;
}

/* Made piece by piece, by more than one node? */
static bool is_gradual(const Sharing *s, int root) {
  int parts = 0;
  for (int i = 0; i < s->g->n_tensor; i++)
    parts += s->root[i] == root && s->life[i].first != s->life[root].first;
  return parts > 0;
}

static bool has_views(const Sharing *s, int root) {
  for (int i = 0; i < s->g->n_tensor; i++)
    if (s->root[i] == root && stored_bytes(s->g->tensor[i]) < s->bytes[root]) return true;
  return false;
}

/* The buffer that saves most when y follows it. */
static void choose_followed(const Sharing *s, Liveness *l, int y) {
  Block *b = &l->buffer[y].block;
  int64_t most = 0;
  for (int x = 0; x < l->n_buffer && l->buffer[x].root; x++) {
    const Block *other = &l->buffer[x].block;
    bool overlap = other->first < b->first && b->first <= other->last;
    if (!overlap || other->follows == y + 1 || !has_views(s, l->buffer[x].root->id)) continue;
    int64_t lead = find_lead(s, l->buffer[x].root->id, l->buffer[y].root->id);
    int64_t saved = shared_bytes(other, b->bytes, lead);
    if (saved <= most) continue;
    most = saved;
    b->follows = x + 1;
    b->lead = lead;
  }
}

void find_followers(const Sharing *s, Liveness *l) {
  for (int y = 0; y < l->n_buffer && l->buffer[y].root; y++)
    if (is_gradual(s, l->buffer[y].root->id)) choose_followed(s, l, y);
}
