#!/bin/sh
# Variants in one output, chosen as it runs: variants.sh QCC TARGET
#
# The networks beside this script, compiled for TARGET, run on emulated processors that can do more or
# less; each must take the best variant that it can and give eval's outputs bit for bit, and so must one
# that is asked for by name.  Exit status 77, after `skipped: ...`, when something is missing.
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

# check VARIANT ARGUMENTS...: a verification that must have run this variant.
check() {
  want=$1
  shift
  if "$qcc" verify "$@" --emulate --json --quiet >"$temp/out" 2>"$temp/err"; then
    got=$(sed -n 's/^ *"variant": "\(.*\)".*$/\1/p' "$temp/out")
    [ "$got" = "$want" ] && { echo "$got: $*"; return; }
    echo "FAILED: $got in place of $want: $*"
  else
    package=$(sed -n 's/.*is not installed: apt-get install \(.*\)/\1/p' "$temp/err")
    [ -z "$package" ] || { echo "skipped: install $package"; exit 77; }
    echo "FAILED: $*"
    cat "$temp/out" "$temp/err"
  fi
  failed=1
}

# on CPU VARIANT: the processor of the target's file is another.
on() {
  sed "s/^  cpu: max/  cpu: $1/" "../../targets/$target.yaml" >"$temp/$1.yaml"
  check "$2" --target "$temp/$1.yaml" residual.graph --policy residual.yaml --compiler 1
  check "$2" --target "$temp/$1.yaml" mixed.graph --preset int4 --calib mixed.npz --optimize size
}

case $target in
  x86-64)
    on Nehalem x86-64-v1
    on SandyBridge x86-64-v1
    on Haswell x86-64-v3
    on Icelake-Server x86-64-v3 # which the emulator has without AVX-512
    check x86-64-v1 --target x86-64 --variant x86-64-v1 mixed.graph --policy mixed.yaml
    ;;
  aarch64)
    on cortex-a53 aarch64-neon
    on cortex-a76 aarch64-dotprod
    on max aarch64-i8mm
    check aarch64-dotprod --target aarch64 --variant aarch64-dotprod mixed.graph --policy mixed.yaml
    ;;
esac
exit $failed
