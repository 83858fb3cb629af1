/* products.c - networks of matrix products with random weights, and random samples:
 *
 *     products net NAME ROWS DEPTH COLS LAYERS    writes NAME.graph, NAME.safetensors, NAME.npy
 *     products samples NAME DIM...                writes NAME.npy
 *
 * x[ROWS, DEPTH] goes through LAYERS products with weights [COLS, DEPTH] (COLS = DEPTH when there
 * are several).  NAME.npy holds four samples for calibration. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4 };

static uint32_t state = 12345;

/* -1..1, about normal: the sum of four uniform numbers. */
static float random_real(void) {
  float sum = 0;
  for (int i = 0; i < 4; i++) {
    state = state * 1664525u + 1013904223u;
    sum += (float)(state >> 8) / (float)(1 << 23) - 1;
  }
  return sum / 4;
}

static FILE *create(const char *name, const char *suffix) {
  char path[1024];
  if (snprintf(path, sizeof path, "%s%s", name, suffix) >= (int)sizeof path) exit(1);
  FILE *f = fopen(path, "wb");
  if (!f) {
    perror(path);
    exit(1);
  }
  return f;
}

static void write_reals(FILE *f, long count, float scale) {
  for (long i = 0; i < count; i++) {
    float v = random_real() * scale;
    fwrite(&v, sizeof v, 1, f);
  }
}

static void write_graph(const char *name, long rows, long depth, long cols, int layers) {
  FILE *f = create(name, ".graph");
  const char *slash = name;
  for (const char *p = name; *p; p++)
    if (*p == '/') slash = p + 1;
  fprintf(f, "<opset=13, weights=\"%s.safetensors\">\n", slash);
  fprintf(f, "products(float[%ld,%ld] x0) => (float[%ld,%ld] x%d)\n{\n", rows, depth, rows, cols,
          layers);
  for (int i = 0; i < layers; i++)
    fprintf(f, "  const float[%ld,%ld] w%d = @\"w%d\"\n", cols, depth, i, i);
  for (int i = 0; i < layers; i++)
    fprintf(f, "  x%d = Gemm<transB=1>(x%d, w%d)\n", i + 1, i, i);
  fprintf(f, "}\n");
  fclose(f);
}

static void write_weights(const char *name, long depth, long cols, int layers) {
  static char header[65536];
  size_t n = 0;
  long long bytes = 4LL * depth * cols;
  for (int i = 0; i < layers && n < sizeof header - 200; i++)
    n += (size_t)snprintf(header + n, sizeof header - n,
                          "%s\"w%d\":{\"dtype\":\"F32\",\"shape\":[%ld,%ld],"
                          "\"data_offsets\":[%lld,%lld]}",
                          i ? "," : "{", i, cols, depth, i * bytes, (i + 1) * bytes);
  header[n++] = '}';
  while (n % 8) header[n++] = ' ';
  FILE *f = create(name, ".safetensors");
  for (int i = 0; i < 8; i++) fputc((int)((uint64_t)n >> 8 * i & 255), f);
  fwrite(header, 1, n, f);
  write_reals(f, layers * depth * cols, 0.1f);
  fclose(f);
}

static void write_samples(const char *name, int n_dim, const long *dim) {
  char header[256];
  int n = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d,",
                   SAMPLES);
  long count = SAMPLES;
  for (int i = 0; i < n_dim; i++) {
    n += snprintf(header + n, sizeof header - (size_t)n, " %ld,", dim[i]);
    count *= dim[i];
  }
  n += snprintf(header + n, sizeof header - (size_t)n, "), }");
  FILE *f = create(name, ".npy");
  fwrite("\x93NUMPY\x01\x00\xf6\x00", 1, 10, f);
  fwrite(header, 1, (size_t)n, f);
  for (; n < 245; n++) fputc(' ', f);
  fputc('\n', f);
  write_reals(f, count, 1);
  fclose(f);
}

int main(int argc, char **argv) {
  bool net = argc == 7 && strcmp(argv[1], "net") == 0;
  if (!net && !(argc > 3 && argc < 12 && strcmp(argv[1], "samples") == 0)) {
    fprintf(stderr, "usage: products net NAME ROWS DEPTH COLS LAYERS\n"
                    "       products samples NAME DIM...\n");
    return 2;
  }
  long dim[8] = {0};
  for (int i = 3; i < argc; i++) dim[i - 3] = atol(argv[i]);
  write_samples(argv[2], net ? 2 : argc - 3, dim);
  if (!net) return 0;
  write_graph(argv[2], dim[0], dim[1], dim[2], (int)dim[3]);
  write_weights(argv[2], dim[1], dim[2], (int)dim[3]);
  return 0;
}
