#!/bin/sh
# Measures qcc and what it makes, and writes docs/results.md:
#
#     bench.sh QCC [OUTPUT]
#
# Networks: Fashion-MNIST from examples/, and those of tests/zoo where a folder with them lies beside the
# source tree (or QCC_ZOO names one).  Targets: all that can be compiled for and run here.  QCC_OTHER may
# name a qcc built by another compiler, whose output is then compared as well.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 1 ] || { echo "usage: bench.sh QCC [OUTPUT]" >&2; exit 2; }
case $1 in
  /*) qcc=$1 ;;
  *) qcc=$PWD/$1 ;;
esac
[ -x "$qcc" ] || { echo "bench: no program '$qcc'" >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
output=${2:-$root/docs/results.md}
zoo=${QCC_ZOO:-$root/../shared/zoo}
data=/usr/share/datasets/fashion-mnist
targets=$("$qcc" list targets | awk '$1 != "host" { print $1 }')
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
page=$temp/page.md

say() { echo "bench: $*" >&2; }
line() { printf '%s\n' "$*" >>"$page"; }
# The first value of that name in qcc's JSON.
figure() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$2" | head -n 1; }
calculate() { awk "BEGIN { printf \"$1\", $2 }"; }

# ---- networks: model, policy, samples

networks=
if [ -r $data/train-images-idx3-ubyte.gz ]; then
  networks=fashion
  cc -std=c11 -O2 "$root/examples/fashion/idx2npy.c" -o "$temp/idx2npy" || exit 1
  gzip -dc $data/t10k-images-idx3-ubyte.gz | "$temp/idx2npy" >"$temp/dev_x.npy"
  gzip -dc $data/t10k-labels-idx1-ubyte.gz | "$temp/idx2npy" >"$temp/dev_y.npy"
  gzip -dc $data/train-images-idx3-ubyte.gz | "$temp/idx2npy" --every 234 --count 256 >"$temp/calib_x.npy"
fi
for net in kws ic vww ad mnist; do
  [ ! -r "$zoo/$net/$net.onnx" ] || networks="$networks $net"
done
[ -n "$networks" ] || { echo "bench: install dataset-fashion-mnist" >&2; exit 1; }

model_of() { if [ "$1" = fashion ]; then echo "$root/examples/fashion/fashion.onnx"; else echo "$zoo/$1/$1.onnx"; fi; }
policy_of() { if [ "$1" = fashion ]; then echo "$root/examples/fashion/int8.yaml"; else echo "$root/tests/zoo/$1.yaml"; fi; }
samples_of() { if [ "$1" = fashion ]; then echo "$temp"; else echo "$zoo/$1"; fi; }

# run_qcc VERB NET ARGUMENTS...: output in $temp/out, messages in $temp/err.
run_qcc() {
  verb=$1 net=$2
  shift 2
  "$qcc" "$verb" "$(model_of "$net")" --policy "$(policy_of "$net")" --calib "$(samples_of "$net")/calib_x.npy" \
    "$@" >"$temp/out" 2>"$temp/err"
}

# ---- sections

machine() {
  line "# Results"
  line
  line "Measured by \`./run bench\`, which writes this page, with $("$qcc" --version) built by $(cc --version | head -n 1)."
  line
  line "| | |"
  line "|---|---|"
  line "| machine | $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores |"
  for tool in clang-19 arm-none-eabi-gcc riscv64-linux-gnu-gcc aarch64-linux-gnu-gcc qemu-system-arm \
      qemu-system-riscv32 qemu-aarch64; do
    ! command -v $tool >/dev/null || line "| $tool | $($tool --version | head -n 1) |"
  done
  line
  line "Policies: int8 throughout (\`examples/fashion/int8.yaml\`, \`tests/zoo/NET.yaml\`). \`CALIB\` stands for the network's"
  line "calibration samples, \`X\` and \`Y\` for its development samples and labels."
}

quality() {
  line
  line "## Quality"
  line
  line "\`qcc eval MODEL --policy P --calib CALIB --input X --labels Y\`"
  line
  line "| network | samples | measure | float | int8 | wanted |"
  line "|---|---:|---|---:|---:|---:|"
  for net in $networks; do
    say "quality of $net"
    folder=$(samples_of "$net")
    set -- --input "$folder/dev_x.npy" --json --quiet
    [ ! -r "$folder/dev_y.npy" ] || set -- "$@" --labels "$folder/dev_y.npy"
    run_qcc eval "$net" "$@" || { cat "$temp/err" >&2; continue; }
    case $net in
      kws) wanted="92.2 %" ;; ic) wanted="77.2 %" ;; mnist) wanted="98.1 %" ;;
      vww) wanted="33 dB" ;; ad) wanted="28.5 dB" ;; *) wanted= ;;
    esac
    if [ "$(figure metric "$temp/out")" = '"top1"' ]; then
      float="$(calculate '%.2f %%' "100 * $(figure float "$temp/out")")"
      int8="$(calculate '%.2f %%' "100 * $(figure quantized "$temp/out")")" measure="top-1 accuracy"
    else
      float= int8="$(calculate '%.1f dB' "$(figure quantized "$temp/out")")" measure="SQNR against float"
    fi
    line "| $net | $(figure samples "$temp/out") | $measure | $float | $int8 | $wanted |"
  done
}

planner() {
  line
  line "## Arena"
  line
  line "\`qcc MODEL --policy P --calib CALIB --target cortex-m55 -o DIR\`, then \`arena\` in \`DIR/report.json\`: bytes, and the least that any"
  line "placement needs for the same schedule."
  line
  line "| network | arena | lower bound | gap |"
  line "|---|---:|---:|---:|"
  for net in $networks; do
    run_qcc compile "$net" --target cortex-m55 --quiet -o "$temp/$net" || { cat "$temp/err" >&2; continue; }
    bytes=$(sed -n 's/^    "bytes": \([0-9]*\),$/\1/p' "$temp/$net/report.json" | head -n 1)
    bound=$(figure lower_bound "$temp/$net/report.json")
    line "| $net | $bytes | $bound | $(calculate '%.1f %%' "100 * ($bytes - $bound) / $bound") |"
  done
}

# A cell: differing of compared outputs, or why not.
verify_cell() {
  if run_qcc verify "$1" --target "$2" --input "$(samples_of "$1")/dev_x.npy" --limit 64 --json --quiet; then
    echo "$(figure differing "$temp/out") of $(figure outputs "$temp/out")"
  elif grep -q 'does not fit' "$temp/err"; then
    echo "does not fit"
  elif grep -q 'not installed\|needs a processor\|no emulator' "$temp/err"; then
    echo "not run"
  else
    cat "$temp/err" >&2
    echo "$(figure differing "$temp/out") of $(figure outputs "$temp/out") **differ**"
  fi
}

agreement() {
  line
  line "## Generated code against eval"
  line
  line "\`qcc verify MODEL --policy P --calib CALIB --input X --limit 64 --target T\`: output codes that differ, of all codes of 64 samples."
  line "No emulator has the core of cortex-m85. The emulated board of cortex-m0 has 16 KB of RAM for arena, stack and harness."
  line
  line "| target | $(echo "$networks" | sed 's/ / | /g') |"
  line "|---|$(for net in $networks; do printf -- '---:|'; done)"
  for target in $targets; do
    say "verification on $target"
    row="| $target |"
    for net in $networks; do row="$row $(verify_cell "$net" "$target") |"; done
    line "$row"
  done
}

# One row of the table of costs.
cost_row() {
  run_qcc size "$1" --target "$2" --json && cp "$temp/out" "$temp/size" || return
  [ "$(figure code "$temp/size")" != null ] || return
  count=
  run_qcc bench "$1" --target "$2" --emulate --input "$(samples_of "$1")/dev_x.npy" --limit 1 --json --quiet &&
    count=$(figure instructions "$temp/out")
  [ "$count" != null ] || count=
  line "| $2 | $count | $(figure code "$temp/size") | $(figure constants "$temp/size") | $(figure weights "$temp/size") |" \
    "$(figure arena "$temp/size") | $(figure stack "$temp/size") |"
}

costs() {
  line
  line "## Cost"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate\` (instructions of one inference, compiled for balanced size and speed at -O2)"
  line "and \`qcc size MODEL --policy P --calib CALIB --targets T,...\` (bytes at -Os: code, constants other than weights, weights and biases,"
  line "arena, stack). Without a number where no emulator counts."
  for net in $networks; do
    line
    line "### $net"
    line
    line "| target | instructions | code | constants | weights | arena | stack |"
    line "|---|---:|---:|---:|---:|---:|---:|"
    say "costs of $net"
    for target in $targets; do cost_row "$net" "$target"; done
  done
}

# Seconds of three compilations, the median.
compile_seconds() {
  for _ in 1 2 3; do
    begin=$(date +%s%N)
    run_qcc compile "$1" --target cortex-m55 --quiet -o "$temp/timed" || return
    echo $(($(date +%s%N) - begin))
  done | sort -n | awk 'NR == 2 { printf "%.2f s", $1 / 1e9 }'
}

speed() {
  line
  line "## Compile time"
  line
  line "\`time qcc MODEL --policy P --calib CALIB --target cortex-m55 -o DIR\`, calibration with all its samples included; median of three."
  line
  line "| network | time | wanted |"
  line "|---|---:|---:|"
  for net in $networks; do
    case $net in
      kws) wanted="2 s" ;; vww) wanted="6 s" ;; *) wanted= ;;
    esac
    line "| $net | $(compile_seconds "$net") | $wanted |"
  done
}

same() { if diff -r "$1" "$2" >/dev/null 2>&1; then echo yes; else echo "**no**"; fi; }

determinism() {
  line
  line "## Determinism"
  line
  line "The output folder of a compilation for cortex-m55, compared byte by byte (\`diff -r\`) with that of a second one, of one with"
  line "\`--threads 1\` and one with \`--threads 2\`, and of a qcc built by the other compiler."
  line
  line "| network | again | 1 thread | 2 threads | other compiler |"
  line "|---|---|---|---|---|"
  for net in $networks; do
    say "determinism of $net"
    run_qcc compile "$net" --target cortex-m55 --quiet -o "$temp/again"
    run_qcc compile "$net" --target cortex-m55 --quiet --threads 1 -o "$temp/one"
    run_qcc compile "$net" --target cortex-m55 --quiet --threads 2 -o "$temp/two"
    other="not built"
    if [ -n "${QCC_OTHER:-}" ]; then
      own=$qcc qcc=$QCC_OTHER
      run_qcc compile "$net" --target cortex-m55 --quiet -o "$temp/other"
      qcc=$own
      other=$(same "$temp/$net" "$temp/other")
    fi
    line "| $net | $(same "$temp/$net" "$temp/again") | $(same "$temp/$net" "$temp/one") | $(same "$temp/$net" "$temp/two") | $other |"
    rm -rf "$temp/again" "$temp/one" "$temp/two" "$temp/other"
  done
}

# Instructions with kernels specialised for speed, int8 and int4, and sizes with shared kernels.
vectors() {
  line
  line "## Vector kernels"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate --optimize speed\` (instructions of one inference; int4 with"
  line "\`--preset int4\` where inputs need no policy) and \`qcc size ... --optimize size\` (bytes at -Os, code and constants without weights)."
  line "The last column is TensorFlow Lite Micro with CMSIS-NN on the same network, emulator and way of counting, its"
  line "best build: constants of tests/bench/bench.sh, measured once apart from this page."
  line
  line "| network | target | int8 | int4 | code + constants | arena | TFLM + CMSIS-NN |"
  line "|---|---|---:|---:|---:|---:|---:|"
  for net in $networks; do
    case $net in
      kws) peer="7699734 1726183" ;; ic) peer="29659943 4493210" ;; vww) peer="24101543 6134723" ;;
      ad) peer="582240 64953" ;; *) peer="- -" ;;
    esac
    for target in cortex-m4 cortex-m55; do
      say "vector kernels: $net on $target"
      run_qcc bench "$net" --target $target --emulate --optimize speed --limit 1 --json --quiet || continue
      int8=$(figure instructions "$temp/out") int4=
      case $net in kws | ad)
        "$qcc" bench "$(model_of "$net")" --preset int4 --calib "$(samples_of "$net")/calib_x.npy" --target $target \
          --emulate --optimize speed --limit 1 --json --quiet >"$temp/out" 2>"$temp/err" &&
          int4=$(figure instructions "$temp/out") ;;
      esac
      run_qcc size "$net" --target $target --optimize size --json || continue
      bytes=$(($(figure code "$temp/out") + $(figure constants "$temp/out")))
      [ $target = cortex-m4 ] && other=${peer% *} || other=${peer#* }
      line "| $net | $target | $int8 | $int4 | $bytes | $(figure arena "$temp/out") | $other |"
    done
  done
}

machine
speed
planner
determinism
quality
vectors
agreement
costs
cp "$page" "$output" || exit 1
say "wrote $output"
