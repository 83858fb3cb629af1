#!/bin/sh
# The committed files of a folder are those that its make.py writes, byte for byte: made.sh FOLDER [NAME-PATTERN]
# Files of that pattern must all be made.  Exit status 77, after `skipped: ...`, when there is no Python.
set -u
folder=$(cd "$1" && pwd) pattern=${2:-}
command -v python3 >/dev/null || { echo "skipped: install python3"; exit 77; }
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

cd "$temp" && PYTHONDONTWRITEBYTECODE=1 python3 "$folder/make.py" || exit 1
for made in $(find . -type f); do
  cmp "$made" "$folder/$made" || fail "$made is not what make.py writes"
done
for kept in ${pattern:+"$folder"/$pattern}; do
  [ -f "$(basename "$kept")" ] || fail "$kept is not made by make.py"
done
exit $failed
