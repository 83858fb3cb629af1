#!/bin/sh
# The Fashion-MNIST network as float, int8 and mixed int8/int4, for an emulated Cortex-M55:
#
#     demo.sh QCC [FOLDER]
#
# Compiles into FOLDER/POLICY (build/demo at the top of the repository unless given) and prints a table:
# accuracy of the generated code over the 10,000 test images on this machine and over the first 200 on
# the emulator, flash, RAM, instructions of one inference, bits per weight with all its metadata.
set -eu
LC_ALL=C
export LC_ALL

[ $# -ge 1 ] || { echo "usage: demo.sh QCC [FOLDER]" >&2; exit 2; }
case $1 in
  /*) qcc=$1 ;;
  *) qcc=$PWD/$1 ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
out=${2:-$here/../../build/demo}
data=/usr/share/datasets/fashion-mnist
target=cortex-m55
on_emulator=200
weights=64336 # of convolutions and dense layer, without biases

[ -x "$qcc" ] || { echo "demo: no program '$qcc'" >&2; exit 2; }
[ -r $data/t10k-images-idx3-ubyte.gz ] || { echo "demo: install dataset-fashion-mnist" >&2; exit 1; }
mkdir -p "$out"
out=$(cd "$out" && pwd)

# The dataset as qcc reads it.
cc -std=c11 -O2 "$here/idx2npy.c" -o "$out/idx2npy"
gzip -dc $data/t10k-images-idx3-ubyte.gz | "$out/idx2npy" >"$out/test_x.npy"
gzip -dc $data/t10k-labels-idx1-ubyte.gz | "$out/idx2npy" >"$out/test_y.npy"
gzip -dc $data/train-images-idx3-ubyte.gz | "$out/idx2npy" --every 234 --count 256 >"$out/calib_x.npy"

# The value of a number in qcc's JSON, the first of that name.
figure() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$2" | head -n 1; }
percent() { awk "BEGIN { printf \"%.2f %%\", 100 * $1 }"; }

# Codes and their scales, from the lock file; what it does not list as quantized has 32 bits.
bits_per_weight() {
  sed -n 's/.*elements: \([0-9]*\), bits: \([0-9.]*\)}/\1 \2/p' "$1" |
    awk -v all=$weights '{ n += $1; sum += $1 * $2 } END { printf "%.2f", (sum + 32 * (all - n)) / all }'
}

# run_qcc VERB ARGUMENTS...: on the example, with the policy of the row.
run_qcc() {
  verb=$1
  shift
  "$qcc" "$verb" "$here/fashion.onnx" --policy "$here/$policy.yaml" --calib "$out/calib_x.npy" "$@"
}

row() {
  policy=$1
  folder=$out/$policy
  run_qcc compile --target $target --name fashion -o "$folder" --quiet
  set -- --input "$out/test_x.npy" --labels "$out/test_y.npy" --on-target --json --quiet
  run_qcc eval "$@" --target host >"$folder/eval_host.json"
  run_qcc eval "$@" --target $target --limit $on_emulator >"$folder/eval_$target.json"
  run_qcc size --target $target --json >"$folder/size.json"
  run_qcc bench --input "$out/test_x.npy" --limit 1 --target $target --json --quiet >"$folder/bench.json"

  flash=$(($(figure code "$folder/size.json") + $(figure constants "$folder/size.json") + \
    $(figure weights "$folder/size.json") + $(figure scales "$folder/size.json")))
  ram=$(($(figure arena "$folder/size.json") + $(figure stack "$folder/size.json")))
  printf '%-7s %9s %9s %9s %9s %12s %11s\n' "$policy" \
    "$(percent "$(figure target "$folder/eval_host.json")")" \
    "$(percent "$(figure target "$folder/eval_$target.json")")" \
    "$flash" "$ram" "$(figure instructions "$folder/bench.json")" \
    "$(bits_per_weight "$folder/policy.lock.yaml")"
}

printf '%-7s %9s %9s %9s %9s %12s %11s\n' policy accuracy accuracy flash RAM instructions 'bits per'
printf '%-7s %9s %9s %9s %9s %12s %11s\n' '' 'host' 'emulator' bytes bytes 'per image' weight
# Side by side, as the emulator uses one core only.
for policy in float int8 mixed; do
  row $policy >"$out/$policy.row" &
  eval "job_$policy=\$!"
done
# shellcheck disable=SC2154
wait "$job_float" && wait "$job_int8" && wait "$job_mixed"
cat "$out/float.row" "$out/int8.row" "$out/mixed.row"
echo "host: 10000 test images, emulator: the first $on_emulator on $target; the code is in $out"
