/** Fetches a bundle, of which nothing is believed yet but the manifest's list. */
import { Engine } from "../../engine.js";
import { isSegueError } from "../../errors.js";
import type { Manifest } from "../../types.js";
import { HostError } from "../failure.js";
import type { Service, Tagged } from "../service.js";
import { hashesOf, type Bundle } from "./bundle.js";

/** The bundle of `subject`; `known` itself when nothing has changed since. */
export async function download(service: Service, root: string, subject: string, known?: Bundle): Promise<Bundle> {
  const owner = encodeURIComponent(subject.replace(/^user:/, "")).replaceAll("%3A", ":");
  const before = known?.subject === subject ? known : undefined;
  const [rotations, manifest, pack] = await Promise.all([
    optional(service.read("rotations", before?.rotations)),
    service.read("manifest", before?.manifest),
    service.read(`packs/${owner}`, before?.pack),
  ]);
  if (before && manifest === before.manifest && pack === before.pack && rotations === before.rotations) return before;
  const bundle: Bundle = { subject, rotations, manifest, pack, artefacts: {}, accepted_ms: Date.now() };
  const listed = peek(root, bundle);
  for (const hash of listed ? hashesOf(listed) : []) {
    bundle.artefacts[hash] = before?.artefacts[hash] ?? (await service.read(`models/${hash}`)).bytes;
  }
  return bundle;
}

/** What the manifest lists, read by an engine of its own; null when it is refused, which feeding it will tell. */
function peek(root: string, bundle: Bundle): Manifest | null {
  const engine = new Engine(root);
  try {
    if (bundle.rotations?.bytes.length) engine.accept_rotations(bundle.rotations.bytes);
    return engine.accept_manifest(bundle.manifest.bytes, bundle.accepted_ms);
  } catch (failure) {
    if (!isSegueError(failure)) throw failure;
    return null;
  } finally {
    engine.free();
  }
}

/** A service without rotations answers 404; that is not a failure. */
async function optional(request: Promise<Tagged>): Promise<Tagged | null> {
  try {
    return await request;
  } catch (failure) {
    if (failure instanceof HostError && failure.status === 404) return null;
    throw failure;
  }
}
