/* onnx_reader.h - what the files of the ONNX front end share. */
#ifndef QCC_ONNX_READER_H
#define QCC_ONNX_READER_H

#include "frontend/frontend.h"
#include "onnx.pb-c.h"

typedef struct OnnxReader {
  Arena *arena;
  Graph *graph;
  const Source *src;
  const char *folder;   /* of the model file, where external data lies; ends in '/' or is "" */
  uint64_t hash;        /* of the bytes read so far */
  Tensor **slot;        /* [n_slot] hash table: tensors by name */
  int64_t n_slot;       /* a power of two, at least twice n_name */
  int64_t n_name;       /* at most so many tensors are there */
} OnnxReader;

/* A file that is read, and what the user says of it. */
typedef struct OnnxFile {
  Arena *arena;
  const Source *src;
  const char *path;
  OnnxModel *model;
  uint64_t hash;        /* of its bytes */
  const GivenInputs *given;
} OnnxFile;

/* ---- onnx_wire.c ---------------------------------------------------------------------------- */

/* Unpacks a model into the arena; error_at when the bytes aren't one. */
OnnxModel *unpack_onnx(Arena *a, const Source *src, const char *bytes, size_t len);
/* Graphs of attributes and functions of a model, which it holds as bytes; NULL when they aren't any. */
OnnxGraph *unpack_onnx_graph(Arena *a, const uint8_t *bytes, size_t len);
OnnxFunction *unpack_onnx_function(Arena *a, const uint8_t *bytes, size_t len);
/* What a file that isn't an ONNX model looks like ("a TensorFlow Lite model"), or NULL. */
const char *recognize_file(const char *bytes, size_t len);

/* ---- onnx_tensor.c -------------------------------------------------------------------------- */

/* Fills in type, shape and elements of t (sub-byte types one code per byte). */
void decode_tensor(OnnxReader *r, const OnnxTensor *p, Loc loc, Tensor *t);
/* The shape part alone: rank and dimensions are sane. */
void check_shape(Loc loc, int64_t rank, const int64_t *dim);
/* error_at when an element is NaN or, unless inf_ok, infinite. */
void check_finite(const Tensor *t, bool inf_ok, Loc loc);

/* ---- onnx.c --------------------------------------------------------------------------------- */

/* A reader whose graph has initializers and inputs, but no nodes yet. */
OnnxReader *open_onnx(const OnnxFile *f);
/* Makes room for so many names more; before, no slot may be asked for them. */
void reserve_names(OnnxReader *r, size_t more);
/* Where the tensor of that name is kept, or will be: *slot is NULL until it is defined. */
Tensor **tensor_slot(OnnxReader *r, const char *name);
/* error_at unless it is a name: not empty, without control characters. */
void check_name(Loc loc, const char *of_what, const char *name);
/* A Loc whose what is printed from fmt: "input 'x'". */
Loc onnx_loc(OnnxReader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- onnx_input.c --------------------------------------------------------------------------- */

/* Creates the graph's inputs, but for those that are initializers; every dimension is known
 * afterwards. */
void read_onnx_inputs(OnnxReader *r, const OnnxGraph *p, const DimBinding *bind, int n_bind);

/* ---- onnx_operators.c ----------------------------------------------------------------------- */

/* The domain of a node's operator, "ai.onnx" where it names none. */
const char *onnx_domain(const OnnxNode *p);
/* What operator a node is; error_at when there is none of that domain and name. */
const OpDef *onnx_operator(Arena *a, const OnnxNode *p, Loc loc);

/* ---- onnx_known.c --------------------------------------------------------------------------- */

typedef struct OnnxKnown OnnxKnown;
OnnxKnown *new_onnx_known(const OnnxFile *f);
/* The tensor of that name after the first n nodes, where shapes and values that follow from what is constant are
 * known; NULL where there is none. A later question has the same nodes first. */
const Tensor *known_tensor(OnnxKnown *k, int n, OnnxNode *const *node, const char *name);

/* ---- onnx_expand.c -------------------------------------------------------------------------- */

/* Puts what nodes call in their place: functions of the model, branches of If, steps of Scan and Loop. */
void expand_onnx(const OnnxFile *f);

/* ---- onnx_node.c ---------------------------------------------------------------------------- */

/* The operator of a node and what it makes; the tensors that it makes get their slots. */
void read_onnx_outputs(OnnxReader *r, const OnnxNode *p, int index);
/* Adds the node to the graph, when all tensors have their slots. */
void read_onnx_node(OnnxReader *r, const OnnxNode *p, int index);

#endif
