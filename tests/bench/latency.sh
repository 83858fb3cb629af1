# latency.sh - section of bench.sh: instructions by the tables of what kernels cost beside those that are counted.

# mixed_policy NET KIND: `int8` everywhere; `int4` but in the first and the last layer; `turns`: int8, int4, int2, int8 ...
# Writes $job/mixed.yaml.
mixed_policy() {
  cp "$(policy_of "$1")" "$job/mixed.yaml"
  case $2 in
    int4) printf 'defaults: {weights: {format: int4}}\nrules:\n  - {match: {tag: [first, last]}, weights: {format: int8}}\n' ;;
    turns)
      run_qcc compile "$1" --target cortex-m55 --quiet -o "$job/net"
      echo "rules:"
      awk 'BEGIN { split("int8 int4 int2", format) }
        /"name":/ { sub(/^ *"name": /, ""); sub(/,$/, ""); name = $0 }
        /"op": "Q(Conv|Gemm)"/ { print "  - {match: {name: " name "}, weights: {format: " format[n++ % 3 + 1] "}}" }' "$job/net/report.json" ;;
  esac >>"$job/mixed.yaml"
}

# Rows of a network on a target: NET.TARGET.
latency_rows() {
  net=${1%%.*} target=${1#*.}
  say "latency of $net on $target"
  for kind in int8 int4 turns; do
    mixed_policy "$net" $kind
    "$qcc" bench "$(model_of "$net")" --policy "$job/mixed.yaml" --calib "$(samples_of "$net")/calib_x.npy" --target "$target" \
      --emulate --limit 1 --json --quiet >"$job/out" 2>"$job/err" || { cat "$job/err" >&2; continue; }
    counted=$(figure instructions "$job/out") predicted=$(figure predicted "$job/out")
    [ "$predicted" != null ] || { line "| $net | $target | $kind | $counted | | |"; continue; }
    line "| $net | $target | $kind | $counted | $predicted | $(calculate '%+.1f %%' "100 * ($predicted / $counted - 1)") |"
  done
}

latency() {
  line
  line "## Latency by table"
  line
  line "\`qcc bench MODEL --policy P --calib CALIB --target T --emulate\`: instructions of one inference as they are counted, and as the target's table of costs"
  line "(\`targets/costs/T.yaml\`, measured on layers of random shapes) foretells them without building anything. P is int8 everywhere; int4 but for the first and the last layer; int8, int4 and int2 in turns"
  line "from layer to layer. Wanted: within 5 %."
  line
  line "| network | target | weights | counted | predicted | error |"
  line "|---|---|---|---:|---:|---:|"
  # shellcheck disable=SC2046
  rows latency_rows $(micro_items | grep -v 'm7\|fashion\|mnist')
}
