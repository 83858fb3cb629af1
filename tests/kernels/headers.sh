#!/bin/sh
# Every run-time header compiles alone, and all of a family together with the portable ones, as a network
# may need them, without a warning, with each compiler that is installed and for each kind of core.  It is compiled
# as the main file, where clang also reports unused functions, as in generated code.  Whether a header includes
# all that it needs is no matter of the core: one by one they go through two C libraries and, where there is
# one, through clang; all together through every compiler.
# Usage: headers.sh RUNTIME_FOLDER.  Exit 1 when one does not compile.
runtime=$1
strict="-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wunused -Werror"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
folder=.

# compile LABEL FILES COMMAND...: compiles the files in one call.
compile() {
  label=$1 files=$2
  shift 2
  if ! command -v "$1" >/dev/null 2>&1; then
    echo "skipped $label: $1 is not installed"
    return
  fi
  # shellcheck disable=SC2086
  if ! "$@" $strict -I "$runtime" -x c $files 2>"$work/log"; then
    echo "failed $label"
    cat "$work/log"
    failed=1
  fi
  echo "checked $label"
}

# together LABEL COMMAND...: one file that includes every header of $folder and the portable ones.
together() {
  what=$1
  shift
  (cd "$runtime" && printf '#include "%s"\n' *.h "$folder"/*.h) >"$work/all.c"
  compile "$what" "$work/all.c" "$@" -O1 -c -o "$work/all.o"
}

# check LABEL COMMAND...: the headers of $folder one by one, too, which is a matter of their text.
check() {
  kind=$1
  shift
  compile "$kind, one by one" "$(ls "$runtime/$folder"/*.h)" "$@" -fsyntax-only
  together "$kind" "$@"
}

newlib=/usr/include/newlib
check "gcc host" gcc
check "clang host" clang-19
together "gcc cortex-m0" arm-none-eabi-gcc -mcpu=cortex-m0 -mthumb
together "gcc cortex-m4" arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard
if [ -d "$newlib" ]; then
  together "clang cortex-m0" clang-19 --target=arm-none-eabi -mcpu=cortex-m0 -isystem "$newlib"
  check "clang cortex-m55" clang-19 --target=arm-none-eabi -mcpu=cortex-m55 -mfloat-abi=hard \
    -isystem "$newlib"
else
  echo "skipped clang for arm: newlib is not installed"
fi
together "gcc riscv64" riscv64-linux-gnu-gcc
together "gcc aarch64" aarch64-linux-gnu-gcc

# Kernels for an instruction set, with compilers that have it.
folder=neon
together "gcc neon" aarch64-linux-gnu-gcc -march=armv8.6-a+i8mm
check "clang neon" clang-19 --target=aarch64-linux-gnu -march=armv8.6-a+i8mm
folder=rvv
check "clang rvv" clang-19 --target=riscv64-linux-gnu -march=rv64gcv
folder=wasm
if [ -r /usr/include/wasm32-wasi/math.h ]; then
  check "clang wasm" clang-19 --target=wasm32-wasi -msimd128
fi
folder=dsp
check "gcc dsp" arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard
if [ -d "$newlib" ]; then
  check "clang dsp" clang-19 --target=arm-none-eabi -mcpu=cortex-m33 -mfloat-abi=hard \
    -isystem "$newlib"
fi
folder=mve
check "gcc mve" arm-none-eabi-gcc -mcpu=cortex-m55 -mthumb -mfloat-abi=hard
if [ -d "$newlib" ]; then
  check "clang mve" clang-19 --target=arm-none-eabi -mcpu=cortex-m55 -mfloat-abi=hard \
    -isystem "$newlib"
fi
folder=avx2
together "gcc avx2" gcc -march=x86-64-v3
check "clang avx2" clang-19 --target=x86_64-linux-gnu -march=x86-64-v3
folder=avx512
together "gcc avx512" gcc -march=x86-64-v4 -mavx512vnni
check "clang avx512" clang-19 --target=x86_64-linux-gnu -march=x86-64-v4 -mavx512vnni
exit $failed
