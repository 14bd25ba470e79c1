// When the engine falls (a panic, no memory left), what it was about fails at once and the next request finds a fresh one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { module } from "./support/modules.mjs";
import { cookieOf, deployed, event, itemsOf, startWorker, until } from "./support/worker.mjs";

/** The deployed worker, whose engine can be left without memory: with `least` bytes it is refused from then on. */
const EXHAUSTIBLE = `
import worker from "./worker.mjs";
import { initSync } from "./build/segue_worker.js";
export { SessionCell } from "./worker.mjs";

function exhaust(least) {
  const { memory, __wbindgen_export: allocate } = initSync();
  for (let pages = 4096; pages >= 1; pages /= 2) {
    try {
      for (;;) memory.grow(pages);
    } catch {}
  }
  for (let bytes = 1 << 20; bytes >= least; bytes /= 2) {
    try {
      for (;;) allocate(bytes, 8);
    } catch {}
  }
  return new Response(String(memory.buffer.byteLength));
}

export default {
  ...worker,
  async fetch(request, env, context) {
    const { pathname, search } = new URL(request.url);
    return pathname === "/exhaust" ? exhaust(Number(search.slice(1))) : worker.fetch(request, env, context);
  },
};`;

const exhaustible = (test, variables) => startWorker(test, variables, { modules: [module("ESModule", "exhaustible.mjs", EXHAUSTIBLE), ...deployed()] });

/** Falls as soon as it is called; falls later, in the midst of an answer. */
const LEAST = { "at once": 8, later: 16_384 };

for (const [when, least] of Object.entries(LEAST)) {
  for (const SESSIONS of ["token", "durable"]) {
    test(`an engine that falls ${when} fails what it was about, and the next request finds a fresh one (${SESSIONS})`, { timeout: 60_000 }, async (t) => {
      const worker = await exhaustible(t, { SESSIONS });
      const first = await worker.next();
      const told = await worker.send([event("dislike", itemsOf(first)[0])], cookieOf(first));
      // Else it may be the queue's delivery that falls, and what is asked here finds a fresh one.
      await until(() => worker.origin.events.length === 1);
      const memory = async () => (await worker.fetch("/healthz")).body.memory_bytes;
      const before = await memory();
      for (let time = 0; time < 3; time += 1) {
        const exhausted = Number((await worker.fetch(`/exhaust?${least}`)).body);
        assert.ok(exhausted > 4 * before, `${exhausted} bytes`);
        // Of a country not seen before, whose engine takes room.
        const answers = await Promise.all(Array.from({ length: 4 }, () => worker.next(cookieOf(told), undefined, `Z${"ABC"[time]}`)));
        assert.ok(answers.some((answer) => answer.status === 500), "it fell");
        for (const answer of answers) {
          assert.ok([200, 500].includes(answer.status));
          if (answer.status === 500) assert.equal(answer.body.code, "internal");
        }
        const after = await worker.next(cookieOf(told));
        assert.equal(after.status, 200, JSON.stringify(after.body));
        assert.equal(after.body.fallback, null, "the ranker is there again");
        assert.deepEqual(itemsOf(after), itemsOf(told), "and so is the session, which no isolate holds");
        assert.ok((await memory()) <= before + 1024 * 1024);
      }
    });
  }

  test(`a schedule that falls ${when} says so and goes well the next time`, { timeout: 60_000 }, async (t) => {
    const worker = await exhaustible(t);
    await worker.fetch(`/exhaust?${least}`);
    assert.notEqual((await worker.scheduled()).outcome, "ok");
    assert.equal((await worker.scheduled()).outcome, "ok");
  });
}
