// wasi.mjs - runs image.elf, a WebAssembly command, under node.  Traps become the exit statuses of
// board.h: 91 where a stack overflowed (linear memory's, whose pointer then is negative, or the
// engine's own), else 99.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const EXIT_STACK = 91, EXIT_FAULT = 99;

const wasi = new WASI({ version: "preview1", preopens: { ".": "." }, returnOnExit: true });
const module = await WebAssembly.compile(readFileSync("image.elf"));
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: wasi.wasiImport });
try {
  process.exitCode = wasi.start(instance);
} catch (error) {
  console.error(String(error));
  const overflowed = error instanceof RangeError || instance.exports.__stack_pointer.value < 0;
  process.exitCode = overflowed ? EXIT_STACK : EXIT_FAULT;
}
