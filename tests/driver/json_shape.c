/* json_shape.c - reads JSON from stdin and prints its shape: a line `path type` for every value, in
 * the order of the text, of a list only the first element.  Goldens of that hold the documented
 * keys of --json without the figures. */
#include <jansson.h>
#include <string.h>

static const char *const type_names[] = {
    [JSON_OBJECT] = "object",   [JSON_ARRAY] = "list", [JSON_STRING] = "string",
    [JSON_INTEGER] = "integer", [JSON_REAL] = "real",  [JSON_TRUE] = "bool",
    [JSON_FALSE] = "bool",      [JSON_NULL] = "null",
};

static void print_shape(const char *path, json_t *v) {
  char child[400];
  const char *key;
  json_t *value;
  printf("%s %s\n", *path ? path : ".", type_names[json_typeof(v)]);
  json_object_foreach(v, key, value) {
    snprintf(child, sizeof child, "%s.%s", path, key);
    print_shape(child, value);
  }
  if (json_array_size(v) == 0) return;
  snprintf(child, sizeof child, "%s[]", path);
  print_shape(child, json_array_get(v, 0));
}

int main(void) {
  json_error_t at;
  json_t *root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &at);
  if (!root) {
    fprintf(stderr, "not JSON: line %d: %s\n", at.line, at.text);
    return 1;
  }
  print_shape("", root);
  json_decref(root);
  return 0;
}
