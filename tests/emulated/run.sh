#!/bin/sh
# Generated code against eval on one target: run.sh QCC TARGET COMPILER [IDX2NPY FASHION-FOLDER]
#
# The small networks beside this script, and the Fashion-MNIST example where its dataset is installed and
# the target can hold it, are compiled, built with the target's compiler number COMPILER (0 or 1) and run
# on the target.  Integer outputs must be eval's bit for bit, floats within 1e-5 of the largest, and the
# signal to quantization noise ratio against the float model at least what the table says.  Exit status
# 77, after a line `skipped: ...`, when compiler, emulator or processor are missing.
set -u
LC_ALL=C
export LC_ALL

[ $# -eq 3 ] || [ $# -eq 5 ] || { echo "usage: run.sh QCC TARGET COMPILER [IDX2NPY FASHION]" >&2; exit 2; }
qcc=$1 target=$2 compiler=$3 idx2npy=${4:-} fashion=${5:-}
cd "$(dirname "$0")" || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
failed=0

# The value of a number in qcc's JSON; null when there is none.
figure() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$temp/out"; }

# What is not there is no failure.
skip_if_missing() {
  package=$(sed -n 's/.*is not installed: apt-get install \(.*\)/\1/p' "$temp/err")
  [ -z "$package" ] || { echo "skipped: install $package"; exit 77; }
  processor=$(sed -n 's/.*\(needs a processor of kind .*\)/\1/p' "$temp/err")
  [ -z "$processor" ] || { echo "skipped: target $target $processor"; exit 77; }
}

# check LEAST-SQNR ARGUMENTS...: one verification.
check() {
  least=$1 model=${2##*/}
  shift
  if ! "$qcc" verify "$@" --target "$target" --compiler "$compiler" --json --quiet \
      >"$temp/out" 2>"$temp/err"; then
    skip_if_missing
    if [ "$target.$model" = cortex-m0.fashion.onnx ] && grep -q 'does not fit' "$temp/err"; then
      echo "does not fit: $*"
    elif [ "$target" = rv32imc ] && grep -q 'floating point, which this target has not' "$temp/err"; then
      echo "no floating point: $*"
    else
      echo "FAILED: $*"
      cat "$temp/out" "$temp/err"
      failed=1
    fi
    return
  fi
  sqnr=$(figure sqnr_db)
  echo "$(figure outputs) outputs, $(figure differing) differ, SQNR $sqnr dB: $*"
  if [ "$sqnr" != null ] && ! awk "BEGIN { exit !($sqnr >= $least) }"; then
    echo "FAILED: SQNR below $least dB"
    failed=1
  fi
}

# Where floats are exact, noise may be absent: SQNR is null then.
check_few() {
  check 40 residual.graph --policy residual.yaml --optimize size
  check 20 mixed.graph --policy mixed.yaml --optimize speed
  check 100 floats.graph --limit 8
  check 6 mixed.graph --policy lowbit.yaml
}

check_more() {
  check_few
  check 20 flow.graph --preset int8 --calib flow.npy
  check 30 transposed.graph --preset int8 --calib transposed.npy --optimize speed
  check 12 mixed.graph --policy levels.yaml --optimize speed
  check 12 mixed.graph --policy luts.yaml --optimize size
  check 44 residual.graph --policy int16.yaml --optimize speed
  check 12 mixed.graph --preset w4a8 --calib mixed.npz --optimize size
}

check_all() {
  check_more
  check 40 residual.graph --policy residual.yaml --optimize speed
  check 20 mixed.graph --policy mixed.yaml --optimize size
  check 50 residual.graph --policy islands.yaml
  check 100 transposed.graph
  check 18 floats.graph --policy weights.yaml --optimize speed --limit 8
  check 8 mixed.graph --preset ternary --calib mixed.npz --optimize size
  check 6 floats.graph --policy ternary.yaml --limit 8
  check 20 mixed.graph --policy formats.yaml --optimize size

  # Bands of rows around the peak.
  for name in residual mixed; do
    { grep -v '^calibration' $name.yaml; echo 'schedule: {patch: auto}'; } >"$temp/$name.yaml"
  done
  check 40 residual.graph --policy "$temp/residual.yaml" --calib residual.npy --optimize speed
  check 20 mixed.graph --policy "$temp/mixed.yaml" --calib mixed.npz
}

# Every network goes once through the kernels of a family, and most through each.  Single kernels are tested on all
# targets in tests/kernels/.
case $target.$compiler in
  host.0 | cortex-m4.0 | cortex-m55.0) check_all ;;
  aarch64-i8mm.0 | riscv64-v.0 | x86-64-v3.0) check_more ;;
  *) check_few ;;
esac

# A block of a transformer with 4 bits, codes and scales of activations at run time and before it.
case $target.$compiler in
  host.0 | cortex-m55.0)
    check 19 transformer.graph --preset quarot-w4a4 --calib transformer.npy --limit 8
    check 16 transformer.graph --policy quarot.yaml --limit 8
    check 18 transformer.graph --policy lora.yaml --limit 2
    ;;
esac
case $target.$compiler in
  host.0 | cortex-m4.0 | cortex-m55.0) check 40 residual.graph --policy lora_int8.yaml ;;
esac

# Types and operators that no kernel is written for.
case $target.$compiler in
  host.* | cortex-m0plus.1 | cortex-m4.* | cortex-m55.* | aarch64-neon.0 | riscv64.0 | wasm32.0) check 100 loops.graph --limit 4 ;;
esac

# Products of codes whose scales are found at run time.
case $target.$compiler in
  host.* | cortex-m0plus.0 | cortex-m4.* | cortex-m55.0 | aarch64-*.0 | riscv64-v.0 | wasm32.0 | x86-64-v3.0)
    check 100 integers.graph --limit 4
    ;;
esac

# Decision trees and a linear model; boxes and places, whose number is an output.
case $target.$compiler in
  host.0 | cortex-m4.* | cortex-m55.0 | riscv64.0 | aarch64-neon.0 | wasm32.0)
    check 100 trees.graph --limit 8
    check 100 found.graph --limit 8
    ;;
esac

# An arena in two memories: the first region is too small for all of it.
if [ "$target" = cortex-m55 ]; then
  sed 's/dtcm, bytes: 512K/dtcm, bytes: 1K/' ../../targets/cortex-m55.yaml >"$temp/small.yaml"
  target=$temp/small.yaml
  check 40 residual.graph --policy residual.yaml
  check 20 mixed.graph --policy mixed.yaml
  "$qcc" mixed.graph --policy mixed.yaml --target "$target" --quiet -o "$temp/parts" &&
    grep -q 'void mixed_run(void \*arena, void \*arena_1)' "$temp/parts/mixed.h" ||
    { echo "FAILED: one arena"; failed=1; }
  target=cortex-m55
fi

# The example, by the target's first compiler.
data=/usr/share/datasets/fashion-mnist
case $target.$compiler in
  *.1) idx2npy= ;;
esac
if [ -n "$idx2npy" ] && [ -r $data/train-images-idx3-ubyte.gz ]; then
  gzip -dc $data/train-images-idx3-ubyte.gz | "$idx2npy" --every 937 --count 64 >"$temp/calib_x.npy"
  for policy in int8 mixed; do
    check 15 "$fashion/fashion.onnx" --policy "$fashion/$policy.yaml" --calib "$temp/calib_x.npy" --limit 8
  done
fi
exit $failed
