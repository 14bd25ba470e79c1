// The engine's boundary in the npm package, under Node: what pages get wrong is refused by name.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, test } from "node:test";

const PACKAGE = new URL("../../web-demo/node_modules/@segue/browser/dist/node.js", import.meta.url);
const ROOT = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const EVENT = { event_id: "e1", item: "t1", kind: "like", time_ms: 1_790_000_000_000 };
const REQUEST = { surface: "radio", count: 12, now_ms: 1_790_000_000_000, seed: 1 };

const skip = existsSync(PACKAGE) ? false : "the npm package is not installed: cargo xtask wasm, then npm ci in web-demo";
let Engine;
let Outbox;

before(async () => {
  if (skip) return;
  const segue = await import(PACKAGE);
  ({ Engine, Outbox } = segue);
  for (const Part of [Engine, Outbox]) assert.throws(() => new Part(ROOT), { name: "SegueError", code: "not_started" });
  await segue.init();
});

/** A check for `assert.throws`: the engine's error with this code, naming this value. */
const refusal = (code, named) => (thrown) => {
  assert.equal(thrown.name, "SegueError");
  assert.equal(thrown.code, code);
  assert.match(thrown.message, new RegExp(`: \`?${named}\`? `));
  return true;
};

test("optional fields of an event may be null or undefined", { skip }, () => {
  for (const nothing of [null, undefined]) {
    const engine = new Engine(ROOT);
    const context = { region: "de", device: nothing };
    const fields = ["user", "session", "position", "slate", "played_ms", "total_ms", "value"];
    const event = { ...EVENT, ...Object.fromEntries(fields.map((field) => [field, nothing])), context };
    assert.equal(engine.apply(event).applied, true);
    const row = JSON.parse(Outbox.row(event, 1).json);
    assert.deepEqual(row, { ...EVENT, user: "", session: "", context: { region: "de" } });
    assert.equal(engine.apply({ ...EVENT, event_id: "e2", context: nothing }).applied, true);
    engine.free();
  }
});

test("the module that ships does not trust the key that everybody can sign with", { skip }, () => {
  // RFC 8032, 7.1, TEST 1: its private half is in print.
  const published = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  assert.throws(() => new Engine(published), { name: "SegueError", code: "key_is_for_tests" });
});

test("a malformed event is refused as such, and the refusal names the field", { skip }, () => {
  const engine = new Engine(ROOT);
  const wrong = {
    event_id: [undefined, null, 7],
    kind: [undefined, 3],
    time_ms: [undefined, NaN, Infinity, 1.5, -1, "now"],
    item: [7, {}],
    user: [7],
    session: [true],
    slate: [7],
    position: [-1, 0.5, NaN, "first"],
    played_ms: [-1, 3_012.4, NaN],
    total_ms: [-1, {}],
    value: ["five"],
    context: ["de"],
    candidates: ["t1", [7]],
  };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      const event = { ...EVENT, [field]: value };
      assert.throws(() => engine.apply(event), refusal("event_invalid", field), `${field}: ${value}`);
    }
  }
  assert.throws(() => engine.apply({ ...EVENT, context: { hour: 5 } }), refusal("event_invalid", "context.hour"));
  assert.throws(() => engine.apply({ ...EVENT, usr: "u1" }), refusal("event_invalid", "usr"));
  for (const event of [undefined, null, "like", 7]) assert.throws(() => engine.apply(event), refusal("event_invalid", "this"));
  assert.throws(() => Outbox.row({ ...EVENT, position: -1 }, 1), refusal("event_invalid", "position"));
  assert.throws(() => new Outbox(1).admit({ ...EVENT, kind: undefined }), refusal("event_invalid", "kind"));
});

test("a time that is none is refused wherever one is given", { skip }, () => {
  const [engine, outbox, bytes] = [new Engine(ROOT), new Outbox(1), new Uint8Array()];
  const answer = { status: 202, retry_after_ms: null, body: "" };
  for (const now of [NaN, undefined, -1, Infinity, 8.64e17]) {
    const calls = [
      () => engine.accept_manifest(bytes, now),
      () => engine.accept_pack(bytes, "user:u1", now),
      () => engine.refill(now),
      () => engine.rank({ ...REQUEST, now_ms: now }),
      () => outbox.next(now, 1_000),
      () => outbox.answered(answer, now),
    ];
    for (const call of calls) assert.throws(call, refusal("request_invalid", "now_ms"), `${call}: ${now}`);
  }
});

test("a malformed request is refused as such, and the refusal names the field", { skip }, () => {
  const engine = new Engine(ROOT);
  const wrong = { surface: [undefined, 7], count: [undefined, -1, 1.5, "all"], seed: [-1, "x"], context: [7], log_features: ["yes", 1] };
  for (const [field, values] of Object.entries(wrong)) {
    for (const value of values) {
      assert.throws(() => engine.rank({ ...REQUEST, [field]: value }), refusal("request_invalid", field), `${field}: ${value}`);
    }
  }
  assert.throws(() => engine.rank({ ...REQUEST, context: { local_hour: 5 } }), refusal("request_invalid", "context.local_hour"));
  assert.throws(() => engine.rank({ ...REQUEST, cuont: 5 }), refusal("request_invalid", "cuont"));
});
