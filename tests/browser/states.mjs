// Sessions that other languages saved go on in the packed module under Node, and it saves the same: `node --test states.mjs`.
// SEGUE_STATES names their folder; mobile-ffi/tests/states.rs says what the session is.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const { Engine, init } = await import("../../web-demo/node_modules/@segue/browser/dist/node.js");
const VECTORS = new URL("../vectors/", import.meta.url);
const STATES = process.env.SEGUE_STATES;

const { steps } = JSON.parse(readFileSync(new URL("ranker-head/case.json", VECTORS), "utf8"));
const told = (call) => steps.find((step) => step.call === call);
const shared = (name) => new Uint8Array(readFileSync(new URL(`shared/${name}`, VECTORS)));
const { request } = told("rank");

/** An engine that has accepted everything. */
function opened() {
  const [manifest, policy, ranker, pack] = ["manifest", "policy", "ranker", "pack"].map((name) => told(`accept_${name}`));
  const engine = new Engine(told("new_engine").root);
  engine.accept_manifest(shared(manifest.bytes), manifest.now_ms);
  engine.accept_policy(policy.surface, shared(policy.bytes));
  engine.accept_ranker(shared(ranker.model), shared(ranker.schema));
  engine.accept_pack(shared(pack.bytes), pack.subject, pack.now_ms);
  return engine;
}

test("a session saved in any language goes on, and this one saves the same", async () => {
  await init();
  const engine = opened();
  const [{ item }] = engine.rank(request).places;
  engine.apply({ event_id: "e1", kind: "like", item, time_ms: request.now_ms });
  const expected = engine.rank(request);
  writeFileSync(join(STATES, "browser.session"), engine.save_session());
  writeFileSync(join(STATES, "browser.trust"), engine.save_trust());
  const languages = readdirSync(STATES).filter((name) => name.endsWith(".session")).map((name) => name.replace(".session", ""));
  assert.ok(languages.includes("rust") && languages.includes("c"), `there is only ${languages}`);
  for (const language of languages) {
    const saved = (kind) => new Uint8Array(readFileSync(join(STATES, `${language}.${kind}`)));
    const other = opened();
    other.restore_trust(saved("trust"));
    other.restore_session(saved("session"));
    assert.deepEqual(other.rank(request), expected, language);
    assert.deepEqual(saved("session"), engine.save_session(), language);
  }
});
