# search.sh - sections of bench.sh about `qcc search` and `qcc analyze`; read by bench.sh.

# ---- how well metrics foretell the error

# layer_costs FILE: what `qcc analyze --json` says, as lines of layer, candidate and cost.
layer_costs() {
  awk -F'": ' '/^      "name"/ { name = $2 } /"candidate"/ { candidate = $2 } /"cost"/ { sub(",", "", $2); print name candidate "\t" $2 }' "$1" | sort
}

# correlation NAMES A B: Spearman's, of two files of costs, over the lines with these words; equal costs have the mean of their ranks.
correlation() {
  join -t "$(printf '\t')" "$2" "$3" | grep -E "$1" | awk -F'\t' '
    function rank(v, r,    i, k, less, equal) {
      for (i = 1; i <= NR; i++) {
        less = equal = 0
        for (k = 1; k <= NR; k++) { less += v[k] < v[i]; equal += v[k] == v[i] }
        r[i] = less + (equal + 1) / 2
      }
    }
    { x[NR] = $2 + 0; y[NR] = $3 + 0 }
    END {
      rank(x, a); rank(y, b); mean = (NR + 1) / 2
      for (i = 1; i <= NR; i++) { ab += (a[i] - mean) * (b[i] - mean); aa += (a[i] - mean) ^ 2; bb += (b[i] - mean) ^ 2 }
      printf "%.2f", (aa * bb > 0 ? ab / sqrt(aa * bb) : 0)
    }'
}

# analyze METRIC SAMPLES FILE: costs of int4 and int2 in the layers of $net.
analyze() {
  run_qcc analyze "$net" --metric "$1" --input "$3" --limit "$2" --candidates int4,int2 --json --quiet && layer_costs "$job/out" >"$job/$1.costs"
}

metrics_row() {
  net=$1 folder=$(samples_of "$1") n=128
  say "metrics on $net"
  [ "$net" != vww ] || n=16
  analyze output_error $n "$folder/dev_x.npy" || { cat "$job/err" >&2; return; }
  row="| $net | $n |"
  for metric in output_kl hessian fisher layer_mse act_hessian; do
    analyze $metric $n "$folder/calib_x.npy" || { cat "$job/err" >&2; return; }
    set -- "$job/$metric.costs" "$job/output_error.costs"
    row="$row $(correlation . "$@") ($(correlation '"int4"' "$@"), $(correlation '"int2"' "$@")) |"
  done
  line "$row"
}

metrics() {
  line
  line "## Metrics"
  line
  line "\`qcc analyze MODEL --policy P --calib CALIB --input CALIB --metric M --limit N --candidates int4,int2\`: rank correlation (Spearman) of what each metric says with the error that is made,"
  line "\`--metric output_error --input X\`, over all layers and both formats; in brackets over the layers with int4 alone and with int2 alone."
  line
  line "| network | N | output_kl | hessian | fisher | layer_mse | act_hessian |"
  line "|---|---:|---:|---:|---:|---:|---:|"
  # shellcheck disable=SC2086
  rows metrics_row $networks
}

# ---- what the search finds

# weight_bytes NET POLICY: of its codes.
weight_bytes() {
  "$qcc" "$(model_of "$1")" --policy "$2" --calib "$(samples_of "$1")/calib_x.npy" --target host --json --quiet -o "$job/net" 2>"$job/err" |
    sed -n 's/^    "weights": \([0-9]*\),$/\1/p'
}

# with_weights NET: its policy, with what stands on stdin behind the preset.
with_weights() {
  sed '/^inputs:/,$d' "$(policy_of "$1")"
  cat
  sed -n '/^inputs:/,$p' "$(policy_of "$1")"
}

# found_row POLICY NAME: a policy of $net, and whether the search's is better.
found_row() {
  folder=$(samples_of "$net")
  set -- "$1" "$2" --calib "$folder/calib_x.npy" --input "$folder/dev_x.npy" --labels "$folder/dev_y.npy" --limit 5000 --json --quiet
  policy=$1 name=$2
  shift 2
  "$qcc" eval "$(model_of "$net")" --policy "$job/found.yaml" --against "$policy" "$@" >"$job/eval" 2>"$job/err" || { cat "$job/err" >&2; return; }
  other=$(sed -n '/"against"/,$p' "$job/eval" | sed -n 's/^ *"quantized": \([^,]*\),*$/\1/p')
  row="| $net | $name | $(weight_bytes "$net" "$policy") | $(calculate '%.2f %%' "100 * $other") |"
  [ "$policy" != "$job/found.yaml" ] || { line "$row | |"; return; }
  line "$row $(figure better "$job/eval") : $(figure worse "$job/eval") | $(calculate %.2f "$(figure p "$job/eval")") |"
}

found_rows() {
  net=$1
  say "search on $net"
  most=$(($(weight_bytes "$net" "$(policy_of "$net")") * 6 / 10))
  echo 'calibration: {samples: 64}' | with_weights "$net" >"$job/few.yaml"
  "$qcc" search "$(model_of "$net")" --policy "$job/few.yaml" --calib "$(samples_of "$net")/calib_x.npy" --candidates int8,int4/gptaq,int2/gptaq --budget weights=$most \
    --quiet -o "$job/searched.yaml" 2>"$job/err" || { cat "$job/err" >&2; return; }
  sed 's/, samples: 64//; s/samples: 64, //' "$job/searched.yaml" >"$job/found.yaml"
  four='{format: int4, granularity: channel, solver: gptaq}'
  echo "defaults: {weights: $four}" | with_weights "$net" >"$job/int4.yaml"
  printf 'defaults: {weights: %s}\nrules:\n  - {match: {tag: [first, last, depthwise]}, weights: {format: int8}, require: 0}\n' "$four" |
    with_weights "$net" >"$job/int4-edges.yaml"
  found_row "$(policy_of "$net")" int8
  found_row "$job/int4.yaml" "int4 everywhere"
  found_row "$job/int4-edges.yaml" "int4, int8 where presets have it"
  found_row "$job/found.yaml" "search, at most $most bytes"
}

found() {
  [ -r "$zoo/ic/ic.onnx" ] || return 0
  line
  line "## Search"
  line
  line "\`qcc search MODEL --policy P --calib CALIB --candidates int8,int4/gptaq,int2/gptaq --budget weights=B -o found.yaml\` with 60 % of int8's bytes and, for time, \`calibration: {samples: 64}\`, the first 64 of the"
  line "calibration samples and no others; its policy then has all of them, as the others do. Against one format for all layers by the same solver: int4 everywhere, and int4 but for the first, the last and depthwise layers. Bytes are \`constants.weights\` of report.json; accuracy on the first 5000 of \`X\`;"
  line "\`qcc eval --policy found.yaml --against POLICY\`: samples that only the search's network gets right, and only the other; \`p\` is McNemar's exact test, below 0.05 it is no chance."
  line "Wanted: within 1 point of int8, never below the best uniform policy by more than chance, above it on two of three."
  line
  line "| network | policy | bytes | top-1 | better : worse | p |"
  line "|---|---|---:|---:|---:|---:|"
  rows found_rows kws ic fashion
}

# ---- how long it takes

search_time_row() {
  net=$1 most=$(($(weight_bytes "$1" "$(policy_of "$1")") * 6 / 10))
  say "time of a search on $net"
  rm -f "$job"/timed*
  used=$("$temp/usage" "$qcc" search "$(model_of "$net")" --policy "$(policy_of "$net")" --calib "$(samples_of "$net")/calib_x.npy" --metric hessian --candidates int8,int4,int2 \
    --budget weights=$most --quiet -o "$job/timed.yaml")
  # shellcheck disable=SC2086
  set -- $used
  line "| $net | $(calculate %.1f "$1") s | $(calculate %.1f "$2") s | $([ "$net" = ad ] && echo 60 || echo 120) s |"
}

search_time() {
  [ -r "$zoo/ic/ic.onnx" ] || return 0
  cc -std=c11 -O2 "$root/tests/bench/usage.c" -o "$temp/usage" || return
  line
  line "## Time of a search"
  line
  line "\`qcc search MODEL --policy P --calib CALIB --metric hessian --candidates int8,int4,int2 --budget weights=B -o found.yaml\` with 60 % of int8's bytes: seconds on the clock and of both processors."
  line
  line "| network | time | processors | wanted |"
  line "|---|---:|---:|---:|"
  for net in kws ic ad; do search_time_row $net; done
}
