#!/bin/sh
# Public networks that are not part of this repository: run.sh QCC ZOO WHAT [NAME]
#
#   score NET      int8 accuracy, or signal to noise ratio where there are no labels, on all samples
#   target TARGET  24 samples of each int8 network that fits the target: generated code against eval
#   float NET      the network compiled without quantization, on this machine
#   plan NET       the arena against the lower bound of its schedule
#   int16 NET      the same with int16 activations: a better signal to noise ratio than int8's
#   imported NET   the network that somebody else quantized: nothing real between input and output codes
#   size           kws for cortex-m55 at -Os
#
# ZOO/NET has NET.onnx, calib_x.npy, dev_x.npy and perhaps dev_y.npy; the policies are beside this
# script.  Exit status 77, after a line `skipped: ...`, where the zoo or a tool is not there.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 3 ] || { echo "usage: run.sh QCC ZOO WHAT [NAME]" >&2; exit 2; }
qcc=$1 zoo=$2 what=$3 name=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "FAILED: $*"; cat "$temp/err" 2>/dev/null; exit 1; }

# need NET: the folder of a network is there.
need() { [ -r "$zoo/$1/$1.onnx" ] || skip "no $1 in $zoo"; }

# qcc VERB NET ARGUMENTS...: with the network's policy and calibration samples; output in $temp/out.
run_qcc() {
  verb=$1 net=$2
  shift 2
  "$qcc" "$verb" "$zoo/$net/$net.onnx" --policy "$here/$net.yaml" --calib "$zoo/$net/calib_x.npy" \
    "$@" >"$temp/out" 2>"$temp/err"
}

# The value of a number in qcc's JSON.
figure() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$2"; }
holds() { awk "BEGIN { exit !($1) }"; }

# The figure that quantization must reach: fraction of right answers, or dB.
least_score() {
  case $1 in
    kws) echo 0.922 ;;
    ic) echo 0.772 ;;
    mnist) echo 0.981 ;;
    vww) echo 33 ;;
    ad) echo 28.5 ;;
  esac
}

score() {
  need "$name"
  set -- --input "$zoo/$name/dev_x.npy" --json
  [ ! -r "$zoo/$name/dev_y.npy" ] || set -- "$@" --labels "$zoo/$name/dev_y.npy"
  run_qcc eval "$name" "$@" || fail "qcc eval"
  found=$(figure quantized "$temp/out")
  echo "$name: $found, at least $(least_score "$name")"
  holds "$found >= $(least_score "$name")" || fail "$name: quality"
}

# Signal to noise ratio of 100 samples with the policy $1, in figure.
ratio() {
  "$qcc" verify "$zoo/$name/$name.onnx" --policy "$1" --calib "$zoo/$name/calib_x.npy" --limit 100 \
    --input "$zoo/$name/dev_x.npy" --target host --json --quiet >"$temp/out" 2>"$temp/err" || fail "$name with $1"
  figure sqnr_db "$temp/out"
}

int16() {
  need "$name"
  { cat "$here/$name.yaml"; echo 'defaults: {activations: {format: int16}}'; } >"$temp/int16.yaml"
  int8=$(ratio "$here/$name.yaml") && int16=$(ratio "$temp/int16.yaml") || fail "$name: $int8 $int16"
  echo "$name: $int16 dB, $int8 dB with int8 activations"
  holds "$int16 >= $int8 + 2" || fail "$name: quality"
}

# What the board's 16 KB cannot hold it need not run.
verify_one() {
  if run_qcc verify "$1" --input "$zoo/$1/dev_x.npy" --limit 24 --target "$name" --json; then
    echo "$1: $(figure differing "$temp/out") of $(figure outputs "$temp/out") outputs differ"
  elif grep -q 'is not installed: apt-get install' "$temp/err"; then
    skip "install $(sed -n 's/.*is not installed: apt-get install //p' "$temp/err")"
  elif grep -q 'needs a processor of kind' "$temp/err"; then
    skip "target $name $(sed -n 's/.*\(needs a processor\)/\1/p' "$temp/err")"
  elif [ "$name" = cortex-m0 ] && grep -q 'does not fit' "$temp/err"; then
    echo "$1: $(cat "$temp/err")"
  else
    cat "$temp/out"
    fail "$1 on $name"
  fi
}

target() {
  need kws
  for net in kws ic vww ad; do verify_one "$net"; done
  [ "$name" != host ] || verify_one mnist
}

float() {
  path=$zoo/$name/$name.onnx samples=$zoo/$name/dev_x.npy
  if [ -r "$path" ]; then
    sed 's/preset: int8/preset: float/' "$here/$name.yaml" >"$temp/float.yaml"
    set -- --policy "$temp/float.yaml" --input "$samples" --limit 16
  else
    path=$zoo/more/$name.onnx
    [ -r "$path" ] || skip "no $name in $zoo"
    set -- --preset float --limit 2
  fi
  "$qcc" verify "$path" "$@" --target host --json --quiet >"$temp/out" 2>"$temp/err" || fail "$name as float"
  echo "$name: $(figure differing "$temp/out") of $(figure outputs "$temp/out") differ, SQNR $(figure sqnr_db "$temp/out") dB"
  holds "$(figure sqnr_db "$temp/out") >= 100" || fail "$name: passes change what the network computes"
}

# The gap of a compile to its lower bound, which may be 2 %.
plan() {
  if [ "$name" = fashion ]; then
    "$qcc" "$here/../../examples/fashion/fashion.onnx" --target cortex-m55 --quiet -o "$temp/net" 2>"$temp/err" ||
      fail "fashion"
  else
    need "$name"
    run_qcc compile "$name" --target cortex-m55 -o "$temp/net" || fail "$name"
  fi
  bytes=$(sed -n 's/^    "bytes": \([0-9]*\),$/\1/p' "$temp/net/report.json" | head -n 1)
  bound=$(figure lower_bound "$temp/net/report.json")
  echo "$name: arena $bytes, lower bound $bound"
  holds "$bytes <= 1.02 * $bound" || fail "$name: arena"
}

size() {
  need kws
  run_qcc size kws --targets cortex-m55 --opt -Os --json || fail "qcc size"
  code=$(figure code "$temp/out") constants=$(figure constants "$temp/out")
  scales=$(figure scales "$temp/out") arena=$(figure arena "$temp/out")
  [ "$code" != null ] || skip "install clang-19 gcc-arm-none-eabi libnewlib-arm-none-eabi"
  echo "kws for cortex-m55: code $code, constants $constants, scales $scales, arena $arena"
  holds "$code + $constants + $scales <= 12288 && $arena <= 17408" || fail "kws for cortex-m55: size"
}

[ -d "$zoo" ] || skip "no networks in $zoo; QCC_ZOO names the folder"
# Of the nodes between the first Quantize and the last Dequantize, those that read or make real numbers.
imported() {
  model=$zoo/$name/${name}_qdq.onnx
  [ -r "$model" ] || skip "no quantized $name in $zoo"
  "$qcc" "$model" --emit graph --stop-after lower >"$temp/out" 2>"$temp/err" || fail "qcc $model"
  sed -n 's/^  \(\[[^]]*\] \)*\([a-z]*[0-9]*\)\[.* = \([A-Za-z]*\)[<(].*/\2 \3/p' "$temp/out" | grep -v '^const' >"$temp/nodes"
  inner=$(sed -n '/ Quantize$/,/ Dequantize$/p' "$temp/nodes" | grep -cv ' Dequantize$')
  real=$(sed -n '/ Quantize$/,/ Dequantize$/p' "$temp/nodes" | grep -v ' Dequantize$' | grep -c '^float')
  islands=$(grep -c ' Dequantize$' "$temp/nodes")
  echo "$name: $inner nodes on codes, $real of them make real numbers, $islands Dequantize"
  holds "$inner > 5 && $real == 0 && $islands == 1" || fail "$name: not in integers"
}

case $what in
  score | target | float | plan | int16 | imported | size) "$what" ;;
  *) echo "run.sh: unknown test '$what'" >&2; exit 2 ;;
esac
