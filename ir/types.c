/* types.c - element types and shapes.
 *
 * Small floating-point types are described by the widths of their fields, so one encoder and one
 * decoder serve half, bfloat16, the 8-bit floats and the 4-bit float (IEEE 754; OCP 8-bit Floating Point
 * 1.0; OCP Microscaling Formats 1.0; Noune et al., 8-bit Numerical Formats for Deep Neural Networks, for
 * those without a negative zero). */
#include <math.h>
#include <string.h>

#include "ir/ir.h"

typedef enum Class { NO_CLASS, SIGNED, UNSIGNED, FLOATING, BOOLEAN, TEXT } Class;

/* clang-format off */
static const struct { const char *name; Class class; int bytes, bits; } types[DT_COUNT] = {
  [DT_NONE]   = {"undefined",    NO_CLASS, 0, 0},
  [DT_F32]    = {"float",        FLOATING, 4, 32},
  [DT_U8]     = {"uint8",        UNSIGNED, 1, 8},
  [DT_I8]     = {"int8",         SIGNED,   1, 8},
  [DT_U16]    = {"uint16",       UNSIGNED, 2, 16},
  [DT_I16]    = {"int16",        SIGNED,   2, 16},
  [DT_I32]    = {"int32",        SIGNED,   4, 32},
  [DT_I64]    = {"int64",        SIGNED,   8, 64},
  [DT_STRING] = {"string",       TEXT,     0, 0},
  [DT_BOOL]   = {"bool",         BOOLEAN,  1, 8},
  [DT_F16]    = {"float16",      FLOATING, 2, 16},
  [DT_F64]    = {"double",       FLOATING, 8, 64},
  [DT_U32]    = {"uint32",       UNSIGNED, 4, 32},
  [DT_U64]    = {"uint64",       UNSIGNED, 8, 64},
  [DT_BF16]   = {"bfloat16",     FLOATING, 2, 16},
  [DT_F8E4M3] = {"float8e4m3fn", FLOATING, 1, 8},
  [DT_F8E4M3FNUZ] = {"float8e4m3fnuz", FLOATING, 1, 8},
  [DT_F8E5M2] = {"float8e5m2",   FLOATING, 1, 8},
  [DT_F8E5M2FNUZ] = {"float8e5m2fnuz", FLOATING, 1, 8},
  [DT_U4]     = {"uint4",        UNSIGNED, 1, 4},
  [DT_I4]     = {"int4",         SIGNED,   1, 4},
  [DT_F4E2M1] = {"float4e2m1",   FLOATING, 1, 4},
  [DT_F8E8M0] = {"float8e8m0",   FLOATING, 1, 8},
  [DT_U2]     = {"uint2",        UNSIGNED, 1, 2},
  [DT_I2]     = {"int2",         SIGNED,   1, 2},
};

static const SmallFloat small[DT_COUNT] = {
  [DT_F16]        = {5, 10, 15,  0x7bff, 0x7c00, 0x7e00},
  [DT_BF16]       = {8, 7,  127, 0x7f7f, 0x7f80, 0x7fc0},
  [DT_F8E4M3]     = {4, 3,  7,   0x7e,   0,      0x7f},
  [DT_F8E4M3FNUZ] = {4, 3,  8,   0x7f,   0,      0x80},
  [DT_F8E5M2]     = {5, 2,  15,  0x7b,   0x7c,   0x7f},
  [DT_F8E5M2FNUZ] = {5, 2,  16,  0x7f,   0,      0x80},
  [DT_F4E2M1]     = {2, 1,  1,   0x7,    0,      0},
};
/* clang-format on */

static bool known(DType t) { return (int)t > 0 && (int)t < DT_COUNT && types[t].name != NULL; }

const char *dtype_name(DType t) { return known(t) ? types[t].name : types[DT_NONE].name; }

DType dtype_by_name(const char *name) {
  for (int t = 1; t < DT_COUNT; t++)
    if (types[t].name != NULL && strcmp(types[t].name, name) == 0) return (DType)t;
  return DT_NONE;
}

int dtype_bytes(DType t) { return known(t) ? types[t].bytes : 0; }
int dtype_bits(DType t) { return known(t) ? types[t].bits : 0; }
bool dtype_is_float(DType t) { return known(t) && types[t].class == FLOATING; }

bool dtype_is_half(DType t) { return t == DT_F16 || t == DT_BF16; }

bool dtype_is_int(DType t) {
  return known(t) && (types[t].class == SIGNED || types[t].class == UNSIGNED);
}

void code_limits(DType t, float *lo, float *hi) {
  int bits = dtype_bits(t);
  bool is_unsigned = types[t].class == UNSIGNED;
  *lo = is_unsigned ? 0 : -ldexpf(1, bits - 1);
  *hi = ldexpf(1, is_unsigned ? bits : bits - 1) - 1;
}

/* ---- shapes */

int64_t n_elements(const Tensor *t) {
  if (t->rank < 0) return -1;
  int64_t n = 1;
  for (int i = 0; i < t->rank; i++) {
    if (t->dim[i] < 0) return -1;
    n = mul_size(n, t->dim[i]);
    if (n < 0) return -1;
  }
  return n;
}

int64_t tensor_bytes(const Tensor *t) { return mul_size(n_elements(t), dtype_bytes(t->dtype)); }

int64_t stored_bytes(const Tensor *t) {
  if (!is_const(t)) return tensor_bytes(t);
  int64_t bits = mul_size(n_elements(t), dtype_bits(t->dtype));
  return bits < 0 ? -1 : bits / 8 + (bits % 8 != 0);
}

bool same_meaning(const QuantSpec *a, const QuantSpec *b) {
  if (!a || !b) return a == b;
  return a->n == 1 && b->n == 1 && a->format == b->format && a->scale[0] == b->scale[0] && a->zero[0] == b->zero[0];
}

bool same_shape(const Tensor *a, const Tensor *b) {
  if (a->rank != b->rank || a->rank < 0) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i] || a->dim[i] < 0) return false;
  return true;
}

/* As in ONNX's text: a scalar has no brackets, [] is a tensor of unknown rank. */
const char *shape_text(Arena *a, const Tensor *t) {
  if (t->rank < 0) return "[]";
  if (t->rank == 0) return "";
  const char *text = "[";
  for (int i = 0; i < t->rank; i++) {
    const char *sep = i == 0 ? "" : ",";
    if (t->dim[i] >= 0)
      text = arena_printf(a, "%s%s%lld", text, sep, (long long)t->dim[i]);
    else
      text = arena_printf(a, "%s%s%s", text, sep, t->dim_param[i] != NULL ? t->dim_param[i] : "?");
  }
  return arena_printf(a, "%s]", text);
}

int channel_axis(const Tensor *t) { return t->layout == LAYOUT_NHWC ? t->rank - 1 : 1; }

/* ---- small floats */

const SmallFloat *small_float(DType t) { return known(t) && small[t].top > 0 ? &small[t] : NULL; }

static double decode(DType t, unsigned code) {
  const SmallFloat *f = &small[t];
  unsigned sign = 1u << (f->exponent_bits + f->fraction_bits), magnitude = code & (sign - 1);
  double direction = code & sign ? -1 : 1;
  if (f->nan == sign && (code & (2 * sign - 1)) == sign) return NAN;
  if (magnitude > f->top) return magnitude == f->infinity ? direction * (double)INFINITY : NAN;
  int exponent = (int)(magnitude >> f->fraction_bits);
  unsigned fraction = magnitude & ((1u << f->fraction_bits) - 1);
  if (exponent > 0) fraction |= 1u << f->fraction_bits;
  return direction * ldexp(fraction, (exponent > 0 ? exponent : 1) - f->bias - f->fraction_bits);
}

/* Rounds to nearest, ties to even: in steps of the last place, the code of a normal number is its
 * rounded significand plus (exponent - 1) steps of 2^fraction_bits, also when rounding carries. */
static unsigned encode(DType t, double v, bool saturates) {
  const SmallFloat *f = &small[t];
  if (isnan(v)) return f->nan;
  unsigned top = 1u << (f->exponent_bits + f->fraction_bits), sign = signbit(v) ? top : 0;
  unsigned most = saturates ? f->top : f->infinity > 0 ? f->infinity : f->nan;
  double a = fabs(v);
  if (a >= ldexp(1, 1 << f->exponent_bits)) return sign | most;
  int e = a > 0 ? ilogb(a) : -f->bias;
  if (e < 1 - f->bias) e = 1 - f->bias;
  int64_t significand = (int64_t)rint(ldexp(a, f->fraction_bits - e));
  int64_t code = significand + ((int64_t)(e + f->bias - 1) << f->fraction_bits);
  if (code == 0 && f->nan == top) return 0;
  return sign | (code > f->top ? most : (unsigned)code);
}

float half_to_float(uint16_t h) { return (float)decode(DT_F16, h); }

uint16_t float_to_half(float f) { return (uint16_t)encode(DT_F16, (double)f, false); }

/* Powers of two from 2^-127 to 2^127, and NaN. */
static uint8_t encode_power(double v, bool saturates, char mode) {
  int e;
  if (isnan(v) || isinf(v)) return 0xff;
  if (v == 0) return 0;
  double significand = 2 * frexp(fabs(v), &e);
  e += 126 + (mode == 'u' ? significand > 1 : mode == 'n' && significand >= 1.5);
  return e < 0 ? 0 : e < 0xff ? (uint8_t)e : saturates ? 0xfe : 0xff;
}

/* ---- elements */

double get_real(DType t, const void *data, int64_t i) {
  switch (t) {
    case DT_F32: return ((const float *)data)[i];
    case DT_F64: return ((const double *)data)[i];
    case DT_F16: case DT_BF16: return decode(t, ((const uint16_t *)data)[i]);
    case DT_F8E4M3: case DT_F8E4M3FNUZ: case DT_F8E5M2: case DT_F8E5M2FNUZ: case DT_F4E2M1:
      return decode(t, ((const uint8_t *)data)[i]);
    case DT_F8E8M0: {
      uint8_t code = ((const uint8_t *)data)[i];
      return code == 0xff ? NAN : ldexp(1, code - 127);
    }
    case DT_U64: return (double)((const uint64_t *)data)[i];
    default: return (double)get_int(t, data, i);
  }
}

static int64_t saturate(double v, double lo, double hi) {
  if (isnan(v)) return 0;
  v = rint(v);
  return (int64_t)(v < lo ? lo : v > hi ? hi : v);
}

/* The limits of 64-bit types are no doubles, so they cannot go through saturate(). */
static int64_t saturate_i64(double v) {
  if (isnan(v)) return 0;
  if (v >= 0x1p63) return INT64_MAX;
  return v <= -0x1p63 ? INT64_MIN : (int64_t)rint(v);
}

static uint64_t saturate_u64(double v) {
  if (!(v > 0)) return 0;
  return v >= 0x1p64 ? UINT64_MAX : (uint64_t)rint(v);
}

int64_t get_int(DType t, const void *data, int64_t i) {
  switch (t) {
    case DT_I8: case DT_I4: case DT_I2: return ((const int8_t *)data)[i];
    case DT_U8: case DT_U4: case DT_U2: return ((const uint8_t *)data)[i];
    case DT_BOOL: return ((const uint8_t *)data)[i] != 0;
    case DT_I16: return ((const int16_t *)data)[i];
    case DT_U16: return ((const uint16_t *)data)[i];
    case DT_I32: return ((const int32_t *)data)[i];
    case DT_U32: return ((const uint32_t *)data)[i];
    case DT_I64: return ((const int64_t *)data)[i];
    case DT_U64: return (int64_t)((const uint64_t *)data)[i];
    case DT_NONE: case DT_STRING: case DT_COUNT: bug("no numbers in a %s", dtype_name(t));
    default: return saturate_i64(get_real(t, data, i));
  }
}

void set_real(DType t, void *data, int64_t i, double v) {
  switch (t) {
    case DT_F32: ((float *)data)[i] = (float)v; return;
    case DT_F64: ((double *)data)[i] = v; return;
    case DT_F16: case DT_BF16: ((uint16_t *)data)[i] = (uint16_t)encode(t, v, false); return;
    case DT_F8E4M3: case DT_F8E4M3FNUZ: case DT_F8E5M2: case DT_F8E5M2FNUZ: case DT_F4E2M1:
    case DT_F8E8M0: set_narrow(t, data, i, v, true, 'n'); return;
    case DT_I8: ((int8_t *)data)[i] = (int8_t)saturate(v, INT8_MIN, INT8_MAX); return;
    case DT_U8: ((uint8_t *)data)[i] = (uint8_t)saturate(v, 0, UINT8_MAX); return;
    case DT_I16: ((int16_t *)data)[i] = (int16_t)saturate(v, INT16_MIN, INT16_MAX); return;
    case DT_U16: ((uint16_t *)data)[i] = (uint16_t)saturate(v, 0, UINT16_MAX); return;
    case DT_I32: ((int32_t *)data)[i] = (int32_t)saturate(v, INT32_MIN, INT32_MAX); return;
    case DT_U32: ((uint32_t *)data)[i] = (uint32_t)saturate(v, 0, UINT32_MAX); return;
    case DT_I64: ((int64_t *)data)[i] = saturate_i64(v); return;
    case DT_U64: ((uint64_t *)data)[i] = saturate_u64(v); return;
    case DT_I4: ((int8_t *)data)[i] = (int8_t)saturate(v, -8, 7); return;
    case DT_U4: ((uint8_t *)data)[i] = (uint8_t)saturate(v, 0, 15); return;
    case DT_I2: ((int8_t *)data)[i] = (int8_t)saturate(v, -2, 1); return;
    case DT_U2: ((uint8_t *)data)[i] = (uint8_t)saturate(v, 0, 3); return;
    case DT_BOOL: ((uint8_t *)data)[i] = v != 0; return;
    default: bug("no numbers in a %s", dtype_name(t));
  }
}

void set_narrow(DType t, void *data, int64_t i, double v, bool saturates, char mode) {
  if (t == DT_F8E8M0) ((uint8_t *)data)[i] = encode_power(v, saturates, mode);
  else if (dtype_is_float(t) && dtype_bits(t) <= 8)
    ((uint8_t *)data)[i] = (uint8_t)encode(t, v, saturates || dtype_bits(t) < 8);
  else set_real(t, data, i, v);
}
