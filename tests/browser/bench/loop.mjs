// The engine at work, the same in a page and under Node: opened from bytes, then event after event.
//
// `read(path)` answers the bytes for a path under /api/v1/. A workload says whose pack is ranked (`subject`), what is asked
// (`surface`, `count`, `context`), how long the session is before measuring (`session_events`), and the stream of `events`
// (records without id and time, taken up again from the start when they are used up).

/** An engine with everything but the ranker: its lists are the pack's own. */
export async function open(Engine, read, { subject, surface, start_ms }) {
  const engine = new Engine(JSON.parse(new TextDecoder().decode(await read("keys/root"))).root);
  const rotations = await read("rotations").catch(() => new Uint8Array());
  if (rotations.length > 0) engine.accept_rotations(rotations);
  const manifest = engine.accept_manifest(await read("manifest"), start_ms);
  await addPolicy({ engine, manifest }, read, surface);
  const { candidates } = engine.accept_pack(await read(`packs/${subject.split(":")[1]}`), subject, start_ms);
  return { engine, manifest, candidates };
}

/** Gives it the policy of a surface. */
export async function addPolicy({ engine, manifest }, read, surface) {
  engine.accept_policy(surface, await read(`models/${manifest.policies[surface].hash}`));
}

/** Gives it the ranker, where the manifest names one. */
export async function addRanker({ engine, manifest: { ranker } }, read) {
  if (ranker) engine.accept_ranker(await read(`models/${ranker.hash}`), await read(`models/${ranker.schema.hash}`));
}

/** The stream of events on one engine. */
export class Run {
  #at = 0;

  constructor(engine, workload) {
    this.engine = engine;
    this.workload = workload;
    for (let left = workload.session_events; left > 0; left -= 1) this.#apply(this.#next());
  }

  /** Applies the next event and ranks; answers the milliseconds of both together. */
  step() {
    const event = this.#next();
    const before = performance.now();
    this.#apply(event);
    const slate = this.rank();
    const took = performance.now() - before;
    if (slate.order !== "ranked") throw new Error(`the list is not ranked: ${slate.fallback}`);
    if (slate.places.length !== this.workload.count) throw new Error(`${slate.places.length} places`);
    return took;
  }

  /** The list after the last event; `other` is asked for instead of what the workload says. */
  rank(other = {}) {
    const { surface, count, context } = this.workload;
    return this.engine.rank({ surface, count, now_ms: this.#time(), seed: this.#at, context, ...other });
  }

  #apply(event) {
    const { applied, reason } = this.engine.apply(event);
    if (!applied) throw new Error(`an event had no effect: ${reason}`);
  }

  #next() {
    const { events } = this.workload;
    this.#at += 1;
    return { ...events[(this.#at - 1) % events.length], event_id: `bench-${this.#at}`, time_ms: this.#time() };
  }

  #time() {
    return this.workload.start_ms + this.#at * this.workload.milliseconds_between;
  }
}

/** The times of so many steps, after others that are not counted. */
export function measure(run, { warmUp = 200, measured = 2_000 } = {}) {
  for (let left = warmUp; left > 0; left -= 1) run.step();
  return Array.from({ length: measured }, () => run.step());
}

/** The value that `share` of the times do not exceed. */
export function quantile(times, share) {
  const sorted = [...times].sort((one, other) => one - other);
  return Number(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)].toFixed(3));
}
