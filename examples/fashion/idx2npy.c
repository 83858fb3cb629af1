// idx2npy: turn an idx file, the format of the MNIST family of datasets, into a .npy file.
//
//   gzip -dc t10k-images-idx3-ubyte.gz | idx2npy > test_x.npy
//   gzip -dc train-images-idx3-ubyte.gz | idx2npy --every 234 --count 256 > calib_x.npy
//
// An idx file of bytes is 00 00 08 RANK, RANK sizes of four bytes (big-endian), then the data.
// Images (rank 3) become uint8 [n,rows,cols,1], labels (rank 1) become int32 [n]. With --every N
// only items 0, N, 2N, ... are written, with --count M no more than M of them; M that are not there
// are an error.
//
// The .npy header holds the number of items, so that it is known before the data are read, and the
// whole conversion is one pass over a pipe. The input is still read to its end, to check its
// length.

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 4096 };

typedef struct {
  int rank;        // 1: labels, 3: images
  long n;          // items in the file
  long rows, cols; // of an image; 1 and 1 for a label
} Shape;

_Noreturn static void fail(const char *message) {
  fprintf(stderr, "idx2npy: error: %s\n", message);
  exit(1);
}

static void read_exactly(unsigned char *to, size_t n) {
  if (fread(to, 1, n, stdin) != n)
    fail(ferror(stdin) ? "cannot read the input" : "the input ends too early");
}

static void write_exactly(const void *from, size_t n) {
  if (fwrite(from, 1, n, stdout) != n)
    fail("cannot write the output");
}

static long read_size(long max) {
  unsigned char b[4];
  read_exactly(b, sizeof b);
  uint32_t size = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
  if (size == 0 || size > (uint32_t)max)
    fail("a size in the idx header is zero or too large");
  return (long)size;
}

static Shape read_header(void) {
  unsigned char magic[4];
  read_exactly(magic, sizeof magic);
  if (magic[0] == 0x1f && magic[1] == 0x8b)
    fail("the input is compressed, use: gzip -dc FILE | idx2npy");
  if (magic[0] != 0 || magic[1] != 0 || magic[2] != 8 || (magic[3] != 1 && magic[3] != 3))
    fail("not an idx file of byte images or labels");
  Shape s = {.rank = magic[3], .n = read_size(INT32_MAX), .rows = 1, .cols = 1};
  if (s.rank == 3) {
    s.rows = read_size(MAX_SIDE);
    s.cols = read_size(MAX_SIDE);
  }
  return s;
}

// .npy 1.0: magic, version, length of the text that follows (little-endian), the text, padded with
// spaces and closed by a newline so that the data start at a multiple of 64.
static void write_header(Shape s, long n) {
  char text[256];
  int len = s.rank == 3
                ? snprintf(text, sizeof text,
                           "{'descr': '|u1', 'fortran_order': False, "
                           "'shape': (%ld, %ld, %ld, 1), }",
                           n, s.rows, s.cols)
                : snprintf(text, sizeof text,
                           "{'descr': '<i4', 'fortran_order': False, 'shape': (%ld,), }", n);
  const int prefix = 10;
  int padded = (prefix + len + 1 + 63) / 64 * 64 - prefix;
  memset(text + len, ' ', (size_t)(padded - len));
  text[padded - 1] = '\n';
  write_exactly("\x93NUMPY\x01\x00", 8);
  write_exactly((unsigned char[]){(unsigned char)(padded & 255), (unsigned char)(padded >> 8)}, 2);
  write_exactly(text, (size_t)padded);
}

// Labels are widened to a little-endian int32 each, whatever the machine.
static void write_item(Shape s, const unsigned char *item, size_t size) {
  if (s.rank == 3)
    write_exactly(item, size);
  else
    write_exactly((unsigned char[]){item[0], 0, 0, 0}, 4);
}

static long parse_positive(const char *text) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (end == text || *end || errno || value < 1)
    fail("--every and --count take a positive number");
  return value;
}

int main(int argc, char **argv) {
  long every = 1, count = 0; // count 0: all there are
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 < argc && !strcmp(argv[i], "--every"))
      every = parse_positive(argv[i + 1]);
    else if (i + 1 < argc && !strcmp(argv[i], "--count"))
      count = parse_positive(argv[i + 1]);
    else
      fail("usage: idx2npy [--every N] [--count M] < FILE.idx > FILE.npy");
  }

  Shape s = read_header();
  long available = (s.n - 1) / every + 1;
  if (count == 0)
    count = available;
  if (count > available)
    fail("the input has fewer items than --every and --count ask for");

  size_t size = (size_t)s.rows * (size_t)s.cols;
  unsigned char *item = malloc(size); // [rows,cols]
  if (!item)
    fail("out of memory");
  write_header(s, count);
  for (long i = 0; i < s.n; i++) {
    read_exactly(item, size);
    if (i % every == 0 && i / every < count)
      write_item(s, item, size);
  }
  free(item);
  if (getchar() != EOF)
    fail("the input goes on after the last item");
  if (fflush(stdout))
    fail("cannot write the output");
  return 0;
}
