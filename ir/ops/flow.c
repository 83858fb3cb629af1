/* flow.c - steps of a loop, whose number is found at run time:
 *
 *   step, go, s... = LoopBegin(trips, condition, first...)
 *   ...                                                          nodes of a step
 *   last..., rows..., count = LoopEnd<states=k>(step, go, s..., trips, condition', next..., row...)
 *
 * While `go`, the nodes between both run; then LoopEnd makes `next` the new `s`, adds a row to each of `rows`,
 * counts the step and finds the next `go`.  In the end `last` is `s`, and rows that were not made are 0.  A loop
 * without trip count has the largest there is; `rows` have room for `room` steps.  With `backwards` [rows], rows that
 * are 1 there are filled from the last one on.
 *
 * The operators alone make one step: who runs a graph (ir/interp.c) or writes code goes back. */
#include "ir/ops/ops.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 2 };  /* of LoopBegin's states, inputs and outputs */

static bool is_scalar_of(const Tensor *t, DType type) { return t->dtype == type && n_elements(t) == 1; }

static void need_scalar(const Node *n, int i, DType type, const char *what) {
  const Tensor *t = in_tensor(n, i);
  char text[DIMS_TEXT];
  if (!is_scalar_of(t, type))
    error_at(n->loc, "Loop: its %s is %s%s, expected one %s", what, dtype_name(t->dtype),
             dims_text(text, sizeof text, t), dtype_name(type));
}

void infer_loop_begin(Graph *g, Node *n) {
  (void)g;
  if (n->n_in != n->n_out)
    error_at(n->loc, "LoopBegin '%s' has %d inputs and %d outputs, expected as many", n->name, n->n_in, n->n_out);
  set_type(n, 0, DT_I64, 0, NULL, LAYOUT_NONE);
  set_type(n, 1, DT_BOOL, 0, NULL, LAYOUT_NONE);
  if (!inputs_ready(n)) return;
  need_scalar(n, 0, DT_I64, "trip count");
  need_scalar(n, 1, DT_BOOL, "condition");
  for (int i = FIRST; i < n->n_out; i++) set_like(n, i, n->in[i]);
}

void eval_loop_begin(const Node *n, const void *const *in, void *const *out) {
  *(int64_t *)out[0] = 0;
  *(uint8_t *)out[1] = *(const int64_t *)in[0] > 0 && *(const uint8_t *)in[1];
  for (int i = FIRST; i < n->n_out; i++) memcpy(out[i], in[i], (size_t)tensor_bytes(n->out[i]));
}

LoopShape loop_shape(const Node *end) {
  LoopShape l = {.states = (int)attr_int(end, "states", 0), .room = attr_int(end, "room", 0)};
  l.trips = FIRST + l.states, l.condition = l.trips + 1;
  l.next = l.condition + 1, l.row = l.next + l.states;
  l.rows = end->n_in - l.row;
  return l;
}

const Node *loop_begin(const Node *end) {
  const Node *begin = end->in[0] ? end->in[0]->def : NULL;
  return is_op(begin, "LoopBegin") ? begin : NULL;
}

static void check_ends(const Node *n, const LoopShape *l) {
  const Node *begin = loop_begin(n);
  bool fits = begin && l->states >= 0 && l->states < n->n_in && l->rows >= 0 && l->room >= 0 &&
              begin->n_out == FIRST + l->states && n->n_out <= l->states + l->rows + 1;
  for (int i = 0; fits && i < begin->n_out; i++) fits = n->in[i] == begin->out[i];
  for (int i = 0; fits && i < n->n_in; i++) fits = n->in[i] != NULL;
  if (!fits)
    error_at(n->loc, "LoopEnd '%s' does not fit a LoopBegin: it reads all that this makes, then a trip count, a "
             "condition, a value for each state, and rows", n->name);
}

void infer_loop_end(Graph *g, Node *n) {
  (void)g;
  LoopShape l = loop_shape(n);
  check_ends(n, &l);
  set_type(n, l.states + l.rows, DT_I64, 1, (const int64_t[]){1}, LAYOUT_NONE);
  if (!inputs_ready(n)) return;
  need_scalar(n, l.trips, DT_I64, "trip count");
  need_scalar(n, l.condition, DT_BOOL, "condition");
  for (int i = 0; i < l.states; i++) {
    const Tensor *s = n->in[FIRST + i], *next = n->in[l.next + i];
    char before[DIMS_TEXT], after[DIMS_TEXT];
    if (s->dtype != next->dtype || !same_shape(s, next))
      error_at(n->loc, "Loop: its value %d is %s%s before a step and %s%s after it; unless the number of steps is "
               "known when the model is read, and small, both must be the same",
               i + 1, dtype_name(s->dtype), dims_text(before, sizeof before, s), dtype_name(next->dtype),
               dims_text(after, sizeof after, next));
    set_like(n, i, s);
  }
  for (int i = 0; i < l.rows; i++) {
    const Tensor *row = n->in[l.row + i];
    int64_t dim[MAX_RANK + 1] = {l.room};
    if (row->rank < MAX_RANK) memcpy(dim + 1, row->dim, (size_t)row->rank * sizeof *dim);
    set_type(n, l.states + i, row->dtype, row->rank + 1, dim, LAYOUT_NONE);
  }
}

int64_t loop_row(const Node *end, int i, int64_t step) {
  LoopShape l = loop_shape(end);
  int64_t backwards[64];
  int n = attr_ints(end, "backwards", backwards, 64);
  return i < n && backwards[i] ? l.room - 1 - step : step;
}

bool take_step(const Node *end, void *const *in, void *const *out) {
  LoopShape l = loop_shape(end);
  int64_t *step = in[0];
  bool go = *(const uint8_t *)in[l.condition];
  for (int i = 0; i < l.rows && *step < l.room; i++) {
    size_t bytes = (size_t)tensor_bytes(end->in[l.row + i]);
    void *rows = l.states + i < end->n_out ? out[l.states + i] : NULL;
    if (rows) memcpy((char *)rows + (size_t)loop_row(end, i, *step) * bytes, in[l.row + i], bytes);
  }
  /* A step may exchange states. */
  char **next = scratch(l.states + 1, sizeof *next);
  for (int i = 0; i < l.states; i++) {
    size_t bytes = (size_t)tensor_bytes(end->in[FIRST + i]);
    next[i] = scratch((int64_t)bytes, 1);
    memcpy(next[i], in[l.next + i], bytes);
  }
  for (int i = 0; i < l.states; i++) {
    memcpy(in[FIRST + i], next[i], (size_t)tensor_bytes(end->in[FIRST + i]));
    free(next[i]);
  }
  free(next);
  ++*step;
  go = go && *step < *(const int64_t *)in[l.trips] && (l.rows == 0 || *step < l.room);
  *(uint8_t *)in[1] = go;
  return go;
}

/* What stands in the end. */
void eval_loop_end(const Node *n, const void *const *in, void *const *out) {
  LoopShape l = loop_shape(n);
  int64_t step = *(const int64_t *)in[0];
  for (int i = 0; i < l.states && i < n->n_out; i++)
    if (out[i]) memcpy(out[i], in[FIRST + i], (size_t)tensor_bytes(n->out[i]));
  for (int i = 0; i < l.rows && l.states + i < n->n_out; i++) {
    size_t bytes = (size_t)tensor_bytes(n->in[l.row + i]);
    for (int64_t t = step; out[l.states + i] && t < l.room; t++)
      memset((char *)out[l.states + i] + (size_t)loop_row(n, i, t) * bytes, 0, bytes);
  }
  if (has_out(n, l.states + l.rows)) *(int64_t *)out[l.states + l.rows] = step;
}
