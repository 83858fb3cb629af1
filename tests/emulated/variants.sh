#!/bin/sh
# Variants in one output, chosen as it runs: variants.sh QCC TARGET
#
# The networks beside this script, compiled for TARGET, run on emulated processors that can do more or
# less; each must take the best variant that it can and give eval's outputs bit for bit, and so must one
# that is asked for by name.  qcc verifies an image on the first processor; the others run the same image, which
# must give the same outputs.  Exit status 77, after `skipped: ...`, when something is missing.
set -u
LC_ALL=C
export LC_ALL

[ $# -eq 2 ] || { echo "usage: variants.sh QCC TARGET" >&2; exit 2; }
qcc=$1 target=$2
cd "$(dirname "$0")" || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 2' HUP INT TERM
failed=0

fail() {
  echo "FAILED: $*"
  cat "$temp/out" "$temp/err"
  failed=1
}

# check VARIANT ARGUMENTS...: a verification that must have run this variant.
check() {
  want=$1
  shift
  if "$qcc" verify "$@" --emulate --json --quiet >"$temp/out" 2>"$temp/err"; then
    got=$(sed -n 's/^ *"variant": "\(.*\)".*$/\1/p' "$temp/out")
    [ "$got" = "$want" ] || fail "$got in place of $want: $*"
    echo "$got: $*"
  else
    package=$(sed -n 's/.*is not installed: apt-get install \(.*\)/\1/p' "$temp/err")
    [ -z "$package" ] || { echo "skipped: install $package"; exit 77; }
    fail "$*"
  fi
}

# The number that an image says for a variant: its place in the target's file.
number_of() {
  sed -n 's/^ *- {*target: \([a-z0-9-]*\).*/\1/p' "../../targets/$target.yaml" | awk "\$0 == \"$1\" { print NR - 1 }"
}

# again CPU VARIANT FOLDER: the image of a kept work folder on another processor.
again() {
  here=$PWD
  cd "$3" || exit 2
  mv output.bin first.bin
  if ! "$emulator" -cpu "$1" ./image.elf >"$temp/out" 2>"$temp/err"; then
    fail "$2 on $1"
  elif ! grep -qx "variant $(cd "$here" && number_of "$2")" "$temp/out"; then
    fail "another variant than $2 on $1"
  elif ! cmp output.bin first.bin; then
    fail "other outputs of $2 on $1"
  else
    echo "$2 on $1"
  fi
  cd "$here" || exit 2
}

# on "CPU:VARIANT ..." ARGUMENTS...: one image on all these processors.
on() {
  processors=$1 built=
  shift
  rm -rf "$temp/work"
  mkdir "$temp/work"
  for pair in $processors; do
    cpu=${pair%:*} variant=${pair#*:}
    if [ -n "$built" ]; then
      again "$cpu" "$variant" "$temp/work"/qcc-*/run-"$built"
    else
      built=$cpu
      sed "s/^  cpu: max/  cpu: $cpu/" "../../targets/$target.yaml" >"$temp/$cpu.yaml"
      TMPDIR=$temp/work check "$variant" --target "$temp/$cpu.yaml" "$@" --keep
    fi
  done
}

on_all() {
  on "$1" residual.graph --policy residual.yaml --compiler 1
  on "$1" mixed.graph --preset int4 --calib mixed.npz --optimize size
}

emulator=$(sed -n 's/^  emulator: //p' "../../targets/$target.yaml")
case $target in
  x86-64)
    # The emulator has Icelake-Server without AVX-512.
    on_all "Nehalem:x86-64-v1 SandyBridge:x86-64-v1 Haswell:x86-64-v3 Icelake-Server:x86-64-v3"
    check x86-64-v1 --target x86-64 --variant x86-64-v1 mixed.graph --policy mixed.yaml
    ;;
  aarch64)
    on_all "cortex-a53:aarch64-neon cortex-a76:aarch64-dotprod max:aarch64-i8mm"
    check aarch64-dotprod --target aarch64 --variant aarch64-dotprod mixed.graph --policy mixed.yaml
    ;;
esac
exit $failed
