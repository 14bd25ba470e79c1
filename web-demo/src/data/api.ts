/** Requests to the service, and their failures in one shape. */
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
}

async function ask(path: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`);
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

async function json<T>(path: string): Promise<T> {
  return (await (await ask(path)).json()) as T;
}

/** The service's root public key in hex. Only a demonstration asks for it; a product ships it. */
export async function rootKey(): Promise<string> {
  return (await json<{ root: string }>("keys/root")).root;
}

/** Who is there to listen. */
export interface People {
  /** Some people who have a pack. */
  users: string[];
  /** The surface that the service's data come from. */
  surface?: string;
}

/** At most `limit` people. */
export function people(limit: number): Promise<People> {
  return json<People>(`users?limit=${limit}`);
}

/** Display data of some items. */
export async function items(ids: string[]): Promise<Item[]> {
  return (await json<{ items: Item[] }>(`items?ids=${ids.map(encodeURIComponent).join(",")}`)).items;
}

/** The signed pack of another person; only breaking things needs it, the host fetches the listener's own. */
export async function pack(user: string): Promise<Uint8Array> {
  return new Uint8Array(await (await ask(`packs/${encodeURIComponent(user)}`)).arrayBuffer());
}
