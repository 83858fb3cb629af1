/* graph_text.h - what the lexer (graph.l), the grammar (graph.y) and the meaning (graph_text.c,
 * graph_value.c) of the text form share.  The grammar only collects words and numbers into the
 * structs below; the latter two make tensors and nodes of them and report what is wrong. */
#ifndef QCC_GRAPH_TEXT_H
#define QCC_GRAPH_TEXT_H

#include "ir/ir.h"
#include "ir/safetensors.h"

typedef enum ItemKind { ITEM_INT, ITEM_UINT, ITEM_FLOAT, ITEM_STRING } ItemKind;

/* A number or a string. */
typedef struct Item {
  ItemKind kind;         /* ITEM_UINT: more than an int64 holds, i has the bits */
  int line, col;
  int64_t i;             /* ITEM_INT, ITEM_UINT */
  union {
    double f;            /* every number */
    const char *s;       /* ITEM_STRING */
  } u;
} Item;

typedef struct Items { int n; Item *item; } Items;

typedef struct Word { const char *text; Loc loc; } Word;   /* text "": an absent input or output */
typedef struct Words { int n; Word *word; } Words;

typedef struct Dim {
  int64_t size;          /* -1: unknown */
  const char *param;     /* name of an unknown dimension, or NULL */
  Loc loc;
} Dim;

typedef struct Type {
  Word dtype;            /* text NULL: no type was written; "?": unknown element type */
  int rank;              /* -1: unknown; may exceed MAX_RANK until it is checked */
  Dim *dim;              /* [rank] */
  Word layout;           /* text NULL: none */
} Type;

/* Elements of a constant: written out, or the key of an array in the weights file. */
typedef struct Data {
  const char *key;       /* NULL: written out */
  Items items;
  Loc loc;
} Data;

typedef struct Pair Pair;
typedef struct Pairs { int n; Pair *pair; } Pairs;

typedef enum ValueKind { VALUE_ITEM, VALUE_LIST, VALUE_KEY, VALUE_CALL, VALUE_TENSOR } ValueKind;

typedef struct Value {
  ValueKind kind;
  Loc loc;
  Items items;           /* VALUE_ITEM (one), VALUE_LIST */
  Word word;             /* VALUE_KEY: the key; VALUE_CALL: what stands before the parenthesis;
                          * VALUE_TENSOR: the tensor's name, or text NULL */
  Pairs args;            /* VALUE_CALL */
  Type type;             /* VALUE_TENSOR */
  Data data;             /* VALUE_TENSOR */
} Value;

/* name: kind = value, of a node's attributes, a tensor's annotations or the header. */
struct Pair {
  Word name, kind;       /* kind.text NULL: none was written */
  Value value;
};

typedef struct Decl {
  Type type;
  Word name;
  Pairs notes;           /* annotations */
} Decl;
typedef struct Decls { int n; Decl *decl; } Decls;

typedef struct Alias {
  Tensor *tensor;
  Word target;
} Alias;

typedef struct NextValue {
  Tensor *input;
  Word output;           /* what the input is in the next call */
} NextValue;

typedef struct Parser {
  Arena *arena;
  Graph *graph;
  const Source *source;
  const SafeTensors *weights;         /* NULL: the graph names no weights file */
  int line, col;                      /* lexer: where the next token starts, 1-based */
  const char *token;                  /* lexer: text of the current token, not terminated */
  int token_len;
  Decls outputs;                      /* as the signature declares them */
  int n_alias;
  Alias *alias;                       /* [n_alias], resolved at the end */
  int n_next;
  NextValue *next;                    /* [n_next], resolved at the end */
} Parser;

/* ---- graph.l -------------------------------------------------------------------------------- */

void parse_graph_source(Parser *p);

/* ---- graph_text.c: called by the grammar in the order of the text --------------------------- */

void set_header(Parser *p, Pairs settings);
void set_signature(Parser *p, Word name, Decls inputs, Decls outputs);
void add_constant(Parser *p, Decl d, Data data);
void add_statement(Parser *p, Word label, Decls results, Word op, Pairs attrs, Words args);
/* Dtype, shape and layout as declared. */
void read_type(Parser *p, const Type *type, Tensor *t);

/* ---- graph_value.c: what stands behind an equals sign ----------------------------------- */

/* "; did you mean 'x'?" for the name nearest to `word`, or "". */
const char *suggest(Parser *p, const char *word, const char *const *names, int n);
void check_unique(Pairs pairs);  /* error_at a name that is given twice */
int64_t read_integer(const Pair *pair, int64_t lo, int64_t hi);
const char *read_text(const Pair *pair);
/* The elements of a constant of t's type and shape. */
void *read_elements(Parser *p, const Tensor *t, const Data *data);
Attr read_attr(Parser *p, const Pair *pair);
/* quant, range, offset, alias and state of a tensor. */
void read_annotations(Parser *p, Tensor *t, Pairs notes);
/* The number of scales that the tensor's shape and its quantization ask for; -1 unknown. */
int64_t count_scales(const Tensor *t);

#endif
