// The golden vectors against the packed module, under Node and in Chromium: `node --test vectors.mjs`.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { extname, join, normalize } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { difference, run } from "../vectors/runner.mjs";
import { chromiumMissing, launchChromium } from "./support/chromium.mjs";

const VECTORS = fileURLToPath(new URL("../vectors/", import.meta.url));
const MODULE = fileURLToPath(new URL("../../web-demo/node_modules/@segue/browser/dist/", import.meta.url));
const TYPES = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json", ".html": "text/html" };

const names = readdirSync(VECTORS).filter((name) => statSync(join(VECTORS, name)).isDirectory() && name !== "shared");
const read = (name) => JSON.parse(readFileSync(join(VECTORS, name), "utf8"));

test("there are at least 40 cases", () => assert.ok(names.length >= 40));

test("every case gives what is expected under Node", async () => {
  const { Engine, init } = await import(join(MODULE, "node.js"));
  await init();
  const file = (name) => new Uint8Array(readFileSync(join(VECTORS, "shared", name)));
  check((name) => run(Engine, read(`${name}/case.json`), file));
});

test("every case gives what is expected in Chromium", { skip: chromiumMissing() ?? false }, async () => {
  const server = createServer(serve).listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/vectors/page.html`);
    const outcomes = await page.evaluate((names) => globalThis.runAll(names), names);
    check((name) => outcomes[name]);
  } finally {
    await browser.close();
    server.close();
  }
});

/** Compares all cases before it fails, so that one run tells everything. */
function check(outcomes) {
  const closeness = read("closeness.json");
  const found = names.map((name) => {
    const different = difference(read(`${name}/expected.json`).steps, outcomes(name), closeness);
    return different && `${name}: ${different}`;
  });
  assert.deepEqual(found.filter(Boolean), []);
}

/** Files below /vectors/ and /module/, and nothing else. */
function serve(request, response) {
  const [, root, rest] = /^\/(vectors|module)\/(.+)$/.exec(normalize(request.url.split("?")[0])) ?? [];
  try {
    const body = readFileSync(join(root === "vectors" ? VECTORS : MODULE, rest));
    response.writeHead(200, { "content-type": TYPES[extname(rest)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(404).end();
  }
}
