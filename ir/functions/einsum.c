/* einsum.c - the body of Einsum: any equation, as products of two operands at a time.
 *
 * Every dimension of an operand has a label: a letter, or what stands for it in an ellipsis, counted from
 * the last dimension.  An operand first loses what only it has: of labels that it repeats the diagonal is
 * kept, and labels that nobody needs any more are summed.  Two operands are then [both and needed][own]
 * [both, summed] and the like, so that a MatMul multiplies them.  What is left in the end is put in the order of the output.
 *
 *   z = Einsum<equation="bij,bjk->bik">(x, y)   ==>   z = MatMul(x, y)
 *   z = Einsum<equation="ii->">(x)   ==>   z = ReduceSum(Slice of every n+1st element of Reshape(x))
 */
#include <string.h>

#include "ir/functions.h"

enum { LETTERS = 52, LABELS = LETTERS + MAX_RANK };

/* A tensor with a label for each dimension. */
typedef struct Operand {
  Tensor *t;
  int n, label[MAX_RANK];
} Operand;

typedef struct Equation {
  Body *b;
  int n;                       /* operands */
  Operand operand[16];
  int n_out, out[MAX_RANK];    /* labels of the output */
  int64_t size[LABELS];        /* of the dimension; 0: no such label */
} Equation;

static uint64_t bit(int label) { return UINT64_C(1) << label; }

/* In the order of their codes, as output labels are that nobody gives. */
static int letter_label(char c) {
  return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

static _Noreturn void bad_equation(const Body *b, const char *why) {
  error_at(b->n->loc, "Einsum: equation '%s': %s", attr_str(b->n, "equation", ""), why);
}

/* Labels of a term of `len` characters, with as many for an ellipsis as there are `hidden`, -1: as make up
 * `rank` dimensions.  Returns how many. */
static int read_term(const Body *b, const char *text, size_t len, int rank, int hidden, int *label) {
  int letters = 0, n = 0;
  bool seen = false;
  for (size_t i = 0; i < len; i++) letters += letter_label(text[i]) >= 0;
  if (letters > MAX_RANK) bad_equation(b, "a term has more than 8 labels");
  for (size_t i = 0; i < len; i++) {
    if (text[i] == ' ') continue;
    if (strncmp(text + i, "...", 3) == 0 && i + 3 <= len && !seen) {
      int count = hidden >= 0 ? hidden : rank - letters;
      seen = true;
      i += 2;
      if (count < 0 || letters + count > MAX_RANK) bad_equation(b, "a term does not fit its input's dimensions");
      for (int k = count - 1; k >= 0; k--) label[n++] = LETTERS + k;
    } else if (letter_label(text[i]) >= 0) {
      label[n++] = letter_label(text[i]);
    } else {
      bad_equation(b, "expected letters, '...', ',' and '->'");
    }
  }
  if (rank >= 0 && n != rank) bad_equation(b, "a term does not fit its input's dimensions");
  return n;
}

/* The largest size of each label; those of 1 are broadcast. */
static void find_sizes(Equation *q) {
  for (int i = 0; i < q->n; i++)
    for (int d = 0; d < q->operand[i].n; d++) {
      int64_t *size = &q->size[q->operand[i].label[d]], own = q->operand[i].t->dim[d];
      if (*size > 1 && own > 1 && own != *size) bad_equation(q->b, "a label stands for dimensions of two sizes");
      if (*size < 2) *size = own;
    }
}

/* What appears once, in alphabetical order, behind what the ellipses stand for. */
static void imply_output(Equation *q, int hidden) {
  int count[LABELS] = {0};
  for (int i = 0; i < q->n; i++)
    for (int d = 0; d < q->operand[i].n; d++) count[q->operand[i].label[d]]++;
  for (int k = hidden - 1; k >= 0; k--) q->out[q->n_out++] = LETTERS + k;
  for (int l = 0; l < LETTERS; l++) {
    if (count[l] != 1) continue;
    if (q->n_out == MAX_RANK) bad_equation(q->b, "the output has more than 8 dimensions");
    q->out[q->n_out++] = l;
  }
}

static void check_output(const Equation *q) {
  uint64_t given = 0, seen = 0;
  for (int i = 0; i < q->n; i++)
    for (int d = 0; d < q->operand[i].n; d++) given |= bit(q->operand[i].label[d]);
  for (int d = 0; d < q->n_out; d++) {
    if (!(given & bit(q->out[d]))) bad_equation(q->b, "the output has a label that no input has");
    if (seen & bit(q->out[d])) bad_equation(q->b, "the output has a label twice");
    seen |= bit(q->out[d]);
  }
}

static void read_equation(Equation *q) {
  Body *b = q->b;
  const char *text = attr_str(b->n, "equation", ""), *arrow = strstr(text, "->");
  const char *end = arrow ? arrow : text + strlen(text);
  int hidden = 0;
  for (q->n = 0; q->n < b->n_in; q->n++) {
    Operand *o = &q->operand[q->n];
    o->t = b->in[q->n];
    if (!o->t || text > end) bad_equation(b, "it has not as many terms as there are inputs");
    const char *comma = memchr(text, ',', (size_t)(end - text));
    size_t len = (size_t)((comma ? comma : end) - text);
    o->n = read_term(b, text, len, o->t->rank, -1, o->label);
    for (int d = 0; d < o->n; d++)
      if (o->label[d] >= LETTERS + hidden) hidden = o->label[d] - LETTERS + 1;
    text = comma ? comma + 1 : end + 1;
  }
  if (text <= end) bad_equation(b, "it has not as many terms as there are inputs");
  if (arrow) q->n_out = read_term(b, arrow + 2, strlen(arrow + 2), -1, hidden, q->out);
  else imply_output(q, hidden);
  find_sizes(q);
  check_output(q);
}

/* ---- one operand */

static int find_label(const Operand *o, int label) {
  for (int d = 0; d < o->n; d++)
    if (o->label[d] == label) return d;
  return -1;
}

static uint64_t labels_of(const Operand *o) {
  uint64_t mask = 0;
  for (int d = 0; d < o->n; d++) mask |= bit(o->label[d]);
  return mask;
}

/* Dimension i of the result is dimension order[i]. */
static void permute(Body *b, Operand *o, const int *order) {
  Operand old = *o;
  char text[MAX_RANK + 1] = "";
  bool moves = false;
  for (int i = 0; i < o->n; i++) {
    text[i] = (char)('0' + order[i]);
    o->label[i] = old.label[order[i]];
    moves |= order[i] != i;
  }
  if (moves) o->t = put_transpose(b, o->t, text);
}

/* Of two dimensions with one label, at d and e > d, the diagonal: every n+1st element of n * n. */
static void keep_diagonal(Body *b, Operand *o, int d, int e) {
  int order[MAX_RANK], n = 0;
  int64_t size = o->t->dim[d], dim[MAX_RANK];
  if (size != o->t->dim[e]) bad_equation(b, "a label stands for dimensions of two sizes");
  for (int i = 0; i < o->n; i++)
    if (i != d && i != e) order[n++] = i;
  order[n] = d, order[n + 1] = e;
  permute(b, o, order);
  memcpy(dim, o->t->dim, sizeof dim);
  dim[n] = size * size;
  Tensor *flat = put_reshape(b, o->t, n + 1, dim);
  int64_t from = 0, step = size + 1, axis = n;
  o->t = put_op(b, "Slice", 5, (Tensor *[]){flat, put_ints(b, 1, &from), put_ints(b, 1, &dim[n]),
                                            put_ints(b, 1, &axis), put_ints(b, 1, &step)});
  o->n--;
}

/* The dimensions of the mask are of 1 and disappear. */
static void drop_dims(Body *b, Operand *o, unsigned mask) {
  int64_t dim[MAX_RANK];
  int n = 0;
  for (int d = 0; d < o->n; d++) {
    if (mask >> d & 1) continue;
    o->label[n] = o->label[d];
    dim[n++] = o->t->dim[d];
  }
  o->n = n;
  o->t = put_reshape(b, o->t, n, dim);
}

static void sum_all_but(Body *b, Operand *o, uint64_t needed) {
  int64_t axes[MAX_RANK];
  unsigned mask = 0;
  int n = 0;
  for (int d = 0; d < o->n; d++)
    if (!(needed & bit(o->label[d]))) mask |= 1u << d, axes[n++] = d;
  if (n == 0) return;
  o->t = put_reduce(b, "ReduceSum", o->t, n, axes);
  drop_dims(b, o, mask);
}

static void simplify_operand(Equation *q, Operand *o) {
  unsigned broadcast = 0;
  for (int d = 0; d < o->n; d++)
    for (int e = o->n - 1; e > d; e--)
      if (o->label[e] == o->label[d]) {
        keep_diagonal(q->b, o, d, e);
        d = -1;
        break;
      }
  for (int d = 0; d < o->n; d++)
    if (o->t->dim[d] == 1 && q->size[o->label[d]] != 1) broadcast |= 1u << d;
  drop_dims(q->b, o, broadcast);
}

/* ---- two operands */

/* The labels of each mask behind those of the one before, in rising order, so that two operands have those of
 * both in the same order; size[3]: their sizes multiplied. */
static void arrange(Body *b, Operand *o, const uint64_t mask[3], int64_t size[3]) {
  int order[MAX_RANK], n = 0;
  for (int k = 0; k < 3; k++) {
    size[k] = 1;
    for (int l = 0; l < LABELS; l++) {
      int d = mask[k] & bit(l) ? find_label(o, l) : -1;
      if (d >= 0) order[n++] = d, size[k] *= o->t->dim[d];
    }
  }
  permute(b, o, order);
}

/* x[batch][m][k] and y[batch][n][k], summed over k: float32 by MatMul, others by products that are added. */
static Tensor *multiply(Body *b, Tensor *x, Tensor *y, const int64_t sx[3], const int64_t sy[3]) {
  int64_t rows[3] = {sx[0], sx[1], sx[2]}, columns[3] = {sy[0], sy[1], sy[2]};
  if (x->dtype == DT_F32 && sx[2] > 1)
    return put2(b, "MatMul", put_reshape(b, x, 3, rows),
                put_transpose(b, put_reshape(b, y, 3, columns), "021"));
  int64_t wide[4] = {sx[0], sx[1], 1, sx[2]}, tall[4] = {sy[0], 1, sy[1], sy[2]}, last = 3;
  Tensor *products = put2(b, "Mul", put_reshape(b, x, 4, wide), put_reshape(b, y, 4, tall));
  return sx[2] == 1 ? products : put_reduce(b, "ReduceSum", products, 1, &last);
}

/* The product of two operands, summed over what both have and nobody needs. */
static Operand combine(Body *b, Operand x, Operand y, uint64_t needed) {
  uint64_t in_x = labels_of(&x), in_y = labels_of(&y), both = in_x & in_y;
  sum_all_but(b, &x, needed | in_y);
  sum_all_but(b, &y, needed | in_x);
  in_x = labels_of(&x), in_y = labels_of(&y);
  const uint64_t mask_x[3] = {both & needed, in_x & ~both, both & ~needed},
                 mask_y[3] = {both & needed, in_y & ~both, both & ~needed};
  Operand z = {NULL, 0, {0}};
  int64_t sx[3], sy[3], dim[MAX_RANK];
  arrange(b, &x, mask_x, sx);
  arrange(b, &y, mask_y, sy);
  const Operand *from[3] = {&x, &x, &y};
  const uint64_t part[3] = {mask_x[0], mask_x[1], mask_y[1]};
  for (int k = 0; k < 3; k++)
    for (int d = 0; d < from[k]->n; d++) {
      if (!(part[k] & bit(from[k]->label[d]))) continue;
      if (z.n == MAX_RANK) bad_equation(b, "a product of two inputs has more than 8 dimensions");
      dim[z.n] = from[k]->t->dim[d];
      z.label[z.n++] = from[k]->label[d];
    }
  z.t = put_reshape(b, multiply(b, x.t, y.t, sx, sy), z.n, dim);
  return z;
}

bool body_einsum(Body *b) {
  Equation q = {.b = b};
  int order[MAX_RANK];
  read_equation(&q);
  uint64_t wanted = 0;
  for (int d = 0; d < q.n_out; d++) wanted |= bit(q.out[d]);
  for (int i = 0; i < q.n; i++) simplify_operand(&q, &q.operand[i]);
  Operand all = q.operand[0];
  for (int i = 1; i < q.n; i++) {
    uint64_t needed = wanted;
    for (int k = i + 1; k < q.n; k++) needed |= labels_of(&q.operand[k]);
    all = combine(b, all, q.operand[i], needed);
  }
  sum_all_but(b, &all, wanted);
  for (int d = 0; d < q.n_out; d++) order[d] = find_label(&all, q.out[d]);
  permute(b, &all, order);
  b->out[0] = all.t;
  return true;
}
