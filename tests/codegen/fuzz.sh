#!/bin/sh
# Random networks to C, compiled strictly, run under the sanitizers and compared with the
# interpreter: fuzz.sh FUZZ COMPILER FIRST COUNT [FOLDER].  FUZZ is the program fuzz_codegen;
# FOLDER, where it is given, is kept.  Exit status 77 when the compiler is not installed.
set -u
[ $# -ge 4 ] || { echo "usage: fuzz.sh FUZZ COMPILER FIRST COUNT [FOLDER]" >&2; exit 2; }
fuzz=$1 compiler=$2 first=$3 count=$4
command -v "$compiler" >/dev/null || { echo "skipped: $compiler is not installed"; exit 77; }

if [ $# -gt 4 ]; then
  folder=$5
  mkdir -p "$folder" || exit 2
else
  folder=$(mktemp -d) || exit 2
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 2' HUP INT TERM
fi

# Debian has clang's sanitizers in a package of their own.
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
echo "int main(void) { return 0; }" >"$folder/empty.c"
"$compiler" $sanitize "$folder/empty.c" -o "$folder/empty" 2>/dev/null || sanitize=

"$fuzz" "$folder" "$first" "$count" >"$folder/log" 2>&1
status=$?
tail -n 1 "$folder/log"
[ "$status" -eq 0 ] || { grep -v "no kernel" "$folder/log"; exit 1; }
cd "$folder" || exit 2
strict="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror"
ls n*.c | xargs -P 2 -n 8 "$compiler" $strict -O1 $sanitize -c || exit 1
"$compiler" -std=c11 -D_POSIX_C_SOURCE=200809L $sanitize main.c n*.o -lm -o main || exit 1
./main
