/** Everything an engine is fed with. */
import { Engine, isSegueError, type Manifest, type PackInfo } from "@segue/browser";
import * as api from "./api";

/** The bytes of one generation for one listener, kept as they came. */
export interface Bundle {
  rotations: Uint8Array | null;
  manifest: Uint8Array;
  policies: Record<string, Uint8Array>;
  ranker: { model: Uint8Array; schema: Uint8Array } | null;
  pack: Uint8Array;
  subject: string;
  /** When it was fetched: expiry governs accepting, so a kept bundle is judged by the time it was accepted. */
  accepted_ms: number;
}

/** Something the engine would not take. */
export interface Refusal {
  code: string;
  message: string;
}

/** What became of a bundle. */
export interface Fed {
  /** The manifest; null when it was refused, and nothing else was tried. */
  manifest: Manifest | null;
  /** The pack; null when it was refused. */
  pack: PackInfo | null;
  refused: Refusal[];
}

/** Whose pack it is, in the words of the pack: `user:u1`, or `region:all` for everyone. */
export const subjectOf = (owner: string): string => (owner.startsWith("region:") ? owner : `user:${owner}`);

/** The owner of a subject, as the service's paths name it. */
export const ownerOf = (subject: string): string => subject.replace(/^user:/, "");

/** Fetches the pack of `owner` and everything the manifest names. Nothing is believed yet but the manifest's list. */
export async function download(rootKey: string, owner: string): Promise<Bundle> {
  const [rotations, manifestBytes, pack] = await Promise.all([optional(api.rotations()), api.manifest(), api.pack(owner)]);
  const bundle: Bundle = { rotations, manifest: manifestBytes, policies: {}, ranker: null, pack, subject: subjectOf(owner), accepted_ms: Date.now() };
  const manifest = read(rootKey, bundle);
  if (!manifest) return bundle;
  await Promise.all(
    Object.entries(manifest.policies).map(async ([surface, policy]) => {
      bundle.policies[surface] = await api.artefact(policy.hash);
    }),
  );
  if (manifest.ranker) {
    const [model, schema] = await Promise.all([api.artefact(manifest.ranker.hash), api.artefact(manifest.ranker.schema.hash)]);
    bundle.ranker = { model, schema };
  }
  return bundle;
}

/** Hands a bundle to an engine. What is refused is listed; the engine keeps what it had instead. */
export function feed(engine: Engine, bundle: Bundle): Fed {
  const refused: Refusal[] = [];
  const attempt = <T>(accept: () => T): T | null => {
    try {
      return accept();
    } catch (failure) {
      if (!isSegueError(failure)) throw failure;
      refused.push({ code: failure.code, message: failure.message });
      return null;
    }
  };
  const { rotations, ranker } = bundle;
  if (rotations?.length) attempt(() => engine.accept_rotations(rotations));
  const manifest = attempt(() => engine.accept_manifest(bundle.manifest, bundle.accepted_ms));
  if (!manifest) return { manifest, pack: null, refused };
  for (const [surface, policy] of Object.entries(bundle.policies)) attempt(() => engine.accept_policy(surface, policy));
  if (ranker) attempt(() => engine.accept_ranker(ranker.model, ranker.schema));
  const pack = attempt(() => engine.accept_pack(bundle.pack, bundle.subject, bundle.accepted_ms));
  return { manifest, pack, refused };
}

/** Whether two bundles are the same bytes. */
export function same(one: Bundle, other: Bundle): boolean {
  return equal(one.manifest, other.manifest) && equal(one.pack, other.pack) && one.subject === other.subject;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** What the manifest lists, read by an engine of its own; null when the signature does not fit. */
function read(rootKey: string, bundle: Bundle): Manifest | null {
  const engine = new Engine(rootKey);
  try {
    if (bundle.rotations?.length) engine.accept_rotations(bundle.rotations);
    return engine.accept_manifest(bundle.manifest, bundle.accepted_ms);
  } catch (failure) {
    if (!isSegueError(failure)) throw failure;
    return null;
  } finally {
    engine.free();
  }
}

/** A service without rotations answers 404; that is not a failure. */
async function optional(request: Promise<Uint8Array>): Promise<Uint8Array | null> {
  try {
    return await request;
  } catch (failure) {
    if (failure instanceof api.RequestFailure && failure.status === 404) return null;
    throw failure;
  }
}
