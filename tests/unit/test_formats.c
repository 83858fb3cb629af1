/* test_formats.c - every format: packing there and back, and quantization of reals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"
#include "runtime/codes_f32.h"
#include "runtime/fp8.h"
#include "tests/unit/unit.h"
#include "tests/unit/vectors.h"

enum { MOST = 300 };

/* A codebook for any format that wants one: its first `book_size`. */
static int8_t book[] = {-127, -101, -77, -50, -31, -8, -1, 0, 3, 9, 20, 41, 60, 61, 99, 127};

/* Codes are those of the format's, or of the book's, that are nearest. */
static void put_code(const Format *f, int8_t *codes, int64_t i, int32_t code) {
  QuantSpec q = {.format = f, .n_book = f->book_size > 0, .book = f->book_size > 0 ? book : NULL};
  set_real(f->dtype, codes, i, f->n_levels || f->mantissa_bits || q.book ? book_code_near(&q, 0, code) : code);
}

static void unpack_codes(const Format *f, const uint8_t *packed, int64_t n, int8_t *codes) {
  if (f->book_size > 0) f->unpack_book(book, packed, n, codes);
  else f->unpack(packed, n, codes);
}

/* Different codes of a format, and one of them. */
static int count_codes(const Format *f) {
  return f->book_size ? f->book_size : f->n_levels ? f->n_levels : f->hi - f->lo + 1;
}

static int8_t nth_code(const Format *f, int i) {
  return (int8_t)(f->book_size ? book[i] : f->n_levels ? f->levels[i] : f->lo + i);
}

/* Codes that include both ends, as the format's range may be too large to list. */
static int32_t some_code(const Format *f, int64_t i) {
  int64_t span = (int64_t)f->hi - f->lo + 1;
  return (int32_t)(i % 2 == 0 ? f->lo + i / 2 % span : f->hi - i / 2 % span);
}

/* Ternary codes share bytes by fives, those of three bits three bytes by eights, others take their
 * bits. */
static int64_t packed_size(const Format *f, int64_t n) {
  n = (n + f->vector - 1) / f->vector * f->vector;
  if (f->bits == 3) return (n + 7) / 8 * 3;
  return strcmp(f->name, "ternary") == 0 ? (n + 4) / 5 : (n * f->bits + 7) / 8;
}

static void packs_and_unpacks(void **state) {
  (void)state;
  for (int k = 0; k < n_formats(); k++) {
    const Format *f = format_at(k);
    const QuantSpec q = {.format = f, .book = book};
    int64_t bytes = dtype_bytes(f->dtype);
    for (int64_t n = 0; n <= MOST && !has_sums(f); n++) {
      int64_t packed_bytes = packed_size(f, n);
      /* exactly as large as needed, so that the sanitizer sees an overrun */
      int8_t *codes = malloc((size_t)(n * bytes) + 1), *back = malloc((size_t)(n * bytes) + 1);
      uint8_t *packed = malloc((size_t)packed_bytes + 1);
      for (int64_t i = 0; i < n; i++) put_code(f, codes, i, some_code(f, i));
      put_vectors(f, codes, 1, n);
      packed[packed_bytes] = 0xa5;
      assert_int_equal(pack_codes(&q, 0, codes, n, packed), packed_bytes);
      assert_int_equal(packed[packed_bytes], 0xa5);
      unpack_codes(f, packed, n, back);
      assert_memory_equal(codes, back, (size_t)(n * bytes));
      free(codes);
      free(back);
      free(packed);
    }
  }
}

/* Values of a unit of each format that has more than one code in it: all, or 4096 of many. */
static void keeps_every_unit(void **state) {
  (void)state;
  for (int k = 0; k < n_formats(); k++) {
    const Format *f = format_at(k);
    const QuantSpec q = {.format = f, .book = book};
    int per_unit = f->packing & 15;
    if (per_unit < 2 || f->vector > 1) continue;
    int span = count_codes(f), values = 1;
    for (int i = 0; i < per_unit; i++) values *= span;
    for (int v = 0; v < values; v += values > 1 << 16 ? 4095 : 1) {
      int8_t codes[8], back[8];
      uint8_t unit[4];
      for (int i = 0, rest = v; i < per_unit; i++, rest /= span)
        codes[i] = nth_code(f, rest % span);
      assert_int_equal(pack_codes(&q, 0, codes, per_unit, unit), packed_size(f, per_unit));
      unpack_codes(f, unit, per_unit, back);
      assert_memory_equal(codes, back, (size_t)per_unit);
    }
  }
}

/* Sign, exponent and significand as the two formats define them. */
static double float_of(int32_t code, int mantissa_bits) {
  int exponents = 7 - mantissa_bits, bias = (1 << (exponents - 1)) - 1;
  int exponent = (code & 127) >> mantissa_bits, digits = code & ((1 << mantissa_bits) - 1);
  double fraction = digits / (double)(1 << mantissa_bits);
  double size = exponent == 0 ? fraction * pow(2, 1 - bias) : (1 + fraction) * pow(2, exponent - bias);
  return code & 128 ? -size : size;
}

/* x becomes `code`, as activations, which are E4M3, in the kernels as well. */
static void assert_code(const Format *f, double x, int32_t code) {
  assert_int_equal(code_near(f, x), (int8_t)code);
  if (f->mantissa_bits == 3) assert_int_equal(qcc_fp8_near((float)x), code & 255);
}

/* All numbers among the 256 codes: the compiler's value, the kernels', and back; halfway to the next
 * one goes to the even code; what is beyond the last one, and infinity, to the last one. */
static void floats_of_8_bits(void **state) {
  (void)state;
  static const char *const names[] = {"fp8_e4m3", "fp8_e5m2"};
  static const int numbers[] = {254, 248};
  for (int k = 0; k < 2; k++) {
    const Format *f = find_format(names[k]);
    int last = numbers[k] / 2 - 1;
    assert_true(code_value(f, last) == f->hi && code_value(f, last | 128) == f->lo);
    for (int32_t code = 0; code < 256; code++) {
      if ((code & 127) > last) continue;
      double value = float_of(code, f->mantissa_bits);
      assert_true(code_value(f, code) == value);
      assert_true((double)qcc_minifloat(f->mantissa_bits, (uint8_t)code) == value);
      if (k == 0) assert_true(qcc_fp8_units((uint8_t)code) == 512 * value);
      assert_code(f, value, code);
      if ((code & 127) == last) continue;
      double next = float_of(code + 1, f->mantissa_bits), half = (value + next) / 2;
      assert_code(f, half, code % 2 == 0 ? code : code + 1);
      assert_code(f, half + (value - half) / 8, code);
      assert_code(f, half + (next - half) / 8, code + 1);
    }
    assert_code(f, 1.01 * f->hi, last);
    assert_code(f, INFINITY, last);
    assert_code(f, -INFINITY, last | 128);
    assert_code(f, NAN, 0);
  }
}

/* Rows that are mostly 0, one after another: as many bytes as counted, and back by the kernels' way. */
static void keeps_what_is_not_zero(void **state) {
  (void)state;
  uint32_t seed = 3;
  for (int64_t n = 1; n <= 40; n++)
    for (int bits = 4; bits <= 8; bits += 4)
      for (uint32_t share = 0; share <= 4; share++) {
        Tensor w = {.dtype = bits == 4 ? DT_I4 : DT_I8, .rank = 2, .dim = {3, n}};
        int8_t *codes = malloc((size_t)(3 * n)), *back = malloc((size_t)n);
        for (int64_t i = 0; i < 3 * n; i++)
          codes[i] = (int8_t)(next_random(&seed) % 4 < share ? 1 + (int)(next_random(&seed) % 7) : 0);
        w.data = codes;
        int64_t bytes = sparse_bytes(&w), at = 0;
        uint8_t *packed = malloc((size_t)bytes);
        for (int r = 0; r < 3; r++)
          at += pack_sparse(format_of(w.dtype), codes + r * n, n, packed + at);
        assert_int_equal(at, bytes);
        const uint8_t *row = packed;
        for (int r = 0; r < 3; r++) {
          row = qcc_unpack(bits == 4 ? 14 : 13, NULL, row, (int32_t)n, back);
          assert_memory_equal(back, codes + r * n, (size_t)n);
        }
        assert_ptr_equal(row, packed + bytes);
        free(codes);
        free(back);
        free(packed);
      }
}

static void packs_in_the_documented_order(void **state) {
  (void)state;
  uint8_t out[4];
  assert_int_equal(find_format("int4")->pack((const int8_t[]){1, -2, 7}, 3, out), 2);
  assert_int_equal(out[0], 0xe1);
  assert_int_equal(out[1], 0x07);
  assert_int_equal(find_format("int2")->pack((const int8_t[]){1, -2, -1, 0, 1}, 5, out), 2);
  assert_int_equal(out[0], 1 | 2 << 2 | 3 << 4);
  assert_int_equal(out[1], 1);
  assert_int_equal(find_format("int3")->pack((const int8_t[]){1, -4, 3, -1, 2}, 5, out), 3);
  assert_memory_equal(out, ((const uint8_t[]){1 | 0 << 2 | 3 << 4 | 3 << 6, 2, 2 | 8}), 3);
  assert_int_equal(find_format("ternary")->pack((const int8_t[]){1, -1, 0, 0, -1, 1}, 6, out), 2);
  assert_int_equal(out[0], ((2 * 81 + 0 * 27 + 1 * 9 + 1 * 3 + 0) * 256 + 242) / 243);
  assert_int_equal(out[1], ((2 * 81 + 1 * 27 + 1 * 9 + 1 * 3 + 1) * 256 + 242) / 243);
  int32_t code = 0x01020304;
  assert_int_equal(find_format("int32")->pack((const int8_t *)&code, 1, out), 4);
  assert_memory_equal(out, ((const uint8_t[]){4, 3, 2, 1}), 4);
}

/* The levels are in order, the bounds among them, and the nearest one is the nearest. */
static void finds_the_nearest_level(void **state) {
  (void)state;
  for (int k = 0; k < n_formats(); k++) {
    const Format *f = format_at(k);
    if (!f->n_levels) continue;
    assert_int_equal(f->levels[0], f->lo);
    assert_int_equal(f->levels[f->n_levels - 1], f->hi);
    for (int i = 1; i < f->n_levels; i++) assert_true(f->levels[i - 1] < f->levels[i]);
    for (double x = f->lo - 2; x <= f->hi + 2; x += 0.25) {
      double least = 1e9;
      for (int i = 0; i < f->n_levels; i++) least = fmin(least, fabs(x - f->levels[i]));
      assert_true(fabs(x - code_near(f, x)) == least);
    }
  }
}

/* ---- e8p ------------------------------------------------------------------------------------- */

enum { WORDS = 65536 };

static void unpack_words(int8_t *vector) {
  for (int c = 0; c < WORDS; c++) {
    uint8_t word[2] = {(uint8_t)c, (uint8_t)(c >> 8)};
    find_format("e8p")->unpack(word, 8, vector + 8 * c);
  }
}

/* Every word is a point of its own, of E8 plus 1/4, comes back from the point, and its point is
 * what is nearest to it. */
static void e8p_words_are_points(void **state) {
  (void)state;
  const Format *f = find_format("e8p");
  int8_t *vector = malloc(WORDS * 8), back[8];
  unpack_words(vector);
  for (int c = 0; c < WORDS; c++) {
    const int8_t *v = vector + 8 * c;
    uint8_t word[2];
    double x[8];
    int shift = v[0] & 2 ? 1 : -1, sum = 0;
    for (int i = 0; i < 8; i++) {
      assert_int_equal((v[i] - shift) & 3, 2);
      sum += (v[i] - shift) / 2;
      x[i] = v[i];
    }
    assert_int_equal(sum % 4, 0); /* halves of odd numbers whose sum is even */
    assert_int_equal(f->pack(v, 8, word), 2);
    assert_int_equal(word[0] | word[1] << 8, c);
    f->nearest(x, 8, back);
    assert_memory_equal(back, v, 8);
  }
  free(vector);
}

static double normal(uint32_t *seed) {
  double sum = -6;
  for (int i = 0; i < 12; i++) sum += next_random(seed) / 4294967296.0;
  return sum;
}

static double distance(const double *x, const int8_t *v, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++) sum += (x[i] - v[i]) * (x[i] - v[i]);
  return sum;
}

/* As near as any of the words, for whole vectors and those whose last places are free. */
static void e8p_is_nearest(void **state) {
  (void)state;
  const Format *f = find_format("e8p");
  int8_t *vector = malloc(WORDS * 8), v[8];
  uint32_t seed = 7;
  unpack_words(vector);
  for (int k = 0; k < 60; k++) {
    int n = k % 3 ? 8 : 1 + k % 8;
    double x[8], least = INFINITY;
    for (int i = 0; i < 8; i++) x[i] = f->rms * normal(&seed) * (k % 5 ? 1 : 3);
    for (int c = 0; c < WORDS; c++) least = fmin(least, distance(x, vector + 8 * c, n));
    f->nearest(x, n, v);
    assert_true(fabs(distance(x, v, n) - least) < 1e-9);
  }
  free(vector);
}

/* The error of normal weights is what the choice of patterns promises, below 0.1169, the best that
 * two bits each can do. */
static void e8p_error_of_normal_weights(void **state) {
  (void)state;
  const Format *f = find_format("e8p");
  enum { VECTORS = 20000 };
  uint32_t seed = 3;
  double error = 0;
  for (int k = 0; k < VECTORS; k++) {
    double x[8];
    int8_t v[8];
    for (int i = 0; i < 8; i++) x[i] = f->rms * normal(&seed);
    f->nearest(x, 8, v);
    error += distance(x, v, 8) / (8.0 * VECTORS * f->rms * f->rms);
  }
  assert_true(error > 0.088 && error < 0.0925);
}

/* ---- aq2x8, aq1x16 --------------------------------------------------------------------------- */

/* Rows of up to 40 codes come back, whatever their length. */
static void assert_found(const QuantSpec *q, uint32_t *seed) {
  for (int64_t n = 0; n <= 40; n++) {
    uint8_t pairs[10], packed[11];
    int8_t codes[40], back[40];
    int64_t bytes = (n + 7) / 8 * 2;
    for (int i = 0; i < 10; i++) {
      uint32_t at = next_random(seed) % (q->entries ? (uint32_t)q->entries : 65536);
      pairs[i / 2 * 2] = (uint8_t)at, pairs[i / 2 * 2 + 1] = (uint8_t)(at >> 8);
    }
    q->format->unpack_book(q->book, pairs, n, codes);
    packed[bytes] = 0xa5;
    assert_int_equal(pack_codes(q, 0, codes, n, packed), bytes);
    assert_int_equal(packed[bytes], 0xa5);
    q->format->unpack_book(q->book, packed, n, back);
    assert_memory_equal(codes, back, (size_t)n);
  }
}

/* Sums of two vectors. */
static void sums_are_found(void **state) {
  (void)state;
  static int8_t vectors[4096];
  uint32_t seed = 11;
  for (int i = 0; i < 4096; i++) {
    int most = i < 2048 ? 90 : 37;
    vectors[i] = (int8_t)((int)(next_random(&seed) % (uint32_t)(2 * most + 1)) - most);
  }
  assert_found(&(QuantSpec){.format = find_format("aq2x8"), .n_book = 1, .book = vectors}, &seed);
}

static int compare_vectors(const void *a, const void *b) { return memcmp(a, b, 8); }

/* Vectors of a codebook of any size, up to the largest. */
static void vectors_are_found(void **state) {
  (void)state;
  static const int64_t entries[] = {1, 2, 3, 255, 256, 257, 1000, 65536};
  static int8_t vectors[524288];
  uint32_t seed = 12;
  for (size_t k = 0; k < sizeof entries / sizeof *entries; k++) {
    QuantSpec q = {.format = find_format("aq1x16"), .n_book = 1, .entries = entries[k], .book = vectors};
    assert_int_equal(book_bytes(&q), 8 * entries[k]);
    for (int64_t i = 0; i < book_bytes(&q); i++) vectors[i] = (int8_t)((int)(next_random(&seed) % 255) - 127);
    qsort(vectors, (size_t)q.entries, 8, compare_vectors);
    assert_found(&q, &seed);
  }
}

/* Multiples of groups in as few bits as the largest needs, up to four: the bytes that are counted are those that
 * kernels read. */
static void reads_small_multiples(void **state) {
  (void)state;
  uint32_t seed = 13;
  for (int bits = 1; bits <= 8; bits++)
    for (int64_t n = 1; n <= 19; n++) {
      uint8_t v[3 * 19], packed[3 * 19] = {0};
      for (int64_t i = 0; i < 3 * n; i++) v[i] = (uint8_t)(next_random(&seed) % (1u << bits));
      v[n] = (uint8_t)(1 << (bits - 1));
      int read = bits <= 4 ? bits : 8, kernel = read < 8 ? read : 0;
      int64_t row = (n * read + 7) / 8;
      assert_int_equal(multiple_bits(v, 3 * n), read);
      assert_int_equal(multiple_bytes(v, 3, n), 3 * row);
      for (int64_t i = 0; i < 3 * n * read; i++) {
        int64_t at = i % (n * read);
        packed[i / (n * read) * row + at / 8] |=
            (uint8_t)((v[i / read] >> i % read & 1) << at % 8);
      }
      for (int32_t o = 0; o < 3; o++)
        for (int32_t k = 0; k < n; k++)
          assert_int_equal(qcc_multiple(kernel, qcc_multiples(kernel, packed, o, (int32_t)n), k),
                           v[o * n + k]);
    }
}

static void finds_formats(void **state) {
  (void)state;
  assert_null(find_format("int9"));
  assert_null(format_of(DT_F32));
  assert_ptr_equal(format_of(DT_I2), find_format("int2"));
  for (int k = 0; k < n_formats(); k++) {
    assert_ptr_equal(find_format(format_at(k)->name), format_at(k));
    assert_int_equal(format_of(format_at(k)->dtype)->dtype, format_at(k)->dtype);
    if (!has_spare_bits(format_at(k)))
      assert_int_equal(dtype_bits(format_at(k)->dtype), format_at(k)->bits);
  }
}

static QuantSpec one_scale(const Format *f, float *scale, int32_t *zero) {
  return (QuantSpec){.format = f, .axis = -1, .n = 1, .scale = scale, .zero = zero,
                     .n_book = f->book_size > 0, .book = f->book_size > 0 ? book : NULL};
}

/* Codes survive the way to reals and back where a float32 holds them. */
static void quantizes_what_it_dequantizes(void **state) {
  (void)state;
  static float scales[] = {1, 0.1f, 3.7e-5f, 1234.5f};
  for (int k = 0; k < n_formats(); k++) {
    const Format *f = format_at(k);
    if (f->bits > 16 || has_sums(f)) continue;
    int64_t n = f->hi - f->lo + 1;
    for (int s = 0; s < 4; s++) {
      int32_t zero = f->n_levels || f->book_size ? 0 : f->lo + (int32_t)(n / 3);
      QuantSpec q = one_scale(f, &scales[s], &zero);
      Tensor t = {.dtype = f->dtype, .rank = 1, .dim = {n}, .quant = &q};
      size_t bytes = (size_t)(n * dtype_bytes(f->dtype));
      int8_t *codes = malloc(bytes), *back = malloc(bytes);
      float *x = malloc((size_t)n * sizeof *x);
      for (int64_t i = 0; i < n; i++) put_code(f, codes, i, (int32_t)(f->lo + i));
      put_vectors(f, codes, 1, n);
      dequantize_codes(&t, codes, x);
      quantize_reals(&t, x, back);
      assert_memory_equal(codes, back, bytes);
      free(codes);
      free(back);
      free(x);
    }
  }
}

static void rounds_to_the_nearest_code(void **state) {
  (void)state;
  uint32_t seed = 1;
  float scale = 0.037f;
  int32_t zero = -17;
  QuantSpec q = one_scale(find_format("int8"), &scale, &zero);
  Tensor t = {.dtype = DT_I8, .rank = 1, .dim = {1}, .quant = &q};
  float lo = (-128 - zero) * scale, hi = (127 - zero) * scale;
  for (int i = 0; i < 100000; i++) {
    float x = lo + (hi - lo) * (float)(next_random(&seed) / 4294967296.0), back;
    int8_t code;
    quantize_reals(&t, &x, &code);
    dequantize_codes(&t, &code, &back);
    assert_true(fabsf(x - back) <= scale / 2 * 1.0001f);
    x *= 2;
    quantize_reals(&t, &x, &code);
    assert_int_equal(code, fminf(fmaxf(rintf(x / scale) + (float)zero, -128), 127));
  }
}

static int8_t quantized(const Tensor *t, float x) {
  int8_t code;
  quantize_reals(t, &x, &code);
  return code;
}

static void keeps_the_edges(void **state) {
  (void)state;
  float scale = 0.5f;
  int32_t zero = 3;
  QuantSpec q = one_scale(find_format("int8"), &scale, &zero);
  Tensor t = {.dtype = DT_I8, .rank = 0, .quant = &q};
  assert_int_equal(quantized(&t, 0), 3);
  assert_int_equal(quantized(&t, NAN), 3);
  assert_int_equal(quantized(&t, INFINITY), 127);
  assert_int_equal(quantized(&t, -INFINITY), -128);
  assert_int_equal(quantized(&t, 1e38f), 127);
  assert_int_equal(quantized(&t, 0.25f), 3);   /* a tie: to even, before the zero point */
  assert_int_equal(quantized(&t, 0.75f), 5);
  assert_int_equal(quantized(&t, -0.25f), 3);
}

/* Every element of a small tensor against the definition of groups. */
static void indexes_scales(void **state) {
  (void)state;
  Tensor t = {.dtype = DT_I8, .rank = 3, .dim = {2, 3, 5}};
  for (int axis = 0; axis < 3; axis++)
    for (int64_t group = 0; group <= 16; group += 4) {
      QuantSpec q = {.axis = axis, .group = group};
      int64_t per_channel = 30 / t.dim[axis], at[3], seen[5] = {0};
      int64_t n_groups = group > 0 ? (per_channel + group - 1) / group : 1;
      for (int64_t i = 0; i < 30; i++) {
        at[0] = i / 15, at[1] = i / 5 % 3, at[2] = i % 5;
        int64_t nth = seen[at[axis]]++;
        int64_t expected = at[axis] * n_groups + (group > 0 ? nth / group : 0);
        assert_int_equal(scale_index(&t, &q, i), expected);
      }
    }
  QuantSpec whole = {.axis = -1};
  assert_int_equal(scale_index(&t, &whole, 29), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(packs_and_unpacks),          cmocka_unit_test(keeps_what_is_not_zero),
      cmocka_unit_test(floats_of_8_bits),
      cmocka_unit_test(packs_in_the_documented_order),
      cmocka_unit_test(keeps_every_unit),
      cmocka_unit_test(finds_formats), cmocka_unit_test(finds_the_nearest_level),              cmocka_unit_test(quantizes_what_it_dequantizes),
      cmocka_unit_test(rounds_to_the_nearest_code), cmocka_unit_test(keeps_the_edges),
      cmocka_unit_test(indexes_scales),             cmocka_unit_test(e8p_words_are_points),
      cmocka_unit_test(e8p_is_nearest),             cmocka_unit_test(e8p_error_of_normal_weights),
      cmocka_unit_test(sums_are_found), cmocka_unit_test(vectors_are_found), cmocka_unit_test(reads_small_multiples),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
