// Sessions on workerd: in tokens, in Durable Objects, and of those who did not agree to either.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cookieOf, event, itemsOf, startWorker, until } from "./support/worker.mjs";

for (const SESSIONS of ["token", "durable"]) {
  test(`the list after events reflects them in the same round trip (${SESSIONS})`, async (t) => {
    const worker = await startWorker(t, { SESSIONS });
    const first = await worker.next();
    assert.equal(first.status, 200, JSON.stringify(first.body));
    assert.equal(first.body.fallback, null);
    assert.match(first.headers.get("cache-control"), /private, no-store/);
    const disliked = itemsOf(first)[0];
    const second = await worker.send([event("dislike", disliked), event("like", itemsOf(first)[3])], cookieOf(first));
    assert.equal(second.body.accepted, 2);
    assert.ok(!itemsOf(second).includes(disliked));
    assert.notDeepEqual(itemsOf(second), itemsOf(first));
    assert.deepEqual(itemsOf(await worker.next(cookieOf(second))), itemsOf(second));
    const ended = await worker.fetch("/api/v1/session", { method: "DELETE", headers: cookieOf(second) });
    assert.equal(ended.status, 204);
    assert.match(ended.headers.get("set-cookie"), /Max-Age=0/);
  });

  test(`two tabs at once: every event reaches the cloud once (${SESSIONS})`, async (t) => {
    const worker = await startWorker(t, { SESSIONS });
    const first = await worker.next();
    const carried = cookieOf(first);
    const events = itemsOf(first).slice(0, 8).map((item) => event("dislike", item));
    const answers = await Promise.all(events.map((one) => worker.send([one], carried)));
    assert.deepEqual(answers.map((answer) => answer.status), events.map(() => 200));
    if (SESSIONS === "durable") {
      const list = itemsOf(await worker.next(carried));
      assert.deepEqual(list.filter((item) => events.some((one) => one.item === item)), [], "nothing is lost");
    }
    await until(() => worker.origin.events.length >= events.length);
    const ids = worker.origin.events.map((one) => one.event_id).sort();
    assert.deepEqual(ids, events.map((one) => one.event_id).sort());
    assert.deepEqual([...new Set(worker.origin.events.map((one) => one.session))], [first.body.session]);
  });
}

test("a token that is tampered with, or of another secret, begins a new session", async (t) => {
  const worker = await startWorker(t);
  const other = await startWorker(t, { SESSION_SECRET: "ffffffffffffffffffffffffffffffff" });
  const first = await worker.next();
  const [name, token] = cookieOf(first).cookie.split("=");
  const changed = token.slice(0, 60) + (token[60] === "A" ? "B" : "A") + token.slice(61);
  for (const [one, carried] of [[worker, changed], [worker, token.slice(0, 40)], [worker, "%%%"], [other, token]]) {
    const answer = await one.next({ cookie: `${name}=${carried}` });
    assert.equal(answer.status, 200);
    assert.equal(answer.body.restarted, "token_invalid");
    assert.notEqual(answer.body.session, first.body.session);
  }
  assert.equal((await worker.next(cookieOf(first))).body.session, first.body.session);
});

test("a secret is replaced without ending sessions", async (t) => {
  const [old, young] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];
  const before = await (await startWorker(t, { SESSION_SECRET: old })).next();
  const after = await (await startWorker(t, { SESSION_SECRET: `${young},${old}` })).next(cookieOf(before));
  assert.equal(after.body.session, before.body.session);
});

test("who did not agree gets no cookie, is not forwarded, and goes on with the token in the body", async (t) => {
  for (const [variables, headers] of [[{}, { "sec-gpc": "1" }], [{}, { dnt: "1" }], [{ CONSENT: "asked" }, {}], [{ SESSIONS: "durable" }, { "sec-gpc": "1" }]]) {
    const worker = await startWorker(t, variables);
    const first = await worker.next(headers);
    assert.equal(first.headers.get("set-cookie"), null);
    const disliked = itemsOf(first)[0];
    const second = await worker.send([event("dislike", disliked)], headers, { token: first.body.token });
    assert.equal(second.headers.get("set-cookie"), null);
    assert.equal(second.body.forwarded, false);
    assert.equal(second.body.session, first.body.session);
    const third = await worker.send([], headers, { token: second.body.token });
    assert.ok(!itemsOf(third).includes(disliked));
    await new Promise((done) => setTimeout(done, 600));
    assert.deepEqual(worker.origin.events, []);
  }
});

test("consent that is withdrawn and given again covers what was done under it", async (t) => {
  const worker = await startWorker(t, { CONSENT: "asked" });
  const agreed = { "segue-consent": "granted" };
  const events = ["item-300", "item-301", "item-302"].map((item) => event("like", item));
  const first = await worker.send([events[0]], agreed);
  const without = await worker.send([events[1]], cookieOf(first));
  assert.match(without.headers.get("set-cookie"), /Max-Age=0/, "the cookie of before is taken back");
  assert.notEqual(without.body.session, first.body.session);
  const again = await worker.send([events[2]], agreed, { token: without.body.token });
  assert.equal(again.body.session, without.body.session, "the page goes on");
  assert.match(again.headers.get("set-cookie"), /Max-Age=[1-9]/);
  await until(() => worker.origin.events.length >= 2);
  assert.deepEqual(worker.origin.events.map((one) => one.event_id), [events[0].event_id, events[2].event_id]);
});

test("a session whose object rested too long begins anew and says so", async (t) => {
  const worker = await startWorker(t, { SESSIONS: "durable" });
  const first = await worker.send([event("dislike", "item-300")]);
  const cells = await worker.miniflare.getDurableObjectNamespace("SESSION_CELLS");
  // As its alarm does.
  await cells.get(cells.idFromName(first.body.session)).forget();
  const answer = await worker.send([event("dislike", "item-301")], cookieOf(first));
  assert.deepEqual([answer.status, answer.body.restarted, answer.body.accepted], [200, "session_gone", 1]);
  assert.notEqual(answer.body.session, first.body.session);
  const next = await worker.next(cookieOf(answer));
  assert.equal(next.body.session, answer.body.session);
  assert.equal(next.body.restarted, undefined);
  assert.ok(!itemsOf(next).includes("item-301"));
});

test("a client whose clock is off by a year loses nothing", async (t) => {
  const worker = await startWorker(t);
  const skew = 365 * 86_400_000;
  const told = event("dislike", itemsOf(await worker.next())[0]);
  const answer = await worker.send([{ ...told, time_ms: told.time_ms + skew }], {}, { sent_ms: Date.now() + skew });
  assert.equal(answer.body.accepted, 1);
  await until(() => worker.origin.events.length === 1);
  assert.ok(Math.abs(worker.origin.events[0].time_ms - Date.now()) < 60_000);
});
