// The worker as it is deployed, in workerd.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { modules, ROOT } from "./modules.mjs";
import { Origin, WORLD } from "./origin.mjs";

/** The deployed modules, with the world's ranker in place of the demo's. */
export const deployed = () => modules(readFileSync(join(WORLD, "ranker.onnx")), readFileSync(join(WORLD, "schema.bin")));

export const VARIABLES = {
  ROOT_KEY: readFileSync(join(WORLD, "root"), "utf8"),
  SESSION_SECRET: "0123456789abcdef0123456789abcdef",
  REGIONS: "all,DE",
  CONSENT: "assumed",
};

/** A worker with a cloud of its own; both end with the test. `change` is merged into the options. */
export async function startWorker(test, variables = {}, change = {}) {
  const origin = await new Origin().start();
  const miniflare = new Miniflare({
    modules: deployed(),
    modulesRoot: ROOT,
    compatibilityDate: "2026-07-01",
    cf: false,
    bindings: { ...VARIABLES, ORIGIN: origin.url, ...variables },
    kvNamespaces: ["PACKS"],
    durableObjects: { SESSION_CELLS: { className: "SessionCell", useSQLite: true } },
    queueProducers: { EVENTS: { queueName: "segue-events" } },
    queueConsumers: { "segue-events": { maxBatchSize: 50, maxBatchTimeout: 0.2, maxRetries: 5 } },
    ...change,
  });
  test.after(async () => {
    await miniflare.dispose();
    origin.stop();
  });
  return new Worker(miniflare, origin, await miniflare.ready);
}

/** A worker and what a browser does with it. */
export class Worker {
  constructor(miniflare, origin, url) {
    Object.assign(this, { miniflare, origin, url });
  }

  /** The answer with its body read: `{status, headers, body}`; `country` is where the platform sees the visitor, `score` how likely a person. */
  async fetch(path, { country = "DE", score = 99, ...options } = {}) {
    const answer = await this.miniflare.dispatchFetch(new URL(path, this.url), { cf: { country, botManagement: { score } }, ...options });
    const text = await answer.text();
    // The answer to `HEAD` has its type and no body.
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, headers: answer.headers, body: isJson && text ? JSON.parse(text) : text };
  }

  next(headers, query = "surface=radio&count=10", country = "DE") {
    return this.fetch(`/api/v1/next?${query}`, { headers, country });
  }

  send(events, headers = {}, more = {}, country = "DE") {
    return this.post("session/events", { surface: "radio", count: 10, events, ...more }, headers, country);
  }

  post(path, body, headers = {}, country = "DE") {
    return this.fetch(`/api/v1/${path}`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body), country });
  }

  async scheduled() {
    return (await this.miniflare.getWorker()).scheduled({ cron: "*/5 * * * *" });
  }
}

/** The cookie an answer sets, as a browser sends it back. */
export function cookieOf(answer) {
  return { cookie: answer.headers.get("set-cookie").split(";")[0] };
}

export const itemsOf = (answer) => answer.body.items.map((place) => place.item);

let made = 0;

/** An event of now with an id of its own. */
export function event(kind, item, more = {}) {
  made += 1;
  return { event_id: `event-${process.pid}-${made}`, kind, item, time_ms: Date.now(), ...more };
}

/** Waits until `holds` answers true. */
export async function until(holds, milliseconds = 10_000) {
  const end = Date.now() + milliseconds;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error("it did not come to hold in time");
    await new Promise((done) => setTimeout(done, 50));
  }
}
