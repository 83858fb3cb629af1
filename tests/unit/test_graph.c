/* test_graph.c - editing graphs: every edit leaves what the verifier accepts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ir/ir.h"
#include "tests/unit/unit.h"

/* x -> Relu a -> Sigmoid b -> Add(b, a) y */
static Graph *small_graph(Arena *a) {
  Graph *g = new_graph(a, "small");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (const int64_t[]){2, 3});
  g->in = arena_grow(a, g->in, g->n_in, sizeof *g->in);
  g->in[g->n_in++] = x;
  Tensor *r = add_op(g, -1, "Relu", "a", 1, &x);
  Tensor *s = add_op(g, -1, "Sigmoid", "b", 1, &r);
  Tensor *y = add_op(g, -1, "Add", "y", 2, (Tensor *[]){s, r});
  g->out = arena_grow(a, g->out, g->n_out, sizeof *g->out);
  g->out[g->n_out++] = y;
  return g;
}

static Node *node(Graph *g, const char *name) { return find_tensor(g, name)->def; }

static void adds_and_infers(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  verify_graph(g);
  assert_int_equal(g->n_node, 3);
  assert_string_equal(shape_text(a, g->out[0]), "[2,3]");
  assert_int_equal(count_uses(g, find_tensor(g, "a")), 2);
  assert_null(only_user(g, find_tensor(g, "a")));
  assert_ptr_equal(only_user(g, find_tensor(g, "b")), node(g, "y"));
  assert_null(only_user(g, g->out[0]));
  assert_int_equal(count_uses(g, g->out[0]), 1);
  infer_shapes(g);
  verify_graph(g);
  free_arena(a);
}

static void makes_fresh_names(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  assert_string_equal(fresh_name(g, "z"), "z");
  assert_string_equal(fresh_name(g, "a"), "a_1");
  new_tensor(g, "a_7", DT_F32, 0, NULL);
  new_tensor(g, "a_b", DT_F32, 0, NULL);
  assert_string_equal(fresh_name(g, "a"), "a_8");
  new_tensor(g, "a_99999999999999999999", DT_F32, 0, NULL);
  assert_string_equal(fresh_name(g, "a"), "a_8");
  free_arena(a);
}

static void removes_dead_code(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Tensor *b = find_tensor(g, "b");
  add_op(g, -1, "Relu", "unused", 1, &b);
  new_scalar_f32(g, "spare", 1);
  find_tensor(g, "y")->alias = b->id;
  assert_int_equal(g->n_node, 4);
  remove_dead(g);
  verify_graph(g);
  assert_int_equal(g->n_node, 3);
  assert_int_equal(g->n_tensor, 4);
  assert_int_equal(find_tensor(g, "y")->alias, b->id);
  replace_uses(g, b, g->in[0]);
  remove_dead(g);
  verify_graph(g);
  assert_int_equal(g->n_node, 2);
  assert_null(find_tensor(g, "b"));
  assert_int_equal(find_tensor(g, "y")->alias, -1);
  free_arena(a);
}

static void replaces_a_node(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Node *old = node(g, "b");
  int at = node_index(g, old);
  Tensor *in = old->in[0], *out = old->out[0];
  remove_node(g, old);
  assert_null(out->def);
  Node *n = add_node(g, at, "Relu", NULL, 1, &in, 1, &out);
  assert_string_equal(n->name, "b");
  assert_ptr_equal(out->def, n);
  assert_int_equal(node_index(g, n), at);
  verify_graph(g);
  set_input(g, n, 2, in);
  assert_int_equal(n->n_in, 3);
  assert_null(n->in[1]);
  free_arena(a);
}

static void sorts_nodes(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Node *first = g->node[0], *last = g->node[2];
  sort_nodes(g);
  assert_ptr_equal(g->node[0], first);
  g->node[0] = last;
  g->node[2] = first;
  sort_nodes(g);
  assert_ptr_equal(g->node[0], first);
  assert_ptr_equal(g->node[2], last);
  verify_graph(g);
  free_arena(a);
}

static void sorts_deep_graphs(void **state) {
  (void)state;
  enum { DEPTH = 20000 };
  Arena *a = new_arena();
  Graph *g = new_graph(a, "deep");
  Tensor *x = new_tensor(g, "x", DT_F32, 0, NULL), *t = x;
  g->in = g->out = NULL;
  g->in = arena_grow(a, g->in, 0, sizeof *g->in);
  g->in[g->n_in++] = x;
  for (int i = 0; i < DEPTH; i++) {
    Tensor *next = new_tensor(g, arena_printf(a, "t%d", i), DT_F32, 0, NULL);
    add_node(g, 0, "Relu", NULL, 1, &t, 1, &next);  /* in front: the reverse order */
    t = next;
  }
  g->out = arena_grow(a, g->out, 0, sizeof *g->out);
  g->out[g->n_out++] = t;
  sort_nodes(g);
  verify_graph(g);
  assert_ptr_equal(g->node[0]->in[0], x);
  free_arena(a);
}

/* Exit status of a function that must not return. */
static int status_of(void (*run)(Graph *), Graph *g) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(99);
    run(g);
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_verify(Graph *g) {
  verify_graph(g);
  _exit(0);
}

static void run_sort(Graph *g) {
  sort_nodes(g);
  _exit(0);
}

static void run_infer(Graph *g) {
  infer_shapes(g);
  _exit(0);
}

static void finds_cycles(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  node(g, "a")->in[0] = find_tensor(g, "y");
  assert_int_equal(status_of(run_sort, g), 1);
  assert_int_equal(status_of(run_verify, g), 70);
  free_arena(a);
}

static void rejects_contradictions(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Tensor *y = g->out[0];
  y->inferred = false;  /* as a front end declares it */
  y->dim[0] = -1;
  y->dim_param[0] = "N";
  infer_shapes(g);
  assert_int_equal(y->dim[0], 2);
  assert_null(y->dim_param[0]);
  y->dim[1] = 4;
  assert_int_equal(status_of(run_infer, g), 1);
  y->dim[1] = 3;
  y->dtype = DT_I8;
  assert_int_equal(status_of(run_infer, g), 1);
  y->dtype = DT_F32;
  assert_int_equal(status_of(run_infer, g), 0);
  Node *n = node(g, "a");
  n->n_in = 0;
  assert_int_equal(status_of(run_infer, g), 1);
  n->n_in = 1;
  g->in[0]->dim[0] = g->in[0]->dim[1] = INT64_C(1) << 40;
  assert_int_equal(status_of(run_infer, g), 1);
  free_arena(a);
}

static void finds_broken_invariants(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Tensor *b = find_tensor(g, "b");
  const char *name = b->name;
  assert_int_equal(status_of(run_verify, g), 0);
  b->name = "a";
  assert_int_equal(status_of(run_verify, g), 70);
  b->name = name;
  b->alias = b->id;
  assert_int_equal(status_of(run_verify, g), 70);
  b->alias = -1;
  b->quant = new_quant(g, find_format("int8"), 0, 0, 2);
  b->quant->scale[0] = b->quant->scale[1] = 1;
  assert_int_equal(status_of(run_verify, g), 70);  /* still float */
  b->dtype = DT_I8;
  assert_int_equal(status_of(run_verify, g), 0);
  b->quant->n = 1;
  assert_int_equal(status_of(run_verify, g), 70);
  free_arena(a);
}

static void keeps_attributes(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a);
  Node *n = node(g, "y");
  int64_t v[4];
  assert_int_equal(attr_int(n, "axis", -7), -7);
  set_int(g, n, "axis", 3);
  set_int(g, n, "axis", 4);
  set_float(g, n, "alpha", 0.1);
  set_str(g, n, "mode", "nearest");
  set_ints(g, n, "pads", 3, (const int64_t[]){1, 2, 3});
  assert_int_equal(n->n_attr, 4);
  assert_int_equal(attr_int(n, "axis", 0), 4);
  assert_true(attr_float(n, "alpha", 0) == (double)0.1f);
  assert_string_equal(attr_str(n, "mode", ""), "nearest");
  assert_int_equal(attr_ints(n, "pads", v, 4), 3);
  assert_int_equal(v[2], 3);
  remove_attr(n, "axis");
  assert_null(find_attr(n, "axis"));
  assert_int_equal(n->n_attr, 3);
  Tensor *t = new_const_i64(g, "k", 3, (const int64_t[]){4, 5, 6});
  assert_int_equal(const_ints(t, v, 4), 3);
  assert_int_equal(v[1], 5);
  assert_int_equal(const_ints(t, v, 2), -1);
  assert_int_equal(const_ints(g->in[0], v, 4), -1);
  free_arena(a);
}

static void clones(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = small_graph(a), *c = clone_graph(g);
  verify_graph(c);
  assert_int_equal(c->n_node, 3);
  assert_ptr_not_equal(c->in[0], g->in[0]);
  Tensor *t = c->in[0];
  remove_node(c, node(c, "y"));
  for (int i = 0; i < 9; i++) t = add_op(c, -1, "Relu", "more", 1, &t);
  c->out[0] = t;
  verify_graph(c);
  verify_graph(g);
  assert_int_equal(g->n_node, 3);
  free_arena(a);
}

/* find_op takes the first row: a second one of the name would never be used. */
static void operators_have_one_row(void **state) {
  (void)state;
  for (int i = 0; i < n_ops(); i++) assert_ptr_equal(find_op(op_at(i)->name), op_at(i));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(adds_and_infers),        cmocka_unit_test(makes_fresh_names),
      cmocka_unit_test(removes_dead_code),      cmocka_unit_test(replaces_a_node),
      cmocka_unit_test(sorts_nodes),            cmocka_unit_test(sorts_deep_graphs),
      cmocka_unit_test(finds_cycles),           cmocka_unit_test(rejects_contradictions),
      cmocka_unit_test(finds_broken_invariants), cmocka_unit_test(keeps_attributes),
      cmocka_unit_test(clones),                  cmocka_unit_test(operators_have_one_row),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
