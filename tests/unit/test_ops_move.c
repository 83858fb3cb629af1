/* test_ops_move.c - operators that move elements undo each other, operators with channels agree in
 * both layouts, and integer chains as in exported shapes give exact numbers. */
#include "op_fixture.h"

static Tensor *ints(Graph *g, int n, const int64_t *v) {
  return new_const_i64(g, fresh_name(g, "ints"), n, v);
}

static Tensor *run_op(Graph *g, const char *op, int n_in, Tensor *const *in) {
  return run_node(g, make_node(g, op, n_in, in));
}

static void transpose_is_undone_by_its_inverse(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "transpose");
  Tensor *x = random_tensor(g, DT_F32, 4, (int64_t[]){2, 3, 4, 5});
  Node *n = make_node(g, "Transpose", 1, &x);
  set_ints(g, n, "perm", 4, (int64_t[]){0, 2, 3, 1});
  set_str(g, n, "layout", "NHWC");
  Tensor *y = run_node(g, n);
  assert_int_equal(y->layout, LAYOUT_NHWC);
  assert_same(y, channels_last(g, x));
  Node *back = make_node(g, "Transpose", 1, &y);
  set_ints(g, back, "perm", 4, (int64_t[]){0, 3, 1, 2});
  assert_same(run_node(g, back), x);
  assert_int_equal(back->out[0]->layout, LAYOUT_NONE);
  free_arena(a);
}

static void slices_join_to_the_whole(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "slice");
  Tensor *x = random_tensor(g, DT_I8, 3, (int64_t[]){2, 7, 3}), *part[2];
  for (int i = 0; i < 2; i++)
    part[i] = run_op(g, "Slice", 4, (Tensor *[]){x, ints(g, 1, &(int64_t){i ? 3 : -100}),
                     ints(g, 1, &(int64_t){i ? INT64_MAX : 3}), ints(g, 1, &(int64_t){1})});
  Node *n = make_node(g, "Concat", 2, part);
  set_int(g, n, "axis", -2);
  assert_same(run_node(g, n), x);
  /* Backwards twice is forwards. */
  Tensor *y = x;
  for (int i = 0; i < 2; i++)
    y = run_op(g, "Slice", 5, (Tensor *[]){y, ints(g, 1, &(int64_t){-1}),
               ints(g, 1, &(int64_t){INT64_MIN}), ints(g, 1, &(int64_t){1}),
               ints(g, 1, &(int64_t){-1})});
  assert_same(y, x);
  free_arena(a);
}

static void split_is_undone_by_concat(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "split");
  Tensor *x = random_tensor(g, DT_F32, 2, (int64_t[]){3, 7}), *part[3];
  for (int i = 0; i < 3; i++) part[i] = new_tensor(g, fresh_name(g, "part"), DT_NONE, -1, NULL);
  Node *n = add_node(g, -1, "Split", "split", 1, &x, 3, part);
  set_int(g, n, "axis", 1);
  set_int(g, n, "num_outputs", 3);
  infer_node(g, n);
  assert_int_equal(part[0]->dim[1], 3);
  assert_int_equal(part[2]->dim[1], 1);
  void *out[3];
  for (int i = 0; i < 3; i++) out[i] = part[i]->data = arena_alloc(a, tensor_bytes(part[i]));
  n->op->eval(n, (const void *const[]){x->data}, out);
  Node *join = make_node(g, "Concat", 3, part);
  set_int(g, join, "axis", 1);
  assert_same(run_node(g, join), x);
  free_arena(a);
}

static void negative_pads_crop(void **state) {
  static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "pad");
  Tensor *x = random_tensor(g, DT_F32, 2, (int64_t[]){4, 5});
  for (int i = 0; i < 4; i++) {
    Node *n = make_node(g, "Pad", 2, (Tensor *[]){x, ints(g, 4, (int64_t[]){1, 2, 3, 0})});
    set_str(g, n, "mode", modes[i]);
    Tensor *y = run_node(g, n);
    assert_int_equal(y->dim[0], 8);
    assert_int_equal(y->dim[1], 7);
    Tensor *pads[2] = {y, ints(g, 4, (int64_t[]){-1, -2, -3, 0})};
    assert_same(run_op(g, "Pad", 2, pads), x);
    /* The element above x[0][1]: nothing, the edge, its mirror image, the other end. */
    const float *v = x->data, want[4] = {0, v[1], v[5 + 1], v[15 + 1]};
    assert_true(((const float *)y->data)[3] == want[i]);
  }
  free_arena(a);
}

static void channels_agree_in_both_layouts(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "layouts");
  Tensor *x = random_tensor(g, DT_F32, 4, (int64_t[]){2, 8, 4, 6}), *last = channels_last(g, x);
  Tensor *v[4];
  for (int i = 0; i < 4; i++) v[i] = random_tensor(g, DT_F32, 1, &(int64_t){8});
  for (int i = 0; i < 8; i++) ((float *)v[3]->data)[i] = (float)i + 0.5f;
  Tensor *first[5] = {x, v[0], v[1], v[2], v[3]}, *other[5] = {last, v[0], v[1], v[2], v[3]};
  assert_near(channels_first(g, run_op(g, "BatchNormalization", 5, other)),
              run_op(g, "BatchNormalization", 5, first), 1e-6);
  assert_near(channels_first(g, run_op(g, "InstanceNormalization", 3, other)),
              run_op(g, "InstanceNormalization", 3, first), 1e-6);
  static const char *const ops[] = {"DepthToSpace", "DepthToSpace", "SpaceToDepth", "LRN"};
  for (int i = 0; i < 4; i++) {
    Node *n[2] = {make_node(g, ops[i], 1, &x), make_node(g, ops[i], 1, &last)};
    for (int k = 0; k < 2; k++) {
      set_int(g, n[k], i == 3 ? "size" : "blocksize", 2);
      if (i == 1) set_str(g, n[k], "mode", "CRD");
    }
    assert_near(channels_first(g, run_node(g, n[1])), run_node(g, n[0]), 1e-6);
  }
  Node *down = make_node(g, "SpaceToDepth", 1, &x);
  set_int(g, down, "blocksize", 2);
  Tensor *deep = run_node(g, down);
  Node *up = make_node(g, "DepthToSpace", 1, &deep);
  set_int(g, up, "blocksize", 2);
  assert_same(run_node(g, up), x);
  free_arena(a);
}

/* Reshape(x, Concat(Shape(x)[0], Shape(x)[1] * Shape(x)[2])), as exporters write it. */
static void shape_chains_are_exact(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "chain");
  Tensor *x = random_tensor(g, DT_F32, 3, (int64_t[]){3, 4, 5}), *dim[3];
  Tensor *shape = run_op(g, "Shape", 1, &x);
  for (int i = 0; i < 3; i++)
    dim[i] = run_op(g, "Gather", 2, (Tensor *[]){shape, ints(g, 1, &(int64_t){i - 3})});
  Tensor *rest = run_op(g, "Mul", 2, dim + 1);
  assert_int_equal(rest->dtype, DT_I64);
  Node *n = make_node(g, "Concat", 2, (Tensor *[]){dim[0], rest});
  set_int(g, n, "axis", 0);
  Tensor *y = run_op(g, "Reshape", 2, (Tensor *[]){x, run_node(g, n)});
  assert_int_equal(y->rank, 2);
  assert_int_equal(y->dim[1], 20);
  Tensor *big[2] = {ints(g, 1, &(int64_t){INT64_MAX - 1}), ints(g, 1, &(int64_t){1})};
  assert_true(*(int64_t *)run_op(g, "Add", 2, big)->data == INT64_MAX);
  free_arena(a);
}

static void unknown_shapes_stay_unknown(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "unknown");
  Tensor *x = new_tensor(g, "x", DT_F32, 2, (int64_t[]){3, 4});
  Tensor *s = new_tensor(g, "s", DT_I64, 1, (int64_t[]){2});
  Node *n = make_node(g, "Reshape", 2, (Tensor *[]){x, s});
  infer_node(g, n);
  assert_int_equal(n->out[0]->rank, -1);
  Node *relu = make_node(g, "Relu", 1, n->out);
  infer_node(g, relu);
  assert_int_equal(relu->out[0]->rank, -1);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(transpose_is_undone_by_its_inverse),
      cmocka_unit_test(slices_join_to_the_whole),
      cmocka_unit_test(split_is_undone_by_concat),
      cmocka_unit_test(negative_pads_crop),
      cmocka_unit_test(channels_agree_in_both_layouts),
      cmocka_unit_test(shape_chains_are_exact),
      cmocka_unit_test(unknown_shapes_stay_unknown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
