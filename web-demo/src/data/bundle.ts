/** Everything an engine is fed with, fetched and accepted as a whole. */
import { Engine, isSegueError, type Manifest, type PackInfo } from "@segue/browser";
import * as api from "./api";

/** The bytes an engine accepted, kept as they came. */
export interface Bundle {
  rotations: Uint8Array | null;
  manifest: Uint8Array;
  policies: Record<string, Uint8Array>;
  ranker: { model: Uint8Array; schema: Uint8Array } | null;
  pack: Uint8Array;
  subject: string;
  /** When it was accepted: expiry governs accepting, so a kept pack is judged by this time. */
  accepted_ms: number;
}

/** An engine with what it was fed. */
export interface Fed {
  engine: Engine;
  bundle: Bundle;
  manifest: Manifest;
  pack: PackInfo;
  /** What was refused on the way without stopping it. */
  refused: { code: string; message: string }[];
}

/** Whose pack it is, in the words of the pack: `user:u1`, or `region:all` for everyone. */
export const subjectOf = (owner: string): string => (owner.startsWith("region:") ? owner : `user:${owner}`);

/**
 * Fetches what the manifest names and feeds it to a new engine.
 *
 * `known` is the last accepted manifest: taking it first makes the engine refuse anything older.
 */
export async function fetchBundle(rootKey: string, owner: string, known?: Bundle): Promise<Fed> {
  const now_ms = Date.now();
  const subject = subjectOf(owner);
  const [rotations, manifestBytes, pack] = await Promise.all([optional(api.rotations()), api.manifest(), api.pack(owner)]);
  const engine = new Engine(rootKey);
  try {
    if (known) trustNothingOlder(engine, known);
    if (rotations?.length) engine.accept_rotations(rotations);
    const manifest = engine.accept_manifest(manifestBytes, now_ms);
    const bundle: Bundle = { rotations, manifest: manifestBytes, policies: {}, ranker: null, pack, subject, accepted_ms: now_ms };
    await Promise.all(
      Object.entries(manifest.policies).map(async ([surface, policy]) => {
        bundle.policies[surface] = await api.artefact(policy.hash);
      }),
    );
    if (manifest.ranker) {
      const [model, schema] = await Promise.all([api.artefact(manifest.ranker.hash), api.artefact(manifest.ranker.schema.hash)]);
      bundle.ranker = { model, schema };
    }
    return { engine, bundle, manifest, ...feed(engine, bundle) };
  } catch (failure) {
    engine.free();
    throw failure;
  }
}

/** Feeds a kept bundle to a new engine; needs no network. */
export function reopen(rootKey: string, bundle: Bundle): Fed {
  const engine = new Engine(rootKey);
  try {
    if (bundle.rotations?.length) engine.accept_rotations(bundle.rotations);
    const manifest = engine.accept_manifest(bundle.manifest, bundle.accepted_ms);
    return { engine, bundle, manifest, ...feed(engine, bundle) };
  } catch (failure) {
    engine.free();
    throw failure;
  }
}

/** Hands policies, ranker and pack to an engine that has accepted the manifest. Only a refused pack stops it. */
export function feed(engine: Engine, bundle: Bundle): Pick<Fed, "pack" | "refused"> {
  const refused: Fed["refused"] = [];
  for (const [surface, policy] of Object.entries(bundle.policies)) {
    attempt(refused, () => engine.accept_policy(surface, policy));
  }
  const { ranker } = bundle;
  if (ranker) attempt(refused, () => engine.accept_ranker(ranker.model, ranker.schema));
  return { pack: engine.accept_pack(bundle.pack, bundle.subject, bundle.accepted_ms), refused };
}

function attempt(refused: Fed["refused"], accept: () => void): void {
  try {
    accept();
  } catch (failure) {
    if (!isSegueError(failure)) throw failure;
    refused.push({ code: failure.code, message: failure.message });
  }
}

function trustNothingOlder(engine: Engine, known: Bundle): void {
  if (known.rotations?.length) engine.accept_rotations(known.rotations);
  engine.accept_manifest(known.manifest, known.accepted_ms);
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
