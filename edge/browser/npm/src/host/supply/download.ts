/** Fetches a bundle, of which nothing is believed yet but the manifest's list. */
import { Engine } from "../../engine.js";
import { isSegueError } from "../../errors.js";
import type { Artefact, Manifest } from "../../types.js";
import { asHostError, type HostError } from "../failure.js";
import { EVERYONE } from "../options.js";
import type { Follower, Service, Tagged } from "../service.js";
import { artefactsOf, type Bundle } from "./bundle.js";

/** Where bundles come from. */
export interface Source {
  service: Service;
  /** The key that everything is signed under. */
  root: string;
  /** Hears of a delta that was of no use. */
  complain: (failure: HostError) => void;
}

/**
 * The bundle of `subject`, or everyone's where the service has none for them; `known` itself when nothing has changed
 * since. An artefact that cannot be had is left out, as the pack's own order needs none, and asked for the next time.
 * With `anew` the service makes a person's pack now, where it does.
 */
export async function download(source: Source, subject: string, known?: Bundle, anew = false): Promise<Bundle> {
  const { service, root } = source;
  const followed = optional(service.read("rotations", known?.rotations));
  const patch: Follower["patch"] = async (base, delta) => aside(root, await followed, (engine) => engine.patch_pack(base, delta));
  const follower = { patch, complain: source.complain, beside: followed };
  const [rotations, manifest, own] = await Promise.all([
    followed,
    service.read("manifest", known?.manifest),
    packOf(service, subject, follower, known, anew),
  ]);
  const unchanged = manifest === known?.manifest && own.pack === known.pack && rotations === known.rotations;
  const bundle: Bundle = unchanged ? known : { ...own, rotations, manifest, artefacts: {}, accepted_ms: Date.now() };
  const artefacts = await artefactsFor(service, peek(root, bundle), known?.artefacts ?? {});
  const isWhole = Object.keys(artefacts).every((hash) => artefacts[hash] === known?.artefacts[hash]);
  return unchanged && isWhole ? known : { ...bundle, artefacts };
}

/** A person's pack, or everyone's where there is none of their own. */
async function packOf(service: Service, subject: string, follower: Follower, known?: Bundle, anew = false): Promise<Pick<Bundle, "subject" | "pack">> {
  const owner = encodeURIComponent(subject.replace(/^user:/, "")).replaceAll("%3A", ":");
  const [path, before] = [`packs/${owner}`, known?.subject === subject ? known.pack : null];
  try {
    const remade = anew && before && subject !== EVERYONE ? await made(service, path) : null;
    return { subject, pack: remade ?? (before ? await service.readChanges(path, before, follower) : await service.read(path)) };
  } catch (failure) {
    if (subject === EVERYONE || asHostError(failure).status !== 404) throw failure;
    return packOf(service, EVERYONE, follower, known);
  }
}

/** A pack that the service makes now; null where it makes none, for whatever reason: what it has will do then. */
function made(service: Service, path: string): Promise<Tagged | null> {
  return service.make(path).catch(() => null);
}

/** What can be had of what a manifest lists, by its hash. */
async function artefactsFor(service: Service, listed: Manifest | null, before: Bundle["artefacts"]): Promise<Bundle["artefacts"]> {
  const wanted = listed ? artefactsOf(listed) : [];
  const found = await Promise.all(wanted.map(async (artefact) => [artefact.hash, await artefactBytes(service, artefact, before[artefact.hash])] as const));
  return Object.fromEntries(found.filter((entry): entry is [string, Uint8Array<ArrayBuffer>] => entry[1] !== null));
}

/** Bytes that fit their name: those at hand, those of the service, or those of the service past any cache on the way. */
async function artefactBytes(service: Service, artefact: Artefact, before?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
  if (before && (await fits(before, artefact))) return before;
  for (const cache of ["default", "reload"] as const) {
    const read = await service.read(`models/${artefact.hash}`, null, cache).catch(() => null);
    if (read && (await fits(read.bytes, artefact))) return read.bytes;
  }
  return null;
}

async function fits(bytes: Uint8Array<ArrayBuffer>, artefact: Artefact): Promise<boolean> {
  if (bytes.length !== artefact.bytes) return false;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return artefact.hash === [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the manifest lists; null when it is refused, which feeding it will tell. */
function peek(root: string, { rotations, manifest, accepted_ms }: Bundle): Manifest | null {
  try {
    return aside(root, rotations, (engine) => engine.accept_manifest(manifest.bytes, accepted_ms));
  } catch (failure) {
    if (!isSegueError(failure)) throw failure;
    return null;
  }
}

/** What an engine of its own answers that trusts the service's present key. */
function aside<T>(root: string, rotations: Tagged | null, ask: (engine: Engine) => T): T {
  const engine = new Engine(root);
  try {
    if (rotations?.bytes.length) engine.accept_rotations(rotations.bytes);
    return ask(engine);
  } finally {
    engine.free();
  }
}

/** A service without rotations answers 404; that is not a failure. */
async function optional(request: Promise<Tagged>): Promise<Tagged | null> {
  try {
    return await request;
  } catch (failure) {
    if (asHostError(failure).status === 404) return null;
    throw failure;
  }
}
