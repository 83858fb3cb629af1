#!/bin/sh
# Golden tests of the passes: run.sh QCC [PASS...]
#
# Each folder beside this script has the name of a pass and graphs CASE.graph; CASE.golden is what
# `qcc CASE.graph --emit graph --stop-after PASS` prints.  The case's policy is CASE.yaml, its
# calibration data CASE.npy or CASE.npz, where those exist; the last passes are for a cortex-m0, or for the
# target in CASE.target.
# UPDATE=1 rewrites the goldens.  Exit status 1 when a case differs.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 1 ] || { echo "usage: run.sh QCC [PASS...]" >&2; exit 2; }
case $1 in
  /*) qcc=$1 ;;
  *) qcc=$PWD/$1 ;;
esac
shift
[ -x "$qcc" ] || { echo "run.sh: no program '$qcc'" >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp) || exit 2
trap 'rm -f "$temp"' EXIT
trap 'exit 2' HUP INT TERM
passed=0
failed=0

# run_case PASS CASE, in the pass's folder.
run_case() {
  pass=$1 name=$2
  set -- "$name.graph" --emit graph --stop-after "$pass" --quiet -o -
  [ -f "$name.yaml" ] && set -- "$@" --policy "$name.yaml"
  case $pass in
    float32 | patch | widen | kernels | schedule | threads | plan)
      target=cortex-m0
      [ -f "$name.target" ] && read -r target <"$name.target"
      set -- "$@" --target "$target"
      ;;
  esac
  for data in "$name.npy" "$name.npz"; do
    [ -f "$data" ] && set -- "$@" --calib "$data"
  done
  "$qcc" "$@" >"$temp" 2>&1 </dev/null || echo "exit status $?" >>"$temp"
  if [ "${UPDATE:-0}" = 1 ]; then cp "$temp" "$name.golden"; fi
  if [ -f "$name.golden" ] && diff -u "$name.golden" "$temp"; then
    passed=$((passed + 1))
  else
    echo "FAILED: $pass/$name"
    failed=$((failed + 1))
  fi
}

if [ $# -eq 0 ]; then
  for folder in "$here"/*/; do set -- "$@" "$(basename "$folder")"; done
fi
for pass in "$@"; do
  cd "$here/$pass" || exit 2
  for file in *.graph; do run_case "$pass" "${file%.graph}"; done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
