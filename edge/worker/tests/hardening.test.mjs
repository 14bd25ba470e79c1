// Nothing that comes in over HTTP makes an isolate fall over: headers, cookies, bodies, and twenty thousand requests.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cookieOf, event, itemsOf, startWorker } from "./support/worker.mjs";

/** The same numbers each time (mulberry32). */
function numbers(seed) {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) % below;
  };
}

const ODD = ["", "0", "-1", "null", "NaN", "1e309", "9".repeat(30), "\u00e9", "a".repeat(3000), "%00", "%ff", "..", "{}", "[]", "=;=;", "=".repeat(50), "__Host-segue=", "*", "\"", "W/\"", "granted", "1"];

function oddValue(draw) {
  const kinds = [null, true, -1, 1e308, 1.5, "", "x".repeat(300), [], {}, [[[[]]]], "\u0000", 253402300800000, -62135596800001, { a: { b: {} } }];
  return kinds[draw(kinds.length)];
}

const KINDS = ["like", "dislike", "not_interested", "rating", "search", "play", "x_odd", "Odd", "", "skip", "follow", "restore", "purchase"];

function oddEvent(draw) {
  const told = event(KINDS[draw(KINDS.length)], `item-${String(draw(600)).padStart(3, "0")}`);
  const fields = ["event_id", "kind", "item", "time_ms", "value", "position", "played_ms", "total_ms", "context", "candidates", "slate", "user", "session"];
  for (let at = draw(4); at > 0; at -= 1) told[fields[draw(fields.length)]] = oddValue(draw);
  return told;
}

test("no request makes it fail, whatever its headers, cookies, queries and bodies", { timeout: 300_000 }, async (t) => {
  const worker = await startWorker(t);
  const draw = numbers(7);
  let carried = cookieOf(await worker.next());
  for (let at = 0; at < 3_000; at += 1) {
    const odd = () => ODD[draw(ODD.length)].replace(/[^\t\x20-\x7e]/g, "?");
    const names = ["cookie", "segue-session", "if-none-match", "cf-ipcountry", "cf-bot-score", "sec-gpc", "dnt", "segue-consent", "content-type", "cf-connecting-ip"];
    const headers = Object.fromEntries(Array.from({ length: draw(4) }, () => [names[draw(names.length)], odd()]));
    if (draw(3) === 0) {
      const token = carried.cookie.split("");
      token[draw(token.length)] = "A";
      headers.cookie = token.join("");
    }
    const paths = ["next", "next?surface=radio", `next?surface=${encodeURIComponent(odd())}&count=${encodeURIComponent(odd())}`, "pack", "manifest", `models/${encodeURIComponent(odd())}`, `packs/${encodeURIComponent(odd())}`, "session", "rotations", encodeURIComponent(odd())];
    const body = draw(3) === 0 ? JSON.stringify(oddValue(draw)) : JSON.stringify({ surface: draw(9) ? "radio" : oddValue(draw), count: draw(9) ? 10 : oddValue(draw), token: draw(4) ? undefined : odd(), events: Array.from({ length: draw(5) }, () => oddEvent(draw)) });
    const cut = draw(10) === 0 ? body.slice(0, draw(body.length + 1)) : body;
    const answer = draw(2)
      ? await worker.fetch("/api/v1/session/events", { method: "POST", headers: { "content-type": "application/json", cookie: carried.cookie, ...headers }, body: cut })
      : await worker.fetch(`/api/v1/${paths[draw(paths.length)]}`, { method: ["GET", "DELETE", "PUT"][draw(3)], headers });
    assert.ok(answer.status < 500, `${answer.status}: ${JSON.stringify(answer.body)}`);
    if (answer.status >= 400) assert.ok(answer.body.code, "a problem says what is wrong");
    if (answer.status === 200 && answer.headers.get("set-cookie")) carried = cookieOf(answer);
  }
  assert.equal((await worker.next()).status, 200);
});

test("a body without an end is not read to it", { timeout: 60_000 }, async (t) => {
  const worker = await startWorker(t);
  // One chunk per turn of the event loop: an answer has to get its turn too, and this side must not hoard what is not read.
  const pull = async (controller) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    controller.enqueue(new Uint8Array(65_536).fill(32));
  };
  const endless = new ReadableStream({ pull }, { highWaterMark: 1 });
  const posted = fetch(new URL("/api/v1/session/events", worker.url), { method: "POST", headers: { "content-type": "application/json" }, body: endless, duplex: "half" });
  const status = await posted.then((answer) => answer.status, () => "cut");
  assert.ok(status === 413 || status === "cut", String(status));
  assert.equal((await worker.next()).status, 200);
});

test("an isolate answers 20,000 requests without growing", { timeout: 300_000 }, async (t) => {
  const worker = await startWorker(t);
  const items = itemsOf(await worker.next());
  let answered = 0;
  const visit = async () => {
    let carried = cookieOf(await worker.next());
    for (let at = 0; at < 9; at += 1) {
      const answer = await worker.send([event(at % 2 ? "skip" : "like", items[at])], carried);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
      carried = cookieOf(answer);
    }
    answered += 10;
  };
  const memory = async () => (await worker.fetch("/healthz")).body.memory_bytes;
  const many = async (visits) => {
    for (let at = 0; at < visits; at += 8) await Promise.all(Array.from({ length: 8 }, visit));
  };
  await many(200);
  const before = await memory();
  await many(1_800);
  assert.ok(answered >= 20_000);
  assert.equal(await memory(), before, "the engine's memory does not grow");
  assert.ok(before < 64 * 1024 * 1024, `${before} bytes`);
});
