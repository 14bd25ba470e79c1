/** Everything an engine is fed with, and how it is fed. */
import type { Engine } from "../../engine.js";
import { isSegueError } from "../../errors.js";
import type { Artefact, Manifest, PackInfo } from "../../types.js";
import { HostError } from "../failure.js";
import type { Tagged } from "../service.js";

/** The bytes of one generation for one subject, as they came. */
export interface Bundle {
  subject: string;
  rotations: Tagged | null;
  manifest: Tagged;
  pack: Tagged;
  /** Policies, ranker and schema by their hash, as far as they could be had. */
  artefacts: Record<string, Uint8Array<ArrayBuffer>>;
  /** When they were fetched: expiry governs accepting, so kept bytes are judged by the time they were accepted. */
  accepted_ms: number;
}

/** What became of a bundle. */
export interface Fed {
  /** The manifest; null when it was refused, and nothing else was tried. */
  manifest: Manifest | null;
  /** The pack; null when it was refused. */
  pack: PackInfo | null;
  /** Why something was refused; the engine keeps what it had instead. */
  refused: HostError[];
}

/** Hands a bundle to an engine. */
export function feed(engine: Engine, bundle: Bundle): Fed {
  const refused: HostError[] = [];
  const attempt = <T>(accept: () => T): T | null => {
    try {
      return accept();
    } catch (failure) {
      if (!isSegueError(failure)) throw failure;
      refused.push(new HostError(failure.code, failure.message));
      return null;
    }
  };
  const rotations = bundle.rotations?.bytes;
  if (rotations?.length) attempt(() => engine.accept_rotations(rotations));
  const manifest = attempt(() => engine.accept_manifest(bundle.manifest.bytes, bundle.accepted_ms));
  if (!manifest) return { manifest, pack: null, refused };
  const artefact = (hash: string): Uint8Array => bundle.artefacts[hash] ?? new Uint8Array();
  for (const [surface, { hash }] of Object.entries(manifest.policies)) {
    attempt(() => engine.accept_policy(surface, artefact(hash)));
  }
  const { ranker } = manifest;
  if (ranker) attempt(() => engine.accept_ranker(artefact(ranker.hash), artefact(ranker.schema.hash)));
  const pack = attempt(() => engine.accept_pack(bundle.pack.bytes, bundle.subject, bundle.accepted_ms));
  return { manifest, pack, refused };
}

/** Everything a manifest names, each thing once. */
export function artefactsOf({ policies, ranker }: Manifest): Artefact[] {
  const all = [...Object.values(policies), ...(ranker ? [ranker, ranker.schema] : [])];
  return [...new Map(all.map((artefact) => [artefact.hash, artefact])).values()];
}
