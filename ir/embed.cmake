# Writes OUT, a C file that pulls each of FILES (comma-separated, below ROOT) in with the assembler.
string(REPLACE "," ";" FILES "${FILES}")
set(text "/* made by ir/embed.cmake */\n#include \"ir/embed.h\"\n#include <string.h>\n\n")
set(table "")
set(i 0)
foreach(f IN LISTS FILES)
  string(APPEND text "__asm__(\".section .rodata\\n.balign 16\\nembed_${i}: .incbin \\\"${ROOT}/${f}\\\"\\n\"\n"
                     "        \"embed_${i}_end: .byte 0\\n.previous\\n\");\n"
                     "extern const unsigned char embed_${i}[], embed_${i}_end[];\n")
  string(APPEND table "  {\"${f}\", embed_${i}, embed_${i}_end},\n")
  math(EXPR i "${i} + 1")
endforeach()
string(APPEND text "\nconst EmbeddedFile embedded_files[] = {\n${table}  {0},\n};\n"
                   "const int n_embedded_files = ${i};\n\n"
                   "const EmbeddedFile *find_embedded(const char *path) {\n"
                   "  for (int i = 0; i < n_embedded_files; i++)\n"
                   "    if (strcmp(embedded_files[i].path, path) == 0) return &embedded_files[i];\n"
                   "  return 0;\n}\n")
file(WRITE ${OUT} "${text}")
