/* emit_flow.c - loops and choices in the generated code: LoopBegin opens a `while`, LoopEnd closes it, and a Where of
 * one condition copies what was chosen.
 *
 *   {                                       {                        of LoopBegin
 *     memcpy(state, first, bytes);            memcpy(rows + step * bytes, row, bytes);
 *     step = 0, go = condition;               memcpy(state, next, bytes);
 *   }                                         step++, go = condition;
 *   while (go) {                            }
 *     ...                                   }                        of the while
 *                                           { memcpy(last, state, bytes); }                               */
#include <string.h>

#include "codegen/emit.h"

enum { FIRST = 2 }; /* of the states */

static void copy_bytes(Emitter *e, const char *to, const char *from, int64_t bytes) {
  if (bytes > 0 && strcmp(to, from) != 0) call(e, "memmove(%s, %s, %lld)", to, from, (long long)bytes);
}

/* "" where the scalar input i is a constant that never ends a loop. */
static const char *and_input(Emitter *e, const Node *n, int i, const char *format) {
  const Tensor *t = n->in[i];
  bool known = is_const(t);
  int64_t v = known ? get_int(t->dtype, t->data, 0) : 0;
  if (known && v == (t->dtype == DT_BOOL ? 1 : INT64_MAX)) return "";
  return arena_printf(e->a, format, known ? arena_printf(e->a, "%lld", (long long)v)
                                          : arena_printf(e->a, "*%s", pointer_to(e, t)));
}

void emit_loop_begin(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const char *go = pointer_to(e, n->out[1]);
  for (int i = FIRST; i < n->n_out; i++)
    copy_bytes(e, pointer_to(e, n->out[i]), operand_pointer(e, n, i), stored_bytes(n->out[i]));
  call(e, "*%s = 0", pointer_to(e, n->out[0]));
  call(e, "*%s = 1%s%s", go, and_input(e, n, 0, " && %s > 0"), and_input(e, n, 1, " && %s"));
  fprintf(e->calls, "  }\n  while (*%s) {\n  {\n", go);
}

/* Place of the row of step `step`. */
static const char *row_place(Emitter *e, const Node *n, int i, const char *step) {
  LoopShape l = loop_shape(n);
  bool backwards = loop_row(n, i, 0) != 0;
  const char *at = backwards ? arena_printf(e->a, "(%lld - %s)", (long long)l.room - 1, step) : step;
  return arena_printf(e->a, "(unsigned char *)%s + %s * %lld", pointer_to(e, n->out[l.states + i]), at,
                      (long long)stored_bytes(n->in[l.row + i]));
}

static bool has_rows(const Node *n, int i) {
  LoopShape l = loop_shape(n);
  return l.states + i < n->n_out && n->out[l.states + i] && stored_bytes(n->in[l.row + i]) > 0;
}

/* States that others become go by way of the working memory. */
static void write_states(Emitter *e, const Node *n) {
  LoopShape l = loop_shape(n);
  const char **from = arena_alloc(e->a, (l.states + 1) * (int64_t)sizeof *from);
  int64_t at = attr_int(n, "scratch_offset", 0);
  for (int i = 0; i < l.states; i++) {
    from[i] = operand_pointer(e, n, l.next + i);
    if (!takes_other_state(n, i)) continue;
    int64_t bytes = stored_bytes(n->in[l.next + i]);
    const char *kept = arena_place(e, at);
    copy_bytes(e, kept, from[i], bytes);
    from[i] = kept, at += bytes;
  }
  for (int i = 0; i < l.states; i++)
    copy_bytes(e, pointer_to(e, n->in[FIRST + i]), from[i], stored_bytes(n->in[FIRST + i]));
}

void emit_loop_end(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  LoopShape l = loop_shape(n);
  const char *step = pointer_to(e, n->in[0]);
  bool counted = is_const(n->in[l.trips]) && get_int(DT_I64, n->in[l.trips]->data, 0) == l.room,
       early = !counted || !is_const(n->in[l.condition]);
  fprintf(e->calls, "    %s *const step = %s;\n", ctype_of(DT_I64), step);
  fprintf(e->calls, "    const int holds = 1%s;\n", and_input(e, n, l.condition, " && %s"));
  for (int i = 0; i < l.rows; i++)
    if (has_rows(n, i))
      copy_bytes(e, row_place(e, n, i, "*step"), operand_pointer(e, n, l.row + i), stored_bytes(n->in[l.row + i]));
  write_states(e, n);
  call(e, "++*step");
  const char *room = l.rows && !counted ? arena_printf(e->a, " && *step < %lld", (long long)l.room) : "";
  call(e, "*%s = holds%s%s", pointer_to(e, n->in[1]), and_input(e, n, l.trips, " && *step < %s"), room);
  fprintf(e->calls, "  }\n  }\n  {\n");
  for (int i = 0; i < l.states && i < n->n_out; i++)
    if (n->out[i]) copy_bytes(e, pointer_to(e, n->out[i]), pointer_to(e, n->in[FIRST + i]), stored_bytes(n->out[i]));
  for (int i = 0; i < l.rows && early; i++)
    if (has_rows(n, i))
      fprintf(e->calls, "    for (int64_t t = *%s; t < %lld; t++) memset(%s, 0, %lld);\n", step, (long long)l.room,
              row_place(e, n, i, "t"), (long long)stored_bytes(n->in[l.row + i]));
  if (l.states + l.rows < n->n_out && n->out[l.states + l.rows])
    call(e, "*%s = *%s", pointer_to(e, n->out[l.states + l.rows]), step);
}

/* A Where of one condition. */
void emit_select(Emitter *e, const Node *n, const Kernel *k) {
  (void)k;
  const char *y = pointer_to(e, n->out[0]);
  fprintf(e->calls, "    const void *const from = *%s ? (const void *)%s : (const void *)%s;\n",
          operand_pointer(e, n, 0), operand_pointer(e, n, 1), operand_pointer(e, n, 2));
  call(e, "if (from != (const void *)%s) memcpy(%s, from, %lld)", y, y, (long long)stored_bytes(n->out[0]));
}
