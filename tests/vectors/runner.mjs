// Runs golden vectors against an engine; the same file under Node, in a page and in a worker. See README.md.

/** The outcomes of a case; `file(name)` answers the bytes of a shared file. */
export function run(Engine, case_, file) {
  const host = { engine: undefined, saved: new Uint8Array(), trust: new Uint8Array() };
  const bytes = (given) => (typeof given === "string" ? file(given) : new Uint8Array(given.zeros));
  const calls = {
    new_engine: ({ root }) => {
      host.engine?.free();
      host.engine = undefined;
      host.engine = new Engine(root);
    },
    accept_rotations: (step) => ({ followed: host.engine.accept_rotations(bytes(step.bytes)) }),
    accept_manifest: (step) => ({ generation: host.engine.accept_manifest(bytes(step.bytes), step.now_ms).generation }),
    accept_policy: (step) => host.engine.accept_policy(step.surface, bytes(step.bytes)),
    accept_ranker: (step) => host.engine.accept_ranker(bytes(step.model), bytes(step.schema)),
    accept_pack: (step) => ({ candidates: host.engine.accept_pack(bytes(step.bytes), step.subject, step.now_ms).candidates }),
    patch_pack: ({ base, delta, target }) => ({ is_target: isSame(host.engine.patch_pack(bytes(base), bytes(delta)), bytes(target)) }),
    apply: ({ event }) => ({ applied: host.engine.apply(event).reason ?? "applied" }),
    rank: ({ request, units }) => host.engine.rank(request, units === undefined ? undefined : dueAfter(units)),
    save_session: () => void (host.saved = host.engine.save_session()),
    restore_session: (step) => host.engine.restore_session(step.bytes === undefined ? host.saved : bytes(step.bytes)),
    reset_session: () => host.engine.reset_session(),
    next_session: () => host.engine.next_session(),
    save_trust: () => void (host.trust = host.engine.save_trust()),
    restore_trust: (step) => host.engine.restore_trust(step.bytes === undefined ? host.trust : bytes(step.bytes)),
    refill: (step) => ({ refill: host.engine.refill(step.now_ms) }),
  };
  const outcomes = case_.steps.map((step) => outcome(() => calls[step.call](step)));
  host.engine?.free();
  return outcomes;
}

const isSame = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

/** A host's check that lets so many work units pass. */
const dueAfter = (units) => () => units-- <= 0;

function outcome(call) {
  try {
    return call() ?? {};
  } catch (failure) {
    if (typeof failure?.code !== "string") throw failure;
    return { error: failure.code };
  }
}

/** Where `actual` is not what `expected` says, or null. */
export function difference(expected, actual, closeness, at = "") {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return told(at, expected, actual);
    return first(expected.keys(), (index) => difference(expected[index], actual[index], closeness, `${at}[${index}]`));
  }
  if (expected !== null && typeof expected === "object") {
    if (actual === null || typeof actual !== "object") return told(at, expected, actual);
    return first(Object.keys(expected), (name) => difference(expected[name], actual[name], closeness, `${at}.${name}`));
  }
  if (at.endsWith(".score") && Math.abs(expected - actual) <= closeness.score * Math.max(1, Math.abs(expected))) return null;
  return expected === actual ? null : told(at, expected, actual);
}

function first(values, find) {
  for (const value of values) {
    const found = find(value);
    if (found !== null) return found;
  }
  return null;
}

const told = (at, expected, actual) => `${at} is ${short(actual)}, expected ${short(expected)}`;

const short = (value) => String(JSON.stringify(value)).slice(0, 200);
