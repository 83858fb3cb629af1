/* tflite_tables.c - functions of one int8 code by rule tflite (docs/numerics.md): the code that TensorFlow Lite Micro's
 * reference kernel gives for each of the 256. */
#include <math.h>
#include <string.h>

#include "passes/lower/lower.h"

/* From codes of x to codes of y. */
typedef struct Function {
  const Node *n;
  double x_scale, y_scale;
  int32_t x_zero, y_zero;
} Function;

typedef int32_t Apply(const Function *f, int32_t x); /* x: code less its zero point; before the clamp */

static int32_t times(double scale, int32_t v) {
  int32_t m, exponent;
  pick_tflite(scale, &m, &exponent);
  return scale_tflite(v, m, exponent);
}

/* The ratio of two scales as those kernels compute it that have float32 ones. */
static double short_ratio(const Function *f, float factor) {
  return (double)((float)f->x_scale * factor / (float)f->y_scale);
}

/* ---- changes of the scale */

static int32_t requantize(const Function *f, int32_t x) { return f->y_zero + times(f->x_scale / f->y_scale, x); }

static int32_t relu(const Function *f, int32_t x) {
  int32_t code = f->y_zero + times(short_ratio(f, 1), x);
  return code < f->y_zero ? f->y_zero : code;
}

static int32_t leaky_relu(const Function *f, int32_t x) {
  float alpha = (float)attr_float(f->n, "alpha", 0.01);
  return f->y_zero + times(short_ratio(f, x >= 0 ? 1 : alpha), x);
}

/* ---- Sigmoid and Tanh: of numbers with 4 integer bits, at least 15 of which are at the end of the function */

enum { INTEGER_BITS = 4 };

/* x with those bits; true where it is at an end. */
static bool input_of(const Function *f, int32_t x, int32_t *a) {
  int32_t m, exponent;
  pick_tflite(ldexp(f->x_scale, 31 - INTEGER_BITS), &m, &exponent);
  double end = floor(ldexp((1 << INTEGER_BITS) - 1, 31 - INTEGER_BITS - exponent));
  if (x <= -end || x >= end) return true;
  *a = scale_tflite(x, m, exponent);
  return false;
}

static int32_t sigmoid(const Function *f, int32_t x) {
  int32_t a;
  if (input_of(f, x, &a)) return x < 0 ? -128 : 127;
  return round_shift(fixed_sigmoid(a), 23) - 128;
}

static int32_t tanh_code(const Function *f, int32_t x) {
  int32_t a;
  if (input_of(f, x, &a)) return x < 0 ? -128 : 127;
  return round_shift(fixed_tanh(a), 24);
}

/* ---- HardSwish: x relu6(x + 3) / 6 in 16 bits */

static int32_t clamp16(int32_t v) { return v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v; }

/* The rounded upper half of a doubled product of numbers of 16 bits. */
static int32_t times16(int32_t a, int32_t b) { return (a * b + (1 << 14)) >> 15; }

/* A scale as a multiplier of 16 bits with its exponent. */
static int32_t pick16(double scale, int *exponent) {
  int32_t m, e;
  pick_tflite(scale, &m, &e);
  *exponent = e;
  return m >= INT32_MAX - (1 << 15) ? INT16_MAX : (m + (1 << 15)) >> 16;
}

static int32_t hard_swish(const Function *f, int32_t x) {
  const float fine = (float)f->x_scale / 128, unit = 3.0f / 32768;
  int up, down, value = x * 128;
  int32_t to_unit = pick16((double)(fine / unit), &up), to_output = pick16((double)(fine / (float)f->y_scale), &down);
  int32_t share = value, scaled = times16(value, to_output);
  if (up > 0) share = clamp16(share * (1 << (up - 1)));
  share = times16(share, to_unit);
  if (up > 0) share = clamp16(share * 2);
  if (up < 0) share = round_shift(share, -up);
  share = (share + (1 << 15)) >> 1; /* of -1..1 to 0..1 */
  return f->y_zero + round_shift(share * scaled / (1 << 15), -down);
}

/* The smallest exponents are those of scales that no network has. */
static bool fits_hard_swish(const Function *f) {
  int up, down;
  pick16((double)((float)f->x_scale / 128 / (3.0f / 32768)), &up);
  pick16((double)((float)f->x_scale / 128 / (float)f->y_scale), &down);
  return up <= 15 && down <= 0;
}

static const struct { const char *op; Apply *apply; double y_scale; int32_t y_zero; } functions[] = {
  {"Dequantize", requantize, 0, 0}, {"Relu", relu, 0, 0}, {"LeakyRelu", leaky_relu, 0, 0},
  {"Sigmoid", sigmoid, 1.0 / 256, -128}, {"Tanh", tanh_code, 1.0 / 128, 0}, {"HardSwish", hard_swish, 0, 0},
};

bool tflite_table(const Node *n, const Tensor *x, const Tensor *y, int8_t *table) {
  size_t i = 0, count = sizeof functions / sizeof *functions;
  while (i < count && !is_op(n, functions[i].op)) i++;
  if (i == count || x->dtype != DT_I8 || y->dtype != DT_I8 || x->quant->n != 1 || y->quant->n != 1) return false;
  Function f = {n, scale_of(x), scale_of(y), zero_of(x), zero_of(y)};
  if (functions[i].y_scale > 0 && (f.y_scale != functions[i].y_scale || f.y_zero != functions[i].y_zero)) return false;
  if (functions[i].apply == hard_swish && !fits_hard_swish(&f)) return false;
  for (int code = -128; code < 128; code++) {
    int32_t v = functions[i].apply(&f, code - f.x_zero);
    table[code + 128] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
  }
  return true;
}
