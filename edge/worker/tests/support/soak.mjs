// One isolate, many requests: `soak.mjs REQUESTS`. Fails when the engine's memory grows in the second half of them, by more
// than one page for what fits into no gap: in the first half it finds its size.
import assert from "node:assert/strict";
import { residentBytes, workerd } from "./process.mjs";
import { cookieOf, event, itemsOf, startWorker } from "./worker.mjs";

const REQUESTS = Number(process.argv[2] ?? 1_000_000);
const AT_ONCE = 16;
const ends = [];
const worker = await startWorker({ after: (end) => ends.push(end) });
// Nothing is to pile up here that the cloud would take.
worker.origin.events.push = () => 0;
const items = itemsOf(await worker.next());
let left = REQUESTS;

async function visitor() {
  let carried = {};
  for (let at = 0; left > 0; at = (at + 1) % 60) {
    left -= 1;
    if (at === 0) carried = cookieOf(await worker.next());
    const answer = await worker.send([event(["like", "skip", "complete"][at % 3], items[at % items.length])], carried);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    carried = cookieOf(answer);
  }
}

const memory = async () => (await worker.fetch("/healthz")).body.memory_bytes;
const pid = workerd();
let [halfway, last] = [0, 0];
const done = Promise.all(Array.from({ length: AT_ONCE }, visitor));
const watch = setInterval(async () => {
  last = await memory();
  if (left < REQUESTS / 2) halfway ||= last;
  worker.origin.asked.length = 0;
  console.error(`${REQUESTS - left} requests, engine ${last} bytes, process ${residentBytes(pid)} bytes`);
}, 5_000);
await done;
clearInterval(watch);
last = await memory();
const report = { requests: REQUESTS, engine_bytes_halfway: halfway || last, engine_bytes_last: last, process_bytes: residentBytes(pid) };
for (const end of ends) await end();
console.log(JSON.stringify(report));
assert.ok(report.engine_bytes_last <= report.engine_bytes_halfway + 65_536, "the engine's memory grew");
process.exit(0);
