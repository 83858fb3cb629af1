#!/bin/sh
# Golden tests of error messages: run.sh QCC [FOLDER...]
#
# Each folder beside this script has a cases.txt with lines `name | arguments`.  A case runs
# `QCC arguments` in that folder and compares what it prints on stderr, and its exit status, with
# name.golden.  @out@ in the arguments is a fresh path for output, and becomes @out@ again in what
# is compared; the list of all targets is left out.  Arguments such as PATH=/nowhere before the others go to the environment.  What was
# printed or written although there was an error is part of the golden, so that it is seen.
# UPDATE=1 rewrites the goldens.  Exit status 1 when a case differs.
set -u
LC_ALL=C
export LC_ALL

[ $# -ge 1 ] || { echo "usage: run.sh QCC [FOLDER...]" >&2; exit 2; }
case $1 in
  /*) qcc=$1 ;;
  *) qcc=$PWD/$1 ;;
esac
shift
[ -x "$qcc" ] || { echo "run.sh: no program '$qcc'" >&2; exit 2; }

here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d) || exit 2
mkdir "$temp/work"
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
passed=0
failed=0

# Output of one case in $temp/actual.  Arguments may be quoted as in the shell.
run_case() {
  rm -rf "$temp/out" "$temp"/out.*
  arguments=$(printf '%s\n' "$1" | sed "s|@out@|$temp/out|g")
  (
    eval "set -- $arguments"
    while case ${1:-} in [A-Z]*=*) true ;; *) false ;; esac; do
      export "${1?}"
      shift
    done
    TMPDIR=$temp/work exec "$qcc" "$@"
  ) >"$temp/stdout" 2>"$temp/stderr" </dev/null
  status=$?
  { sed "s|$temp/out|@out@|g; s|(targets: [^)]*, or|(targets: ..., or|" "$temp/stderr"; echo "exit status $status"; } >"$temp/actual"
  # A message and output are one too many.
  if [ "$status" -ne 0 ] && [ -n "$(ls -d "$temp"/out* 2>/dev/null)" ]; then
    echo "output was left behind" >>"$temp/actual"
  fi
  if [ "$status" -ne 0 ] && [ -s "$temp/stdout" ]; then
    echo "printed on stdout:" && cat "$temp/stdout"
  fi >>"$temp/actual"
  if [ -n "$(ls -A "$temp/work" . | grep qcc-)" ]; then
    echo "a temporary folder was left behind" >>"$temp/actual"
  fi
}

check_case() {
  if [ "${UPDATE:-0}" = 1 ]; then cp "$temp/actual" "$1.golden"; fi
  if [ -f "$1.golden" ] && diff -u "$1.golden" "$temp/actual"; then
    passed=$((passed + 1))
  else
    echo "FAILED: $2/$1"
    failed=$((failed + 1))
  fi
}

run_folder() {
  cd "$here/$1" || exit 2
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      '' | '#'*) continue ;;
    esac
    name=$(printf '%s\n' "${line%%|*}" | tr -d ' \t')
    run_case "${line#*|}"
    check_case "$name" "$1"
  done <cases.txt
}

if [ $# -eq 0 ]; then
  for file in "$here"/*/cases.txt; do
    [ -f "$file" ] && set -- "$@" "$(basename "$(dirname "$file")")"
  done
fi
for folder in "$@"; do run_folder "$folder"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
