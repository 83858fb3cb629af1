/* test_simplify.c - what the simplifying passes must leave alone: weights behind a fused activation,
 * graphs that are channels last already, and everything when the policy says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "passes/passes.h"

static const char *write_temporary(Arena *a, const char *text) {
  char *path = arena_strdup(a, "/tmp/test_simplify_XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  FILE *f = fdopen(fd, "w");
  fputs(text, f);
  fclose(f);
  return path;
}

/* Nodes that are left of a graph after one pass, with the policy's text (NULL: none). */
static int nodes_after(const char *pass, const char *graph, const char *policy) {
  Arena *a = new_arena();
  const char *path = write_temporary(a, graph), *rules = policy ? write_temporary(a, policy) : NULL;
  Graph *g = read_graph_text(a, path);
  Context cx = {.arena = a, .policy = read_policy(a, rules)};
  unlink(path);
  if (rules) unlink(rules);
  find_pass(pass)->run(g, &cx);
  remove_dead(g);
  verify_graph(g);
  int n = g->n_node;
  free_arena(a);
  return n;
}

#define CONV_ADD(attributes)                                                                  \
  "t (float[1,1,2,2] x) => (y) {\n"                                                           \
  "const float[1,1,1,1] w = {2.0}\n const float[1,1,1] c = {3.0}\n"                           \
  "m = Conv<kernel_shape=[1,1]" attributes ">(x, w)\n y = Add(m, c)\n}\n"

static void bias_before_an_activation_only(void **state) {
  (void)state;
  assert_int_equal(nodes_after("fuse_bias", CONV_ADD(""), NULL), 1);
  assert_int_equal(
      nodes_after("fuse_bias", CONV_ADD(", activation=\"Clip\", activation_min=0.0"), NULL), 2);
}

/* The pads of [1,4,4,4] NHWC are those of width and channel, not of height and width. */
static void pads_of_channels_last_stay(void **state) {
  (void)state;
  static const char text[] =
      "t (float[1,4,4,4] NHWC x) => (y) {\n"
      "const int64[8] p = {0, 0, 1, 0, 0, 0, 1, 0}\n"
      "const float[1,1,1,4] NHWC w = {1.0, 2.0, 3.0, 4.0}\n"
      "z = Pad(x, p)\n y = Conv<kernel_shape=[1,1]>(z, w)\n}\n";
  assert_int_equal(nodes_after("fuse_pad", text, NULL), 2);
}

static const char norm[] =
    "t (float[1,1,2,2] x) => (y) {\n"
    "const float[1,1,1,1] w = {2.0}\n const float[1] one = {1.0}\n const float[1] two = {2.0}\n"
    "m = Conv<kernel_shape=[1,1]>(x, w)\n y = BatchNormalization(m, two, one, one, one)\n}\n";

static void transforms_can_be_switched_off(void **state) {
  (void)state;
  assert_int_equal(nodes_after("fold_bn", norm, NULL), 1);
  assert_int_equal(nodes_after("fold_bn", norm, "version: 1\ntransforms: []\n"), 3);
}

/* A reduction of no elements is known: its start. */
static void tensors_without_elements_fold(void **state) {
  (void)state;
  static const char text[] =
      "t (float[2] x) => (y) {\n"
      "const float[2,0] none = {}\n"
      "z = Relu(none)\n p = ReduceProd<axes=[1], keepdims=0>(z)\n y = Add(x, p)\n}\n";
  assert_int_equal(nodes_after("fold_constants", text, NULL), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bias_before_an_activation_only),
      cmocka_unit_test(pads_of_channels_last_stay),
      cmocka_unit_test(transforms_can_be_switched_off),
      cmocka_unit_test(tensors_without_elements_fold),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
