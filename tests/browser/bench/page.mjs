// What the bench page measures; the script that opened it calls these.
import { Engine, init } from "/package/index.js";
import startModule from "/package/wasm/segue_wasm.js";
import { addPolicy, addRanker, measure, open, quantile, Run } from "/bench/loop.mjs";

const MODULE = "/package/wasm/segue_wasm_bg.wasm";
const GROWTH_EVENTS = 10_000;
const PAIRS = 1_000;
const WARM_UP = 200;

const bytes = async (path) => {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} was answered with status ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
};
const readWorkload = async () => JSON.parse(new TextDecoder().decode(await bytes("/api/v1/workload.json")));
const read = (path) => bytes(`/api/v1/${path}`);

/** An engine with a session, and the memory of its module. */
async function ready() {
  if (!crossOriginIsolated) throw new Error("the page is not isolated, so its clock is coarse");
  const workload = await readWorkload();
  await init();
  const opened = await open(Engine, read, workload);
  await addRanker(opened, read);
  const { memory } = await startModule();
  return { opened, run: new Run(opened.engine, workload), memory };
}

/** One event and the list after it. */
async function rerank(rounds) {
  const { run, memory } = await ready();
  const times = measure(run, rounds);
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), memory: memory.buffer.byteLength };
}

/** By how much the module's memory grows until the session has met the whole pack, and over many events from then on. */
async function growth() {
  const { run, memory } = await ready();
  const sizes = [memory.buffer.byteLength];
  for (const events of [2 * run.workload.candidates, GROWTH_EVENTS]) {
    measure(run, { warmUp: events, measured: 0 });
    sizes.push(memory.buffer.byteLength);
  }
  return { filling: sizes[1] - sizes[0], growth: sizes[2] - sizes[1], memory: sizes[2] };
}

/** From bytes that are here already to the pack's own list, and on to the first ranked one. */
async function start() {
  const workload = await readWorkload();
  const files = new Map(await Promise.all(workload.paths.map(async (path) => [path, await read(path)])));
  const here = async (path) => files.get(path) ?? Promise.reject(new Error(`there is no ${path}`));
  const module = await bytes(MODULE);
  const before = performance.now();
  await init(module);
  const opened = await open(Engine, here, workload);
  const run = new Run(opened.engine, { ...workload, session_events: 0 });
  const own = run.rank();
  const first = performance.now() - before;
  await addRanker(opened, here);
  const ranked = run.rank();
  const cold = performance.now() - before;
  if (own.order !== "fallback" || ranked.order !== "ranked") throw new Error(`${own.order}, then ${ranked.order}`);
  return { first, cold };
}

/** A model on onnxruntime-web, one thread, with inputs to run it on. */
async function peer(path, candidates) {
  const runtime = await import("/ort/ort.wasm.bundle.min.mjs");
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmPaths = "/ort/";
  const session = await runtime.InferenceSession.create(await read(path), { executionProviders: ["wasm"] });
  const input = ({ name, shape }) => {
    const sizes = shape.map((size) => (typeof size === "number" ? size : candidates));
    const count = sizes.reduce((product, size) => product * size, 1);
    const value = (_, at) => (name === "mask" ? 1 : Math.sin(at * 0.7));
    return [name, new runtime.Tensor("float32", Float32Array.from({ length: count }, value), sizes)];
  };
  const inputs = Object.fromEntries(session.inputMetadata.map(input));
  return async () => {
    const before = performance.now();
    await session.run(inputs);
    return performance.now() - before;
  };
}

/** Median over pairs of (the peer's time / ours), one right after the other. */
async function ratio(theirs, ours) {
  const ratios = [];
  for (let at = 0; at < WARM_UP + PAIRS; at += 1) {
    const pair = (await theirs()) / ours();
    if (at >= WARM_UP) ratios.push(pair);
  }
  return quantile(ratios, 0.5);
}

/** The reference model beside the whole event, then our ranker's part per event beside the nearest that an engine can be asked for. */
async function peers() {
  const { opened, run } = await ready();
  const { candidates, plain_surface } = run.workload;
  const reference = await peer("peers/reference.onnx", candidates);
  const event = await ratio(reference, () => run.step());
  await addPolicy(opened, read, plain_surface);
  const scoring = () => {
    const before = performance.now();
    const { order } = run.rank({ surface: plain_surface, count: 1 });
    const took = performance.now() - before;
    if (order !== "ranked") throw new Error("the policy that only scores did not rank");
    return took;
  };
  return { event, split: await ratio(await peer("peers/event_part.onnx", candidates), scoring) };
}

window.bench = { rerank, growth, start, peers };
