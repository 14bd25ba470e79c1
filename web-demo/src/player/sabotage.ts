/** Hands the engine damaged input, on purpose and for real. */
import type { Engine } from "@segue/browser";
import { pack as fetchPack } from "../data/api";
import type { Bundle } from "../data/bundle";

/** One way to break it. */
export interface Damage {
  id: string;
  title: string;
  /** What is done to the bytes. */
  detail: string;
  /** Feeds the damage to the engine, which throws its refusal. */
  inflict: (engine: Engine, bundle: Bundle, others: string[]) => Promise<void> | void;
}

/** Every way offered. */
export const DAMAGES: Damage[] = [
  {
    id: "truncated",
    title: "Cut the pack in half",
    detail: "The download stopped early: only the first half of the bytes arrives.",
    inflict: (engine, bundle) => acceptPack(engine, bundle, bundle.pack.slice(0, bundle.pack.length / 2)),
  },
  {
    id: "other-user",
    title: "Deliver somebody else's pack",
    detail: "A correctly signed pack, made for another person. Needs the network.",
    inflict: async (engine, bundle, others) => {
      const other = others.find((user) => `user:${user}` !== bundle.subject);
      if (other === undefined) throw new Error("Nobody else has a pack on this service.");
      acceptPack(engine, bundle, await fetchPack(other));
    },
  },
  {
    id: "signature",
    title: "Forge the signature",
    detail: "One bit of the signature, at the end of the pack, is turned over.",
    inflict: (engine, bundle) => acceptPack(engine, bundle, flipped(bundle.pack, bundle.pack.length - 1)),
  },
  {
    id: "version",
    title: "Change the first byte",
    detail: "The byte that says what kind of file this is claims something unknown.",
    inflict: (engine, bundle) => acceptPack(engine, bundle, flipped(bundle.pack, 0)),
  },
  {
    id: "model",
    title: "Swap the model",
    detail: "Other bytes arrive under the ranker's name: its feature schema in place of its weights.",
    inflict: (engine, bundle) => {
      if (!bundle.ranker) throw new Error("This generation names no model.");
      engine.accept_ranker(bundle.ranker.schema, bundle.ranker.schema);
    },
  },
];

function acceptPack(engine: Engine, bundle: Bundle, bytes: Uint8Array): void {
  engine.accept_pack(bytes, bundle.subject, Date.now());
}

function flipped(bytes: Uint8Array, place: number): Uint8Array {
  const copy = bytes.slice();
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}
