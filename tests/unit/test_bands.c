/* test_bands.c - parts of random networks computed in bands of rows give what the whole gives: the
 * same codes bit for bit, floats but for the last bits. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "passes/lower/bands.h"
#include "passes/passes.h"
#include "tests/passes/random_net.h"
#include "tests/unit/unit.h"

enum { N_NETS = 80, SAMPLES = 2, WAYS = 6 };

/* A group around a random node that can be split; n 0: there is none. */
static Section pick_section(const Graph *g, Random *r) {
  Section s = {0};
  for (int tries = 0; tries < 20 && s.n == 0; tries++) {
    Node *n = g->node[random_int(r, 0, g->n_node - 1)];
    if (splits_in_rows(n) && n->out[0]->dim[1] > 1) s = (Section){.n = 1, .node = {n}};
  }
  for (int more = random_int(r, 0, 6); more > 0 && s.n > 0; more--) {
    Node *next = next_node(g, &s);
    if (next) s.node[s.n++] = next;
  }
  return s;
}

static bool same_outputs(const Graph *g, const uint8_t *a, const uint8_t *b) {
  for (int i = 0; i < g->n_out; i++) {
    int64_t bytes = tensor_bytes(g->out[i]);
    if (g->out[i]->dtype != DT_F32) {
      if (memcmp(a, b, (size_t)bytes) != 0) return false;
    } else {
      for (int64_t k = 0; k < bytes; k += 4) {
        float x, y;
        memcpy(&x, a + k, 4), memcpy(&y, b + k, 4);
        if (fabsf(x - y) > 1e-5f * fmaxf(1, fabsf(x))) return false;
      }
    }
    a += bytes, b += bytes;
  }
  return true;
}

/* Splits one part after the other; returns how many bands there were. */
static int split_somewhere(Arena *a, uint64_t seed, const char *preset) {
  Graph *g = random_net(a, seed);
  Samples *s = random_samples(g, seed, SAMPLES);
  Random r = new_random(seed);
  Context cx = {.arena = a, .calib = s, .policy = read_policy(a, NULL)};
  const uint8_t *want[SAMPLES];
  int bands = 0;
  if (preset) cx.policy = preset_policy(a, preset);
  run_passes(g, &cx, NULL, "fuse_activation");
  for (int i = 0; i < SAMPLES; i++) want[i] = run_graph(a, g, s, i);
  for (int way = 0; way < WAYS && g->n_node > 0; way++) {
    Section part = pick_section(g, &r);
    if (part.n == 0) continue;
    int n = random_int(&r, 2, (int)count_rows(&part));
    int64_t macs = count_macs(g);
    bool split = split_section(g, &part, n);
    if (split) bands += n;
    else assert_int_equal(count_macs(g), macs);
    verify_graph(g);
    for (int i = 0; i < SAMPLES; i++)
      if (!same_outputs(g, want[i], run_graph(a, g, s, i)))
        fail_msg("network %d, %s: %d bands of '%s' change an output", (int)seed,
                 preset ? preset : "float", n, part.node[0]->name);
  }
  return bands;
}

static void keep_outputs(const char *preset) {
  int bands = 0;
  for (int i = 0; i < N_NETS; i++) {
    Arena *a = new_arena();
    bands += split_somewhere(a, 1000 + (unsigned)i, preset);
    free_arena(a);
  }
  assert_true(bands > 2 * N_NETS);
}

static void bands_keep_codes(void **state) {
  (void)state;
  keep_outputs("int8");
}

static void bands_keep_floats(void **state) {
  (void)state;
  keep_outputs(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(bands_keep_codes),
    cmocka_unit_test(bands_keep_floats),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
