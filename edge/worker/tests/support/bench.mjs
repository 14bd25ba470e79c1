// The worker's figures as one JSON object; docs/BENCH.md defines them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Miniflare } from "miniflare";
import { ask } from "./client.mjs";
import { workerBefore } from "./cloud.mjs";
import { distant } from "./distance.mjs";
import { modules, ROOT } from "./modules.mjs";
import { cpuMs, workerd } from "./process.mjs";

const WARM_UP = 1_000;
const MEASURED = 2_000;
const ROUNDS = 3;
const STARTS = 5;
/** How much longer a round trip to the cloud takes, and how many are made over that distance. */
const FURTHER_MS = 80;
const WARM_UP_AFAR = 20;
const MEASURED_AFAR = 300;

const build = (name) => readFileSync(join(ROOT, "build", name));
const deployed = modules(build("ranker.onnx"), build("schema.bin"));
const sorted = (values) => values.toSorted((one, other) => one - other);
const median = (values) => sorted(values)[Math.floor(values.length / 2)];
const percentile99 = (values) => sorted(values)[Math.ceil(values.length * 0.99) - 1];

/** Processor time of a runtime from its start to its first answer. */
async function startCpuMs(options) {
  const miniflare = new Miniflare({ compatibilityDate: "2026-07-01", cf: false, ...options });
  const url = await miniflare.ready;
  await ask(new URL("/healthz", url));
  const cpu = cpuMs(workerd());
  await miniflare.dispose();
  return cpu;
}

async function startup() {
  const empty = { modules: true, script: "export default { fetch: () => new Response('ok') };" };
  const ours = { modules: deployed, modulesRoot: ROOT, bindings: { ORIGIN: "http://127.0.0.1:9", ROOT_KEY: "0".repeat(64), SESSION_SECRET: "0".repeat(64) }, durableObjects: { SESSION_CELLS: { className: "SessionCell", useSQLite: true } } };
  const differences = [];
  for (let at = 0; at < STARTS; at += 1) differences.push((await startCpuMs(ours)) - (await startCpuMs(empty)));
  return median(differences);
}

async function timed(count, request) {
  const times = [];
  for (let at = 0; at < count; at += 1) {
    const begun = performance.now();
    const { status, text } = await request(at);
    times.push(performance.now() - begun);
    if (status !== 200) throw new Error(text);
  }
  return times;
}

/** The event number `at` of a visitor, who does 50 things and is followed by the next one. */
const told = (at, items) => ({ event_id: crypto.randomUUID(), kind: ["like", "skip", "complete", "save"][at % 4], item: items[at % items.length], time_ms: Date.now(), played_ms: 3_000, total_ms: 200_000 });

const post = (url, body, headers = {}) => ask(url, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify({ surface: "radio", count: 20, ...body }) });

/**
 * Waits for an event and the list after it: of the worker, which has the session from the cookie. What takes events out of
 * the queue runs apart on the platform; here it would run in between, on the one thread there is, so nothing does.
 */
async function atTheEdge() {
  const { miniflare, url } = await workerBefore(0, { CONSENT: "assumed", REGIONS: "all" }, {});
  const list = JSON.parse((await ask(new URL("/api/v1/next?surface=radio&count=20", url))).text);
  const items = list.items.map((place) => place.item);
  if (list.fallback) throw new Error(`ranked with ${list.fallback}`);
  let cookie;
  const visit = async (at) => {
    if (at % 50 === 0) cookie = undefined;
    const answer = await post(new URL("/api/v1/session/events", url), { events: [told(at, items)] }, cookie && { cookie });
    cookie = answer.headers["set-cookie"]?.[0].split(";")[0];
    return answer;
  };
  const nothing = () => ask(new URL("/healthz", url));
  await timed(WARM_UP, visit);
  await timed(WARM_UP, nothing);
  const empty = await timed(MEASURED, nothing);
  const pid = workerd();
  const cpu = cpuMs(pid);
  const rounds = [];
  for (let at = 0; at < ROUNDS; at += 1) rounds.push(await timed(MEASURED, visit));
  const mean = (cpuMs(pid) - cpu) / (MEASURED * ROUNDS);
  await miniflare.dispose();
  const p99 = median(rounds.map(percentile99));
  const figures = { worker_rerank_300_p99_ms: p99 - median(empty), worker_rerank_300_cpu_mean_ms: mean, list_edge_p50_ms: median(rounds.map(median)), list_edge_p99_ms: p99 };
  return { figures, items };
}

/** The same of the cloud, to which a round trip takes longer, and which is told the session each time. */
async function fromAfar(items) {
  const { url, stop } = await distant(process.env.SEGUE_URL, FURTHER_MS);
  let events = [];
  const visit = (at) => {
    events = at % 50 === 0 ? [told(at, items)] : [...events, told(at, items)];
    return post(new URL("/api/v1/recommendations", url), { events });
  };
  await timed(WARM_UP_AFAR, visit);
  const times = await timed(MEASURED_AFAR, visit);
  stop();
  return { list_cloud_80ms_p50_ms: median(times), list_cloud_80ms_p99_ms: percentile99(times) };
}

const script = Buffer.concat(deployed.map((module) => Buffer.from(module.contents)));
const sizes = { worker_script_gzip_bytes: gzipSync(script, { level: 9 }).length, worker_startup_cpu_ms: await startup() };
const { figures, items } = await atTheEdge();
console.log(JSON.stringify({ ...sizes, ...figures, ...(await fromAfar(items)) }));
process.exit(0);
