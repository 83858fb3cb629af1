#!/bin/sh
# tflite.sh QCC TFLITE_KINDS TARGET - generated code of TensorFlow Lite files of each kind gives eval's numbers; codes
# bit for bit, and no policy is needed.
set -eu
qcc=$1 kinds=$2 target=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$kinds" "$folder"
for model in "$folder"/*.tflite; do
  "$qcc" verify "$model" --target "$target" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
  grep -q 'generated code against eval: 0 of' "$folder/log" || { cat "$folder/log"; exit 1; }
  case $model in
  *_int8*) grep -q 'bit for bit' "$folder/log" || { cat "$folder/log"; exit 1; } ;;
  esac
done
