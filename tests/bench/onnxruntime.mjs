// Median nanoseconds of one inference by onnxruntime-node with one thread:
//
//     node onnxruntime.mjs FOLDER MODEL.onnx     FOLDER holds node_modules
//     node onnxruntime.mjs FOLDER call           a network that does nothing: what a call itself costs
//
// Inputs are random: bytes are spread over their range, reals lie in 0..1.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, model] = process.argv.slice(2);
const ort = createRequire(join(folder, 'x.js'))('onnxruntime-node');
const WARM_NS = 200e6, ENOUGH_NS = 600e6, MIN_RUNS = 20;

// ---- the network that does nothing: y = Identity(x), written as protocol buffer fields

const bytes = (field, content) => {
  const body = typeof content === 'string' ? Buffer.from(content) : Buffer.concat(content);
  return Buffer.concat([Buffer.from([(field << 3) | 2, body.length]), body]);
};
const number = (field, v) => Buffer.from([field << 3, v]);
const value = (name) => [
  bytes(1, name),
  bytes(2, [bytes(1, [number(1, 1), bytes(2, [bytes(1, [number(1, 1)])])])]),
];
const identity = () =>
  Buffer.concat([
    number(1, 7),
    bytes(7, [
      bytes(1, [bytes(1, 'x'), bytes(2, 'y'), bytes(4, 'Identity')]),
      bytes(2, 'g'),
      bytes(11, value('x')),
      bytes(12, value('y')),
    ]),
    bytes(8, [number(2, 13)]),
  ]);

// ---- inputs

function randomInput({ type, shape }) {
  const dims = shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
  const count = dims.reduce((a, b) => a * b, 1);
  const array = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array }[type];
  if (!array) throw new Error(`inputs of type ${type} are not known here`);
  const data = new array(count);
  let state = 12345;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = type === 'float32' ? state / 2 ** 32 : state >>> 24;
  }
  return new ort.Tensor(type, data, dims);
}

const options = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};
const session = await ort.InferenceSession.create(model === 'call' ? identity() : model, options);
const feeds = {};
for (const m of session.inputMetadata) feeds[m.name] = randomInput(m);

const times = [];
const start = process.hrtime.bigint();
for (;;) {
  const before = process.hrtime.bigint();
  await session.run(feeds);
  const after = process.hrtime.bigint();
  const passed = Number(after - start);
  if (passed < WARM_NS) continue;
  times.push(Number(after - before));
  if (times.length >= MIN_RUNS && passed > WARM_NS + ENOUGH_NS) break;
}
times.sort((a, b) => a - b);
console.log(times[times.length >> 1]);
