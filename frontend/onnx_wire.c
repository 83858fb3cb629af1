/* onnx_wire.c - from bytes to messages.  protobuf-c does the work, with its memory in our arena, so
 * that weights are used where it put them.  It says only yes or no: after a no, a walk over the
 * same bytes with protobuf-c's own descriptors finds the place and the reason.
 *
 * Wire format: a message is a list of fields, each a varint tag (number << 3 | wire type) and a
 * value.  Wire types are 0 varint, 1 eight bytes, 2 a varint length and so many bytes, 5 four
 * bytes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/onnx_reader.h"

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_LENGTH = 2, WIRE_32BIT = 5 };

static const char *const wire_names[8] = {
  [WIRE_VARINT] = "a varint",         [WIRE_64BIT] = "an eight-byte value",
  [WIRE_LENGTH] = "a run of bytes",   [3] = "a group",
  [4] = "a group's end",              [WIRE_32BIT] = "a four-byte value",
  [6] = "of wire type 6",             [7] = "of wire type 7",
};

/* A stretch of the file that is being walked. */
typedef struct Span {
  const Source *src;
  const uint8_t *start;   /* of the file */
  const uint8_t *at, *end;
} Span;

static void *alloc_in_arena(void *arena, size_t size) {
  return arena_alloc(arena, size ? (int64_t)size : 1);
}

static void free_nothing(void *arena, void *p) {
  (void)arena;
  (void)p;
}

/* False when the bytes end before the varint does, or it has more than ten. */
static bool read_varint(Span *s, uint64_t *value) {
  *value = 0;
  for (int i = 0; i < 10 && s->at < s->end; i++) {
    uint8_t byte = *s->at++;
    *value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return true;
  }
  return false;
}

static const ProtobufCFieldDescriptor *find_field(const ProtobufCMessageDescriptor *m,
                                                  uint64_t id) {
  for (unsigned i = 0; i < m->n_fields; i++)
    if (m->fields[i].id == id) return &m->fields[i];
  return NULL;
}

static int wire_type_of(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE: return WIRE_LENGTH;
  case PROTOBUF_C_TYPE_SFIXED32:
  case PROTOBUF_C_TYPE_FIXED32:
  case PROTOBUF_C_TYPE_FLOAT: return WIRE_32BIT;
  case PROTOBUF_C_TYPE_SFIXED64:
  case PROTOBUF_C_TYPE_FIXED64:
  case PROTOBUF_C_TYPE_DOUBLE: return WIRE_64BIT;
  default: return WIRE_VARINT;
  }
}

static bool fits(const ProtobufCFieldDescriptor *f, int wire) {
  int expected = wire_type_of(f->type);
  bool packed = f->label == PROTOBUF_C_LABEL_REPEATED && wire == WIRE_LENGTH;
  return wire == expected || (packed && expected != WIRE_LENGTH);
}

_Noreturn static void fail(const Span *s, const uint8_t *at, const char *message, const char *field,
                           const char *why) {
  Loc loc = {.src = s->src};
  error_at(loc, "not an ONNX model, or truncated (%s%s%s at byte %lld: %s)", message,
           *field ? " field " : "", field, (long long)(at - s->start), why);
}

static void explain_message(Span *s, const ProtobufCMessageDescriptor *m);

/* The value of one field, its tag has been read. */
static void explain_value(Span *s, const ProtobufCMessageDescriptor *m, uint64_t tag,
                          const uint8_t *at) {
  const ProtobufCFieldDescriptor *f = find_field(m, tag >> 3);
  const char *name = f ? f->name : "";
  int wire = (int)(tag & 7);
  if (f && !fits(f, wire)) {
    Loc loc = {.src = s->src};
    error_at(loc, "not an ONNX model: %s field %s at byte %lld has the wrong wire type: it is %s, "
             "expected %s", m->short_name, name, (long long)(at - s->start), wire_names[wire],
             wire_names[wire_type_of(f->type)]);
  }
  uint64_t n = 0;
  if (wire == WIRE_VARINT) {
    if (!read_varint(s, &n)) fail(s, at, m->short_name, name, "the number does not end");
    return;
  }
  if (wire == WIRE_64BIT) n = 8;
  else if (wire == WIRE_32BIT) n = 4;
  else if (wire != WIRE_LENGTH) fail(s, at, m->short_name, name, "unknown wire type");
  else if (!read_varint(s, &n)) fail(s, at, m->short_name, name, "the length does not end");
  if (n > (uint64_t)(s->end - s->at)) fail(s, at, m->short_name, name, "the bytes end too early");
  Span inner = *s;
  inner.end = s->at + n;
  if (f && f->type == PROTOBUF_C_TYPE_MESSAGE) explain_message(&inner, f->descriptor);
  s->at += n;
}

/* error_at at the first thing that is wrong; returns when it finds nothing.  The depth of the
 * recursion is that of onnx.proto, which has no recursive message. */
static void explain_message(Span *s, const ProtobufCMessageDescriptor *m) {
  while (s->at < s->end) {
    const uint8_t *at = s->at;
    uint64_t tag;
    if (!read_varint(s, &tag)) fail(s, at, m->short_name, "", "the tag does not end");
    if (tag >> 3 == 0) fail(s, at, m->short_name, "", "there is no field 0");
    explain_value(s, m, tag, at);
  }
}

static bool looks_like_text(const char *bytes, size_t len) {
  size_t n = len < 512 ? len : 512;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)bytes[i];
    if (!isprint(c) && !isspace(c) && c < 0x80) return false;
  }
  return n > 0;
}

const char *recognize_file(const char *bytes, size_t len) {
  static const struct {
    int at, n;
    const char *magic, *what;
  } table[] = {
    {4, 4, "TFL3", "a TensorFlow Lite model"},
    {0, 4, "GGUF", "a GGUF model"},
    {0, 4, "PK\3\4", "a zip archive (a PyTorch checkpoint or an .npz file)"},
    {0, 6, "\x93NUMPY", "a NumPy array"},
    {0, 4, "\x89HDF", "an HDF5 file (a Keras model)"},
    {0, 2, "\x1f\x8b", "a gzip file: unpack it first"},
    {0, 4, "\x7f" "ELF", "an executable"},
    {0, 2, "\x80\2", "a Python pickle (a PyTorch checkpoint)"},
    {8, 2, "{\"", "a safetensors file"},
    {0, 38, "version https://git-lfs.github.com/spe", "a Git LFS pointer: fetch the file itself"},
  };
  if (len == 0) return "an empty file";
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (len >= (size_t)(table[i].at + table[i].n) &&
        memcmp(bytes + table[i].at, table[i].magic, (size_t)table[i].n) == 0)
      return table[i].what;
  return looks_like_text(bytes, len) ? "text" : NULL;
}

OnnxModel *unpack_onnx(Arena *a, const Source *src, const char *bytes, size_t len) {
  const uint8_t *data = (const uint8_t *)bytes;
  Loc loc = {.src = src};
  ProtobufCAllocator in_arena = {alloc_in_arena, free_nothing, a};
  if (len > INT32_MAX)
    error_at(loc, "larger than 2 GiB, the most an ONNX file can have; keep the weights as external "
             "data");
  OnnxModel *m = onnx_model__unpack(&in_arena, len, data);
  if (m && m->graph) return m;
  const char *what = recognize_file(bytes, len);
  if (what) error_at(loc, "not an ONNX model: it looks like %s", what);
  if (m) error_at(loc, "not an ONNX model, or truncated (it has no graph)");
  Span all = {src, data, data, data + len};
  explain_message(&all, &onnx_model__descriptor);
  error_at(loc, "not an ONNX model, or truncated (a value is encoded wrongly)");
}

OnnxGraph *unpack_onnx_graph(Arena *a, const uint8_t *bytes, size_t len) {
  ProtobufCAllocator in_arena = {alloc_in_arena, free_nothing, a};
  return onnx_graph__unpack(&in_arena, len, bytes);
}

OnnxFunction *unpack_onnx_function(Arena *a, const uint8_t *bytes, size_t len) {
  ProtobufCAllocator in_arena = {alloc_in_arena, free_nothing, a};
  return onnx_function__unpack(&in_arena, len, bytes);
}
