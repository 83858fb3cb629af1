/* emit_vectorize.c - calls of the kernels for Det and TfIdfVectorizer. */
#include <string.h>

#include "codegen/emit.h"
#include "ir/ngrams.h"

void emit_det(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  open_params(e, "qcc_det");
  field(e, "matrices", n_elements(n->out[0])), field(e, "n", x->dim[x->rank - 1]);
  field(e, "wide", x->dtype == DT_F64);
  close_params(e);
  call(e, "qcc_%s(&p, (double *)(void *)(%s), %s, %s)", k->name, scratch_place(e, n), pointer_to(e, x),
       pointer_to(e, n->out[0]));
}

void emit_tfidf(Emitter *e, const Node *n, const Kernel *k) {
  const Tensor *x = n->in[0];
  const char *mode = attr_str(n, "mode", "TF");
  NGrams p;
  if (!get_ngrams(e->a, n, &p)) bug("n-grams that infer has not seen");
  const char *pool = int_array(e, "g", "int64_t", p.members, p.pool),
             *length = int_array(e, "n", "int32_t", p.n, p.length),
             *place = int_array(e, "k", "int32_t", p.n, p.place);
  bool weighted = strcmp(mode, "TF") != 0 && p.weight;
  const char *weight = weighted ? float_array(e, "v", p.n, p.weight) : "NULL";
  open_params(e, "qcc_tfidf");
  field(e, "rows", x->rank == 2 ? x->dim[0] : 1), field(e, "columns", x->dim[x->rank - 1]);
  field(e, "out", p.out), field(e, "grams", p.n), field(e, "skips", p.skips);
  field(e, "wide", x->dtype == DT_I64), field(e, "counts", mode[0] == 'T');
  fprintf(e->calls, ".pool = %s, .length = %s, .place = %s, .weight = %s, ", pool, length, place, weight);
  close_params(e);
  call(e, "qcc_%s(&p, %s, %s)", k->name, pointer_to(e, x), pointer_to(e, n->out[0]));
}
