/* emit_integer.c - calls of products of codes to int32, and of kernels whose codes are by the range of x. */
#include "codegen/emit.h"

void write_codes8(Emitter *e, const Node *n, int i, const char *name) {
  const Tensor *zero = optional_input(n, i + 2);
  fprintf(e->calls, ".%s = {%d, %d}, ", name, n->in[i]->dtype == DT_U8, zero && n_elements(zero) > 1);
}

void call_integer(Emitter *e, const Node *n, const Kernel *k) {
  call(e, "qcc_%s(&p, %s, %s, %s, %s, %s)", k->name, operand_pointer(e, n, 0), operand_pointer(e, n, 1),
       operand_pointer(e, n, 2), operand_pointer(e, n, 3), pointer_to(e, n->out[0]));
}

void emit_matmul_integer(Emitter *e, const Node *n, const Kernel *k) {
  open_params(e, "qcc_matmul_integer");
  write_codes8(e, n, 0, "a"), write_codes8(e, n, 1, "b");
  write_matmul(e, n);
  close_params(e);
  call_integer(e, n, k);
}

void emit_quantize_range(Emitter *e, const Node *n, const Kernel *k) {
  call(e, "qcc_%s(%lld, %s, %s, %s, %s)", k->name, (long long)n_elements(n->in[0]), operand_pointer(e, n, 0),
       pointer_to(e, n->out[0]), pointer_to(e, n->out[1]), pointer_to(e, n->out[2]));
}

void emit_dequantize_range(Emitter *e, const Node *n, const Kernel *k) {
  call(e, "qcc_%s(%lld, %s, %s, %s, %s)", k->name, (long long)n_elements(n->in[0]), operand_pointer(e, n, 0),
       operand_pointer(e, n, 1), operand_pointer(e, n, 2), pointer_to(e, n->out[0]));
}
