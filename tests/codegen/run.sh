#!/bin/sh
# Golden tests of the generated code: run.sh QCC
#
# CASE.graph is compiled with the policy CASE.yaml and the calibration data CASE.npy, where they
# exist, for the target CASE.target.yaml or a cortex-m0.  CASE.c.golden and CASE.h.golden are what comes out, but for the kernels: they are files of
# runtime/ as they stand, so only their first lines are kept.  The compilers that are installed must
# take the code without a warning, and C++ the header.  UPDATE=1 rewrites the goldens.
set -u
LC_ALL=C
export LC_ALL

[ $# -eq 1 ] || { echo "usage: run.sh QCC" >&2; exit 2; }
case $1 in
  /*) qcc=$1 ;;
  *) qcc=$PWD/$1 ;;
esac
cd "$(dirname "$0")" || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
failed=0
strict="-Wall -Wextra -Wpedantic -Wconversion -Werror"

fail() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

without_kernels() {
  awk '/^#include <string.h>/ { print; cut = 1; next }
       /^\/\* Define to place the weights/ { cut = 0; print "" }
       !cut || /^\/\* [a-z0-9_]*\.h - / { print }' "$1"
}

check_golden() {
  if [ "${UPDATE:-0}" = 1 ]; then cp "$2" "$1"; fi
  diff -u "$1" "$2" || fail "$1"
}

# compiles COMPILER ARGUMENT... in the folder of the generated code
compiles() {
  command -v "$1" >/dev/null || { echo "skipped: $1 is not installed"; return; }
  (cd "$temp/out" && "$@") || fail "$*"
}

run_case() {
  name=$1
  rm -rf "$temp/out"
  target=cortex-m0
  [ -f "$name.target.yaml" ] && target=$name.target.yaml
  set -- "$name.graph" --target "$target" --quiet -o "$temp/out"
  [ -f "$name.yaml" ] && set -- "$@" --policy "$name.yaml"
  [ -f "$name.npy" ] && set -- "$@" --calib "$name.npy"
  "$qcc" "$@" || { fail "$name"; return; }
  without_kernels "$temp/out/$name.c" >"$temp/c"
  check_golden "$name.c.golden" "$temp/c"
  check_golden "$name.h.golden" "$temp/out/$name.h"
  for level in -O0 -O2; do
    compiles gcc -std=c99 $strict $level -c "$name.c"
    compiles clang-19 -std=c99 $strict $level -c "$name.c"
    compiles arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb -std=c99 $strict $level -c "$name.c"
  done
  arenas=$(grep -c 'define .*_ARENA[_0-9]*_BYTES' "$temp/out/$name.h")
  arguments=a
  while [ "$arenas" -gt 1 ]; do
    arguments="$arguments, a" arenas=$((arenas - 1))
  done
  state=
  grep -q "} ${name}_state;" "$temp/out/$name.h" &&
    state="static ${name}_state s; ${name}_reset(&s);" arguments="$arguments, &s"
  printf '#include "%s.h"\nvoid use(void *a);\nvoid use(void *a) { %s %s_run(%s); }\n' "$name" "$state" "$name" "$arguments" \
    >"$temp/out/use.cpp"
  compiles g++ -std=c++11 $strict -c use.cpp
}

# dispatches TARGET COMPILER...: code with variants compiles without a warning, too.
dispatches() {
  target=$1
  shift
  rm -rf "$temp/out"
  "$qcc" tiny_int8.graph --policy tiny_int8.yaml --calib tiny_int8.npy --target "$target" \
    --quiet -o "$temp/out" || { fail "$target"; return; }
  sed -n '/^void/,$p' "$temp/out/tiny_int8.h" >"$temp/h"
  check_golden "tiny_int8.$target.h.golden" "$temp/h"
  for compiler in "$@"; do
    # shellcheck disable=SC2086
    compiles $compiler -std=c99 $strict -O2 -c tiny_int8.c
  done
}

# steps TARGET OPTION...: outputs of the code that keeps states itself are those of eval, step after step.
steps() {
  "$qcc" verify stream.graph --target "$@" --quiet >"$temp/verify" || { cat "$temp/verify"; fail "stream: $*"; }
}

for file in *.graph; do run_case "${file%.graph}"; done
dispatches x86-64 gcc "clang-19 --target=x86_64-linux-gnu"
dispatches aarch64 aarch64-linux-gnu-gcc "clang-19 --target=aarch64-linux-gnu"
steps host --preset float --limit 5
steps x86-64 --policy stream.yaml --calib stream.npy
[ "$failed" -eq 0 ] && echo "passed"
[ "$failed" -eq 0 ]
