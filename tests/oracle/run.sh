#!/bin/sh
# onnxruntime as oracle: run.sh QCC RANDOM_ONNX FOLDER ZOO CASE
#
# FOLDER holds node_modules with onnxruntime-node, ZOO the networks; a CASE is a function below, its arguments
# behind it.  Exit status 77 where one of them is missing.
set -u
[ $# -ge 5 ] || { echo "usage: run.sh QCC RANDOM_ONNX FOLDER ZOO CASE [ARGUMENT...]" >&2; exit 2; }
qcc=$1 random_onnx=$2 ort=$3 zoo=$4 case=$5
shift 5
here=$(dirname "$0")
command -v node >/dev/null || { echo "skipped: node is not installed"; exit 77; }
[ -d "$ort/node_modules/onnxruntime-node" ] || { echo "skipped: no onnxruntime-node in $ort"; exit 77; }

# net MODEL SAMPLES TOLERANCE [OPTION...]: generated code.
net() {
  model=$zoo/$1
  shift
  [ -f "$model" ] || { echo "skipped: no $model"; exit 77; }
  node "$here/compare.mjs" "$ort" "$qcc" "$model" "$@"
}

# graph NETWORK.graph SAMPLES TOLERANCE: the same of a network in the text form, as an ONNX model.
graph() {
  temp=$(mktemp -d) || exit 2
  trap 'rm -rf "$temp"' EXIT
  model=$temp/$(basename "$1" .graph).onnx samples=$2 tolerance=$3
  "$random_onnx" "$1" "$model" && node "$here/compare.mjs" "$ort" "$qcc" "$model" "$samples" "$tolerance"
}

# random SEED COUNT TOLERANCE
random() {
  temp=$(mktemp -d) || exit 2
  trap 'rm -rf "$temp"' EXIT
  "$random_onnx" "$temp" "$1" "$2" && node "$here/compare.mjs" "$ort" "$qcc" models "$temp" "$3"
}

# flow SAMPLES TOLERANCE: control flow.
flow() {
  temp=$(mktemp -d) || exit 2
  trap 'rm -rf "$temp"' EXIT
  python3 "$here/flow.py" "$temp" || exit 1
  for model in "$temp"/*.onnx; do node "$here/compare.mjs" "$ort" "$qcc" "$model" "$@" || failed=1; done
  return "$failed"
}

failed=0
"$case" "$@"
