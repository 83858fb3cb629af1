/* test_moves.c - the kernels of runtime/ that only move elements, for element sizes of 1, 2, 4 and
 * 8 bytes, against index arithmetic on single elements. */
#include "tests/kernels/guard.h"

#include "runtime/gather.h"
#include "runtime/indexed.h"
#include "runtime/move.h"
#include "runtime/pad.h"
#include "runtime/resize_nearest.h"
#include "runtime/select.h"

static const int32_t sizes[] = {1, 2, 4, 8};

static void *random_bytes(int64_t n) {
  return random_codes(n, -128, 127);
}

static void assert_element(const void *y, int64_t i, const void *x, int64_t k, int32_t elem) {
  assert_memory_equal((const uint8_t *)y + i * elem, (const uint8_t *)x + k * elem, (size_t)elem);
}

/* A view whose steps may be 0, negative, or jump; `span` becomes the elements of x it needs. */
static struct qcc_view random_view(int64_t *n, int64_t *span) {
  struct qcc_view v = {.rank = random_int(1, 5), .elem = sizes[random_int(0, 3)]};
  *n = *span = 1;
  for (int d = 0; d < v.rank; d++) {
    v.dim[d] = random_int(1, 5);
    v.step[d] = random_int(0, 3) ? random_int(1, 9) : 0;
    int64_t reach = (int64_t)(v.dim[d] - 1) * v.step[d];
    if (random_int(0, 2) == 0) {
      v.step[d] = -v.step[d];
      v.start += (int32_t)reach;
    }
    *span += reach;
    *n *= v.dim[d];
  }
  if (random_int(0, 1)) {
    *span += (v.dim[v.rank - 1] - 1) * (int64_t)(v.step[v.rank - 1] < 1);
    if (v.step[v.rank - 1] == 0) v.step[v.rank - 1] = 1;
  }
  return v;
}

static void test_view(void **state) {
  (void)state;
  for (int i = 0; i < 400; i++) {
    int64_t n, span;
    struct qcc_view v = random_view(&n, &span);
    void *x = random_bytes(span * v.elem), *y = new_buffer(n * v.elem);
    qcc_copy_view(&v, x, y);
    for (int64_t k = 0; k < n; k++) {
      int64_t at = v.start, rest = k;
      for (int d = v.rank - 1; d >= 0; d--) {
        at += rest % v.dim[d] * v.step[d];
        rest /= v.dim[d];
      }
      assert_element(y, k, x, at, v.elem);
    }
    free_buffers();
  }
}

static void test_rows(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    int rows = random_int(1, 9), a = random_int(1, 20), b = random_int(1, 20);
    uint8_t *x = random_bytes((int64_t)rows * a), *z = random_bytes((int64_t)rows * b);
    uint8_t *y = new_buffer((int64_t)rows * (a + b)), *back = new_buffer((int64_t)rows * b);
    qcc_copy_rows(rows, a, a, a + b, x, y);
    qcc_copy_rows(rows, b, b, a + b, z, y + a);
    for (int r = 0; r < rows; r++) {
      assert_memory_equal(y + r * (a + b), x + r * a, (size_t)a);
      assert_memory_equal(y + r * (a + b) + a, z + r * b, (size_t)b);
    }
    qcc_copy_rows(rows, b, a + b, b, y + a, back);
    assert_memory_equal(back, z, (size_t)(rows * b));
    free_buffers();
  }
}

/* Walks from i towards the tensor one reflection, wrap or clamp at a time; -1: constant. */
static int source(int mode, int i, int n) {
  while (i < 0 || i >= n) {
    if (mode == QCC_PAD_CONSTANT) return -1;
    if (mode == QCC_PAD_EDGE || n == 1)
      i = i < 0 ? 0 : n - 1;
    else if (mode == QCC_PAD_WRAP)
      i += i < 0 ? n : -n;
    else
      i = i < 0 ? -i : 2 * (n - 1) - i;
  }
  return i;
}

static void test_pad(void **state) {
  (void)state;
  for (int i = 0; i < 400; i++) {
    struct qcc_pad p = {.rank = random_int(1, 4), .elem = sizes[i % 4], .mode = random_int(0, 3)};
    int64_t n_x = 1, n_y = 1;
    for (int d = 0; d < p.rank; d++) {
      int lo = p.mode == QCC_PAD_CONSTANT ? -1 : 0;
      do {
        p.in[d] = random_int(1, 6);
        p.before[d] = random_int(lo, 7);
        p.out[d] = p.before[d] + p.in[d] + random_int(lo, 7);
      } while (p.out[d] < 1);
      n_x *= p.in[d];
      n_y *= p.out[d];
    }
    void *x = random_bytes(n_x * p.elem), *y = new_buffer(n_y * p.elem);
    void *value = random_bytes(p.elem);
    qcc_pad(&p, p.mode == QCC_PAD_CONSTANT ? value : NULL, x, y);
    for (int64_t k = 0; k < n_y; k++) {
      int64_t at = 0, rest = k, step = 1;
      for (int d = p.rank - 1; d >= 0 && at >= 0; d--) {
        int s = source(p.mode, (int)(rest % p.out[d]) - p.before[d], p.in[d]);
        at = s < 0 ? -1 : at + s * step;
        step *= p.in[d];
        rest /= p.out[d];
      }
      assert_element(y, k, at < 0 ? value : x, at < 0 ? 0 : at, p.elem);
    }
    free_buffers();
  }
}

static void test_gather(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_gather p = {random_int(1, 4), random_int(1, 9), random_int(1, 20),
                           random_int(1, 12)};
    int64_t *wide = new_buffer(8 * (int64_t)p.n);
    int32_t *index = new_buffer(4 * (int64_t)p.n);
    for (int k = 0; k < p.n; k++) wide[k] = index[k] = random_int(-p.axis - 2, p.axis + 2);
    if (i % 10 == 0) wide[0] = INT64_C(1) << 40, index[0] = INT32_MAX;
    void *x = random_bytes((int64_t)p.outer * p.axis * p.inner_bytes);
    int64_t n_y = (int64_t)p.outer * p.n * p.inner_bytes;
    void *y = new_buffer(n_y), *z = new_buffer(n_y);
    qcc_gather_i32(&p, index, x, y);
    qcc_gather_i64(&p, wide, x, z);
    assert_memory_equal(y, z, (size_t)n_y);
    for (int o = 0; o < p.outer; o++)
      for (int k = 0; k < p.n; k++) {
        int at = index[k] < -p.axis ? 0 : index[k] < 0 ? index[k] + p.axis : index[k];
        if (at >= p.axis) at = p.axis - 1;
        assert_element(y, o * p.n + k, x, o * p.axis + at, p.inner_bytes);
      }
    free_buffers();
  }
}

static void test_nearest(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++) {
    struct qcc_resize p = {random_int(1, 2), random_int(1, 5), random_int(1, 5), random_int(1, 9),
                           random_int(1, 11), random_int(1, 11), sizes[i % 4]};
    int32_t row[11], col[11];
    for (int k = 0; k < p.out_h; k++) row[k] = random_int(0, p.in_h - 1);
    for (int k = 0; k < p.out_w; k++) col[k] = random_int(0, p.in_w - 1);
    void *x = random_bytes((int64_t)p.batch * p.in_h * p.in_w * p.channels * p.elem);
    void *y = new_buffer((int64_t)p.batch * p.out_h * p.out_w * p.channels * p.elem);
    qcc_resize_nearest(&p, row, col, x, y);
    for (int n = 0; n < p.batch; n++)
      for (int oy = 0; oy < p.out_h; oy++)
        for (int ox = 0; ox < p.out_w; ox++)
          for (int c = 0; c < p.channels; c++)
            assert_element(y, ((n * p.out_h + oy) * p.out_w + ox) * p.channels + c, x,
                           ((n * p.in_h + row[oy]) * p.in_w + col[ox]) * p.channels + c, p.elem);
    free_buffers();
  }
}

/* Any number at all, often one that names a place. */
static int64_t hostile_number(int32_t size) {
  static const int64_t far[] = {INT64_MIN, INT64_MAX, INT32_MIN, INT32_MAX, INT64_C(1) << 32};
  return random_int(0, 2) ? random_int(-size - 2, size + 2) : far[random_int(0, 4)];
}

static int32_t named_place(int64_t k, int32_t size) {
  if (k < 0 && k >= -size) k += size;
  return k < 0 ? 0 : k >= size ? size - 1 : (int32_t)k;
}

/* Tuples of two indices into x[a][b][run], whatever they say. */
static void test_indexed(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct qcc_indexed p = {.rank = 1, .depth = 2, .entries = random_int(1, 9), .run = random_int(1, 3),
                            .elem = sizes[i % 4], .wide = 1};
    p.dim[0] = p.entries;
    p.size[0] = random_int(1, 4), p.size[1] = random_int(1, 5);
    p.stride[0] = p.size[1] * p.run, p.stride[1] = p.run;
    int64_t n_x = (int64_t)p.size[0] * p.stride[0], n_y = (int64_t)p.entries * p.run;
    int64_t *index = new_buffer(16 * (int64_t)p.entries);
    for (int k = 0; k < 2 * p.entries; k++) index[k] = hostile_number(p.size[k % 2]);
    void *x = random_bytes(n_x * p.elem), *y = new_buffer(n_y * p.elem), *z = new_buffer(n_x * p.elem);
    memcpy(z, x, (size_t)(n_x * p.elem));
    qcc_gather_indexed(&p, index, x, y);
    qcc_scatter_indexed(&p, index, y, z); /* what came from there */
    assert_memory_equal(z, x, (size_t)(n_x * p.elem));
    for (int k = 0; k < p.entries; k++)
      assert_element(y, k * p.run, x, named_place(index[2 * k], p.size[0]) * p.stride[0] +
                     named_place(index[2 * k + 1], p.size[1]) * p.stride[1], p.elem);
    free_buffers();
  }
}

static void test_hostile_numbers(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    int32_t elem = sizes[i % 4], rows = random_int(1, 5), columns = random_int(1, 5);
    struct qcc_trilu t = {2, rows, columns, elem, random_int(0, 1)};
    int64_t n = (int64_t)2 * rows * columns, k = hostile_number(columns), zero = 0;
    void *x = random_bytes(n * elem), *y = new_buffer(n * elem);
    qcc_trilu(&t, &k, x, y);
    for (int64_t e = 0; e < n; e++) {
      int64_t over = e % columns - e / columns % rows;
      int kept = t.upper ? over >= k : over <= k;
      assert_element(y, e, kept ? x : &zero, kept ? e : 0, elem);
    }
    struct qcc_reverse r = {2, rows, rows * columns * elem, columns * elem, columns * elem};
    int64_t lengths[2] = {hostile_number(rows), random_int(0, rows)};
    qcc_reverse_sequence(&r, lengths, x, y);
    for (int b = 0; b < 2; b++)
      for (int at = 0; at < rows; at++) {
        int last = lengths[b] < 0 ? 0 : lengths[b] > rows ? rows : (int)lengths[b];
        int from = at < last ? last - 1 - at : at;
        assert_element(y, (b * rows + at) * columns, x, (b * rows + from) * columns, elem);
      }
    struct qcc_tensor_scatter s = {1, 2, rows, random_int(1, rows), columns * elem, random_int(0, 1)};
    qcc_tensor_scatter(&s, &k, x, y);
    free_buffers();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_view),   cmocka_unit_test(test_rows),    cmocka_unit_test(test_pad),
      cmocka_unit_test(test_gather), cmocka_unit_test(test_nearest), cmocka_unit_test(test_indexed),
      cmocka_unit_test(test_hostile_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
