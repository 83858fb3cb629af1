/* test_sample.c - kernels that read images at computed places, over random shapes and modes, against eval; places
 * that are infinite, huge or no numbers read nothing outside. */
#include <math.h>

#include "ir/ir.h"
#include "tests/kernels/guard.h"

#include "runtime/deform_conv.h"
#include "runtime/grid_sample.h"
#include "runtime/resize_line.h"
#include "runtime/roi_align.h"

typedef struct Case {
  Arena *a;
  Graph *g;
  Node *n;
  int n_in;
  Tensor *in[5], *out;
  const void *data[5];
} Case;

static Case begin_case(void) {
  Case c = {.a = new_arena()};
  c.g = new_graph(c.a, "case");
  return c;
}

static float *add_reals(Case *c, int rank, const int64_t *dim, float scale) {
  Tensor *t = new_tensor(c->g, fresh_name(c->g, "x"), DT_F32, rank, dim);
  float *v = new_buffer(n_elements(t) * 4);
  for (int64_t i = 0; i < n_elements(t); i++) v[i] = random_real() * scale;
  c->data[c->n_in] = v;
  c->in[c->n_in++] = t;
  return v;
}

static void place_node(Case *c, const char *op) {
  c->out = new_tensor(c->g, "y", DT_NONE, -1, NULL);
  c->n = add_node(c->g, -1, op, "node", c->n_in, c->in, 1, &c->out);
}

/* Compares with eval what the kernel has written to `got`. */
static void end_case(Case *c, const float *got) {
  int64_t n = n_elements(c->out);
  float *want = new_buffer(n * 4);
  c->n->op->eval(c->n, c->data, (void *[]){want});
  for (int64_t i = 0; i < n; i++)
    if (!(fabsf(got[i] - want[i]) <= 2e-4f * (1 + fabsf(want[i]))) && !(isnan(got[i]) && isnan(want[i])))
      fail_msg("%s: element %lld is %g, not %g", c->n->op->name, (long long)i, (double)got[i], (double)want[i]);
  free_buffers();
  free_arena(c->a);
}

static void make_hostile(float *v, int64_t n) {
  static const float hostile[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 3e9f};
  for (int64_t i = 0; i < n; i += 7) v[i] = hostile[i / 7 % 6];
}

static void grid_samples_match_eval(void **state) {
  (void)state;
  static const char *const modes[] = {"nearest", "linear", "cubic"}, *const paddings[] = {"zeros", "border", "reflection"};
  for (int i = 0; i < 300; i++) {
    Case c = begin_case();
    int dims = random_int(1, 3), mode = i % 3, padding = random_int(0, 2);
    int64_t x[5] = {random_int(1, 2), random_int(1, 3)}, grid[5] = {x[0]};
    struct qcc_grid_sample p = {.batch = (int32_t)x[0], .channels = (int32_t)x[1], .dims = dims, .points = 1,
                                .taps = 1 << mode, .padding = padding, .align_corners = random_int(0, 1)};
    for (int d = 0; d < dims; d++) {
      x[2 + d] = random_int(1, 6), grid[1 + d] = random_int(1, 4);
      p.in[d] = (int32_t)x[2 + d], p.points *= (int32_t)grid[1 + d];
    }
    grid[1 + dims] = dims;
    add_reals(&c, 2 + dims, x, 1);
    float *places = add_reals(&c, 2 + dims, grid, 3);
    bool hostile = i % 5 == 0;
    if (hostile) make_hostile(places, p.batch * p.points * dims);
    place_node(&c, "GridSample");
    set_str(c.g, c.n, "mode", modes[mode]);
    set_str(c.g, c.n, "padding_mode", paddings[padding]);
    set_int(c.g, c.n, "align_corners", p.align_corners);
    infer_node(c.g, c.n);
    float *got = new_buffer(n_elements(c.out) * 4);
    qcc_grid_sample_f32(&p, c.data[0], c.data[1], got);
    end_case(&c, got);
  }
}

static void regions_match_eval(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Case c = begin_case();
    int64_t x[4] = {random_int(1, 3), random_int(1, 3), random_int(1, 9), random_int(1, 9)};
    int64_t rois = random_int(1, 4), *image = new_buffer(rois * 8);
    add_reals(&c, 4, x, 1);
    float *roi = add_reals(&c, 2, (int64_t[]){rois, 4}, 6);
    if (i % 5 == 0) make_hostile(roi, rois * 4);
    for (int k = 0; k < rois; k++) image[k] = random_int(-1, 3);
    c.in[2] = new_tensor(c.g, "image", DT_I64, 1, &rois), c.data[2] = image, c.n_in = 3;
    place_node(&c, "RoiAlign");
    struct qcc_roi_align p = {(int32_t)x[0], (int32_t)x[1], (int32_t)x[2], (int32_t)x[3], (int32_t)rois,
                              random_int(1, 3), random_int(1, 3), random_int(0, 2), random_int(0, 1),
                              random_int(0, 1), 0.75f};
    set_int(c.g, c.n, "output_height", p.out_h), set_int(c.g, c.n, "output_width", p.out_w);
    set_int(c.g, c.n, "sampling_ratio", p.samples), set_float(c.g, c.n, "spatial_scale", 0.75);
    set_str(c.g, c.n, "mode", p.max ? "max" : "avg");
    set_str(c.g, c.n, "coordinate_transformation_mode", p.half_pixel ? "half_pixel" : "output_half_pixel");
    infer_node(c.g, c.n);
    float *got = new_buffer(n_elements(c.out) * 4);
    qcc_roi_align_f32(&p, c.data[0], roi, image, got);
    if (i % 5 != 0 && p.samples > 0) {
      end_case(&c, got);
    } else { /* how many samples there are may hang on a rounding; that they are read inside is seen by the guards */
      free_buffers();
      free_arena(c.a);
    }
  }
}

static void deformed_convolutions_match_eval(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    Case c = begin_case();
    int32_t group = random_int(1, 2), shifts = random_int(1, 2), in_c = 2 * random_int(1, 2), out_c = 2 * random_int(1, 2);
    struct qcc_deform_conv p = {.batch = random_int(1, 2), .in_c = in_c, .in_h = random_int(3, 6), .in_w = random_int(3, 6),
                                .out_c = out_c, .kernel_h = random_int(1, 3), .kernel_w = random_int(1, 3),
                                .stride_h = random_int(1, 2), .stride_w = random_int(1, 2), .dilation_h = 1,
                                .dilation_w = 1, .pad_top = random_int(0, 1), .pad_left = random_int(0, 1),
                                .group = group, .offset_group = shifts};
    p.out_h = (p.in_h + 2 * p.pad_top - p.kernel_h) / p.stride_h + 1;
    p.out_w = (p.in_w + 2 * p.pad_left - p.kernel_w) / p.stride_w + 1;
    int64_t rows = shifts * p.kernel_h * p.kernel_w, channels = out_c;
    add_reals(&c, 4, (int64_t[]){p.batch, in_c, p.in_h, p.in_w}, 1);
    add_reals(&c, 4, (int64_t[]){out_c, in_c / group, p.kernel_h, p.kernel_w}, 1);
    float *offset = add_reals(&c, 4, (int64_t[]){p.batch, 2 * rows, p.out_h, p.out_w}, 2);
    if (i % 5 == 0) make_hostile(offset, p.batch * 2 * rows * p.out_h * p.out_w);
    add_reals(&c, 1, &channels, 1);
    add_reals(&c, 4, (int64_t[]){p.batch, rows, p.out_h, p.out_w}, 1);
    place_node(&c, "DeformConv");
    set_ints(c.g, c.n, "strides", 2, (int64_t[]){p.stride_h, p.stride_w});
    set_ints(c.g, c.n, "pads", 4, (int64_t[]){p.pad_top, p.pad_left, p.pad_top, p.pad_left});
    set_int(c.g, c.n, "group", group), set_int(c.g, c.n, "offset_group", shifts);
    infer_node(c.g, c.n);
    float *got = new_buffer(n_elements(c.out) * 4);
    qcc_deform_conv_f32(&p, c.data[0], c.data[1], offset, c.data[3], c.data[4], got);
    end_case(&c, got);
  }
}

static void resized_lines_match_eval(void **state) {
  (void)state;
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel",
                                            "half_pixel_symmetric", "tf_crop_and_resize"};
  for (int i = 0; i < 300; i++) {
    Case c = begin_case();
    int64_t x[3] = {random_int(1, 5), random_int(1, 5), random_int(1, 3)}, sizes[3];
    float *roi = new_buffer(6 * 4), *from = add_reals(&c, 3, x, 1);
    for (int d = 0; d < 3; d++) {
      sizes[d] = d < 2 ? random_int(1, 8) : x[d];
      roi[d] = d < 2 ? 0.3f * random_real() : 0, roi[3 + d] = d < 2 ? 1 + 0.3f * random_real() : 1;
    }
    c.in[1] = new_const(c.g, "roi", DT_F32, 1, (int64_t[]){6}, roi), c.data[1] = roi;
    c.in[3] = new_const_i64(c.g, "sizes", 3, sizes), c.data[3] = c.in[3]->data;
    c.n_in = 4;
    place_node(&c, "Resize");
    set_str(c.g, c.n, "mode", modes[i % 3]);
    set_str(c.g, c.n, "coordinate_transformation_mode", coordinates[random_int(0, 5)]);
    set_int(c.g, c.n, "antialias", random_int(0, 1)), set_int(c.g, c.n, "exclude_outside", random_int(0, 1));
    set_float(c.g, c.n, "extrapolation_value", 3);
    infer_node(c.g, c.n);
    ResizeLine l[MAX_RANK];
    int count = resize_lines(c.n, c.a, l);
    float outside = 3, *y = from;
    for (int k = 0; k < count; k++) {
      struct qcc_resize_line p = {(int32_t)l[k].outer, (int32_t)l[k].in, (int32_t)l[k].out, (int32_t)l[k].inner,
                                  (int32_t)l[k].taps, 4, outside};
      int32_t *places = new_buffer(l[k].out * l[k].taps * 4);
      for (int64_t t = 0; t < l[k].out * l[k].taps; t++) places[t] = (int32_t)l[k].from[t];
      float *to = new_buffer(l[k].outer * l[k].out * l[k].inner * 4);
      if (i % 3) qcc_resize_line_f32(&p, places, l[k].weight, y, to);
      else qcc_move_line(&p, places, &outside, y, to);
      y = to;
    }
    end_case(&c, y);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grid_samples_match_eval),
      cmocka_unit_test(regions_match_eval),
      cmocka_unit_test(deformed_convolutions_match_eval),
      cmocka_unit_test(resized_lines_match_eval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
