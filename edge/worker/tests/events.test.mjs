// Events on their way to the cloud on workerd: of thin clients and of pages that rank by themselves, by a queue that waits
// for a cloud that is down, and into the queue of what it never took.
import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./support/modules.mjs";
import { deployed, event, startWorker, until } from "./support/worker.mjs";

test("a batch that the cloud does not take is delivered again with the same ids", async (t) => {
  const worker = await startWorker(t);
  worker.origin.answers = [503, 503];
  const told = [event("like", "item-300"), event("skip", "item-301")];
  assert.equal((await worker.send(told)).body.forwarded, true);
  await until(() => worker.origin.events.length >= 2, 20_000);
  assert.deepEqual(worker.origin.events.map((one) => one.event_id), told.map((one) => one.event_id));
  assert.ok(worker.origin.asked.filter((path) => path === "events").length >= 3);
});

test("a page that ranks by itself sends its events here as to the cloud, with its own session", async (t) => {
  const worker = await startWorker(t);
  const own = { ...event("like", "item-300"), session: "page-1" };
  const answer = await worker.post("events", { sent_ms: Date.now(), events: [own, { ...event("like", "item-301"), user: "u1" }, own] });
  assert.equal(answer.status, 202);
  assert.deepEqual([answer.body.accepted, answer.body.duplicates], [1, 1]);
  assert.deepEqual(answer.body.rejected.map(({ index, code }) => [index, code]), [[1, "user_forbidden"]]);
  await until(() => worker.origin.events.length >= 1);
  assert.deepEqual(worker.origin.events.map(({ event_id, session, user }) => [event_id, session, user]), [[own.event_id, "page-1", ""]]);
});

test("of who did not agree nothing is sent on, and the page is told so", async (t) => {
  const worker = await startWorker(t, { CONSENT: "asked" });
  const refused = await worker.post("events", { events: [event("like", "item-300")] });
  assert.deepEqual([refused.status, refused.body.accepted, refused.body.rejected[0].code], [202, 0, "not_forwarded"]);
  const objecting = await worker.post("events", { events: [event("like", "item-300")] }, { "segue-consent": "granted", "sec-gpc": "1" });
  assert.equal(objecting.body.accepted, 0);
  const agreed = event("like", "item-301");
  assert.equal((await worker.post("events", { events: [agreed] }, { "segue-consent": "granted" })).body.accepted, 1);
  await until(() => worker.origin.events.length >= 1);
  assert.deepEqual(worker.origin.events.map((one) => one.event_id), [agreed.event_id]);
});

test("without a queue the cloud itself has to take them before it is said that they are taken", async (t) => {
  const worker = await startWorker(t, {}, { queueProducers: {}, queueConsumers: {} });
  const told = event("like", "item-300");
  worker.origin.answers = [503];
  const refused = await worker.post("events", { events: [told] });
  assert.deepEqual([refused.status, refused.body.code, refused.headers.get("retry-after")], [503, "events_unavailable", "10"]);
  assert.deepEqual(worker.origin.events, []);
  assert.equal((await worker.post("events", { events: [told] })).status, 202);
  assert.deepEqual(worker.origin.events.map((one) => one.event_id), [told.event_id]);
});

/** The deployed worker, which hands what is dead to the cloud under another path, where the test sees it. */
const BURYING = `
import worker from "./worker.mjs";
export { SessionCell } from "./worker.mjs";
export default {
  ...worker,
  queue: (batch, env, context) => (batch.queue === "segue-events-dead" ? bury(batch, env) : worker.queue(batch, env, context)),
};
async function bury(batch, env) {
  for (const { body } of batch.messages) await fetch(env.ORIGIN + "/api/v1/dead", { method: "POST", body });
}`;

test("what the cloud does not take however often it is asked goes to the dead letters, and nothing is lost", { timeout: 120_000 }, async (t) => {
  const consumer = { maxBatchSize: 50, maxBatchTimeout: 0.2 };
  const worker = await startWorker(t, {}, {
    modules: [module("ESModule", "burying.mjs", BURYING), ...deployed()],
    queueConsumers: { "segue-events": { ...consumer, maxRetries: 2, deadLetterQueue: "segue-events-dead" }, "segue-events-dead": consumer },
  });
  worker.origin.refuses = true;
  const lost = [event("like", "item-300"), event("skip", "item-301")];
  for (const one of lost) assert.equal((await worker.send([one])).body.forwarded, true);
  await until(() => worker.origin.dead.length >= lost.length, 60_000);
  worker.origin.refuses = false;
  const taken = event("like", "item-302");
  await worker.send([taken]);
  await until(() => worker.origin.events.length >= 1, 20_000);
  assert.deepEqual(worker.origin.events.map((one) => one.event_id), [taken.event_id]);
  assert.deepEqual(worker.origin.dead.map((one) => one.event_id).sort(), lost.map((one) => one.event_id).sort());
  assert.ok(worker.origin.asked.filter((path) => path === "events").length > 3, "it was asked again before");
});
