// Generations that no sound service would publish, from the golden vectors, served in the place of the service's own.
import { readdirSync, readFileSync } from "node:fs";

const VECTORS = new URL("../../vectors/", import.meta.url);
const SHARED = readdirSync(new URL("shared/", VECTORS));

/**
 * Each generation that the vector `name` hands to its engine: its root key, its time, its manifest and packs as they
 * come, and of each error that it meets and each list that it makes what the vector expects.
 */
export function generations(name) {
  const [steps, outcomes] = ["case.json", "expected.json"].map((file) => JSON.parse(read(`${name}/${file}`)).steps);
  const found = [];
  let root;
  for (const [at, { call, ...step }] of steps.entries()) {
    if (call === "new_engine") ({ root } = step);
    if (call === "accept_manifest") found.push({ root, now_ms: step.now_ms, manifest: step.bytes, packs: [], errors: [], lists: [] });
    if (call === "accept_pack") found.at(-1).packs.push(step.bytes);
    if (call === "rank") found.at(-1).lists.push(outcomes[at]);
    if (outcomes[at].error) found.at(-1).errors.push(outcomes[at].error);
  }
  return found;
}

/** Answers every request of `page` from `generation`, its pack number `pack`, at the generation's own time. */
export async function serve(page, generation, pack = 0) {
  const answers = {
    "keys/root": { json: { root: generation.root } },
    users: { json: { users: ["ada"], surface: "radio" } },
    items: { json: { items: [] } },
    manifest: bytes(generation.manifest),
    "packs/ada": bytes(generation.packs[pack]),
  };
  await page.clock.setFixedTime(generation.now_ms);
  await page.unrouteAll();
  await page.route("**/api/v1/**", (route) => {
    const path = new URL(route.request().url()).pathname.slice("/api/v1/".length);
    return route.fulfill(answers[path] ?? artefact(path) ?? { status: 404, json: { code: "not_found", detail: `No ${path}.` } });
  });
}

/** `models/HASH`: files of the vectors bear the beginning of their hash. */
function artefact(path) {
  const [, hash] = /^models\/([0-9a-f]{64})$/.exec(path) ?? [];
  const name = hash && SHARED.find((file) => file.startsWith(hash.slice(0, 16)));
  return name && bytes(name);
}

const bytes = (name) => ({ body: read(`shared/${name}`), headers: { etag: `"${name}"` }, contentType: "application/octet-stream" });

const read = (name) => readFileSync(new URL(name, VECTORS));
