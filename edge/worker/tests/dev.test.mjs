// `npm run dev`: wrangler.toml as it is deployed, on workerd, with the page.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./support/modules.mjs";
import { Origin } from "./support/origin.mjs";
import { VARIABLES } from "./support/worker.mjs";

/** Runs it before `origin` until the test ends; where it listens. */
async function dev(test, origin) {
  const state = mkdtempSync(join(tmpdir(), "segue-dev-"));
  const variables = Object.entries({ ...VARIABLES, ORIGIN: origin.url }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
  const options = ["--port", "0", "--inspector-port", "0", "--persist-to", state, "--show-interactive-dev-session=false", ...variables];
  const running = spawn("npm", ["run", "dev", "--", ...options], { cwd: ROOT, detached: true, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, WRANGLER_SEND_METRICS: "false" } });
  test.after(async () => {
    // The whole group: npm, wrangler and its runtime.
    process.kill(-running.pid);
    if (running.exitCode === null) await once(running, "exit");
    rmSync(state, { recursive: true, force: true });
  });
  // Read to its end: whoever writes to a pipe that nobody reads is ended.
  const { promise, resolve, reject } = Promise.withResolvers();
  let output = "";
  running.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
    const ready = output.match(/Ready on (http:\S+)/);
    if (ready) resolve(ready[1]);
  });
  running.stderr.resume();
  running.on("exit", () => reject(new Error(`it ended before it was ready:\n${output}`)));
  return promise;
}

/** An answer. It says that it is ready a moment before it listens. */
async function ask(url, options) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await fetch(url, options);
    } catch (failure) {
      if (tries === 100) throw failure;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

test("npm run dev serves the page and lists that follow events", { timeout: 120_000 }, async (t) => {
  const origin = await new Origin().start();
  t.after(() => origin.stop());
  const url = await dev(t, origin);
  const page = await ask(url);
  assert.match(await page.text(), /<title>Segue at the edge<\/title>/);
  const next = await ask(new URL("/api/v1/next?surface=shop&count=5", url));
  const first = await next.json();
  assert.equal(next.status, 200, JSON.stringify(first));
  const disliked = first.items[0].item;
  const event = { event_id: "dev-1", kind: "dislike", item: disliked, time_ms: Date.now() };
  const sent = await ask(new URL("/api/v1/session/events", url), {
    method: "POST",
    headers: { "content-type": "application/json", cookie: next.headers.get("set-cookie").split(";")[0] },
    body: JSON.stringify({ surface: "shop", count: 5, events: [event] }),
  });
  const second = await sent.json();
  assert.equal(second.accepted, 1);
  assert.ok(!second.items.some((place) => place.item === disliked));
});
