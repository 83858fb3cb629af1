/* test_window3.c - the general convolutions and pools over random shapes of one to three dimensions, in both
 * layouts, against eval. */
#include "ir/ops/ops.h"
#include "tests/kernels/guard.h"

#include "runtime/conv3_f32.h"
#include "runtime/pool3.h"

typedef struct Case {
  Arena *a;
  Graph *g;
  Node *n;
  int spatial;
  bool last;
  const void *data[3];
} Case;

static Tensor *add_tensor(Case *c, DType t, int rank, const int64_t *dim) {
  Tensor *x = new_tensor(c->g, fresh_name(c->g, "t"), t, rank, dim);
  if (c->last && rank > 1) x->layout = LAYOUT_NHWC;
  return x;
}

/* [first][channels][size] in the case's layout. */
static Tensor *add_image(Case *c, DType t, int64_t first, int64_t channels, const int64_t *size) {
  int64_t dim[5] = {first};
  dim[c->last ? 1 + c->spatial : 1] = channels;
  for (int d = 0; d < c->spatial; d++) dim[d + (c->last ? 1 : 2)] = size[d];
  return add_tensor(c, t, 2 + c->spatial, dim);
}

static void set_list(Case *c, const char *name, int n, int lo, int hi) {
  int64_t v[6];
  for (int i = 0; i < n; i++) v[i] = random_int(lo, hi);
  set_ints(c->g, c->n, name, n, v);
}

static Case begin_case(void) {
  Case c = {.a = new_arena(), .spatial = random_int(1, 3), .last = random_int(0, 1)};
  c.g = new_graph(c.a, "case");
  return c;
}

/* Geometry as the code generator writes it. */
static struct qcc_window3 window_of(const Case *c, const Tensor *weights) {
  Window w;
  get_window(c->n, c->n->in[0], weights, &w);
  widen_window(&w);
  struct qcc_window3 g = {.batch = (int32_t)w.batch, .in_c = (int32_t)w.channels, .out_c = (int32_t)w.out_channels,
                          .in_channel = (int32_t)w.in_channel_step, .in_batch = (int32_t)w.in_batch_step,
                          .out_channel = (int32_t)w.out_channel_step, .out_batch = (int32_t)w.out_batch_step,
                          .transposed = is_op(c->n, "ConvTranspose")};
  for (int d = 0; d < 3; d++) {
    g.in[d] = (int32_t)w.in[d], g.out[d] = (int32_t)w.out[d], g.kernel[d] = (int32_t)w.kernel[d];
    g.stride[d] = (int32_t)w.stride[d], g.dilation[d] = (int32_t)w.dilation[d], g.pad[d] = (int32_t)w.pad[d];
    g.in_step[d] = (int32_t)w.in_step[d], g.out_step[d] = (int32_t)w.out_step[d];
  }
  return g;
}

static void assert_near_values(const float *got, const float *want, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float difference = got[i] - want[i], size = want[i] < 0 ? -want[i] : want[i];
    if (!(difference <= 1e-4f * (1 + size) && -difference <= 1e-4f * (1 + size)))
      fail_msg("element %lld is %g, not %g", (long long)i, (double)got[i], (double)want[i]);
  }
}

static void convolutions_match_eval(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Case c = begin_case();
    bool transposed = i % 2;
    int64_t group = random_int(1, 3), in_c = group * random_int(1, 3), per = random_int(1, 3), size[3], kernel[3];
    for (int d = 0; d < 3; d++) size[d] = random_int(5, 8), kernel[d] = random_int(1, 3);
    int64_t out_c = group * per;
    Tensor *x = add_image(&c, DT_F32, random_int(1, 2), in_c, size);
    Tensor *w = transposed ? add_image(&c, DT_F32, in_c, per, kernel)
                           : add_image(&c, DT_F32, out_c, in_c / group, kernel);
    Tensor *bias = random_int(0, 1) ? add_tensor(&c, DT_F32, 1, &out_c) : NULL;
    Tensor *y = new_tensor(c.g, "y", DT_NONE, -1, NULL);
    c.n = add_node(c.g, -1, transposed ? "ConvTranspose" : "Conv", "node", bias ? 3 : 2,
                   (Tensor *[]){x, w, bias}, 1, &y);
    set_int(c.g, c.n, "group", group);
    set_list(&c, "strides", c.spatial, 1, 3);
    set_list(&c, "dilations", c.spatial, 1, 2);
    set_list(&c, "pads", 2 * c.spatial, 0, transposed ? 1 : 2);
    if (transposed) set_list(&c, "output_padding", c.spatial, 0, 2);
    infer_node(c.g, c.n);
    for (int k = 0; k < c.n->n_in; k++) c.data[k] = random_reals(n_elements(c.n->in[k]));
    struct qcc_conv3 p = {.g = window_of(&c, w), .group = (int32_t)group};
    int32_t inner = (int32_t)(transposed ? per : in_c / group), outer = (int32_t)(n_elements(w) / w->dim[0]);
    int32_t step = c.last ? 1 : outer / inner;
    p.w_tap = c.last ? inner : 1, p.w_in = transposed ? outer : step, p.w_out = transposed ? step : outer;
    p.w_group = (int32_t)(w->dim[0] / group) * outer;
    float *got = new_buffer(n_elements(y) * 4), *want = new_buffer(n_elements(y) * 4);
    qcc_conv3_f32(&p, c.data[0], c.data[1], bias ? c.data[2] : NULL, got);
    c.n->op->eval(c.n, c.data, (void *[]){want});
    assert_near_values(got, want, n_elements(y));
    free_buffers();
    free_arena(c.a);
  }
}

static void pools_match_eval(void **state) {
  (void)state;
  static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool"};
  for (int i = 0; i < 300; i++) {
    Case c = begin_case();
    int kind = i % 3, bytes = kind == 0 ? random_int(0, 2) : 0;
    DType type = bytes == 0 ? DT_F32 : bytes == 1 ? DT_I8 : DT_U8;
    int64_t size[3] = {random_int(5, 8), random_int(5, 8), random_int(5, 8)};
    Tensor *x = add_image(&c, type, random_int(1, 2), random_int(1, 4), size);
    Tensor *y[2] = {new_tensor(c.g, "y", DT_NONE, -1, NULL), new_tensor(c.g, "i", DT_NONE, -1, NULL)};
    bool places = kind == 0 && random_int(0, 1);
    c.n = add_node(c.g, -1, ops[kind], "node", 1, &x, places ? 2 : 1, y);
    set_list(&c, "kernel_shape", c.spatial, 2, 3);
    set_list(&c, "strides", c.spatial, 1, 3);
    set_list(&c, "dilations", c.spatial, 1, 2);
    set_list(&c, "pads", 2 * c.spatial, 0, 1);
    set_int(c.g, c.n, "ceil_mode", random_int(0, 1));
    set_int(c.g, c.n, "count_include_pad", random_int(0, 1));
    set_int(c.g, c.n, "storage_order", random_int(0, 1));
    set_int(c.g, c.n, "p", random_int(1, 3));
    infer_node(c.g, c.n);
    Window w;
    get_window(c.n, x, NULL, &w);
    widen_window(&w);
    struct qcc_pool3 p = {.g = window_of(&c, NULL),
                          .count_pad = kind == 1 && attr_int(c.n, "count_include_pad", 0),
                          .by_columns = (int32_t)attr_int(c.n, "storage_order", 0),
                          .p = kind == 2 ? (float)attr_int(c.n, "p", 2) : 0};
    for (int d = 0; d < 3; d++) p.pad_end[d] = (int32_t)w.pad_end[d];
    int64_t n = n_elements(y[0]), elem = dtype_bytes(type);
    uint8_t *codes = new_buffer(n_elements(x) * elem);
    for (int64_t k = 0; k < n_elements(x); k++) set_real(type, codes, k, random_int(-100, 100) / (bytes ? 1.0 : 64));
    void *got = new_buffer(n * elem), *want = new_buffer(n * elem);
    int64_t *at = places ? new_buffer(n * 8) : NULL, *want_at = places ? new_buffer(n * 8) : NULL;
    if (kind == 2) qcc_lppool3_f32(&p, (float *)(void *)codes, got);
    else if (kind == 1) qcc_avgpool3_f32(&p, (float *)(void *)codes, got);
    else if (bytes == 0) qcc_maxpool3_f32(&p, (float *)(void *)codes, got, at);
    else if (bytes == 1) qcc_maxpool3_s8(&p, (int8_t *)codes, got, at);
    else qcc_maxpool3_u8(&p, codes, got, at);
    c.n->op->eval(c.n, (const void *[]){codes}, (void *[]){want, want_at});
    if (kind == 0) assert_memory_equal(got, want, (size_t)(n * elem));
    else assert_near_values(got, want, n);
    if (places) assert_memory_equal(at, want_at, (size_t)n * 8);
    free_buffers();
    free_arena(c.a);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(convolutions_match_eval),
      cmocka_unit_test(pools_match_eval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
