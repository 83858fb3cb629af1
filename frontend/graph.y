/* graph.y - the grammar of the text form of graphs (docs/graph-format.md).  It follows ONNX's
 * textual syntax, with the type before each result.  Nothing in it nests, so the parser's stack
 * stays small whatever the input.  Lists are left-recursive: they grow in place, in the arena. */
%define api.pure full
%define api.prefix {graph_}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {Parser *p} {void *scanner}

%code requires {
#include "frontend/graph_text.h"
}

%code {
int graph_lex(GRAPH_STYPE *value, GRAPH_LTYPE *at, Parser *p, void *scanner);

static Loc loc_of(const Parser *p, GRAPH_LTYPE at) {
  return (Loc){.src = p->source, .line = at.first_line, .col = at.first_column};
}

static void graph_error(GRAPH_LTYPE *at, Parser *p, void *scanner, const char *message) {
  (void)scanner;
  error_at(loc_of(p, *at), "%s", message);
}

/* list with `element` appended; `field` is the name of the array in the list. */
#define APPEND(list, field, element)                                                        \
  ((list).field = arena_grow(p->arena, (list).field, (list).n, sizeof *(list).field),       \
   (list).field[(list).n++] = (element))

static Type append_dim(Parser *p, Type type, Dim dim) {
  type.dim = arena_grow(p->arena, type.dim, type.rank, sizeof dim);
  type.dim[type.rank++] = dim;
  return type;
}

static Value tensor_value(Loc loc, Type type, Word name, Data data) {
  return (Value){.kind = VALUE_TENSOR, .loc = loc, .type = type, .word = name, .data = data};
}

static Item string_item(Word w) {
  return (Item){.kind = ITEM_STRING, .line = w.loc.line, .col = w.loc.col, .u.s = w.text};
}
}

%union {
  Word word;
  Words words;
  Item item;
  Items items;
  Dim dim;
  Type type;
  Data data;
  Value value;
  Pair pair;
  Pairs pairs;
  Decl decl;
  Decls decls;
}

%token END 0    "end of file"
%token CONST    "'const'"
%token ARROW    "'=>'"
%token <word> NAME   "name"
%token <word> STRING "string"
%token <item> INT    "integer"
%token <item> FLOAT  "number"

%type <word> name base label
%type <words> args
%type <word> arg
%type <item> item
%type <items> items some_items
%type <dim> dim
%type <type> type dims
%type <data> data
%type <value> value simple_value
%type <pair> pair simple_pair
%type <pairs> pairs simple_pairs attrs
%type <decl> declaration result bare_output
%type <decls> inputs some_inputs outputs some_outputs results

%%

file: header signature '{' statements '}' ;

header:
  %empty
| '<' pairs '>'                           { set_header(p, $2); }
;

signature:
  name '(' inputs ')' ARROW '(' outputs ')'  { set_signature(p, $1, $3, $7); }
;

inputs: %empty                            { $$ = (Decls){0}; }
| some_inputs
;
some_inputs: declaration                  { $$ = (Decls){0}; APPEND($$, decl, $1); }
| some_inputs ',' declaration             { $$ = $1; APPEND($$, decl, $3); }
;

outputs: %empty                           { $$ = (Decls){0}; }
| some_outputs
;
some_outputs: bare_output                 { $$ = (Decls){0}; APPEND($$, decl, $1); }
| some_outputs ',' bare_output            { $$ = $1; APPEND($$, decl, $3); }
;
bare_output: name                         { $$ = (Decl){.name = $1}; }
| type name                               { $$ = (Decl){.type = $1, .name = $2}; }
| type NAME name       { $$ = (Decl){.type = $1, .name = $3}; $$.type.layout = $2; }
;

statements: %empty
| statements statement
;

statement:
  CONST declaration '=' data              { add_constant(p, $2, $4); }
| label results '=' NAME attrs '(' args ')'  { add_statement(p, $1, $2, $4, $5, $7); }
;

label: %empty                             { $$ = (Word){0}; }
| '[' name ']'                            { $$ = $2; }
;

results: result                           { $$ = (Decls){0}; APPEND($$, decl, $1); }
| results ',' result                      { $$ = $1; APPEND($$, decl, $3); }
;
result: declaration
| name attrs                              { $$ = (Decl){.name = $1, .notes = $2}; }
;

declaration:
  type name attrs                         { $$ = (Decl){$1, $2, $3}; }
| type NAME name attrs                    { $$ = (Decl){$1, $3, $4}; $$.type.layout = $2; }
;

args: arg                                 { $$ = (Words){0}; APPEND($$, word, $1); }
| args ',' arg                            { $$ = $1; APPEND($$, word, $3); }
;
arg: %empty                               { $$ = (Word){0}; }
| name
;

name: NAME | STRING ;

/* ---- types */

type: base                                { $$ = (Type){.dtype = $1}; }
| base '[' ']'                            { $$ = (Type){.dtype = $1, .rank = -1}; }
| base '[' dims ']'                       { $$ = $3; $$.dtype = $1; }
;
base: NAME
| '?'                                     { $$ = (Word){"?", loc_of(p, @1)}; }
;

dims: dim                                          { $$ = append_dim(p, (Type){0}, $1); }
| dims ',' dim                            { $$ = append_dim(p, $1, $3); }
;
dim: INT                                  { $$ = (Dim){.size = $1.i, .loc = loc_of(p, @1)};
                                            if ($1.i < 0 || $1.kind != ITEM_INT)
                                              error_at($$.loc, "a dimension is not a size"); }
| '?'                                     { $$ = (Dim){-1, NULL, loc_of(p, @1)}; }
| name                                    { $$ = (Dim){-1, $1.text, loc_of(p, @1)}; }
;

/* ---- attributes and annotations */

attrs: %empty                             { $$ = (Pairs){0}; }
| '<' pairs '>'                           { $$ = $2; }
;
pairs: pair                               { $$ = (Pairs){0}; APPEND($$, pair, $1); }
| pairs ',' pair                          { $$ = $1; APPEND($$, pair, $3); }
;
pair: name '=' value                      { $$ = (Pair){.name = $1, .value = $3}; }
| name ':' NAME '=' value                 { $$ = (Pair){$1, $3, $5}; }
;

simple_pairs: simple_pair                 { $$ = (Pairs){0}; APPEND($$, pair, $1); }
| simple_pairs ',' simple_pair            { $$ = $1; APPEND($$, pair, $3); }
;
simple_pair: name '=' simple_value        { $$ = (Pair){.name = $1, .value = $3}; }
;

value: simple_value
| NAME '(' simple_pairs ')'
    { $$ = (Value){.kind = VALUE_CALL, .loc = loc_of(p, @$), .word = $1, .args = $3}; }
| type data             { $$ = tensor_value(loc_of(p, @$), $1, (Word){0}, $2); }
| type name data        { $$ = tensor_value(loc_of(p, @$), $1, $2, $3); }
| type NAME name data   { $$ = tensor_value(loc_of(p, @$), $1, $3, $4); $$.type.layout = $2; }
;
simple_value: item
    { $$ = (Value){.kind = VALUE_ITEM, .loc = loc_of(p, @$)}; APPEND($$.items, item, $1); }
| '[' items ']'
    { $$ = (Value){.kind = VALUE_LIST, .loc = loc_of(p, @$), .items = $2}; }
| '@' STRING
    { $$ = (Value){.kind = VALUE_KEY, .loc = loc_of(p, @$), .word = $2}; }
;

data: '{' items '}'                       { $$ = (Data){NULL, $2, loc_of(p, @$)}; }
| '@' STRING                              { $$ = (Data){.key = $2.text, .loc = loc_of(p, @$)}; }
;

items: %empty                             { $$ = (Items){0}; }
| some_items
;
some_items: item                          { $$ = (Items){0}; APPEND($$, item, $1); }
| some_items ',' item                     { $$ = $1; APPEND($$, item, $3); }
;
item: INT
| FLOAT
| STRING                                  { $$ = string_item($1); }
;

%%

/* What the parser cannot read, in the words of the file; at most 40 bytes of it. */
static const char *found_text(const Parser *p, const yypcontext_t *cx) {
  if (yypcontext_token(cx) == YYSYMBOL_YYEOF) return "end of file";
  int len = p->token_len < 40 ? p->token_len : 40;
  const char *quote = *p->token == '"' ? "" : "'";
  return arena_printf(p->arena, "%s%.*s%s", quote, len, p->token, quote);
}

/* "expected X, Y or Z, found ...". */
static int yyreport_syntax_error(const yypcontext_t *cx, Parser *p, void *scanner) {
  enum { MOST = 12 };
  yysymbol_kind_t expected[MOST];
  int n = yypcontext_expected_tokens(cx, expected, MOST);
  const char *list = "";
  for (int i = 0; i < n; i++) {
    const char *separator = i == 0 ? "" : i == n - 1 ? " or " : ", ";
    list = arena_printf(p->arena, "%s%s%s", list, separator, yysymbol_name(expected[i]));
  }
  (void)scanner;
  const char *found = found_text(p, cx);
  if (n == 0) error_at(loc_of(p, *yypcontext_location(cx)), "unexpected %s", found);
  error_at(loc_of(p, *yypcontext_location(cx)), "expected %s, found %s", list, found);
}
