/* tflite_kinds.c - FOLDER: writes small TensorFlow Lite files of the kinds that microcontrollers run there, each in
 * float32, in int8, and with int8 weights only: speech (Reshape, depthwise, dense, Softmax) and person (convolutions,
 * average pool, Softmax). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/tflite_draft.h"

enum { F32 = 0, I32 = 2, I8 = 9 };
enum { POOL = 1, CONV = 3, DEPTHWISE = 4, DENSE = 9, RESHAPE = 22, SOFTMAX = 25 };
enum { NONE = 0, RELU = 1, RELU6 = 3, VALID = 1, SAME = 0 };
typedef enum Kind { FLOAT, INT8, WEIGHTS } Kind;

typedef struct Model {
  Kind kind;
  int n_tensor, n_op;
  DraftTensor t[24];
  DraftOperator o[8];
} Model;

static uint32_t seed = 1;

static int random_code(void) {
  seed = seed * 1664525 + 1013904223;
  return (int)(seed >> 16) % 255 - 127;
}

static int add_tensor(Model *m, const char *name, int type, int rank, const int32_t *dim, float scale, int64_t zero) {
  DraftTensor *t = &m->t[m->n_tensor];
  *t = (DraftTensor){.name = name, .type = type, .rank = rank, .n_scale = scale > 0, .scale = {scale}, .zero = zero};
  memcpy(t->dim, dim, (size_t)rank * sizeof *dim);
  return m->n_tensor++;
}

/* What an operator makes; codes of a network in int8. */
static int activation(Model *m, const char *name, int rank, const int32_t *dim, float scale, int64_t zero) {
  bool codes = m->kind == INT8;
  return add_tensor(m, name, codes ? I8 : F32, rank, dim, codes ? scale : 0, codes ? zero : 0);
}

static void fill(DraftTensor *t, int type, float unit) {
  int n = 1;
  for (int d = 0; d < t->rank; d++) n *= t->dim[d];
  void *data = malloc((size_t)n * 4);
  if (!data) exit(1);
  for (int i = 0; i < n; i++) {
    int code = random_code();
    if (type == I8) ((int8_t *)data)[i] = (int8_t)code;
    else if (type == I32) ((int32_t *)data)[i] = code * 8;
    else ((float *)data)[i] = (float)code * unit;
  }
  t->data = data;
  t->n_data = n * (type == I8 ? 1 : 4);
}

/* Random weights and a bias for what reads codes of scale x; the first one's number, the bias behind it. */
static int weights(Model *m, int rank, const int32_t *dim, int32_t outputs, float x) {
  const float unit = 1.0f / 256;
  int type = m->kind == FLOAT ? F32 : I8, bias = m->kind == INT8 ? I32 : F32;
  int w = add_tensor(m, "w", type, rank, dim, type == I8 ? unit : 0, 0);
  int b = add_tensor(m, "b", bias, 1, &outputs, bias == I32 ? unit * x : 0, 0);
  fill(&m->t[w], type, unit);
  fill(&m->t[b], bias, unit * x * 8);
  return w;
}

static void add_operator(Model *m, DraftOperator o) { m->o[m->n_op++] = o; }

static void add_layer(Model *m, int builtin, int x, int w, int y, int n_option, const int32_t *option) {
  DraftOperator o = {.builtin = builtin, .n_in = 3, .in = {x, w, w + 1}, .n_out = 1, .out = {y}, .n_option = n_option};
  memcpy(o.option, option, (size_t)n_option * sizeof *option);
  add_operator(m, o);
}

static void add_unary(Model *m, int builtin, int x, int y) {
  const float one = 1;
  DraftOperator o = {.builtin = builtin, .n_in = 1, .in = {x}, .n_out = 1, .out = {y}};
  if (builtin == SOFTMAX) o.n_option = 1, memcpy(&o.option[0], &one, 4);
  add_operator(m, o);
}

static void add_speech(Model *m) {
  int x = activation(m, "x", 2, (int32_t[]){1, 64}, 0.03f, -3);
  int image = activation(m, "image", 4, (int32_t[]){1, 8, 8, 1}, 0.03f, -3);
  int w = weights(m, 4, (int32_t[]){1, 3, 3, 4}, 4, 0.03f);
  int filtered = activation(m, "filtered", 4, (int32_t[]){1, 4, 4, 4}, 0.02f, -128);
  int v = weights(m, 2, (int32_t[]){3, 64}, 3, 0.02f);
  int score = activation(m, "score", 2, (int32_t[]){1, 3}, 0.05f, 7);
  int y = activation(m, "y", 2, (int32_t[]){1, 3}, 0.00390625f, -128);
  add_unary(m, RESHAPE, x, image);
  add_layer(m, DEPTHWISE, image, w, filtered, 7, (int32_t[]){SAME, 2, 2, 4, RELU, 1, 1});
  add_layer(m, DENSE, filtered, v, score, 1, (int32_t[]){NONE});
  add_unary(m, SOFTMAX, score, y);
}

static void add_person(Model *m) {
  const float six = 6.0f / 255;
  int x = activation(m, "x", 4, (int32_t[]){1, 8, 8, 1}, 0.03f, -3);
  int w = weights(m, 4, (int32_t[]){4, 3, 3, 1}, 4, 0.03f);
  int a = activation(m, "a", 4, (int32_t[]){1, 4, 4, 4}, six, -128);
  int v = weights(m, 4, (int32_t[]){1, 3, 3, 4}, 4, six);
  int b = activation(m, "b1", 4, (int32_t[]){1, 4, 4, 4}, six, -128);
  int u = weights(m, 4, (int32_t[]){6, 1, 1, 4}, 6, six);
  int c = activation(m, "c", 4, (int32_t[]){1, 4, 4, 6}, 0.02f, -20);
  int mean = activation(m, "mean", 4, (int32_t[]){1, 1, 1, 6}, 0.02f, -20);
  int last = weights(m, 4, (int32_t[]){2, 1, 1, 6}, 2, 0.02f);
  int d = activation(m, "d", 4, (int32_t[]){1, 1, 1, 2}, 0.01f, 4);
  int score = activation(m, "score", 2, (int32_t[]){1, 2}, 0.01f, 4);
  int y = activation(m, "y", 2, (int32_t[]){1, 2}, 0.00390625f, -128);
  add_layer(m, CONV, x, w, a, 6, (int32_t[]){SAME, 2, 2, RELU6, 1, 1});
  add_layer(m, DEPTHWISE, a, v, b, 7, (int32_t[]){SAME, 1, 1, 1, RELU6, 1, 1});
  add_layer(m, CONV, b, u, c, 6, (int32_t[]){SAME, 1, 1, NONE, 1, 1});
  add_operator(m, (DraftOperator){.builtin = POOL, .n_in = 1, .in = {c}, .n_out = 1, .out = {mean}, .n_option = 6,
                                  .option = {VALID, 4, 4, 4, 4, NONE}});
  add_layer(m, CONV, mean, last, d, 6, (int32_t[]){SAME, 1, 1, NONE, 1, 1});
  add_unary(m, RESHAPE, d, score);
  add_unary(m, SOFTMAX, score, y);
}

int main(int argc, char **argv) {
  static const struct { const char *name; void (*add)(Model *m); } networks[] = {{"speech", add_speech},
                                                                                 {"person", add_person}};
  static const char *const kinds[] = {"f32", "int8", "weights"};
  if (argc != 2) return 1;
  for (int i = 0; i < 6; i++) {
    Model m = {.kind = (Kind)(i % 3)};
    Draft d;
    char path[4096];
    networks[i / 3].add(&m);
    add_model(&d, m.n_tensor, m.t, m.n_op, m.o);
    snprintf(path, sizeof path, "%s/%s_%s.tflite", argv[1], networks[i / 3].name, kinds[i % 3]);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(d.bytes, 1, d.n, f) != d.n || fclose(f) != 0) return 1;
  }
  return 0;
}
