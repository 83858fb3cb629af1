# search_bytes.sh - the part of bench.sh that compares the flash that a search foretells with what the compiler
# makes of the policy it writes.  Sourced by bench.sh.

# flash_of NET TARGET: of the int8 policy.
flash_of() { run_qcc size "$1" --target "$2" --json && figure flash "$job/out"; }

# search_bytes_row NET.TARGET: three policies, of searches that go on from each other's state.
search_bytes_row() {
  net=${1%%.*} target=${1#*.} found=$job/found.yaml
  say "flash of $net foretold on $target"
  most=$(flash_of "$net" "$target") || { cat "$job/err" >&2; return; }
  for share in 90 80 70; do
    run_qcc search "$net" --target "$target" --budget "flash=$((most * share / 100))" --limit 16 --json --quiet -o "$found" ||
      { cat "$job/err" >&2; return; }
    cp "$job/out" "$job/search"
    set -- "$(model_of "$net")" --policy "$found" --calib "$(samples_of "$net")/calib_x.npy" --target "$target"
    if ! { "$qcc" "$@" --quiet -o "$job/mixed" && "$qcc" size "$@" --json >"$job/size"; } 2>"$job/err"; then
      cat "$job/err" >&2
      return
    fi
    biases=$(figure biases "$job/mixed/report.json")
    formats=$(sed -n 's/.*"candidate": "\(.*\)",*$/\1/p' "$job/search" | sort | uniq -c | awk '{ printf "%s%s x %s", (NR > 1 ? ", " : ""), $1, $2 }')
    foretold=$(figure predicted_flash "$job/search") flash=$(figure flash "$job/size")
    line "| $net | $target | $formats | $(figure weights "$job/search") | $(($(figure weights "$job/size") - biases)) |" \
      "$foretold | $flash | $(calculate '%.2f %%' "100 * ($foretold - $flash) / $flash") | $(search_bytes_worst "$job/found.front.json") |"
  done
}

# search_bytes_worst FRONT.json: the largest error over all choices that were compiled.
search_bytes_worst() {
  awk -F'[:,]' '/"flash"/ { flash = $2 } /"predicted_flash"/ && flash != " null" {
    e = 100 * ($2 - flash) / flash; e = e < 0 ? -e : e; n++; if (e > worst) worst = e }
    END { printf "%.2f %% of %d", worst, n }' "$1"
}

search_bytes() {
  line
  line "## Flash foretold"
  line
  line "\`qcc search MODEL --policy P --calib CALIB --target T --budget flash=B --limit 16 -o MIXED\`, B being 90, 80 and 70 % of the flash that the int8 policy takes: \`weights\` and"
  line "\`predicted_flash\` of \`chosen\`, said before the target's compiler saw that choice, and \`qcc size MODEL --policy MIXED --calib CALIB --target T\`: weights without biases, and flash. Wanted: weights"
  line "to the byte, 2 % in all. The last column has the largest error over all choices that the searches had compiled by then."
  line
  line "| network | target | layers | weights, foretold | weights | flash, foretold | flash | error | worst |"
  line "|---|---|---|---:|---:|---:|---:|---:|---:|"
  items=
  for net in $networks; do
    case $net in kws | ic | vww | ad) items="$items $net.cortex-m4 $net.cortex-m55" ;; esac
  done
  # shellcheck disable=SC2086
  rows search_bytes_row $items
}
