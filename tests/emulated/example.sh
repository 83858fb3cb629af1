#!/bin/sh
# The example's main.c with the generated code of each policy: example.sh QCC IDX2NPY FOLDER
#
# Compiled for this machine with all warnings and run: the class that it returns is 0 to 9.  Exit status 77,
# after a line `skipped: ...`, where the dataset with the calibration samples is not installed.
set -eu

[ $# -eq 3 ] || { echo "usage: example.sh QCC IDX2NPY FOLDER" >&2; exit 2; }
qcc=$1 idx2npy=$2 example=$3
data=/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
[ -r $data ] || { echo "skipped: install dataset-fashion-mnist"; exit 77; }
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM

gzip -dc $data | "$idx2npy" --every 937 --count 64 >"$temp/calib_x.npy"
for policy in float int8 mixed; do
  "$qcc" "$example/fashion.onnx" --policy "$example/$policy.yaml" --calib "$temp/calib_x.npy" \
    --name fashion --quiet -o "$temp/$policy"
  cd "$temp/$policy"
  cc -std=c11 -O2 -Wall -Wextra -Wpedantic -Wconversion -Werror -I. "$example/main.c" fashion.c -lm -o example
  class=0
  ./example || class=$?
  echo "$policy: class $class"
  [ "$class" -le 9 ] || exit 1
done
