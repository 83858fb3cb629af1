# host.sh - the part of bench.sh that measures on this machine's own processor: networks against onnxruntime,
# products against what the processor and its memory can do at most.  Sourced by bench.sh.

ROUNDS=5

# median NUMBER...
median() { printf '%s\n' "$@" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
micros() { case $1 in *[!0-9]* | '') ;; *) calculate %.1f "$1 / 1000" ;; esac; }
# geometric_mean NUMBER...
geometric_mean() { [ $# = 0 ] || printf '%s\n' "$@" | awk '{ s += log($1) } END { printf "%.2f", exp(s / NR) }'; }

# peer MODEL.onnx: nanoseconds of one inference by onnxruntime, or nothing.
peer() { [ -z "${QCC_ORT:-}" ] || node "$root/tests/bench/onnxruntime.mjs" "$QCC_ORT" "$1" 2>/dev/null; }

# timed MODEL TARGET ARGUMENTS...: nanoseconds of one inference, or nothing.
timed() {
  file=$1 name=$2
  shift 2
  "$qcc" bench "$file" --target "$name" --optimize speed --json --quiet "$@" >"$job/out" 2>"$job/err" &&
    figure nanoseconds "$job/out" | grep -v null
}

host_model() { if [ "$1" = ultraface ]; then echo "$zoo/more/ultraface.onnx"; else model_of "$1"; fi; }

# host_round NET KIND: one paired measurement, int8 or float: peer, v3, v4; "-" where there is none.
host_round() {
  model=$(host_model "$1") twin=$model
  case $2.$1 in
    float.*) set -- --preset float ;;
    int8.ultraface) set -- --preset int8 --calib "$temp/ultraface.npy" ;;
    *)
      twin=$zoo/$1/$1_qdq.onnx
      set -- --policy "$(policy_of "$1")" --calib "$(samples_of "$1")/calib_x.npy" ;;
  esac
  first=$(peer "$twin") second=$(timed "$model" x86-64-v3 "$@") third=$(timed "$model" x86-64-v4 "$@")
  echo "${first:--} ${second:--} ${third:--}" >>"$job/rounds"
}

# column N: the median of that column of the rounds, or nothing.
column() {
  values=$(awk -v n="$1" '$n != "-" && $n != "" { print $n }' "$job/rounds")
  # shellcheck disable=SC2086
  [ -z "$values" ] || median $values
}

# gain N: the median over the rounds of the peer's time by column N's.
gain() {
  values=$(awk -v n="$1" '$n ~ /^[0-9]+$/ && $1 ~ /^[0-9]+$/ { printf "%.3f\n", $1 / $n }' "$job/rounds")
  # shellcheck disable=SC2086
  [ -z "$values" ] || calculate %.2f "$(median $values)"
}

host_rows() {
  gains3= gains4=
  for net in $networks ultraface; do
    case $net in kws | ic | vww | ad | ultraface) ;; *) continue ;; esac
    [ -r "$(host_model "$net")" ] || continue
    say "time of $net, $1"
    : >"$job/rounds"
    for _ in $(seq $ROUNDS); do host_round "$net" "$1"; done
    gain3=$(gain 2) gain4=$(gain 3) note=
    case $1.$net in int8.ultraface) note=" (its float model)" ;; *) gains3="$gains3 $gain3" gains4="$gains4 $gain4" ;; esac
    line "| $net | $1 | $(micros "$(column 1)")$note | $(micros "$(column 2)") | $gain3 | $(micros "$(column 3)") | $gain4 |"
  done
  # shellcheck disable=SC2086
  line "| geometric mean | $1 | | | $(geometric_mean $gains3) | | $(geometric_mean $gains4) |"
}

peaks() { sed -n "s/^$1 //p" "$temp/peak.txt"; }

# product_row NAME TARGET UNIT UNITS PEAK ARGUMENTS...: UNITS per inference, against the peak of that unit per second.
product_row() {
  product=$1 target=$2 unit=$3 units=$4 peak=$5
  shift 5
  : >"$job/rounds"
  for _ in $(seq $ROUNDS); do timed "$temp/$product.graph" "$target" "$@" >>"$job/rounds"; done
  ns=$(column 1)
  [ -n "$ns" ] || return
  rate=$(calculate %.1f "$units / $ns")
  [ -z "$peak" ] || share=$(calculate '%.0f %%' "100 * $rate / $peak")
  line "| $product | $target | $(micros "$ns") | $rate $unit | ${peak:+$peak $unit} | ${peak:+$share} |"
}

# threads_row PRODUCT POLICY: the product on one thread and, paired, on two.
threads_row() {
  { cat "$2" && echo 'threads: 2'; } >"$job/threads.yaml"
  : >"$job/rounds"
  for _ in $(seq $ROUNDS); do
    first=$(timed "$temp/$1.graph" x86-64-v3 --policy "$2" --calib "$temp/$1.npy")
    second=$(timed "$temp/$1.graph" x86-64-v3 --policy "$job/threads.yaml" --calib "$temp/$1.npy")
    echo "${first:--} ${second:--}" >>"$job/rounds"
  done
  line "| $1 | $(micros "$(column 1)") | $(micros "$(column 2)") | $(gain 2) |"
}

products() {
  cc -std=c11 -O2 "$root/tests/bench/products.c" -o "$temp/products" && cc -std=c11 -O2 "$root/tests/bench/peak.c" -o "$temp/peak" || return
  "$temp/peak" >"$temp/peak.txt"
  cache=$(sed -n 's/K$//p' /sys/devices/system/cpu/cpu0/cache/index3/size 2>/dev/null)
  cache=$((${cache:-8192} * 1024)) # a chain of products whose weights exceed it twice over
  count=$(((2 * cache + 8912895) / 8912896))
  [ $count -ge 4 ] || count=4
  [ $count -le 24 ] || count=24
  "$temp/products" net "$temp/matmul" 256 1024 1024 1
  "$temp/products" net "$temp/gemv" 1 4096 4096 $count
  printf 'version: 1\npreset: int8\n' >"$temp/matmul.yaml"
  { cat "$temp/matmul.yaml" && printf 'defaults:\n  weights: {format: int4, granularity: group, group: 128, solver: rtn}\n'; } >"$temp/gemv.yaml"
  line
  line "\`matmul\` is an int8 product of 1024 x 1024 weights with 256 rows; \`gemv\` a chain of $count products of one row with 4096 x 4096 weights in int4, groups of"
  line "128, $((count * 8912896 / 1000000)) MB that exceed the last-level cache ($((cache / 1000000)) MB). Limits are measured by \`tests/bench/peak.c\` on one core in the same run: VPDPBUSD of 512 bits or VPMADDWD and"
  line "VPADDD of 256 bits in registers, and reading memory. Wanted with v4: 70 % and 80 %."
  line
  line "| product | target | microseconds | rate | limit | share |"
  line "|---|---|---:|---:|---:|---:|"
  for target in x86-64-v3 x86-64-v4; do
    say "products on $target"
    case $target in *v4) peak=$(peaks vnni) ;; *) peak=$(peaks madd) ;; esac
    product_row matmul $target Gop/s 536870912 "$peak" --policy "$temp/matmul.yaml" --calib "$temp/matmul.npy"
    product_row gemv $target GB/s $((count * 8912896)) "$(peaks read)" --policy "$temp/gemv.yaml" --calib "$temp/gemv.npy"
  done
  [ "$(nproc)" -ge 2 ] || return
  say "products on two threads"
  line
  line "The same on x86-64-v3 with \`threads: 2\` in the policy, on two of $(nproc) cores, microseconds on the clock; wanted: 1.8."
  line
  line "| product | one thread | two threads | times faster |"
  line "|---|---:|---:|---:|"
  for product in matmul gemv; do threads_row $product "$temp/$product.yaml"; done
}

# Milliseconds of the networks under node, without and with vectors.
web_row() {
  row="| $1 |"
  for target in wasm32 wasm32-simd; do
    : >"$job/rounds"
    for _ in $(seq $ROUNDS); do
      timed "$(model_of "$1")" $target --policy "$(policy_of "$1")" --calib "$(samples_of "$1")/calib_x.npy" >>"$job/rounds"
    done
    row="$row $(micros "$(column 1)") |"
  done
  line "$row"
}

web() {
  command -v node >/dev/null || return 0
  line
  line "## WebAssembly"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --optimize speed\`: microseconds of one inference with int8 weights under node $(node --version), medians of $ROUNDS runs."
  line
  line "| network | wasm32 | wasm32-simd |"
  line "|---|---:|---:|"
  for net in $networks; do
    say "time of $net under node"
    web_row "$net"
  done
}

host() {
  [ "$(uname -m)" = x86_64 ] || return 0
  line
  line "## x86-64"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --optimize speed\` (\`--preset float\`), microseconds of one inference on one thread, beside"
  line "onnxruntime-node ${QCC_ORT:+$(sed -n 's/^ *"version": "\(.*\)",*$/\1/p' "$QCC_ORT/node_modules/onnxruntime-node/package.json" | head -n 1) }with one thread (\`tests/bench/onnxruntime.mjs\`): its QDQ twins for int8, the same float network for float. $ROUNDS rounds, one program after the"
  line "other, on $(machine); medians of times and of the rounds' ratios. Empty where this processor cannot run the target. Wanted by geometric mean: int8 3 with v4 and 2 with v3, float 1.3, none below 1."
  line
  line "| network | weights | onnxruntime | v3 | times faster | v4 | times faster |"
  line "|---|---|---:|---:|---:|---:|---:|"
  cc -std=c11 -O2 "$root/tests/bench/products.c" -o "$temp/products" && "$temp/products" samples "$temp/ultraface" 1 3 240 320
  host_rows int8
  host_rows float
  [ -z "${QCC_ORT:-}" ] || { line && line "A call of onnxruntime-node that computes nothing takes $(micros "$(peer call)") microseconds of its times."; }
  products
}
