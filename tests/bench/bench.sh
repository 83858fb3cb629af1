#!/bin/sh
# Measures qcc and what it makes, prints the tables and writes them to docs/results.md:
#
#     bench.sh [--layers] [--only SECTION[,SECTION...]] QCC [OUTPUT]
#
# --layers adds a table with a line per layer.  --only measures these sections and keeps the rest of the page.
# The page is written after every section, so that what a run has measured is there when it is stopped.  Networks: Fashion-MNIST from examples/, and those of
# tests/zoo where a folder with them lies beside the source tree (or QCC_ZOO names one).  Targets: all that
# can be compiled for and run here.  QCC_OTHER may name a qcc built by another compiler, whose output is
# then compared as well; QCC_ORT a folder in which onnxruntime-node is installed (`run` sees to it).
set -u
LC_ALL=C
OMP_WAIT_POLICY=passive # two programs at a time share the processors
export LC_ALL OMP_WAIT_POLICY

# Sections of the page, in its order.
sections="speed solvers search_time host web planner determinism quality suite suite_fashion suite_kws suite_ic suite_vww suite_ad bits recipes imports metrics found micro bytes search_bytes application agreement costs latency"
chosen=$sections
while :; do
  case ${1:-} in
    --layers) sections=$(echo "$sections" | sed 's/agreement/by_layer &/') chosen="$chosen by_layer"; shift ;;
    --only)
      chosen=$(echo "${2:-}" | tr , ' ')
      for section in $chosen; do
        case " $sections by_layer " in
          *" $section "*) ;;
          *) echo "bench: no section '$section'; there are: $sections" >&2; exit 2 ;;
        esac
      done
      shift 2 ;;
    *) break ;;
  esac
done
[ $# -ge 1 ] || { echo "usage: bench.sh [--layers] [--only SECTION[,SECTION...]] QCC [OUTPUT]" >&2; exit 2; }
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
job=$temp # where a measurement puts its files

say() { echo "bench: $*" >&2; }
line() { printf '%s\n' "$*" >>"$job/lines"; }
# The first value of that name in qcc's JSON.
figure() { sed -n "s/^ *\"$1\": \([^,]*\),*\$/\1/p" "$2" | head -n 1; }
calculate() { awk "BEGIN { printf \"$1\", $2 }"; }
# ratio A B: A / B, or nothing where one is missing.
ratio() { case "$1/$2" in *[!0-9./]* | /* | */) ;; *) calculate %.2f "$1 / $2" ;; esac; }

# rows FUNCTION ITEM...: what FUNCTION writes for each item, in order; two items at a time.
rows() {
  function=$1 folder=$job count=0
  shift
  for item; do
    count=$((count + 1))
    mkdir -p "$folder/row$count"
    (job=$folder/row$count && "$function" "$item") &
    [ $((count % 2)) = 1 ] || wait
  done
  wait
  for number in $(seq $count); do cat "$folder/row$number/lines" 2>/dev/null; done >>"$folder/lines"
  rm -rf "$folder"/row*
}

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

# run_qcc VERB NET ARGUMENTS...: output in $job/out, messages in $job/err.  $bits: int8 as in the policies, or
# int4 or int2 for all weights.
run_qcc() {
  verb=$1 net=$2
  shift 2
  policy=$(policy_of "$net")
  if [ "${bits:-int8}" != int8 ]; then
    { cat "$policy" && printf 'defaults:\n  weights: {format: %s}\n' "$bits"; } >"$job/policy.yaml"
    policy=$job/policy.yaml
  fi
  "$qcc" "$verb" "$(model_of "$net")" --policy "$policy" --calib "$(samples_of "$net")/calib_x.npy" \
    "$@" >"$job/out" 2>"$job/err"
}

# ---- sections

machine() { echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores"; }

title() {
  line "# Results"
  line
  line "Measured by \`./run bench\`, which writes this page, with $("$qcc" --version) built by $(cc --version | head -n 1);"
  line "\`./run bench --only SECTION\` measures one section (their names stand in comments of this page)."
  line
  line "| | |"
  line "|---|---|"
  for tool in clang-19 arm-none-eabi-gcc riscv64-linux-gnu-gcc aarch64-linux-gnu-gcc qemu-system-arm \
      qemu-system-riscv32 qemu-aarch64; do
    ! command -v $tool >/dev/null || line "| $tool | $($tool --version | head -n 1) |"
  done
  line
  line "Policies: int8 throughout (\`examples/fashion/int8.yaml\`, \`tests/zoo/NET.yaml\`). \`CALIB\` stands for the network's"
  line "calibration samples, \`X\` and \`Y\` for its development samples and labels."
}

quality_row() {
  net=$1 folder=$(samples_of "$1")
  say "quality of $net"
  set -- --input "$folder/dev_x.npy" --json --quiet
  [ ! -r "$folder/dev_y.npy" ] || set -- "$@" --labels "$folder/dev_y.npy"
  run_qcc eval "$net" "$@" || { cat "$job/err" >&2; return; }
  case $net in
    kws) wanted="92.2 %" ;; ic) wanted="77.2 %" ;; mnist) wanted="98.1 %" ;;
    vww) wanted="33 dB" ;; ad) wanted="28.5 dB" ;; *) wanted= ;;
  esac
  if [ "$(figure metric "$job/out")" = '"top1"' ]; then
    float="$(calculate '%.2f %%' "100 * $(figure float "$job/out")")"
    int8="$(calculate '%.2f %%' "100 * $(figure quantized "$job/out")")" measure="top-1 accuracy"
  else
    float= int8="$(calculate '%.1f dB' "$(figure quantized "$job/out")")" measure="SQNR against float"
  fi
  line "| $net | $(figure samples "$job/out") | $measure | $float | $int8 | $wanted |"
}

quality() {
  line
  line "## Quality"
  line
  line "\`qcc eval MODEL --policy P --calib CALIB --input X --labels Y\`"
  line
  line "| network | samples | measure | float | int8 | wanted |"
  line "|---|---:|---|---:|---:|---:|"
  rows quality_row $networks
}

# ---- the quantization suite

presets=$("$qcc" list presets | awk '{ print $1 }')

# scored NET POLICY: sets words of $job/score: score (top-1 in %, or nothing), SQNR in dB, agreement in %.
scored() {
  folder=$(samples_of "$1")
  set -- eval "$(model_of "$1")" --policy "$2" --calib "$folder/calib_x.npy" --input "$folder/dev_x.npy" --json --quiet
  [ ! -r "$folder/dev_y.npy" ] || set -- "$@" --labels "$folder/dev_y.npy"
  [ -r "$folder/dev_y.npy" ] || set -- "$@" --limit 64
  [ "$1.${2##*/}" != eval.fashion.onnx ] || set -- "$@" --limit 2000
  "$qcc" "$@" >"$job/eval" 2>"$job/err" || return
  top1=
  [ "$(figure metric "$job/eval")" != '"top1"' ] || top1=$(calculate '%.2f %%' "100 * $(figure quantized "$job/eval")")
  sqnr=$(figure sqnr_db "$job/eval")
  case $sqnr in null) sqnr=exact ;; *) sqnr=$(calculate '%.1f dB' "$sqnr") ;; esac
  agree=$(calculate '%.2f %%' "100 * $(figure agreement "$job/eval")")
}

# stored NET POLICY: sets bits per weight with all metadata, bytes of constants, seconds of the compilation.
stored() {
  begin=$(date +%s%N)
  "$qcc" "$(model_of "$1")" --policy "$2" --calib "$(samples_of "$1")/calib_x.npy" --target cortex-m55 --optimize size --quiet \
    -o "$job/net" 2>"$job/err" || return
  seconds=$(calculate %.1f "($(date +%s%N) - $begin) / 1e9")
  plain=32
  ! grep -q '"format": "float16"' "$job/net/report.json" || plain=16
  bits_each=$(sed -n 's/.*elements: \([0-9]*\), bits: \([0-9.]*\).*/\1 \2/p' "$job/net/policy.lock.yaml" |
    awk -v plain=$plain '{ n += $1; b += $1 * $2 } END { if (n) printf "%.2f", b / n; else print plain }')
  flash=$(awk '/^  "constants"/ { on = 1 } on && /"(weights|biases|tables)"/ { gsub(",", "", $2); sum += $2 } /^  }/ { on = 0 } END { print sum }' "$job/net/report.json")
}

preset_policy() {
  printf 'version: 1\npreset: %s\n' "$1" >"$job/preset.yaml"
  [ "$2" != fashion ] || sed -n '/^inputs:/,$p' "$root/examples/fashion/int8.yaml" >>"$job/preset.yaml"
  [ "$2" = fashion ] || sed -n '/^inputs:/,$p' "$root/tests/zoo/$2.yaml" >>"$job/preset.yaml"
}

# One row of the table of network $scored_net.
preset_row() {
  say "preset $1 of $scored_net"
  preset_policy "$1" "$scored_net"
  if stored "$scored_net" "$job/preset.yaml" && scored "$scored_net" "$job/preset.yaml"; then
    line "| $1 | $top1 | $sqnr | $agree | $bits_each | $flash | $seconds |"
  else
    line "| $1 | $(sed -n 's/^.*error: //p' "$job/err" | head -n 1 | cut -c 1-100) | | | | | |"
  fi
}

# ad_bytes POLICY: of its weights, biases and scales.
ad_bytes() {
  "$qcc" size "$zoo/ad/ad.onnx" --policy "$1" --calib "$zoo/ad/calib_x.npy" --target cortex-m55 --json >"$job/size" 2>"$job/err" &&
    echo $(($(figure weights "$job/size") + $(figure scales "$job/size")))
}

# ad_row PRESET: ad with int4 in all layers.
ad_row() {
  printf 'version: 1\npreset: %s\ndefaults: {weights: {format: int4}}\n' "$1" >"$job/ad.yaml"
  "$qcc" eval "$zoo/ad/ad.onnx" --policy "$job/ad.yaml" --calib "$zoo/ad/calib_x.npy" --input "$zoo/ad/dev_x.npy" --json --quiet >"$job/out" 2>"$job/err" || return
  bytes=$(ad_bytes "$job/ad.yaml")
  line "| $1 | $(calculate '%.1f dB' "$(figure quantized "$job/out")") | $bytes | $(ratio "$bytes" "$(ad_bytes "$(policy_of ad)")") |"
}

suite() {
  line
  line "## Quantization suite"
  line
  line "A row per preset (\`qcc list presets\`, the policy is \`preset: NAME\`): \`qcc eval MODEL --policy P --calib CALIB --input X --labels Y\` for top-1"
  line "accuracy, SQNR of the outputs and top-1 agreement with float (64 samples where there are no labels, 2000 of fashion); \`qcc MODEL --policy P --calib CALIB --target"
  line "cortex-m55 --optimize size -o DIR\` for bits per weight with all metadata (\`DIR/policy.lock.yaml\`), flash for weights, scales, biases and tables (\`DIR/report.json\`)"
  line "and the seconds it took, calibration and solvers included, two compilations at a time. Wanted of 4 bits: kws 91.7 %, ic 76.5 %, ad 24 dB, fashion within half a point of float."
}

# suite_of NET: its table, a section of the page.
suite_of() {
  case " $networks " in *" $1 "*) ;; *) return ;; esac
  scored_net=$1
  line
  line "### $1"
  line
  line "| preset | top-1 | SQNR | agreement | bits per weight | flash | seconds |"
  line "|---|---:|---:|---:|---:|---:|---:|"
  # shellcheck disable=SC2086
  rows preset_row $presets
}

suite_fashion() { suite_of fashion; }
suite_kws() { suite_of kws; }
suite_ic() { suite_of ic; }
suite_vww() { suite_of vww; }

suite_ad() {
  suite_of ad
  [ -r "$zoo/ad/ad.onnx" ] || return 0
  line
  line "ad with int4 in all layers (\`defaults: {weights: {format: int4}}\` behind the preset): \`weights\` and \`scales\` of \`qcc size --target cortex-m55\` together,"
  line "biases included, and their share of what \`int8\` takes. Wanted: 24 dB, 0.56."
  line
  line "| preset | SQNR | bytes | / int8 |"
  line "|---|---:|---:|---:|"
  rows ad_row w4a8 w4a8-gptq w4a8-gptaq
}

# bits_row FORMAT.SOLVER: kws, ic and ad with these weights; first, last and depthwise layers int8.
bits_row() {
  format=${1%%.*} solver=${1#*.}
  say "$format by $solver"
  cells=
  for net in kws ic ad; do
    preset_policy int8 "$net"
    awk -v f="$format" -v s="$solver" '/^preset:/ {
      print "transforms: [fold_bn, bias_correct]\ndefaults:\n  weights: {format: " f ", granularity: channel, solver: " s "}"
      print "  activations: {format: int8, granularity: tensor, symmetric: false, mode: static}"
      print "rules:\n  - {match: {tag: [first, last, depthwise]}, weights: {format: int8}, require: 0}"; next } { print }' "$job/preset.yaml" >"$job/bits.yaml"
    if scored "$net" "$job/bits.yaml"; then cells="$cells ${top1:+$top1, }$sqnr |"; else cells="$cells $(sed -n 's/^.*error: //p' "$job/err" | head -n 1 | cut -c 1-60) |"; fi
  done
  line "| $format | $solver |$cells"
}

bits() {
  [ -r "$zoo/ic/ic.onnx" ] || return 0
  line
  line "## Few bits"
  line
  line "Formats of 4 bits and fewer by each solver, a scale per output channel, the first, the last and depthwise layers int8, \`transforms: [fold_bn, bias_correct]\`:"
  line "\`defaults: {weights: {format: F, granularity: channel, solver: S}}\`, \`qcc eval\` as above: top-1 and SQNR. Wanted at 2 bits: the best 20 points above rtn on ic, or 4 dB."
  line
  line "| format | solver | kws | ic | ad |"
  line "|---|---|---:|---:|---:|"
  items=
  for format in int4 int3 int2 ternary; do for solver in rtn mse gptq gptaq; do items="$items $format.$solver"; done; done
  items="$items int4.adaround int2.ldlq"
  for format in lut4 lut3 lut2; do for solver in kmeans gptq gptaq; do items="$items $format.$solver"; done; done
  for solver in rtn gptq ldlq; do items="$items e8p.$solver"; done
  # shellcheck disable=SC2086
  rows bits_row $items
}

# recipe_row PRESET: generated code against eval.
recipe_row() {
  say "recipe $1"
  row="| $1 |"
  for net in kws ad; do
    preset_policy "$1" "$net"
    for target in host cortex-m55; do
      if "$qcc" verify "$(model_of "$net")" --policy "$job/preset.yaml" --calib "$(samples_of "$net")/calib_x.npy" --target $target \
        --input "$(samples_of "$net")/dev_x.npy" --limit 8 --json --quiet >"$job/out" 2>"$job/err"; then
        row="$row $(figure differing "$job/out") of $(figure outputs "$job/out") |"
      else
        row="$row $(sed -n 's/^.*error: //p' "$job/err" | head -n 1 | cut -c 1-60) **differ** |"
      fi
    done
  done
  line "$row"
}

recipes() {
  [ -r "$zoo/kws/kws.onnx" ] || return 0
  line
  line "## Every preset as generated code"
  line
  line "\`qcc verify MODEL --policy P --calib CALIB --input X --limit 8 --target T\`: outputs that differ from eval (codes bit for bit, reals by more than 1e-5 of the largest)."
  line
  line "| preset | kws, host | kws, cortex-m55 | ad, host | ad, cortex-m55 |"
  line "|---|---:|---:|---:|---:|"
  # shellcheck disable=SC2086
  rows recipe_row $presets
}

# One row of a network that somebody else quantized.
import_row() {
  model=$zoo/$1/$1_qdq.onnx
  row="| $1 |"
  if [ -n "${QCC_ORT:-}" ] && command -v node >/dev/null 2>&1; then
    result=$(node "$root/tests/oracle/imports.mjs" "$QCC_ORT" "$qcc" "$zoo" "$1" 2>"$job/err" || true)
    row="$row $(echo "$result" | sed 's/^[^:]*: //; s/, / | /g') |"
  else
    row="$row not run | | | |"
  fi
  for target in cortex-m4 cortex-m55; do
    "$qcc" size "$model" --target $target --json >"$job/size" 2>"$job/err" || : >"$job/size"
    "$qcc" bench "$model" --target $target --emulate --limit 1 --json --quiet >"$job/out" 2>"$job/err" || : >"$job/out"
    row="$row $(figure instructions "$job/out") | $(figure weights "$job/size") | $(figure arena "$job/size") |"
  done
  line "$row"
}

# One row of a TensorFlow Lite file: its own rule of requantization and q31, on each target.
tflite_row() {
  row="| $1 |"
  echo '{version: 1, requantize: q31}' >"$job/q31.yaml"
  for target in cortex-m4 cortex-m55 aarch64-dotprod; do
    for rule in tflite q31; do
      policy=""
      [ $rule = tflite ] || policy="--policy $job/q31.yaml"
      # shellcheck disable=SC2086
      "$qcc" bench "$zoo/$1/$1_int8.tflite" $policy --target $target --emulate --optimize speed --limit 1 --json --quiet \
        >"$job/out" 2>"$job/err" || : >"$job/out"
      row="$row $(figure instructions "$job/out") |"
    done
  done
  line "$row"
}

imports() {
  line
  line "## Networks that somebody else quantized"
  line
  line "\`qcc NET_qdq.onnx\` without a policy: eval of the integer network against onnxruntime, which runs without graph optimizations and so computes what"
  line "QuantizeLinear and DequantizeLinear say, on all samples (\`tests/oracle/imports.mjs\`); then instructions of one inference, bytes of weights with biases, and of the arena."
  line
  line "| network | samples | top-1 agreement | right answers | relative error | cortex-m4 | weights | arena | cortex-m55 | weights | arena |"
  line "|---|---|---|---|---|---:|---:|---:|---:|---:|---:|"
  rows import_row kws ic vww ad
  line
  line "Files of TensorFlow Lite, whose int8 results are those of its reference kernels bit for bit (\`ctest -R zoo.tflite\`): instructions of one inference,"
  line "\`qcc bench NET_int8.tflite --target T --emulate --optimize speed\`, and with \`requantize: q31\`."
  line
  line "| network | cortex-m4, tflite | q31 | cortex-m55, tflite | q31 | aarch64-dotprod, tflite | q31 |"
  line "|---|---:|---:|---:|---:|---:|---:|"
  rows tflite_row kws ic vww ad sww
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
    run_qcc compile "$net" --target cortex-m55 --quiet -o "$temp/$net" || { cat "$job/err" >&2; continue; }
    bytes=$(sed -n 's/^    "bytes": \([0-9]*\),$/\1/p' "$temp/$net/report.json" | head -n 1)
    bound=$(figure lower_bound "$temp/$net/report.json")
    line "| $net | $bytes | $bound | $(calculate '%.1f %%' "100 * ($bytes - $bound) / $bound") |"
  done
}

# A cell: differing of compared outputs, or why not.
verify_cell() {
  if run_qcc verify "$1" --target "$2" --input "$(samples_of "$1")/dev_x.npy" --limit 64 --json --quiet; then
    echo "$(figure differing "$job/out") of $(figure outputs "$job/out")"
  elif grep -q 'does not fit' "$job/err"; then
    echo "does not fit"
  elif grep -q 'not installed\|needs a processor\|no emulator' "$job/err"; then
    echo "not run"
  else
    cat "$job/err" >&2
    echo "$(figure differing "$job/out") of $(figure outputs "$job/out") **differ**"
  fi
}

agreement_row() {
  say "verification on $1"
  row="| $1 |"
  for net in $networks; do row="$row $(verify_cell "$net" "$1") |"; done
  line "$row"
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
  rows agreement_row $targets
}

# One row of the table of costs, of network $costly.
cost_row() {
  run_qcc size "$costly" --target "$1" --json && cp "$job/out" "$job/size" || return
  [ "$(figure code "$job/size")" != null ] || return
  count=
  run_qcc bench "$costly" --target "$1" --emulate --input "$(samples_of "$costly")/dev_x.npy" --limit 1 --json --quiet &&
    count=$(figure instructions "$job/out")
  [ "$count" != null ] || count=
  line "| $1 | $count | $(figure code "$job/size") | $(figure constants "$job/size") | $(figure weights "$job/size") |" \
    "$(figure scales "$job/size") | $(figure arena "$job/size") | $(figure stack "$job/size") |"
}

costs() {
  line
  line "## Cost"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate\` (instructions of one inference, compiled for balanced size and speed at -O2)"
  line "and \`qcc size MODEL --policy P --calib CALIB --targets T,...\` (bytes at -Os: code, constants, weights with biases, scales,"
  line "arena, stack). Without a number where no emulator counts."
  for costly in $networks; do
    line
    line "### $costly"
    line
    line "| target | instructions | code | constants | weights | scales | arena | stack |"
    line "|---|---:|---:|---:|---:|---:|---:|---:|"
    say "costs of $costly"
    rows cost_row $targets
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
  line "\`time qcc MODEL --policy P --calib CALIB --target cortex-m55 -o DIR\`, calibration with all its samples included; median of three. $(machine)."
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

# solver_row SIZE SOLVER WANTED: a layer of SIZE x SIZE weights.
solver_row() {
  used=$("$temp/usage" "$qcc" "$temp/layer$1.graph" --policy "$temp/$2.yaml" --calib "$temp/layer$1.npy" --target host --quiet -o "$temp/timed")
  # shellcheck disable=SC2086
  set -- "$1" "$2" "$3" $used
  most=
  [ "$2" = mse ] || most=$(calculate '%.0f MB' "16 * $1 * $1 / 1e6")
  line "| $1 x $1, int4 by $2 | $4 s | $5 s | $3 | $(calculate '%.0f MB' "($6 - $idle) / 1000") | $most |"
}

solvers() {
  cc -std=c11 -O2 "$root/tests/bench/products.c" -o "$temp/products" && cc -std=c11 -O2 "$root/tests/bench/usage.c" -o "$temp/usage" || return
  idle=$("$temp/usage" "$qcc" --version | awk '{ print $3 }')
  for solver in gptq mse; do
    printf 'version: 1\npreset: w4a8-gptq\ndefaults:\n  weights: {format: int4, solver: %s}\n' $solver >"$temp/$solver.yaml"
  done
  line
  line "## Time and memory of GPTQ"
  line
  line "\`qcc MODEL --policy P --calib CALIB --target host -o DIR\` with the preset \`w4a8-gptq\`: one Gemm with random weights in int4 and random samples"
  line "(\`tests/bench/products.c\`); seconds on the clock and of both processors, and the most memory (\`tests/bench/usage.c\`) without the $((idle / 1000)) MB that \`qcc --version\`"
  line "takes. Wanted: 1 s at 1024 x 1024, memory of twice the model and one Hessian of doubles."
  line
  line "| layer | time | processors | wanted | memory | wanted |"
  line "|---|---:|---:|---:|---:|---:|"
  for size in 1024 2048; do
    say "gptq of $size x $size"
    "$temp/products" net "$temp/layer$size" 64 $size $size 1
    solver_row $size mse ""
    solver_row $size gptq "$([ $size != 1024 ] || echo '1 s')"
  done
  [ -r "$zoo/vww/vww.onnx" ] || return
  say "hessians of vww"
  { cat "$(policy_of vww)" && printf 'defaults: {weights: {solver: gptq}}\n'; } >"$temp/vww.yaml"
  set --
  for pass in calibrate quantize; do
    # shellcheck disable=SC2046
    set -- "$@" $("$temp/usage" "$qcc" "$zoo/vww/vww.onnx" --policy "$temp/vww.yaml" --calib "$zoo/vww/calib_x.npy" --emit graph --stop-after $pass --quiet -o "$temp/vww.graph")
  done
  line
  line "All Hessians of vww over its 128 samples, and int8 weights by GPTQ from them: $(calculate %.1f "$4 - $1") s on the clock, $(calculate %.1f "$5 - $2") s of both processors"
  line "(\`--emit graph --stop-after quantize\` without the same up to \`calibrate\`). Wanted: 20 s."
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
    [ -d "$temp/$net" ] || run_qcc compile "$net" --target cortex-m55 --quiet -o "$temp/$net"
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

# instructions NET TARGET: of one inference, kernels specialised for speed.
instructions() {
  run_qcc bench "$1" --target "$2" --emulate --optimize speed --limit 1 --json --quiet && figure instructions "$job/out"
}

# TensorFlow Lite Micro with CMSIS-NN on cortex-m4 and cortex-m55, and what is wanted of qcc.
peer_of() {
  case $1 in
    kws.cortex-m4) echo "7699734 3400000" ;; ic.cortex-m4) echo "29659943 13800000" ;;
    vww.cortex-m4) echo "24101543 10000000" ;; ad.cortex-m4) echo "582240 290000" ;;
    kws.cortex-m55) echo "1726183 800000" ;; ic.cortex-m55) echo "4493210 2000000" ;;
    vww.cortex-m55) echo "6134723 2700000" ;; ad.cortex-m55) echo "64953 45000" ;;
    *) echo "- -" ;;
  esac
}

micro_row() {
  net=${1%%.*} target=${1#*.} peer=$(peer_of "$1")
  say "instructions of $net on $target"
  int8=$(instructions "$net" "$target")
  int4=$(bits=int4 && instructions "$net" "$target")
  int2=$(bits=int2 && instructions "$net" "$target")
  line "| $net | $target | $int8 | ${peer#* } | ${peer% *} | $int4 | $(ratio "$int4" "$int8") | $int2 | $(ratio "$int2" "$int8") |"
}

micro_items() { for net in $networks; do for target in cortex-m4 cortex-m7 cortex-m55; do echo "$net.$target"; done; done; }

micro() {
  line
  line "## Microcontrollers"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate --optimize speed\`: instructions of one inference, with int8 weights, and with all"
  line "weights in int4 or int2 (\`defaults: {weights: {format: int4}}\` behind the policy). The peer is TensorFlow Lite Micro with CMSIS-NN on the same"
  line "network, emulator and way of counting, its best build: constants of tests/bench/bench.sh, measured once apart from this page."
  line
  line "| network | target | int8 | wanted | TFLM + CMSIS-NN | int4 | / int8 | int2 | / int8 |"
  line "|---|---|---:|---:|---:|---:|---:|---:|---:|"
  # shellcheck disable=SC2046
  rows micro_row $(micro_items)
}

# code_bytes NET TARGET: bytes of the weights' codes as they are stored.
code_bytes() {
  run_qcc compile "$1" --target "$2" --quiet -o "$job/net" && sed -n 's/^ *"weights": \([0-9]*\),*$/\1/p' "$job/net/report.json" | tail -n 1
}

bytes_row() {
  net=${1%%.*} target=${1#*.}
  case $net in
    kws) wanted="9500 | 8192" ;; ic) wanted="36000 | 8192" ;; vww) wanted="48000 | 9216" ;; ad) wanted="1300 | 3072" ;; *) wanted="|" ;;
  esac
  [ "$target" = cortex-m55 ] || wanted="|"
  run_qcc size "$net" --target "$target" --optimize size --json && cp "$job/out" "$job/size" || return
  bytes=$(($(figure code "$job/size") + $(figure constants "$job/size")))
  int8=$(code_bytes "$net" "$target")
  int4=$(bits=int4 && code_bytes "$net" "$target")
  int2=$(bits=int2 && code_bytes "$net" "$target")
  line "| $net | $target | $(figure arena "$job/size") | ${wanted%|*} | $bytes | ${wanted#*|} | $(figure scales "$job/size") |" \
    "$(figure stack "$job/size") | $int8 | $int4 | $(ratio "$int4" "$int8") | $int2 | $(ratio "$int2" "$int8") |"
}

bytes() {
  line
  line "\`qcc size MODEL --policy P --calib CALIB --target T --optimize size\` at -Os: arena (input, output, scratch and all activations), code + constants"
  line "without weights and their scales, the scales (an int32 multiplier per output channel), stack; and the codes of the weights as \`report.json\` of a compilation counts them."
  line
  line "| network | target | arena | wanted | code + constants | wanted | scales | stack | int8 codes | int4 | / int8 | int2 | / int8 |"
  line "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
  # shellcheck disable=SC2046
  rows bytes_row $(micro_items | grep -v m7)
}

# The same target and compiler without the kernels that its instructions have, as a target file of its own.
generic_of() {
  sed 's/^isa:.*/isa: []/' "$root/targets/$1.yaml" >"$job/generic.yaml"
  echo "$job/generic.yaml"
}

# riscv64-v with vectors of 256 bits.
target_file() {
  case $1 in
    *-256) sed 's/vlen=128/vlen=256/' "$root/targets/${1%-256}.yaml" >"$job/long.yaml" && echo "$job/long.yaml" ;;
    *) echo "$1" ;;
  esac
}

application_row() {
  say "instructions on $1"
  row="| $1 |" target=$(target_file "$1")
  case $target in
    */long.yaml) sed 's/^isa:.*/isa: []/' "$target" >"$job/generic.yaml" && generic=$job/generic.yaml ;;
    *) generic=$(generic_of "$1") ;;
  esac
  for net in $networks; do
    case $net in kws | ic | vww | ad) ;; *) continue ;; esac
    plain=$(instructions "$net" "$generic") vector=$(instructions "$net" "$target")
    row="$row $plain | $vector | $(ratio "$vector" "$plain") |"
  done
  line "$row"
}

application() {
  line
  line "## 64-bit Arm and RISC-V"
  line
  line "Instructions as above, with int8 weights; generic C is the same target and compiler with \`isa: []\` in the target's file, so that only portable kernels are"
  line "chosen. Wanted: at most 0.35 of generic C."
  line
  names=$(for net in $networks; do case $net in kws | ic | vww | ad) echo "$net" ;; esac; done)
  line "| target |$(for net in $names; do printf ' %s, generic | vectors | ratio |' "$net"; done)"
  line "|---|$(for net in $names; do printf -- '---:|---:|---:|'; done)"
  rows application_row aarch64-dotprod aarch64-i8mm riscv64-v riscv64-v-256
}

by_layer() {
  line
  line "## Layers"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate --optimize speed --layers\`"
  for net in $networks; do
    for target in cortex-m4 cortex-m55; do
      say "layers of $net on $target"
      run_qcc bench "$net" --target $target --emulate --optimize speed --limit 1 --layers --quiet || continue
      line
      line "\`\`\`"
      cat "$job/out" >>"$job/lines"
      line "\`\`\`"
    done
  done
}

# shellcheck source=tests/bench/host.sh
. "$root/tests/bench/host.sh"
# shellcheck source=tests/bench/search.sh
. "$root/tests/bench/search.sh"
# shellcheck source=tests/bench/search_bytes.sh
. "$root/tests/bench/search_bytes.sh"
# shellcheck source=tests/bench/latency.sh
. "$root/tests/bench/latency.sh"

# kept SECTION: its lines in the page as it is.
kept() { [ ! -r "$output" ] || sed -n "/^<!-- $1 -->\$/,/^<!-- end -->\$/p" "$output"; }

write_page() {
  for section in $sections; do
    echo
    if [ -s "$temp/page/$section/lines" ]; then
      printf '<!-- %s -->\n' "$section"
      cat "$temp/page/$section/lines"
      printf '\n<!-- end -->\n'
    else
      kept "$section"
    fi
  done >"$temp/rest"
  cat "$temp/page/title/lines" "$temp/rest" | cat -s >"$temp/results" && cp "$temp/results" "$output"
}

mkdir "$temp/page" "$temp/page/title"
job=$temp/page/title && title
# Times come first, while nothing else runs.
for section in $sections; do
  case " $chosen " in *" $section "*) ;; *) continue ;; esac
  mkdir -p "$temp/page/$section"
  job=$temp/page/$section
  "$section"
  write_page || exit 1
done
cat "$output"
say "wrote $output"
