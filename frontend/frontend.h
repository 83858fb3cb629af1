/* frontend.h - everything that turns a file of the user's into something of the compiler's:
 * models into Graphs, policies into Policies, arrays into Samples.  All of it lives in the arena
 * that is passed in; whatever is wrong with a file ends in error() or error_at(), never in a
 * return value. */
#ifndef QCC_FRONTEND_H
#define QCC_FRONTEND_H

#include "ir/ir.h"
#include "ir/policy.h"

#define MAX_ELEMENTS (INT64_C(1) << 40)  /* of one tensor: more is nonsense */

/* ---- onnx.c --------------------------------------------------------------------------------- */

/* A value for a symbolic dimension: --dim name=value.  `name` is the dimension's name in the model,
 * or "input:axis" for one without a name. */
typedef struct DimBinding {
  const char *name;
  int64_t value;
} DimBinding;

/* An input that is a constant, whose elements are in a file: --fix name=path. */
typedef struct FixedInput {
  const char *name, *path;
} FixedInput;

/* What the user says of a model's inputs. */
typedef struct GivenInputs {
  const DimBinding *bind;    /* [n_bind] */
  const FixedInput *fixed;   /* [n_fixed] */
  int n_bind, n_fixed;
} GivenInputs;

/* Reads an ONNX model: nodes sorted, every dimension of the inputs known, shapes inferred. */
Graph *read_onnx(Arena *a, const char *path, const GivenInputs *given);

/* ---- fixed.c -------------------------------------------------------------------------------- */

/* Makes inputs constants; shapes are not inferred again. */
void fix_inputs(Arena *a, Graph *g, const GivenInputs *given);

/* ---- tflite.c ------------------------------------------------------------------------------- */

Graph *read_tflite(Arena *a, const char *path);

/* ---- utf8.c --------------------------------------------------------------------------------- */

/* What a name has that names may not have, as a phrase; NULL when it is fine. */
const char *name_fault(const char *name);

/* ---- graph.y -------------------------------------------------------------------------------- */

Graph *read_graph_text(Arena *a, const char *path);

/* ---- policy.c ------------------------------------------------------------------------------- */

Policy *read_policy(Arena *a, const char *path);    /* NULL: the empty policy */
Policy *preset_policy(Arena *a, const char *preset);

/* ---- npy.c ---------------------------------------------------------------------------------- */

typedef struct Array {
  DType dtype;
  int rank;
  int64_t dim[MAX_RANK];
  void *data;                /* elements in C order */
  const char *path;          /* file that it came from */
} Array;

Array *read_npy(Arena *a, const char *path);
Array *read_tensor_pb(Arena *a, const char *path);   /* a TensorProto, as ONNX's tests keep them */
/* Number of arrays in the archive, in its order. */
int read_npz(Arena *a, const char *path, const char ***names, Array ***arrays);
void print_npy(FILE *f, DType t, int rank, const int64_t *dim, const void *data);
void write_npy(const char *path, DType t, int rank, const int64_t *dim, const void *data);
/* Samples for the inputs of g, which is still the model as it was read, from a .npy or .npz file
 * or an ONNX test_data_set folder; at most `limit` of them (0: all). Elements and layout are the
 * firmware's: the policy's storage and layout for an input, where it gives them, else the
 * model's. */
Samples *read_samples(Arena *a, const Graph *g, const Policy *p, const char *path, int64_t limit);
/* error() where a real number among them is NaN or infinite, which only those of .pb files may be. */
void need_finite_samples(const Graph *g, const Policy *p, const Samples *s, const char *path);

#endif
