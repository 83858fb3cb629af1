/* test_ops_conv.c - Conv against sums written out from its definition, over random shapes,
 * ConvTranspose as its adjoint, and the two layouts against each other. */
#include "op_fixture.h"

typedef struct Case {
  int spatial;
  int64_t group, batch, in_per_group, out_per_group;
  int64_t size[3], kernel[3], stride[3], dilation[3], pads[6];
} Case;

static Case random_case(void) {
  Case c = {.spatial = random_int(1, 3)};
  c.group = random_int(1, 4);
  c.batch = random_int(1, 2);
  bool depthwise = random_int(0, 2) == 0;
  c.in_per_group = depthwise ? 1 : random_int(1, 4);
  c.out_per_group = depthwise ? random_int(1, 2) : random_int(1, 4);
  for (int d = 0; d < c.spatial; d++) {
    c.kernel[d] = random_int(1, 3);
    c.stride[d] = random_int(1, 3);
    c.dilation[d] = random_int(1, 2);
    c.pads[d] = random_int(0, 2);
    c.pads[c.spatial + d] = random_int(0, 2);
    c.size[d] = random_int(5, 8);
  }
  return c;
}

static Node *case_node(Graph *g, const Case *c, const char *op, Tensor *x, Tensor *w, Tensor *b) {
  Node *n = make_node(g, op, 3, (Tensor *[]){x, w, b});
  set_int(g, n, "group", c->group);
  set_ints(g, n, "strides", c->spatial, c->stride);
  set_ints(g, n, "dilations", c->spatial, c->dilation);
  set_ints(g, n, "pads", 2 * c->spatial, c->pads);
  return n;
}

/* Elements of a channels-first tensor, whatever the spatial rank: index {i0, i1, spatial...}. */
static double at(const Tensor *t, int64_t i0, int64_t i1, const int64_t *rest) {
  int64_t i = i0 * t->dim[1] + i1;
  for (int d = 2; d < t->rank; d++) i = i * t->dim[d] + rest[d - 2];
  return get_real(t->dtype, t->data, i);
}

/* Next index of `rank` counters; false after the last. */
static bool next_index(int rank, const int64_t *dim, int64_t *index) {
  for (int d = rank - 1; d >= 0; d--) {
    if (++index[d] < dim[d]) return true;
    index[d] = 0;
  }
  return false;
}

static double window_sum(const Case *c, const Tensor *x, const Tensor *w, int64_t b, int64_t o,
                         const int64_t *place) {
  double sum = 0;
  for (int64_t i = 0; i < c->in_per_group; i++) {
    int64_t tap[3] = {0};
    do {
      int64_t from[3];
      bool inside = true;
      for (int d = 0; d < c->spatial; d++) {
        from[d] = place[d] * c->stride[d] + tap[d] * c->dilation[d] - c->pads[d];
        inside = inside && from[d] >= 0 && from[d] < c->size[d];
      }
      int64_t channel = o / c->out_per_group * c->in_per_group + i;
      if (inside) sum += at(x, b, channel, from) * at(w, o, i, tap);
    } while (next_index(c->spatial, c->kernel, tap));
  }
  return sum;
}

static void check_conv(const Case *c, const Tensor *x, const Tensor *w, const Tensor *bias,
                       const Tensor *y) {
  for (int d = 0; d < c->spatial; d++) {
    int64_t room = c->size[d] + c->pads[d] + c->pads[c->spatial + d] -
                   (c->kernel[d] - 1) * c->dilation[d] - 1;
    assert_int_equal(y->dim[2 + d], room / c->stride[d] + 1);
  }
  for (int64_t b = 0; b < c->batch; b++)
    for (int64_t o = 0; o < c->group * c->out_per_group; o++) {
      int64_t place[3] = {0};
      do {
        double sum = window_sum(c, x, w, b, o, place) + get_real(DT_F32, bias->data, o);
        double got = at(y, b, o, place), off = got < sum ? sum - got : got - sum;
        assert_true(off <= 1e-6 * (1 + (sum < 0 ? -sum : sum)));
      } while (next_index(c->spatial, y->dim + 2, place));
    }
}

static void conv_is_its_definition(void **state) {
  (void)state;
  for (int i = 0; i < 150; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "conv");
    Case c = random_case();
    int64_t xd[5] = {c.batch, c.group * c.in_per_group};
    int64_t wd[5] = {c.group * c.out_per_group, c.in_per_group};
    memcpy(xd + 2, c.size, sizeof c.size);
    memcpy(wd + 2, c.kernel, sizeof c.kernel);
    Tensor *x = random_tensor(g, DT_F32, c.spatial + 2, xd);
    Tensor *w = random_tensor(g, DT_F32, c.spatial + 2, wd), *b = random_tensor(g, DT_F32, 1, wd);
    Node *n = case_node(g, &c, "Conv", x, w, b);
    Tensor *y = run_node(g, n);
    check_conv(&c, x, w, b, y);
    Tensor *z = run_node(g, case_node(g, &c, "Conv", channels_last(g, x), channels_last(g, w), b));
    assert_int_equal(z->layout, LAYOUT_NHWC);
    assert_near(channels_first(g, z), y, 1e-6);
    assert_int_equal(n->op->macs(n), n_elements(y) * n_elements(w) / wd[0]);
    free_arena(a);
  }
}

/* <conv(x), y> = <x, conv_transpose(y)> for the same weights: one is the adjoint of the other. */
static void conv_transpose_is_the_adjoint(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    Arena *a = new_arena();
    Graph *g = new_graph(a, "adjoint");
    Case c = random_case();
    int64_t xd[5] = {c.batch, c.group * c.in_per_group};
    int64_t wd[5] = {c.group * c.out_per_group, c.in_per_group};
    memcpy(xd + 2, c.size, sizeof c.size);
    memcpy(wd + 2, c.kernel, sizeof c.kernel);
    Tensor *x = random_tensor(g, DT_F32, c.spatial + 2, xd);
    Tensor *w = random_tensor(g, DT_F32, c.spatial + 2, wd);
    Tensor *cx = run_node(g, case_node(g, &c, "Conv", x, w, NULL));
    Tensor *y = random_tensor(g, DT_F32, cx->rank, cx->dim);
    Node *n = case_node(g, &c, "ConvTranspose", y, w, NULL);
    int64_t extra[3];  /* elements behind the last window */
    for (int d = 0; d < c.spatial; d++)
      extra[d] = (c.size[d] + c.pads[d] + c.pads[c.spatial + d] -
                  (c.kernel[d] - 1) * c.dilation[d] - 1) % c.stride[d];
    set_ints(g, n, "output_padding", c.spatial, extra);
    Tensor *cy = run_node(g, n);
    assert_true(same_shape(cy, x));
    double left = 0, right = 0;
    for (int64_t k = 0; k < n_elements(y); k++)
      left += get_real(DT_F32, cx->data, k) * get_real(DT_F32, y->data, k);
    for (int64_t k = 0; k < n_elements(x); k++)
      right += get_real(DT_F32, cy->data, k) * get_real(DT_F32, x->data, k);
    assert_true(left - right < 1e-3 * (1 + (left < 0 ? -left : left)));
    assert_true(right - left < 1e-3 * (1 + (left < 0 ? -left : left)));
    Node *last = case_node(g, &c, "ConvTranspose", channels_last(g, y), channels_last(g, w), NULL);
    set_ints(g, last, "output_padding", c.spatial, extra);
    assert_near(channels_first(g, run_node(g, last)), cy, 1e-6);
    free_arena(a);
  }
}

static void auto_pad_follows_onnx(void **state) {
  (void)state;
  Arena *a = new_arena();
  Graph *g = new_graph(a, "auto_pad");
  Tensor *x = random_tensor(g, DT_F32, 4, (int64_t[]){1, 1, 6, 7});
  Tensor *w = random_tensor(g, DT_F32, 4, (int64_t[]){1, 1, 2, 3});
  Window v;
  Node *n = make_node(g, "Conv", 2, (Tensor *[]){x, w});
  set_ints(g, n, "strides", 2, (int64_t[]){1, 2});
  set_str(g, n, "auto_pad", "SAME_UPPER");
  get_window(n, x, w, &v);
  assert_int_equal(v.out[0], 6);
  assert_int_equal(v.out[1], 4);
  assert_int_equal(v.pad[0], 0);
  assert_int_equal(v.pad_end[0], 1);
  assert_int_equal(v.pad[1], 1);
  assert_int_equal(v.pad_end[1], 1);
  set_str(g, n, "auto_pad", "SAME_LOWER");
  get_window(n, x, w, &v);
  assert_int_equal(v.pad[0], 1);
  assert_int_equal(v.pad_end[0], 0);
  set_str(g, n, "auto_pad", "VALID");
  get_window(n, x, w, &v);
  assert_int_equal(v.out[0], 5);
  assert_int_equal(v.out[1], 3);
  free_arena(a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv_is_its_definition),
      cmocka_unit_test(conv_transpose_is_the_adjoint),
      cmocka_unit_test(auto_pad_follows_onnx),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
