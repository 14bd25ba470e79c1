// The golden vectors inside workerd, on the WebAssembly that is deployed.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Miniflare } from "miniflare";
import { difference } from "../../../tests/vectors/runner.mjs";
import { module, ROOT, snippets } from "./support/modules.mjs";

const VECTORS = fileURLToPath(new URL("../../../tests/vectors/", import.meta.url));
const WORKER = `
import module from "./build/segue_worker_bg.wasm";
import { Engine, initSync } from "./build/segue_worker.js";
import { run } from "./runner.mjs";
initSync({ module }).__wasm_call_ctors();
export default {
  async fetch(request) {
    const { recipe, files } = await request.json();
    const file = (name) => Uint8Array.from(atob(files[name]), (letter) => letter.charCodeAt(0));
    return Response.json(run(Engine, recipe, file));
  },
};`;

/** Names of shared files in a case. */
const named = (value) => (typeof value === "string" ? [value] : value && typeof value === "object" ? Object.values(value).flatMap(named) : []);

test("every case gives in workerd what is expected", { timeout: 120_000 }, async () => {
  const miniflare = new Miniflare({
    modules: [
      module("ESModule", "vectors.mjs", WORKER),
      module("ESModule", "runner.mjs", readFileSync(join(VECTORS, "runner.mjs"))),
      module("ESModule", "build/segue_worker.js"),
      module("CompiledWasm", "build/segue_worker_bg.wasm"),
      ...snippets(),
    ],
    modulesRoot: ROOT,
    compatibilityDate: "2026-07-01",
    cf: false,
  });
  const url = await miniflare.ready;
  const shared = new Set(readdirSync(join(VECTORS, "shared")));
  const read = (name) => JSON.parse(readFileSync(join(VECTORS, name), "utf8"));
  const names = readdirSync(VECTORS).filter((name) => statSync(join(VECTORS, name)).isDirectory() && name !== "shared");
  const closeness = read("closeness.json");
  const found = [];
  for (const name of names) {
    const recipe = read(`${name}/case.json`);
    const wanted = named(recipe).filter((one) => shared.has(one));
    const files = Object.fromEntries(wanted.map((one) => [one, readFileSync(join(VECTORS, "shared", one)).toString("base64")]));
    const answer = await fetch(url, { method: "POST", body: JSON.stringify({ recipe, files }) });
    const different = difference(read(`${name}/expected.json`).steps, await answer.json(), closeness);
    if (different) found.push(`${name}: ${different}`);
  }
  await miniflare.dispose();
  assert.ok(names.length >= 40);
  assert.deepEqual(found, []);
});
