// The worker before a real cloud: `segue serve` at SEGUE_URL.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { modules, ROOT } from "./modules.mjs";

const { SEGUE_URL } = process.env;

/** Who takes events out of the queue and to the cloud. */
const CONSUMERS = { "segue-events": { maxBatchSize: 50, maxBatchTimeout: 1, maxRetries: 100 } };

/** The worker with the bundled ranker, listening on `port`. */
export async function workerBefore(port = 0, variables = {}, queueConsumers = CONSUMERS) {
  const { root } = await (await fetch(`${SEGUE_URL}/api/v1/keys/root`)).json();
  const build = (name) => readFileSync(join(ROOT, "build", name));
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port,
    modules: modules(build("ranker.onnx"), build("schema.bin")),
    modulesRoot: ROOT,
    compatibilityDate: "2026-07-01",
    cf: false,
    bindings: { ORIGIN: SEGUE_URL, ROOT_KEY: root, SESSION_SECRET: crypto.randomUUID() + crypto.randomUUID(), CONSENT: "asked", ...variables },
    kvNamespaces: ["PACKS"],
    durableObjects: { SESSION_CELLS: { className: "SessionCell", useSQLite: true } },
    queueProducers: { EVENTS: { queueName: "segue-events" } },
    queueConsumers,
  });
  return { miniflare, url: await miniflare.ready };
}
