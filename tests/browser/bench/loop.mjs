// The loop that is measured, the same in a page and under Node.

const EVENTS = 50;
const PLACES = 50;
const SURFACE = "radio";
const KINDS = ["skip", "play", "complete", "like", "play"];
const SECONDS_BETWEEN_EVENTS = 45;

/** Makes an engine out of what `read(path)` answers for the paths under /api/v1/. */
export async function feed(Engine, read) {
  const text = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
  const now_ms = Date.now();
  const engine = new Engine(text(await read("keys/root")).root);
  const rotations = await read("rotations").catch(() => new Uint8Array());
  if (rotations.length > 0) engine.accept_rotations(rotations);
  const manifest = engine.accept_manifest(await read("manifest"), now_ms);
  for (const [surface, policy] of Object.entries(manifest.policies)) {
    engine.accept_policy(surface, await read(`models/${policy.hash}`));
  }
  const { ranker } = manifest;
  if (ranker) engine.accept_ranker(await read(`models/${ranker.hash}`), await read(`models/${ranker.schema.hash}`));
  const [user] = text(await read("users?limit=1")).users;
  const pack = engine.accept_pack(await read(`packs/${user}`), `user:${user}`, now_ms);
  const surface = SURFACE in manifest.policies ? SURFACE : Object.keys(manifest.policies)[0];
  return { engine, user, surface, candidates: pack.candidates };
}

/** Measures re-ranks: each iteration applies one more event and asks for a list. */
export function measure({ engine, user, surface }, { warmUp = 200, measured = 2_000 } = {}) {
  const start_ms = Date.now();
  const time = (index) => start_ms + index * SECONDS_BETWEEN_EVENTS * 1_000;
  const rank = (index) =>
    engine.rank({ surface, count: PLACES, now_ms: time(index), seed: 1, context: { device: "desktop", local_hour: "20", weekday: "4" } });
  const items = rank(0).places.map((place) => place.item);
  const event = (index) => ({
    event_id: `bench-${index}`,
    user,
    session: "bench",
    item: items[(index * 7) % items.length],
    kind: KINDS[index % KINDS.length],
    time_ms: time(index),
    played_ms: 4_000 + (index % 9) * 20_000,
    total_ms: 200_000,
  });
  let index = 0;
  for (; index < EVENTS; index += 1) engine.apply(event(index));
  const times = [];
  for (const last = index + warmUp + measured; index < last; index += 1) {
    const next = event(index);
    const before = performance.now();
    engine.apply(next);
    const slate = rank(index);
    const after = performance.now();
    if (slate.order !== "ranked") throw new Error(`the list is not ranked: ${slate.fallback}`);
    if (slate.places.length !== PLACES) throw new Error(`${slate.places.length} places instead of ${PLACES}`);
    if (index >= EVENTS + warmUp) times.push(after - before);
  }
  return times;
}

/** The value that `share` of the times do not exceed, in milliseconds. */
export function quantile(times, share) {
  const sorted = [...times].sort((one, other) => one - other);
  return Number(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)].toFixed(3));
}
