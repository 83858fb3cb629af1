// Networks that somebody else quantized, as onnxruntime computes them and as qcc does:
//
//     node imports.mjs FOLDER QCC ZOO NETWORK [LIMIT [RULE]]
//
// FOLDER holds node_modules, ZOO/NETWORK the network NETWORK_qdq.onnx, dev_x.npy and perhaps dev_y.npy.
// onnxruntime runs with graph optimizations off: only then does it compute what QuantizeLinear and
// DequantizeLinear say. qcc's side is eval of the lowered network, whose bits generated code has (qcc verify), by the
// requantization rule RULE where one is given.
// Prints samples, agreement of the greatest output, right answers of both, and relative error.
// Exit status 1: they agree on less than 99.5 %, or qcc is right on fewer by more than one sample in 400;
// 77: there is no onnxruntime or no network.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [folder, qcc, zoo, name, limit, rule] = process.argv.slice(2);
const LEAST_AGREEMENT = 0.995, SAMPLES_PER_LOSS = 400;
const skip = (why) => {
  console.log(`skipped: ${why}`);
  process.exit(77);
};

let ort;
try {
  ort = createRequire(join(folder, 'x.js'))('onnxruntime-node');
} catch {
  skip(`no onnxruntime-node in ${folder}`);
}
const model = join(zoo, name, `${name}_qdq.onnx`);
if (!existsSync(model)) skip(`no ${name} in ${zoo}`);

// ---- arrays

function readNpy(path) {
  const file = readFileSync(path), start = 10 + file.readUInt16LE(8);
  const header = file.subarray(10, start).toString();
  const shape = /\(([^)]*)\)/.exec(header)[1].split(',').filter((s) => s.trim()).map(Number);
  const type = { '|u1': Uint8Array, '|i1': Int8Array, '<f4': Float32Array, '<i4': Int32Array, '<i8': BigInt64Array }[
    /'descr': *'([^']*)'/.exec(header)[1]
  ];
  return { shape, data: new type(file.buffer.slice(file.byteOffset + start, file.byteOffset + file.length)) };
}

function writeNpy(path, shape, data) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const padded = header.padEnd(64 * Math.ceil((header.length + 11) / 64) - 11) + '\n';
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(padded.length, 8);
  writeFileSync(path, Buffer.concat([start, Buffer.from(padded), Buffer.from(data.buffer)]));
}

// Bytes of images are real numbers to these networks: x / 255 for vww; channels first where the network has them there.
function samplesFor(x, dims) {
  const [images, most] = [x.shape.length === 4 && dims.length === 4, name === 'vww' ? 255 : 1];
  const size = dims.reduce((a, b) => a * b, 1), data = new Float32Array(x.data.length);
  const turned = images && dims[1] === x.shape[3] && dims[3] !== x.shape[3];
  const channels = x.shape[3], pixels = size / channels;
  for (let i = 0; i < data.length; i++) {
    const at = i % size;
    const from = turned ? i - at + (at % pixels) * channels + Math.floor(at / pixels) : i;
    data[i] = x.data[from] / most;
  }
  return data;
}

// ---- both sides

const session = await ort.InferenceSession.create(model, {
  graphOptimizationLevel: 'disabled',
  intraOpNumThreads: 1,
  logSeverityLevel: 3,
});
const input = session.inputMetadata[0], output = session.outputNames[0];
const dims = input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
const size = dims.reduce((a, b) => a * b, 1);
const x = readNpy(join(zoo, name, 'dev_x.npy'));
const n = Math.min(x.data.length / size, Number(limit ?? Infinity));
const data = samplesFor({ shape: x.shape, data: x.data.subarray(0, n * size) }, dims);
const want = [];
for (let i = 0; i < n; i++) {
  const feed = new ort.Tensor('float32', data.slice(i * size, (i + 1) * size), dims);
  want.push((await session.run({ [input.name]: feed }))[output].data);
}

const temp = mkdtempSync(join(tmpdir(), 'imports-'));
let got;
try {
  writeNpy(join(temp, 'x.npy'), [n, ...dims.slice(1)], data);
  writeFileSync(join(temp, 'rule.yaml'), `version: 1\nrequantize: ${rule ?? 'auto'}\n`);
  execFileSync(qcc, ['run', model, '--policy', join(temp, 'rule.yaml'), '--input', join(temp, 'x.npy'),
    '--stop-after', 'lower', '-o', join(temp, 'y.npy')]);
  got = readNpy(join(temp, 'y.npy')).data;
} finally {
  rmSync(temp, { recursive: true });
}

// ---- comparison

const greatest = (v) => v.reduce((best, y, i) => (y > v[best] ? i : best), 0);
const labelled = existsSync(join(zoo, name, 'dev_y.npy'));
const labels = labelled ? readNpy(join(zoo, name, 'dev_y.npy')).data : null;
let agree = 0, right = 0, ours = 0, signal = 0, noise = 0;
want.forEach((v, i) => {
  const y = got.subarray(i * v.length, (i + 1) * v.length), [a, b] = [greatest(v), greatest(y)];
  agree += a === b;
  right += labelled && a === Number(labels[i]);
  ours += labelled && b === Number(labels[i]);
  v.forEach((value, k) => {
    signal += value ** 2;
    noise += (value - y[k]) ** 2;
  });
});
const score = labelled ? `${right} right and ${ours} by qcc` : 'no labels';
console.log(`${name}: ${n} samples, agreement ${((100 * agree) / n).toFixed(2)} %, ${score}, relative error ${Math.sqrt(noise / signal).toExponential(1)}`);
if (agree / n < LEAST_AGREEMENT || right - ours > Math.max(1, n / SAMPLES_PER_LOSS)) process.exit(1);
