// Generated code against onnxruntime, over random samples:
//
//     node compare.mjs FOLDER QCC MODEL.onnx SAMPLES TOLERANCE [--state OUTPUT=INPUT] [--dim NAME=VALUE]
//     node compare.mjs FOLDER QCC models DIRECTORY TOLERANCE
//
// FOLDER holds node_modules. With states the samples are steps, and onnxruntime is given back what it
// returned in the step before. Values may differ by TOLERANCE times the largest of their output over all
// samples. `models` takes every model in DIRECTORY, each with one sample, by the interpreter.
// Exit status 1: something differs; 77: there is no onnxruntime.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const [folder, qcc, first, second, third, ...options] = process.argv.slice(2);
let ort;
try {
  ort = createRequire(join(folder, 'x.js'))('onnxruntime-node');
} catch {
  console.log(`skipped: no onnxruntime-node in ${folder}`);
  process.exit(77);
}

// ---- samples as ONNX keeps them: test_data_set_N/input_K.pb, a TensorProto each

const TYPES = {
  float32: { code: 1, array: Float32Array },
  uint8: { code: 2, array: Uint8Array },
  int8: { code: 3, array: Int8Array },
  int32: { code: 6, array: Int32Array },
  int64: { code: 7, array: BigInt64Array },
};

const varint = (v) => {
  const out = [];
  for (let n = BigInt(v); ; n >>= 7n) {
    if (n < 128n) return Buffer.from([...out, Number(n)]);
    out.push(Number(n & 127n) | 128);
  }
};
const number = (field, v) => Buffer.concat([varint(field << 3), varint(v)]);
const bytes = (field, body) => Buffer.concat([varint((field << 3) | 2), varint(body.length), body]);
const tensorProto = (name, { type, dims, data }) =>
  Buffer.concat([
    ...dims.map((d) => number(1, d)),
    number(2, TYPES[type].code),
    bytes(8, Buffer.from(name)),
    bytes(9, Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
  ]);

let seed = 12345;
function randomData(type, count) {
  const data = new TYPES[type].array(count);
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    data[i] = type === 'float32' ? seed / 2 ** 31 - 1 : type === 'int64' ? BigInt(seed >>> 31) : seed >>> 24;
  }
  return data;
}

// ---- running

const values = (option) =>
  options.flatMap((o, i) => (options[i - 1] === option ? [o.match(/^(.*)=(.*)$/).slice(1)] : []));
const given = new Map(values('--dim'));

// Dimensions of an input; those without a value are 1.
const dimsOf = (m) => m.shape.map((d) => (typeof d === 'number' && d > 0 ? d : Number(given.get(d) ?? 1)));
const countOf = (dims) => dims.reduce((a, b) => a * b, 1);

// What onnxruntime makes of so many samples, by output; the samples are left in `where`.
async function runPeer(model, samples, where) {
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const states = values('--state'), results = [];
  const feeds = {};
  for (const m of session.inputMetadata)
    feeds[m.name] = new ort.Tensor(m.type, new TYPES[m.type].array(countOf(dimsOf(m))), dimsOf(m));
  const inputs = session.inputMetadata.filter((m) => !states.some(([, name]) => name === m.name));
  for (let i = 0; i < samples; i++) {
    const set = join(where, `test_data_set_${i}`);
    mkdirSync(set);
    inputs.forEach((m, k) => {
      const dims = dimsOf(m), data = randomData(m.type, countOf(dims));
      feeds[m.name] = new ort.Tensor(m.type, data, dims);
      writeFileSync(join(set, `input_${k}.pb`), tensorProto(m.name, { type: m.type, dims, data }));
    });
    const got = await session.run(feeds);
    results.push(session.outputNames.filter((o) => !states.some(([name]) => name === o)).map((o) => got[o]));
    for (const [output, input] of states) feeds[input] = got[output];
  }
  return results;
}

// Largest difference as a share of the largest value of its output, outputs one behind the other in `raw`.
function compare(results, raw) {
  let at = 0, worst = 0;
  const largest = results[0].map((_, k) => Math.max(...results.map((r) => r[k].data.reduce((a, v) => Math.max(a, Math.abs(Number(v))), 1e-30))));
  for (const result of results)
    result.forEach((t, k) => {
      const type = TYPES[t.type].array, size = t.data.length * type.BYTES_PER_ELEMENT;
      const data = new type(raw.buffer.slice(raw.byteOffset + at, raw.byteOffset + at + size));
      at += size;
      data.forEach((v, i) => {
        const off = Math.abs(Number(v) - Number(t.data[i])) / largest[k];
        worst = Number.isNaN(off) && !Number.isNaN(t.data[i]) ? Infinity : Math.max(worst, off || 0);
      });
    });
  if (at !== raw.length) throw new Error(`${raw.length} bytes of outputs, expected ${at}`);
  return worst;
}

// Elements of a .npy file.
function readNpy(path) {
  const file = readFileSync(path);
  return file.subarray(10 + file.readUInt16LE(8));
}

async function compareCode(model, samples, work) {
  const results = await runPeer(model, samples, work);
  const args = ['verify', model, '--preset', 'float', '--target', 'host', '--input', work, '--keep', ...options];
  const run = spawnSync(qcc, args, { encoding: 'utf8', env: { ...process.env, TMPDIR: work } });
  const kept = run.stderr.match(/^(.*) is kept$/m);
  if (run.status !== 0 || !kept) throw new Error(`qcc ${args.join(' ')}\n${run.stdout}${run.stderr}`);
  return compare(results, readFileSync(join(kept[1], 'run-host', 'output.bin')));
}

async function compareEval(model, work) {
  const results = await runPeer(model, 1, work), y = join(work, 'y.npy');
  execFileSync(qcc, ['run', model, '--input', work, '-o', y], { stdio: ['ignore', 'inherit', 'inherit'] });
  const parts = results[0].map((_, k) => readNpy(k ? join(work, `y.${k}.npy`) : y));
  return compare(results, Buffer.concat(parts));
}

let failed = 0;
async function check(model, tolerance, run) {
  const work = mkdtempSync(join(tmpdir(), 'qcc-oracle-'));
  try {
    const worst = await run(work), fine = worst <= tolerance;
    if (!fine) failed++;
    if (!fine || first !== 'models') console.log(`${basename(model)}: ${worst.toExponential(2)}${fine ? '' : ' FAILED'}`);
  } catch (e) {
    failed++;
    console.log(`${basename(model)}: FAILED: ${e.message}`);
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (first === 'models') {
  const models = readdirSync(second).filter((f) => f.endsWith('.onnx')).sort();
  for (const f of models) await check(f, Number(third), (work) => compareEval(join(second, f), work));
  console.log(`${models.length - failed} of ${models.length} models agree`);
  if (models.length === 0) failed++;
} else {
  await check(first, Number(third), (work) => compareCode(first, Number(second), work));
}
process.exit(failed ? 1 : 0);
