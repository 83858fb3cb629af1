#!/bin/sh
# The table of what kernels cost against a count: costs.sh QCC IDX2NPY FOLDER TARGET
#
# The instructions that the target's table foretells of the example's networks are within 5 % of those counted.
# Exit status 77, after a line `skipped: ...`, where the compiler, the emulator or the dataset is missing.
set -eu

[ $# -eq 4 ] || { echo "usage: costs.sh QCC IDX2NPY FOLDER TARGET" >&2; exit 2; }
qcc=$1 idx2npy=$2 example=$3 target=$4
data=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
[ -r $data ] || { echo "skipped: install dataset-fashion-mnist"; exit 77; }
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM

figure() { sed -n "s/^  \"$1\": \([0-9]*\),*\$/\1/p" "$temp/out"; }

gzip -dc $data | "$idx2npy" --every 937 --count 64 >"$temp/calib_x.npy"
for policy in int8 mixed; do
  "$qcc" bench "$example/fashion.onnx" --policy "$example/$policy.yaml" --calib "$temp/calib_x.npy" --target "$target" \
    --limit 1 --json --quiet >"$temp/out" 2>"$temp/err" || {
    cat "$temp/err"
    grep -q 'not installed' "$temp/err" && { echo "skipped: $(cat "$temp/err")"; exit 77; }
    exit 1
  }
  echo "$policy: $(figure predicted) predicted, $(figure instructions) counted"
  awk "BEGIN { exit !(($(figure predicted) / $(figure instructions) - 1) ^ 2 <= 0.05 ^ 2) }"
done
