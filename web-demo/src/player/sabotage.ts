/** Hands the engine damaged input, on purpose and for real. */
import type { Host } from "@segue/browser";
import { pack as fetchPack } from "../data/api";

/** One way to break it. */
export interface Damage {
  id: string;
  title: string;
  /** What is done to the bytes. */
  detail: string;
  /** Feeds the damage to the engine, which throws its refusal. */
  inflict: (host: Host, others: string[]) => Promise<void> | void;
}

/** Every way offered. */
export const DAMAGES: Damage[] = [
  {
    id: "truncated",
    title: "Cut the pack in half",
    detail: "The download stopped early: only the first half of the bytes arrives.",
    inflict: (host) => acceptPack(host, packOf(host).slice(0, packOf(host).length / 2)),
  },
  {
    id: "other-user",
    title: "Deliver somebody else's pack",
    detail: "A correctly signed pack, made for another person. Needs the network.",
    inflict: async (host, others) => {
      const other = others.find((user) => `user:${user}` !== host.pack.subject);
      if (other === undefined) throw new Error("Nobody else has a pack on this service.");
      acceptPack(host, await fetchPack(other));
    },
  },
  {
    id: "signature",
    title: "Forge the signature",
    detail: "One bit of the signature, at the end of the pack, is turned over.",
    inflict: (host) => acceptPack(host, flipped(packOf(host), packOf(host).length - 1)),
  },
  {
    id: "version",
    title: "Change the first byte",
    detail: "The byte that says what kind of file this is claims something unknown.",
    inflict: (host) => acceptPack(host, flipped(packOf(host), 0)),
  },
  {
    id: "model",
    title: "Swap the model",
    detail: "Other bytes arrive under the ranker's name: its feature schema in place of its weights.",
    inflict: (host) => {
      const { ranker } = host.manifest;
      const schema = ranker && host.bundle.artefacts[ranker.schema.hash];
      if (!schema) throw new Error("This generation names no model.");
      host.engine.accept_ranker(schema, schema);
    },
  },
];

const packOf = (host: Host): Uint8Array => host.bundle.pack.bytes;

function acceptPack(host: Host, bytes: Uint8Array): void {
  host.engine.accept_pack(bytes, host.pack.subject, Date.now());
}

function flipped(bytes: Uint8Array, place: number): Uint8Array {
  const copy = bytes.slice();
  copy[place] = (copy[place] ?? 0) ^ 1;
  return copy;
}
