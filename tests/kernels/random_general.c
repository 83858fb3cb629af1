/* random_general.c - random layers of the general kernels: windows of one to three dimensions in both layouts,
 * Resize line by line, images read at computed places, recurrent layers, boxes, places, n-grams, determinants, products
 * of float64, of codes to int32, codes by a range, and changes of the element type.  Inputs but the first are
 * constants. */
#include <math.h>
#include <string.h>

#include "tests/kernels/random_layers.h"

static Tensor *new_output(Graph *g) { return new_tensor(g, fresh_name(g, "y"), DT_NONE, -1, NULL); }

static Tensor *new_input(Graph *g, DType type, int rank, const int64_t *dim) {
  return new_tensor(g, fresh_name(g, "x"), type, rank, dim);
}

/* A node of one output. */
static Node *new_layer(Graph *g, const char *op, int n_in, Tensor *const *in) {
  Tensor *y = new_output(g);
  return add_node(g, -1, op, fresh_name(g, "layer"), n_in, in, 1, &y);
}

static Tensor *new_reals(Graph *g, DType type, int rank, const int64_t *dim, float bound) {
  Tensor *t = new_const(g, fresh_name(g, "c"), type, rank, dim, NULL);
  t->data = random_reals(g, type, n_elements(t), bound);
  return t;
}

static void set_list(Graph *g, Node *n, const char *name, int count, int lo, int hi) {
  int64_t v[6];
  for (int i = 0; i < count; i++) v[i] = pick(lo, hi);
  set_ints(g, n, name, count, v);
}

/* ---- windows */

/* [first][channels][size] with channels last or not. */
static void image_shape(bool last, int spatial, int64_t first, int64_t channels, const int64_t *size, int64_t *dim) {
  dim[0] = first;
  dim[last ? 1 + spatial : 1] = channels;
  for (int d = 0; d < spatial; d++) dim[d + (last ? 1 : 2)] = size[d];
}

static Node *random_conv3(Graph *g) {
  bool transposed = pick(0, 1), last = pick(0, 1);
  DType type = pick(0, 3) ? DT_F32 : DT_F16;
  int spatial = pick(1, 3);
  int64_t group = pick(1, 3), in_c = group * pick(1, 3), per = pick(1, 3), out_c = group * per, x[5], w[5];
  int64_t size[3] = {pick(5, 7), pick(5, 7), pick(5, 7)}, kernel[3] = {pick(1, 3), pick(1, 3), pick(1, 3)};
  image_shape(last, spatial, pick(1, 2), in_c, size, x);
  image_shape(last, spatial, transposed ? in_c : out_c, transposed ? per : in_c / group, kernel, w);
  Tensor *in[3] = {new_input(g, type, 2 + spatial, x), new_reals(g, type, 2 + spatial, w, 1), NULL};
  if (pick(0, 1)) in[2] = new_reals(g, DT_F32, 1, &out_c, 1);
  for (int i = 0; i < 2; i++) in[i]->layout = last ? LAYOUT_NHWC : LAYOUT_NONE;
  Node *n = new_layer(g, transposed ? "ConvTranspose" : "Conv", in[2] ? 3 : 2, in);
  set_int(g, n, "group", group);
  set_list(g, n, "strides", spatial, 1, 3);
  set_list(g, n, "dilations", spatial, 1, 2);
  set_list(g, n, "pads", 2 * spatial, 0, transposed ? 1 : 2);
  if (transposed) set_list(g, n, "output_padding", spatial, 0, 2);
  return n;
}

static Node *random_pool3(Graph *g) {
  static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool"};
  static const DType types[] = {DT_F32, DT_F16, DT_I8, DT_U8};
  int kind = pick(0, 2), spatial = pick(1, 3);
  bool last = pick(0, 1), places = kind == 0 && pick(0, 1);
  int64_t x[5], size[3] = {pick(5, 7), pick(5, 7), pick(5, 7)};
  image_shape(last, spatial, pick(1, 2), pick(1, 4), size, x);
  Tensor *in = new_input(g, types[pick(0, kind == 0 ? 3 : 1)], 2 + spatial, x), *y[2] = {new_output(g), new_output(g)};
  in->layout = last ? LAYOUT_NHWC : LAYOUT_NONE;
  Node *n = add_node(g, -1, ops[kind], fresh_name(g, "layer"), 1, &in, places ? 2 : 1, y);
  set_list(g, n, "kernel_shape", spatial, 2, 3);
  set_list(g, n, "strides", spatial, 1, 3);
  set_list(g, n, "dilations", spatial, 1, 2);
  set_list(g, n, "pads", 2 * spatial, 0, 1);
  set_int(g, n, "ceil_mode", pick(0, 1));
  if (kind == 0) set_int(g, n, "storage_order", pick(0, 1));
  if (kind == 1) set_int(g, n, "count_include_pad", pick(0, 1));
  if (kind == 2) set_int(g, n, "p", pick(1, 3));
  return n;
}

/* ---- images at computed places */

static Node *random_lines(Graph *g) {
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const coordinates[] = {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel",
                                            "half_pixel_symmetric", "tf_crop_and_resize"};
  static const DType types[] = {DT_F32, DT_F32, DT_F16, DT_I8, DT_F64};
  int mode = pick(0, 2);
  DType type = types[pick(0, mode == 0 ? 4 : 2)];
  int64_t x[3] = {pick(1, 5), pick(1, 5), pick(1, 3)}, sizes[3] = {pick(1, 8), pick(1, 8), x[2]}, six = 6;
  bool once = type == DT_F16; /* several dimensions of float16 are not for the kernel: it would round each */
  Tensor *roi = new_reals(g, DT_F32, 1, &six, 0.3f);
  float *place = roi->data;
  if (once) sizes[0] = x[0], place[0] = 0, place[3] = 0;
  place[2] = 0, place[3] += 1, place[4] += 1, place[5] = 1;
  Tensor *in[4] = {new_input(g, type, 3, x), roi, NULL, new_const_i64(g, fresh_name(g, "sizes"), 3, sizes)};
  Node *n = new_layer(g, "Resize", 4, in);
  set_str(g, n, "mode", modes[mode]);
  set_str(g, n, "coordinate_transformation_mode", coordinates[pick(0, 5)]);
  if (mode > 0) set_int(g, n, "antialias", pick(0, 1)), set_int(g, n, "exclude_outside", pick(0, 1));
  set_float(g, n, "extrapolation_value", 3);
  return n;
}

/* Places far outside, and such as are no numbers. */
static void make_hostile(Tensor *t) {
  static const float hostile[] = {INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 3e9f};
  for (int64_t i = 0; i < n_elements(t); i += 7) ((float *)t->data)[i] = hostile[i / 7 % 6];
}

static Node *random_grid_sample(Graph *g) {
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  static const char *const paddings[] = {"zeros", "border", "reflection"};
  int dims = pick(1, 3);
  int64_t x[5] = {pick(1, 2), pick(1, 3)}, grid[5] = {x[0]};
  for (int d = 0; d < dims; d++) x[2 + d] = pick(1, 6), grid[1 + d] = pick(1, 4);
  grid[1 + dims] = dims;
  Tensor *in[2] = {new_input(g, DT_F32, 2 + dims, x), new_reals(g, DT_F32, 2 + dims, grid, 3)};
  if (!pick(0, 4)) make_hostile(in[1]);
  Node *n = new_layer(g, "GridSample", 2, in);
  set_str(g, n, "mode", modes[pick(0, 2)]);
  set_str(g, n, "padding_mode", paddings[pick(0, 2)]);
  set_int(g, n, "align_corners", pick(0, 1));
  return n;
}

static Node *random_regions(Graph *g) {
  int64_t x[4] = {pick(1, 3), pick(1, 3), pick(1, 9), pick(1, 9)}, rois[2] = {pick(1, 4), 4}, image[4];
  for (int i = 0; i < 4; i++) image[i] = pick(0, (int)x[0] - 1);
  Tensor *in[3] = {new_input(g, DT_F32, 4, x), new_reals(g, DT_F32, 2, rois, 6),
                   new_const_i64(g, fresh_name(g, "image"), (int)rois[0], image)};
  Node *n = new_layer(g, "RoiAlign", 3, in);
  set_int(g, n, "output_height", pick(1, 3)), set_int(g, n, "output_width", pick(1, 3));
  set_int(g, n, "sampling_ratio", pick(0, 2)), set_float(g, n, "spatial_scale", 0.75);
  set_str(g, n, "mode", pick(0, 1) ? "max" : "avg");
  set_str(g, n, "coordinate_transformation_mode", pick(0, 1) ? "half_pixel" : "output_half_pixel");
  return n;
}

static Node *random_deformed(Graph *g) {
  int64_t group = pick(1, 2), shifts = pick(1, 2), c = 2 * pick(1, 2), out = 2 * pick(1, 2), batch = pick(1, 2);
  int64_t kernel[2] = {pick(1, 3), pick(1, 3)}, stride[2] = {pick(1, 2), pick(1, 2)}, pad[2] = {pick(0, 1), pick(0, 1)};
  int64_t pads[4] = {pad[0], pad[1], pad[0], pad[1]}, rows = shifts * kernel[0] * kernel[1];
  int64_t x[4] = {batch, c, pick(3, 6), pick(3, 6)}, w[4] = {out, c / group, kernel[0], kernel[1]};
  int64_t shift[4] = {batch, 2 * rows, (x[2] + 2 * pad[0] - kernel[0]) / stride[0] + 1,
                      (x[3] + 2 * pad[1] - kernel[1]) / stride[1] + 1};
  int64_t mask[4] = {batch, rows, shift[2], shift[3]};
  Tensor *in[5] = {new_input(g, DT_F32, 4, x), new_reals(g, DT_F32, 4, w, 1), new_reals(g, DT_F32, 4, shift, 2),
                   pick(0, 1) ? new_reals(g, DT_F32, 1, &out, 1) : NULL,
                   pick(0, 1) ? new_reals(g, DT_F32, 4, mask, 1) : NULL};
  if (!pick(0, 4)) make_hostile(in[2]);
  Node *n = new_layer(g, "DeformConv", in[4] ? 5 : in[3] ? 4 : 3, in);
  set_ints(g, n, "kernel_shape", 2, kernel), set_ints(g, n, "strides", 2, stride), set_ints(g, n, "pads", 4, pads);
  set_int(g, n, "group", group), set_int(g, n, "offset_group", shifts);
  return n;
}

/* ---- recurrent layers */

static void set_functions(Graph *g, Node *n, int count) {
  static const char *const names[] = {"Sigmoid", "Tanh", "Relu", "Affine", "LeakyRelu", "ThresholdedRelu",
                                      "ScaledTanh", "HardSigmoid", "Elu", "Softsign", "Softplus"};
  static double numbers[] = {0.25, 0.75, 0.5, 0.125, 0.5, 1};
  const char **words = arena_alloc(g->arena, count * (int64_t)sizeof *words);
  for (int i = 0; i < count; i++) words[i] = names[pick(0, 10)];
  set_attr(g, n, &(Attr){.name = "activations", .kind = ATTR_STRINGS, .n = count, .strings = words});
  set_attr(g, n, &(Attr){.name = "activation_alpha", .kind = ATTR_FLOATS, .n = pick(0, count), .floats = numbers});
}

static Node *random_recurrent(Graph *g) {
  static const char *const ops[] = {"RNN", "GRU", "LSTM"};
  static const char *const directions[] = {"forward", "reverse", "bidirectional"};
  static const int gate_counts[] = {1, 3, 4};
  int kind = pick(0, 2), gates = gate_counts[kind], direction = pick(0, 2), layout = pick(0, 1);
  int64_t inputs = pick(1, 9), hidden = pick(1, 11), steps = pick(1, 5), batch = pick(1, 3);
  int64_t d = direction == 2 ? 2 : 1, rows = gates * hidden;
  int64_t x[3] = {layout ? batch : steps, layout ? steps : batch, inputs}, w[3] = {d, rows, inputs};
  int64_t r[3] = {d, rows, hidden}, b[2] = {d, 2 * rows}, state[3] = {layout ? batch : d, layout ? d : batch, hidden};
  int64_t peephole[2] = {d, 3 * hidden};
  Tensor *in[8] = {new_input(g, DT_F32, 3, x), new_reals(g, DT_F32, 3, w, 1), new_reals(g, DT_F32, 3, r, 1)};
  if (pick(0, 1)) in[3] = new_reals(g, DT_F32, 2, b, 1);
  if (pick(0, 1)) in[4] = new_vector(g, "length", batch, 0, steps);
  if (pick(0, 1)) in[5] = new_reals(g, DT_F32, 3, state, 1);
  if (kind == 2 && pick(0, 1)) in[6] = new_reals(g, DT_F32, 3, state, 1);
  if (kind == 2 && pick(0, 1)) in[7] = new_reals(g, DT_F32, 2, peephole, 1);
  Tensor *y[3] = {new_output(g), pick(0, 1) ? new_output(g) : NULL, kind == 2 && pick(0, 1) ? new_output(g) : NULL};
  Node *n = add_node(g, -1, ops[kind], fresh_name(g, "layer"), kind == 2 ? 8 : 6, in, kind == 2 ? 3 : 2, y);
  set_str(g, n, "direction", directions[direction]), set_int(g, n, "layout", layout);
  if (pick(0, 1)) set_functions(g, n, (int)d * (kind == 2 ? 3 : kind == 1 ? 2 : 1));
  if (pick(0, 1)) set_float(g, n, "clip", 0.5);
  if (kind > 0) set_int(g, n, kind == 1 ? "linear_before_reset" : "input_forget", pick(0, 1));
  return n;
}

/* ---- boxes, n-grams, types */

static Node *random_boxes(Graph *g) {
  int64_t batch = pick(1, 2), classes = pick(1, 3), boxes = pick(1, 12), most = pick(0, 5);
  int64_t box[3] = {batch, boxes, 4}, scores[3] = {batch, classes, boxes}, one = 1;
  Tensor *in[5] = {new_input(g, DT_F32, 3, box), new_reals(g, DT_F32, 3, scores, 1),
                   new_const_i64(g, fresh_name(g, "most"), 1, &most), new_reals(g, DT_F32, 1, &one, 1),
                   pick(0, 1) ? new_reals(g, DT_F32, 1, &one, 1) : NULL};
  float *overlap = in[3]->data;
  *overlap = fabsf(*overlap);
  Tensor *y[2] = {new_output(g), new_output(g)};
  Node *n = add_node(g, -1, "NonMaxSuppression", fresh_name(g, "layer"), in[4] ? 5 : 4, in, 2, y);
  set_int(g, n, "center_point_box", pick(0, 1)), set_int(g, n, "capacity", 1);
  return n;
}

/* Places of what is not 0. */
static Node *random_places(Graph *g) {
  static const DType types[] = {DT_F32, DT_F16, DT_I8, DT_I32, DT_I64, DT_BOOL};
  int64_t x[3] = {pick(1, 5), pick(1, 5), pick(1, 5)};
  Tensor *in = new_input(g, types[pick(0, 5)], pick(1, 3), x), *y[2] = {new_output(g), new_output(g)};
  Node *n = add_node(g, -1, "NonZero", fresh_name(g, "layer"), 1, &in, 2, y);
  set_int(g, n, "capacity", 1);
  return n;
}

/* Grams of one to three members, of few different ones. */
static Node *random_ngrams(Graph *g) {
  static const char *const modes[] = {"TF", "IDF", "TFIDF"};
  int64_t count[3] = {pick(1, 3), pick(0, 3), pick(0, 2)}, from[3] = {0, count[0], count[0] + 2 * count[1]};
  int64_t all = count[0] + count[1] + count[2], members = from[2] + 3 * count[2], pool[15], place[8];
  static double weights[8];
  for (int i = 0; i < 15; i++) pool[i] = pick(0, 3);
  for (int i = 0; i < 8; i++) place[i] = i, weights[i] = 0.25 * i;
  int64_t x[2] = {pick(1, 3), pick(1, 12)};
  Tensor *in = new_input(g, pick(0, 1) ? DT_I32 : DT_I64, 2, x);
  Node *n = new_layer(g, "TfIdfVectorizer", 1, &in);
  set_ints(g, n, "pool_int64s", (int)members, pool), set_ints(g, n, "ngram_counts", 3, from);
  set_ints(g, n, "ngram_indexes", (int)all, place);
  set_int(g, n, "min_gram_length", 1), set_int(g, n, "max_gram_length", pick(1, 3));
  set_int(g, n, "max_skip_count", pick(0, 5)), set_str(g, n, "mode", modes[pick(0, 2)]);
  if (pick(0, 1)) set_attr(g, n, &(Attr){.name = "weights", .kind = ATTR_FLOATS, .n = (int)all, .floats = weights});
  return n;
}

static Node *random_cast(Graph *g) {
  static const DType types[] = {DT_F32, DT_F16,        DT_BF16,  DT_F64,        DT_I8,     DT_U8,     DT_I16, DT_I32,
                                DT_I64, DT_F8E4M3,     DT_F8E5M2, DT_F8E4M3FNUZ, DT_F8E5M2FNUZ, DT_F4E2M1, DT_F8E8M0,
                                DT_I4,  DT_U4,         DT_I2,    DT_U2,         DT_BOOL};
  static const int n_type = sizeof types / sizeof *types;
  int64_t size = pick(1, 67);
  int from = pick(0, n_type - 1), to = pick(0, n_type - 2);
  Tensor *x = new_input(g, types[from], 1, &size);
  Node *n = new_layer(g, "Cast", 1, &x);
  set_int(g, n, "to", types[to < from ? to : to + 1]);
  set_int(g, n, "saturate", pick(0, 1));
  if (types[to < from ? to : to + 1] == DT_F8E8M0) set_str(g, n, "round_mode", pick(0, 1) ? "up" : "nearest");
  return n;
}

static Node *random_det(Graph *g) {
  int64_t size = pick(1, 5), dim[3] = {pick(1, 3), size, size};
  Tensor *x = new_input(g, pick(0, 1) ? DT_F32 : DT_F64, 3, dim);
  return new_layer(g, "Det", 1, &x);
}

/* Of float64. */
static Node *random_product(Graph *g) {
  int64_t batch = pick(1, 3), depth = pick(1, 20), a[3] = {batch, pick(1, 9), depth}, b[3] = {batch, depth, pick(1, 9)};
  bool shared = pick(0, 1);
  Tensor *in[2] = {new_input(g, DT_F64, 3, a), new_reals(g, DT_F64, shared ? 2 : 3, shared ? b + 1 : b, 1)};
  return new_layer(g, "MatMul", 2, in);
}

/* ---- codes */

static Tensor *new_codes(Graph *g, DType type, int rank, const int64_t *dim) {
  Tensor *t = new_const(g, fresh_name(g, "c"), type, rank, dim, NULL);
  t->data = random_data(g, n_elements(t), -128, 127);
  return t;
}

/* One zero point, or `many`, or none. */
static Tensor *new_zeros(Graph *g, DType type, int64_t many) {
  int kind = pick(0, 2);
  return kind == 0 ? NULL : kind == 1 ? new_codes(g, type, 0, NULL) : new_codes(g, type, 1, &many);
}

static Node *random_integer_product(Graph *g) {
  DType x = pick(0, 1) ? DT_U8 : DT_I8, w = pick(0, 1) ? DT_U8 : DT_I8;
  int64_t batch = pick(1, 3), depth = pick(0, 3) ? pick(1, 40) : 600, a[3] = {batch, pick(1, 9), depth},
          b[3] = {batch, depth, pick(1, 9)};
  bool shared = pick(0, 1);
  Tensor *in[4] = {new_input(g, x, 3, a), new_codes(g, w, shared ? 2 : 3, shared ? b + 1 : b), new_zeros(g, x, a[1]),
                   new_zeros(g, w, b[2])};
  return new_layer(g, "MatMulInteger", 4, in);
}

static Node *random_integer_conv(Graph *g) {
  DType type = pick(0, 1) ? DT_U8 : DT_I8, w_type = pick(0, 1) ? DT_U8 : DT_I8;
  int spatial = pick(1, 3);
  int64_t group = pick(1, 3), in_c = group * pick(1, 3), out_c = group * pick(1, 3), x[5], w[5];
  int64_t size[3] = {pick(5, 7), pick(5, 7), pick(5, 7)}, kernel[3] = {pick(1, 3), pick(1, 3), pick(1, 3)};
  image_shape(false, spatial, pick(1, 2), in_c, size, x);
  image_shape(false, spatial, out_c, in_c / group, kernel, w);
  Tensor *in[4] = {new_input(g, type, 2 + spatial, x), new_codes(g, w_type, 2 + spatial, w), new_zeros(g, type, 1),
                   new_zeros(g, w_type, out_c)};
  Node *n = new_layer(g, "ConvInteger", 4, in);
  set_int(g, n, "group", group);
  set_list(g, n, "strides", spatial, 1, 3);
  set_list(g, n, "dilations", spatial, 1, 2);
  set_list(g, n, "pads", 2 * spatial, 0, 2);
  return n;
}

/* Codes of reals by their range, with a scale and a zero point, and back. */
static Node *random_range(Graph *g) {
  int64_t dim[2] = {pick(1, 9), pick(1, 67)}, one = 1;
  if (!pick(0, 2)) {
    Tensor *zero = new_vector(g, "z", 1, -128, 127);
    Tensor *in[3] = {new_input(g, DT_I8, 2, dim), new_reals(g, DT_F32, 1, &one, 1), zero};
    return new_layer(g, "DynamicDequantize", 3, in);
  }
  Tensor *x = new_input(g, DT_F32, 2, dim), *y[3] = {new_output(g), new_output(g), new_output(g)};
  const char *op = pick(0, 1) ? "DynamicQuantizeLinear" : "DynamicQuantize";
  return add_node(g, -1, op, fresh_name(g, "layer"), 1, &x, 3, y);
}

Node *random_general(Graph *g) {
  switch (pick(0, 15)) {
    case 12: return random_integer_product(g);
    case 13: return random_integer_conv(g);
    case 14: return random_range(g);
    case 0: return random_conv3(g);
    case 1: return random_pool3(g);
    case 2: return random_lines(g);
    case 3: return random_grid_sample(g);
    case 4: return random_regions(g);
    case 5: return random_deformed(g);
    case 6: return random_recurrent(g);
    case 7: return random_boxes(g);
    case 8: return random_ngrams(g);
    case 9: return random_det(g);
    case 10: return random_product(g);
    case 15: return random_places(g);
    default: return random_cast(g);
  }
}

/* Numbers of all sizes, and what is none. */
static void random_numbers(const Tensor *t, void *data) {
  static const double special[] = {0, -0.0, INFINITY, -INFINITY, NAN, 65504, 448, 1e30, 0x1p-149, 0x1p-1074};
  static const int n_special = sizeof special / sizeof *special;
  int bits = dtype_bits(t->dtype);
  bool real = dtype_is_float(t->dtype);
  for (int64_t i = 0; i < n_elements(t); i++) {
    if (t->dtype == DT_BOOL) ((uint8_t *)data)[i] = (uint8_t)pick(0, 1);
    else if (real && bits <= 8) ((uint8_t *)data)[i] = (uint8_t)pick(0, (1 << bits) - 1);
    else if (!real) set_real(t->dtype, data, i, pick(0, 1) ? pick(-8, 8) : pick(-(1 << 30), 1 << 30));
    else if (!pick(0, 5)) set_real(t->dtype, data, i, special[pick(0, n_special - 1)]);
    else set_real(t->dtype, data, i, ldexp(pick(-1000000, 1000000), pick(-40, 20)));
  }
}

bool random_general_input(const Node *n, void *data) {
  const Tensor *x = n->in[0];
  bool is_cast = is_op(n, "Cast"), few = is_op(n, "TfIdfVectorizer") || is_op(n, "NonZero");
  if (is_cast) random_numbers(x, data);
  for (int64_t i = 0; few && i < n_elements(x); i++) set_real(x->dtype, data, i, pick(0, 3));
  return is_cast || few;
}
