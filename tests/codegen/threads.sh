#!/bin/sh
# Layers in parts for several threads: threads.sh QCC PRODUCTS
#
# Networks whose layers are cut by rows and by columns, with `threads: 3`, give eval's outputs with OpenMP,
# codes bit for bit; the code has the loops, and compiles without a warning with OpenMP and without it.
# Exit status 77, after `skipped: ...`, when there is no compiler.
set -u
LC_ALL=C
export LC_ALL

[ $# -eq 2 ] || { echo "usage: threads.sh QCC PRODUCTS" >&2; exit 2; }
qcc=$1 products=$2
rows=$(cd "$(dirname "$0")/../passes/threads" && pwd)/rows.graph
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
cd "$temp" || exit 2
failed=0
strict="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Werror -O1"
command -v cc >/dev/null || { echo "skipped: install gcc"; exit 77; }

fail() {
  echo "FAILED: $*"
  failed=1
}

# check MODEL POLICY TARGET: the policy is one line of settings.
check() {
  model=$1 name=$(basename "$1" .graph)
  printf 'threads: 3\n%b\n' "$2" >policy.yaml
  set -- "$model" --policy policy.yaml --calib "$name.npy" --target "$3" --quiet
  "$qcc" "$@" -o out || { fail "$*"; return; }
  grep -q '^#pragma omp parallel for num_threads(3)' "out/$name.c" || fail "no threads: $*"
  "$qcc" verify "$@" --limit 2 >verdict 2>&1 || fail "$*: $(cat verdict)"
  # shellcheck disable=SC2086
  (cd out && cc $strict -c "$name.c") || fail "$*"
  # shellcheck disable=SC2086
  (cd out && cc $strict -fopenmp -c "$name.c") || fail "-fopenmp: $*"
  echo "checked $*"
}

int8='preset: int8\ncalibration: {method: minmax}'
"$products" net row 1 1024 840 1
"$products" net rows 61 128 128 1
"$products" samples conv 1 1 128 128
cp "$rows" conv.graph
check row.graph "$int8" host
check row.graph "$int8" x86-64
check row.graph 'preset: w4a8\ncalibration: {method: minmax}\ndefaults: {weights: {format: int4, group: 128}}' host
check row.graph 'defaults: {weights: {format: int4}}' host
check row.graph 'defaults: {weights: {format: float}}' host
check rows.graph "$int8" host
check conv.graph "$int8" host
exit $failed
