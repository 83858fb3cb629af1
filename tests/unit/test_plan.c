/* test_plan.c - the memory plan: placements against lower bounds and brute force, and an abstract
 * run of planned graphs that proves that no value is overwritten before its last reader. */
#include <stdlib.h>
#include <string.h>

#include "passes/lower/liveness.h"
#include "passes/lower/placement.h"
#include "passes/lower/plan.h"
#include "passes/passes.h"
#include "tests/unit/memory_graph.h"

void pass_plan(Graph *g, Context *cx);

/* ---- placement */

static int random_blocks(uint32_t *seed, Block *b, int max, int moments, int longest,
                         uint32_t sizes) {
  int n = (int)(1 + next_random(seed) % (uint32_t)max);
  for (int i = 0; i < n; i++) {
    int first = (int)(next_random(seed) % (uint32_t)moments);
    int last = first + (int)(next_random(seed) % (uint32_t)longest);
    int64_t bytes = BLOCK_ALIGN * (int64_t)(next_random(seed) % sizes);
    b[i] = (Block){.bytes = bytes, .first = first, .last = last, .offset = -1};
  }
  return n;
}

static void check_blocks(const Block *b, int n, int64_t bytes) {
  assert_true(bytes >= block_bound(b, n));
  assert_int_equal(bytes, block_extent(b, n));
  for (int i = 0; i < n; i++) {
    assert_true(b[i].offset >= 0 && b[i].offset % BLOCK_ALIGN == 0);
    for (int j = 0; j < i; j++) assert_false(blocks_collide(b, i, j));
  }
}

static void places_random_blocks(void **state) {
  (void)state;
  uint32_t seed = 1;
  Block b[60], again[60];
  for (int round = 0; round < 200; round++) {
    Arena *a = new_arena();
    int n = random_blocks(&seed, b, 60, 30, 8, 64);
    memcpy(again, b, sizeof b);
    int64_t bytes = place_blocks(a, b, n);
    check_blocks(b, n, bytes);
    assert_int_equal(place_blocks(a, again, n), bytes);
    for (int i = 0; i < n; i++) assert_int_equal(again[i].offset, b[i].offset);
    free_arena(a);
  }
}

/* Blocks that follow the one before them lie over it as far as their lead lets them. */
static void places_followers(void **state) {
  (void)state;
  uint32_t seed = 17;
  int over = 0;
  for (int round = 0; round < 200; round++) {
    Arena *a = new_arena();
    Block b[30];
    int n = random_blocks(&seed, b, 30, 20, 8, 64);
    for (int i = 1; i < n; i++) {
      if (b[i - 1].first >= b[i].first || b[i].first > b[i - 1].last) continue;
      b[i].follows = i;
      b[i].lead = BLOCK_ALIGN * ((int64_t)(next_random(&seed) % 64) - 32);
    }
    check_blocks(b, n, place_blocks(a, b, n));
    for (int i = 1; i < n; i++)
      over += b[i].follows && b[i].offset < b[i - 1].offset + b[i - 1].bytes &&
              b[i - 1].offset < b[i].offset + b[i].bytes;
    free_arena(a);
  }
  assert_true(over > 100);
}

static void places_nothing(void **state) {
  (void)state;
  Arena *a = new_arena();
  Block empty = {.last = 3, .offset = -1};
  assert_int_equal(place_blocks(a, NULL, 0), 0);
  assert_int_equal(place_blocks(a, &empty, 1), 0);
  assert_int_equal(empty.offset, 0);
  free_arena(a);
}

/* Lowest offset of b[k] that collides with none of b[0..k). */
static void drop_block(Block *b, int k) {
  int64_t best = INT64_MAX;
  for (int i = -1; i < k; i++) {
    b[k].offset = i < 0 ? 0 : b[i].offset + b[i].bytes;
    bool fits = b[k].offset < best;
    for (int j = 0; j < k && fits; j++) fits = !blocks_collide(b, k, j);
    if (fits) best = b[k].offset;
  }
  b[k].offset = best;
}

/* Smallest arena by first fit over every order of the blocks; one of them is an optimum. */
static int64_t try_all_orders(Block *b, int n, int depth) {
  if (depth == n) return block_extent(b, n);
  int64_t best = INT64_MAX;
  for (int i = depth; i < n; i++) {
    Block swapped = b[i];
    b[i] = b[depth];
    b[depth] = swapped;
    drop_block(b, depth);
    int64_t end = try_all_orders(b, n, depth + 1);
    if (end < best) best = end;
    b[depth] = b[i];
    b[i] = swapped;
  }
  return best;
}

static void branch_and_bound_is_optimal(void **state) {
  (void)state;
  uint32_t seed = 3;
  for (int round = 0; round < 400; round++) {
    Arena *a = new_arena();
    Block b[7], copy[7], placed[7];
    bool complete;
    int n = random_blocks(&seed, b, 7, 7, 4, 4);
    memcpy(copy, b, sizeof b);
    memcpy(placed, b, sizeof b);
    int64_t best = try_all_orders(copy, n, 0);
    int64_t exact = place_exact(a, b, n, INT64_MAX, INT64_MAX - 1, &complete);
    assert_true(complete);
    assert_int_equal(exact, best);
    check_blocks(b, n, exact);
    assert_int_equal(place_blocks(a, placed, n), best);
    free_arena(a);
  }
}

/* Blocks that no placement gets down to the bound. */
static void knows_when_the_bound_is_out_of_reach(void **state) {
  (void)state;
  static const Block hard[9] = {
    {48, 3, 5, 0, 0, 0}, {64, 5, 7, 0, 0, 0}, {16, 1, 2, 0, 0, 0}, {64, 0, 1, 0, 0, 0},
    {16, 1, 3, 0, 0, 0}, {16, 1, 2, 0, 0, 0}, {48, 2, 4, 0, 0, 0}, {48, 0, 0, 0, 0, 0},
    {16, 2, 2, 0, 0, 0},
  };
  Arena *a = new_arena();
  Block b[9], copy[9];
  bool complete;
  memcpy(b, hard, sizeof b);
  memcpy(copy, hard, sizeof copy);
  assert_int_equal(block_bound(b, 9), 112);
  assert_int_equal(try_all_orders(copy, 9, 0), 128);
  assert_int_equal(place_exact(a, b, 9, INT64_MAX, INT64_MAX - 1, &complete), 128);
  assert_true(complete);
  check_blocks(b, 9, 128);
  assert_int_equal(place_blocks(a, b, 9), 128);
  assert_int_equal(place_exact(a, b, 9, INT64_MAX, 2, &complete), INT64_MAX);
  assert_false(complete);  /* cut off before it found anything */
  free_arena(a);
}

/* ---- an abstract run: every byte of the arena remembers whose value it holds */

typedef struct Memory {
  const Graph *g;
  int *held;                 /* [arena_bytes] the value that a byte holds, 0: none */
  int **value;               /* [n_tensor][stored_bytes] the values that a tensor consists of */
  int next;
} Memory;

static void write_bytes(Memory *m, int64_t offset, int64_t bytes, const int *value) {
  assert_true(offset >= 0 && offset + bytes <= m->g->arena_bytes);
  memcpy(m->held + offset, value, (size_t)bytes * sizeof *value);
}

static int *new_values(Memory *m, int64_t bytes) {
  int *value = arena_alloc(m->g->arena, bytes * (int64_t)sizeof *value);
  for (int64_t i = 0; i < bytes; i++) value[i] = ++m->next;
  return value;
}

static void write_value(Memory *m, const Tensor *t) {
  assert_int_equal(t->offset % dtype_bytes(t->dtype), 0);
  m->value[t->id] = new_values(m, stored_bytes(t));
  write_bytes(m, t->offset, stored_bytes(t), m->value[t->id]);
}

static void check_value(const Memory *m, const Tensor *t) {
  if (is_const(t)) return;
  for (int64_t i = 0; i < stored_bytes(t); i++)
    assert_int_equal(m->held[t->offset + i], m->value[t->id][i]);
}

static bool overlap(const Tensor *x, const Tensor *y) {
  return x->offset < y->offset + stored_bytes(y) && y->offset < x->offset + stored_bytes(x);
}

/* An output may lie on an input only as output 0, at its very address, if the kernel says so. */
static void check_overlaps(const Node *n) {
  const Kernel *k = n->kernel;
  for (int i = 0; i < n->n_out; i++) {
    for (int j = 0; j < n->n_in; j++) {
      if (is_const(n->in[j]) || !overlap(n->out[i], n->in[j])) continue;
      assert_int_equal(i, 0);
      assert_non_null(k);
      assert_true(k->in_place >> j & 1);
      assert_int_equal(n->out[i]->offset, n->in[j]->offset);
      assert_true(stored_bytes(n->out[i]) <= stored_bytes(n->in[j]));
    }
    for (int j = 0; j < i; j++) assert_false(overlap(n->out[i], n->out[j]));
  }
}

static void run_view(Memory *m, const Node *n) {
  for (int i = 0; i < n->n_out; i++) {
    m->value[n->out[i]->id] = m->value[n->in[0]->id] + view_offset(n, i);
    assert_int_equal(n->out[i]->offset, n->in[0]->offset + view_offset(n, i));
  }
}

/* Copies what does not lie where it belongs. */
static void run_concat(Memory *m, const Node *n) {
  const Tensor *y = n->out[0];
  int *value = m->value[y->id] = new_values(m, stored_bytes(y));
  int64_t copied = 0;
  for (int i = 0; i < n->n_in; i++) {
    int64_t at = part_offset(n, i), bytes = stored_bytes(n->in[i]);
    memcpy(value + at, m->value[n->in[i]->id], (size_t)bytes * sizeof *value);
    if (n->in[i]->offset == y->offset + at) continue;
    write_bytes(m, y->offset + at, bytes, value + at);
    copied += bytes;
  }
  assert_int_equal(n->kernel == NULL, copied == 0);
  check_value(m, y);
}

static void run_node(Memory *m, const Node *n) {
  int64_t scratch = scratch_bytes(n), at = attr_int(n, "scratch_offset", 0);
  int *value = new_values(m, scratch);
  assert_int_equal(at % BLOCK_ALIGN, 0);
  write_bytes(m, at, scratch, value);
  if (is_view(n)) {
    run_view(m, n);
    return;
  }
  for (int i = 0; i < n->n_in; i++) check_value(m, n->in[i]);
  if (is_op(n, "Concat")) {
    run_concat(m, n);
    return;
  }
  check_overlaps(n);
  for (int i = 0; i < n->n_out; i++) write_value(m, n->out[i]);
  for (int64_t i = 0; i < scratch; i++) assert_int_equal(m->held[at + i], value[i]);
}

static void run_abstractly(Arena *a, const Graph *g) {
  Memory m = {.g = g};
  m.held = arena_alloc(a, g->arena_bytes * (int64_t)sizeof *m.held);
  m.value = arena_alloc(a, g->n_tensor * (int64_t)sizeof *m.value);
  for (int i = 0; i < g->n_in; i++) write_value(&m, g->in[i]);
  for (int i = 0; i < g->n_in; i++) check_value(&m, g->in[i]);
  for (int i = 0; i < g->n_node; i++) run_node(&m, g->node[i]);
  for (int i = 0; i < g->n_out; i++) check_value(&m, g->out[i]);
}

static void check_plan(const Graph *g) {
  assert_true(g->arena_bytes >= g->arena_bound);
  assert_int_equal(g->arena_bytes % BLOCK_ALIGN, 0);
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *t = g->tensor[i];
    if (t->alias < 0) continue;
    assert_int_equal(g->tensor[t->alias]->alias, -1);
  }
}

static void never_overwrites_a_value(void **state) {
  (void)state;
  uint32_t seed = 7;
  int in_place = 0;
  for (int round = 0; round < 400; round++) {
    Arena *a = new_arena();
    Context cx = {.arena = a};
    Graph *g = random_graph(a, &seed, (int)(1 + next_random(&seed) % 25), true);
    pass_plan(g, &cx);
    check_plan(g);
    run_abstractly(a, g);
    for (int i = 0; i < g->n_node; i++)
      in_place += !is_view(g->node[i]) && g->node[i]->out[0]->alias >= 0;
    int64_t bytes = g->arena_bytes;
    pass_plan(g, &cx);  /* a plan of a planned graph is the same */
    assert_int_equal(g->arena_bytes, bytes);
    free_arena(a);
  }
  assert_true(in_place > 100);
}

static Graph *one_input(Arena *a, int64_t n) {
  Graph *g = new_graph(a, "g");
  add_graph_input(g, new_vector(g, DT_I8, n));
  return g;
}

/* Every region holds its part, and every tensor lies in one of them. */
static void check_parts(const Graph *g, const Target *t) {
  for (int i = 0; i < g->n_part; i++) {
    int r = 0;
    while (strcmp(t->region[r].name, g->part[i].region) != 0) r++;
    assert_true(part_bytes(g, i) <= t->region[r].bytes);
  }
  for (int i = 0; i < g->n_tensor; i++) {
    const Tensor *x = g->tensor[i];
    if (x->offset < 0 || stored_bytes(x) == 0) continue;
    assert_int_equal(arena_part(g, x->offset), arena_part(g, x->offset + stored_bytes(x) - 1));
  }
}

static void spreads_over_regions(void **state) {
  (void)state;
  uint32_t seed = 23;
  int spread = 0, three = 0;
  for (int round = 0; round < 300; round++) {
    Arena *a = new_arena();
    Target t = {.n_region = 4,
                .region = {{"flash", 100000, true}, {"tcm", 0, false}, {"sram", 0, false},
                           {"ram", 20000, false}}};
    Context cx = {.arena = a, .target = &t};
    t.region[1].bytes = next_random(&seed) % 600;
    t.region[2].bytes = next_random(&seed) % 1200;
    Graph *g = random_graph(a, &seed, (int)(1 + next_random(&seed) % 25), true);
    pass_plan(g, &cx);
    assert_true(g->n_part > 0 || g->arena_bytes <= t.region[1].bytes);
    check_parts(g, &t);
    run_abstractly(a, g);
    spread += g->n_part > 1;
    three += g->n_part == 3;
    free_arena(a);
  }
  assert_true(spread > 100 && three > 20);
}

/* Working memory lies in the fast region, the large tensor that is read once in the other. */
static void prefers_what_is_hot(void **state) {
  (void)state;
  Arena *a = new_arena();
  Target t = {.n_region = 2, .region = {{"tcm", 128, false}, {"sram", 4096, false}}};
  Context cx = {.arena = a, .target = &t};
  Graph *g = one_input(a, 1600);
  Tensor *y = append_unary(g, &conv_op, &im2col_kernel, g->in[0], 64);
  for (int i = 0; i < 4; i++) y = append_unary(g, &relu_op, &relu_kernel, y, 64);
  add_graph_output(g, y);
  pass_plan(g, &cx);
  assert_int_equal(g->n_part, 2);
  assert_string_equal(g->part[0].region, "tcm");
  assert_int_equal(g->part[1].start, 64 + 32);
  assert_int_equal(arena_part(g, attr_int(g->node[0], "scratch_offset", -1)), 0);
  assert_int_equal(arena_part(g, y->offset), 0);
  assert_int_equal(g->in[0]->offset, 64 + 32);
  free_arena(a);
}

/* ---- what shares memory */

static void plan(Graph *g, Arena *a) {
  Context cx = {.arena = a};
  pass_plan(g, &cx);
  check_plan(g);
  run_abstractly(a, g);
}

static void chain_takes_two_buffers(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = one_input(a, 160);
  Tensor *x = append_unary(g, &conv_op, &conv_kernel, g->in[0], 320);
  x = append_unary(g, &relu_op, &relu_kernel, x, 320);     /* in place */
  x = append_unary(g, &reshape_op, NULL, x, 320);          /* a view */
  x = append_unary(g, &conv_op, &conv_kernel, x, 64);
  add_graph_output(g, x);
  plan(g, a);
  assert_int_equal(g->arena_bound, 160 + 320);
  assert_int_equal(g->arena_bytes, 160 + 320);
  assert_int_equal(g->tensor[2]->alias, 1);
  assert_int_equal(g->tensor[3]->alias, 1);
  free_arena(a);
}

static void keeps_what_is_read_later(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = one_input(a, 320);
  Tensor *view = append_unary(g, &reshape_op, NULL, g->in[0], 320);
  Tensor *list[2] = {append_unary(g, &relu_op, &relu_kernel, g->in[0], 320), view};
  Tensor *sum = new_vector(g, DT_I8, 320);
  append_node(g, &add_op_row, &add_kernel, 2, list, 1, &sum);  /* reads the input by its view */
  add_graph_output(g, sum);
  plan(g, a);
  assert_int_equal(g->arena_bytes, 640);
  assert_int_equal(list[0]->alias, -1);
  assert_int_equal(sum->alias, list[0]->id);
  free_arena(a);
}

/* Bands of x go through a large value into their part of y, which lies over the bands before. */
static void writes_behind_the_reader(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = one_input(a, 640);
  Tensor *part[4];
  for (int i = 0; i < 4; i++) {
    Tensor *band = append_slice(g, g->in[0], 160 * i, 160);
    part[i] = append_unary(g, &conv_op, &conv_kernel, band, 320);
    part[i] = append_unary(g, &conv_op, &conv_kernel, part[i], 96);
  }
  Tensor *y = append_concat(g, 4, part);
  add_graph_output(g, y);
  plan(g, a);
  assert_int_equal(g->arena_bytes, 640 + 320);
  for (int i = 0; i < 4; i++) assert_int_equal(part[i]->offset, y->offset + 96 * i);
  free_arena(a);
}

/* y = left(x, reshape(x)) must not be written over x: the kernel reads its right side elsewhere. */
static void respects_the_other_input(void **state) {
  (void)state;
  for (int both = 0; both < 2; both++) {
    Arena *a = new_arena();
    Graph *g = one_input(a, 32);
    Tensor *list[2] = {g->in[0], g->in[0]}, *y = new_vector(g, DT_I8, 32);
    append_node(g, &add_op_row, both ? &add_kernel : &left_kernel, 2, list, 1, &y);
    add_graph_output(g, y);
    plan(g, a);
    assert_int_equal(y->alias, both ? 0 : -1);
    free_arena(a);
  }
}

/* A small result over a large input is worth it only while the large one would be the peak. */
static void shrinks_in_place_where_it_pays(void **state) {
  (void)state;
  for (int late = 0; late < 2; late++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "g");
    int64_t n = 256;
    add_graph_input(g, new_vector(g, DT_F32, n));
    Tensor *q = new_vector(g, DT_I8, n);
    append_node(g, &quantize_op, &quantize_kernel, 1, g->in, 1, &q);
    Tensor *x = append_unary(g, &conv_op, &conv_kernel, q, late ? 2000 : 16);
    add_graph_output(g, append_unary(g, &conv_op, &conv_kernel, x, 16));
    plan(g, a);
    assert_int_equal(q->alias, late ? -1 : 0);
    assert_int_equal(g->arena_bytes, late ? 256 + 2000 : 1024 + 16);
    free_arena(a);
  }
}

static void takes_odd_graphs(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = one_input(a, 10);
  add_graph_input(g, new_vector(g, DT_F32, 5));   /* nobody reads it */
  add_graph_output(g, g->in[0]);                  /* an input that is an output */
  add_graph_output(g, append_unary(g, &relu_op, &relu_kernel, g->in[0], 10));
  add_graph_output(g, new_const_i64(g, "c", 1, (int64_t[]){3}));
  plan(g, a);
  assert_int_equal(g->out[1]->alias, -1);
  assert_int_equal(g->out[2]->offset, -1);
  assert_int_equal(g->arena_bytes, 16 + 32);
  Graph *empty = one_input(a, 0);
  plan(empty, a);
  assert_int_equal(empty->arena_bytes, 0);
  free_arena(a);
}

/* ---- the figure that counts: networks within 2 % of the bound */

/* Blocks of a network: expand, depthwise, project and add, or parallel branches that are joined. */
static Tensor *append_block(Graph *g, uint32_t *seed, Tensor *x, int64_t n) {
  if (next_random(seed) % 2) {
    Tensor *y = append_unary(g, &conv_op, &conv_kernel, x, n * (2 + next_random(seed) % 5));
    y = append_unary(g, &conv_op, &im2col_kernel, y, n_elements(y));
    Tensor *list[2] = {append_unary(g, &conv_op, &conv_kernel, y, n), x}, *sum;
    if (n_elements(x) != n) return list[0];
    sum = new_vector(g, DT_I8, n);
    append_node(g, &add_op_row, &add_kernel, 2, list, 1, &sum);
    return sum;
  }
  Tensor *list[4], *joined = new_vector(g, DT_I8, n);
  int branches = (int)(1 + next_random(seed) % 4);
  for (int i = 0; i < branches; i++) {
    list[i] = append_unary(g, &conv_op, &conv_kernel, x, n / branches);
    if (next_random(seed) % 2)
      list[i] = append_unary(g, &conv_op, &conv_kernel, list[i], n / branches);
  }
  append_node(g, &conv_op, &conv_kernel, branches, list, 1, &joined);
  return joined;
}

static Graph *random_network(Arena *a, uint32_t *seed) {
  int64_t n = 2000 + next_random(seed) % 20000;
  Graph *g = one_input(a, n);
  Tensor *x = g->in[0];
  for (int blocks = (int)(2 + next_random(seed) % 20); blocks > 0; blocks--) {
    if (next_random(seed) % 3 == 0) n = n * 3 / 5 + 1;
    x = append_block(g, seed, x, n);
  }
  add_graph_output(g, append_unary(g, &conv_op, &conv_kernel, x, 10));
  return g;
}

static void networks_come_near_the_bound(void **state) {
  (void)state;
  uint32_t seed = 11;
  int near = 0, n = 200;
  for (int i = 0; i < n; i++) {
    Arena *a = new_arena();
    Graph *g = random_network(a, &seed);
    plan(g, a);
    near += (g->arena_bytes - g->arena_bound) * 50 <= g->arena_bound;
    free_arena(a);
  }
  assert_true(near * 100 >= 95 * n);
}

static void prints_the_plan(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = one_input(a, 100);
  Tensor *x = append_unary(g, &conv_op, &im2col_kernel, g->in[0], 32);
  add_graph_output(g, append_unary(g, &relu_op, &relu_kernel, x, 32));
  plan(g, a);
  char text[600] = "";
  FILE *f = tmpfile();
  assert_non_null(f);
  print_plan(f, g);
  rewind(f);
  assert_true(fread(text, 1, sizeof text - 1, f) > 0);
  fclose(f);
  assert_string_equal(text, "     bytes     offset first  last  buffer\n"
                            "       112          0    in     0  t\n"
                            "        32        112     0   out  t_1, t_2\n"
                            "        32        144     0     0  node0 (scratch)\n"
                            "arena 176 bytes, lower bound 176, gap 0.00 %\n");
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(places_random_blocks),
    cmocka_unit_test(places_followers),
    cmocka_unit_test(places_nothing),
    cmocka_unit_test(branch_and_bound_is_optimal),
    cmocka_unit_test(knows_when_the_bound_is_out_of_reach),
    cmocka_unit_test(never_overwrites_a_value),
    cmocka_unit_test(spreads_over_regions),
    cmocka_unit_test(prefers_what_is_hot),
    cmocka_unit_test(chain_takes_two_buffers),
    cmocka_unit_test(keeps_what_is_read_later),
    cmocka_unit_test(writes_behind_the_reader),
    cmocka_unit_test(respects_the_other_input),
    cmocka_unit_test(shrinks_in_place_where_it_pays),
    cmocka_unit_test(takes_odd_graphs),
    cmocka_unit_test(networks_come_near_the_bound),
    cmocka_unit_test(prints_the_plan),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
