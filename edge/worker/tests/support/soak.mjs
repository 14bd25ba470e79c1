// One isolate, many requests: `soak.mjs REQUESTS`. Fails when the engine's memory grows in the second half of them, by more
// than one page for what fits into no gap, or what the scripts keep: in the first half both find their size. What they are
// at the middle is read at the request in the middle. The process is told, not judged: it holds the simulated queue and
// store as well, and what V8 has not given back.
import assert from "node:assert/strict";
import { INSPECTED, liveHeap } from "./heap.mjs";
import { residentBytes, workerd } from "./process.mjs";
import { cookieOf, event, itemsOf, startWorker } from "./worker.mjs";

const REQUESTS = Number(process.argv[2] ?? 1_000_000);
const AT_ONCE = 16;
const ends = [];
const worker = await startWorker({ after: (end) => ends.push(end) }, {}, INSPECTED);
// Nothing is to pile up here that the cloud would take.
worker.origin.events.push = () => 0;
const items = itemsOf(await worker.next());
let left = REQUESTS;
let halfway;

async function visitor() {
  let carried = {};
  for (let at = 0; left > 0; at = (at + 1) % 60) {
    left -= 1;
    if (left === Math.floor(REQUESTS / 2)) halfway = await memory();
    if (at === 0) carried = cookieOf(await worker.next());
    const answer = await worker.send([event(["like", "skip", "complete"][at % 3], items[at % items.length])], carried);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    carried = cookieOf(answer);
  }
}

const memory = async () => ({
  engine: (await worker.fetch("/healthz")).body.memory_bytes,
  heap: await liveHeap(worker.miniflare),
});
const pid = workerd();
const done = Promise.all(Array.from({ length: AT_ONCE }, visitor));
const watch = setInterval(async () => {
  const now = await memory();
  worker.origin.asked.length = 0;
  console.error(`${REQUESTS - left} requests, engine ${now.engine} bytes, scripts ${now.heap}, process ${residentBytes(pid)}`);
}, 10_000);
await done;
clearInterval(watch);
const last = await memory();
const report = {
  requests: REQUESTS,
  engine_bytes_halfway: halfway.engine,
  engine_bytes_last: last.engine,
  heap_bytes_halfway: halfway.heap,
  heap_bytes_last: last.heap,
  process_bytes: residentBytes(pid),
};
for (const end of ends) await end();
console.log(JSON.stringify(report));
assert.ok(last.engine <= halfway.engine + 65_536, "the engine's memory grew");
assert.ok(last.heap <= halfway.heap + 1_048_576, "what the scripts keep grew");
assert.ok(last.engine + last.heap < 64 * 1024 * 1024, "more than 64 MiB");
process.exit(0);
