// What Cloudflare runs: the engine's WebAssembly with the ranker that was current at deploy, its plans built here in global
// scope; the handlers; the object that keeps one session. Everything else is Rust (src/).
import { DurableObject } from "cloudflare:workers";
import module from "./build/segue_worker_bg.wasm";
import * as segue from "./build/segue_worker.js";
import ranker from "./build/ranker.onnx";
import schema from "./build/schema.bin";
import player from "./player.html";

const PAGE = { "content-type": "text/html; charset=utf-8", "cache-control": "no-cache", "x-content-type-options": "nosniff" };
const PROBLEM = { type: "urn:segue:problem:internal", title: "A fault of the service", status: 500, code: "internal", detail: "the worker's log says why. Try again, then report it." };

/** What fails the requests that are being answered. */
const running = new Set();
let fell = false;

start();

// The engine goes on in microtasks, and what is thrown there nobody awaits. Nothing else in here throws unawaited.
addEventListener("error", ({ error }) => {
  console.error(error);
  fall(error);
});

function start() {
  // Constructors run once, and not at every call: see build.rs.
  segue.initSync({ module }).__wasm_call_ctors();
  segue.prepare(new Uint8Array(ranker), new Uint8Array(schema));
  fell = false;
}

/** A trap leaves memory that nobody should go on with: what runs fails, the next request finds a fresh instance. */
function fall(error) {
  fell = true;
  for (const fail of running) fail(error);
}

/** What the engine answers, or why it never will. */
async function within(work) {
  if (fell) {
    segue.__wbg_reset_state();
    start();
  }
  const { promise, reject } = Promise.withResolvers();
  running.add(reject);
  try {
    return await Promise.race([work(), promise]);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) fall(error);
    throw error;
  } finally {
    running.delete(reject);
  }
}

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === "/" && ["GET", "HEAD"].includes(request.method)) {
      return new Response(request.method === "GET" ? player : null, { headers: PAGE });
    }
    try {
      return await within(() => segue.fetch(request, env, context));
    } catch (error) {
      console.error(error);
      return new Response(JSON.stringify(PROBLEM), { status: 500, headers: { "content-type": "application/problem+json", "cache-control": "no-store" } });
    }
  },
  scheduled: (event, env, context) => within(() => segue.scheduled(event, env, context)),
  queue: (batch, env, context) => within(() => segue.queue(batch, env, context)),
};

/** How long a session is kept after its last event: as long as the cookie that names it. */
const REST_MS = 30 * 86_400_000;

/** One session: bytes with a version, written only by whoever has read the newest. */
export class SessionCell extends DurableObject {
  async load() {
    return (await this.ctx.storage.get("cell")) ?? null;
  }

  /** Null when it was kept, else what is kept instead. */
  async store(version, bytes) {
    const kept = await this.load();
    if ((kept?.version ?? 0) !== version) return kept ?? { version: 0, bytes: new Uint8Array() };
    await this.ctx.storage.put("cell", { version: version + 1, bytes });
    await this.ctx.storage.setAlarm(Date.now() + REST_MS);
    return null;
  }

  async forget() {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  alarm() {
    return this.forget();
  }
}
