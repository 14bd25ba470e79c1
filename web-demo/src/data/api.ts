/** Requests to the service, and their failures in one shape. */
import type { SegueEvent } from "@segue/browser";

/** What a newcomer sees of an item. */
export interface Item {
  item: string;
  title: string;
  creator?: string;
  creator_name?: string;
  categories?: string[];
  attributes?: Record<string, string | number>;
  duration_ms?: number;
  picture?: string;
}

/** The service's answer to a batch of events. */
export interface Receipt {
  accepted: number;
  duplicates: number;
  rejected: { index: number; code: string; detail: string }[];
}

/** The service cannot be reached, or refused. */
export class RequestFailure extends Error {
  constructor(
    /** Stable code: the service's own, or `network_unreachable`. */
    readonly code: string,
    message: string,
    /** The status, or 0 when there was no answer. */
    readonly status = 0,
  ) {
    super(message);
    this.name = "RequestFailure";
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

async function ask(path: string, options?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, options);
  } catch {
    throw new RequestFailure("network_unreachable", `No answer to ${path}: the network is off or the service is not running.`);
  }
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string };
  throw new RequestFailure(
    problem.code ?? `http_${answer.status}`,
    problem.detail ?? problem.title ?? `${path} was answered with status ${answer.status}.`,
    answer.status,
  );
}

async function bytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(path)).arrayBuffer());
}

async function json<T>(path: string, options?: RequestInit): Promise<T> {
  return (await (await ask(path, options)).json()) as T;
}

/** The service's root public key in hex. Only a demonstration asks for it; a product ships it. */
export async function rootKey(): Promise<string> {
  return (await json<{ root: string }>("keys/root")).root;
}

/** Some people who have a pack. */
export async function users(limit: number): Promise<string[]> {
  return (await json<{ users: string[] }>(`users?limit=${limit}`)).users;
}

/** Display data of some items. */
export async function items(ids: string[]): Promise<Item[]> {
  return (await json<{ items: Item[] }>(`items?ids=${ids.map(encodeURIComponent).join(",")}`)).items;
}

/** The signed manifest of the current generation. */
export const manifest = (): Promise<Uint8Array> => bytes("manifest");

/** The signed key rotations. */
export const rotations = (): Promise<Uint8Array> => bytes("rotations");

/** Anything the manifest names by its hash. */
export const artefact = (hash: string): Promise<Uint8Array> => bytes(`models/${hash}`);

/** The signed pack of a user or, as `region:all`, of everyone. */
export const pack = (owner: string): Promise<Uint8Array> => bytes(`packs/${encodeURIComponent(owner).replace("%3A", ":")}`);

/** Hands over events; the answer comes after they are on the service's disk. */
export const postEvents = (events: SegueEvent[]): Promise<Receipt> =>
  json("events", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ events }) });
