/** Requests to the service: conditional reads, and batches of events. */
import { isSegueError } from "../errors.js";
import type { Answer } from "../outbox.js";
import { asHostError, HostError } from "./failure.js";
import type { Settings } from "./options.js";

const TIMEOUT_MS = 30_000;

/** Bytes with the tag to ask for newer ones by. */
export interface Tagged {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string | null;
}

/** What a read of changes needs of whoever follows them. */
export interface Follower {
  /** Makes the new content of the one before and what changed. */
  patch: (base: Tagged["bytes"], delta: Tagged["bytes"]) => Promise<Tagged["bytes"]>;
  /** Hears why the engine refused what changed. */
  complain: (failure: HostError) => void;
  /** Another request of the same moment: once it is answered, the network and the service are there. */
  beside: Promise<unknown>;
}

/** The kind of delta that the engine follows. */
const DELTA = "segue-delta";
const IM_USED = 226;
const NOT_MODIFIED = 304;

/** The service as one host sees it. */
export class Service {
  /** The credentials of the last batch. */
  private used = "";
  /** Whether requests for what changed get through: a service or gateway of another origin may not know their header. */
  private asksChanges: boolean | null = null;

  constructor(private readonly settings: Pick<Settings, "baseUrl" | "headers">) {}

  /** Reads a resource, or answers with what is known of it when it has not changed. */
  async read(path: string, known?: Tagged | null, cache: RequestCache = "default"): Promise<Tagged> {
    const conditional: Record<string, string> = known?.etag ? { "if-none-match": known.etag } : {};
    const answer = await this.ask(path, { headers: conditional, cache: known?.etag ? "no-store" : cache });
    return tagged(path, answer, known);
  }

  /**
   * Reads what was read before, and lets the service answer with what changed since (RFC 3229), of which the follower
   * makes the content; where the engine refuses that, the follower is told why and the whole is read.
   */
  async readChanges(path: string, known: Tagged, { patch, complain, beside }: Follower): Promise<Tagged> {
    const answer = await this.askChanges(path, known, beside);
    if (!(answer instanceof Response)) return answer;
    if (answer.status !== IM_USED) return tagged(path, answer, known);
    const [delta, etag] = [await content(path, answer), answer.headers.get("etag")];
    try {
      return { bytes: await patch(known.bytes, delta), etag };
    } catch (failure) {
      // Only what an engine refuses is worth a whole one; the host's own errors carry the engine's name too.
      if (failure instanceof HostError || !isSegueError(failure)) throw failure;
      complain(asHostError(failure));
      return this.read(path, null, "reload");
    }
  }

  /**
   * The answer to a request for what changed, or what a plain read brings where such requests do not get through. A page
   * cannot tell a header that is refused from a network that is off: so the plain read is made only once the request
   * beside was answered, and when it succeeds, this page does not ask for changes again.
   */
  private async askChanges(path: string, known: Tagged, beside: Promise<unknown>): Promise<Response | Tagged> {
    if (!known.etag || this.asksChanges === false) return this.read(path, known);
    try {
      const headers = { "if-none-match": known.etag, "a-im": DELTA };
      const answer = await this.ask(path, { headers, cache: "no-store" });
      this.asksChanges = true;
      return answer;
    } catch (failure) {
      if (this.asksChanges || asHostError(failure).code !== "network_unreachable") throw failure;
      await beside;
      const whole = await this.read(path, known);
      this.asksChanges = false;
      return whole;
    }
  }

  /** Has a resource made anew; throws where the service does not. */
  async make(path: string): Promise<Tagged> {
    return tagged(path, await this.ask(path, { method: "POST", cache: "no-store" }));
  }

  /** Posts a batch. Every request may outlive its page, so its body stays below 64 KB. Never throws. */
  async post(body: string): Promise<Answer> {
    try {
      const credentials = await this.settings.headers();
      this.used = JSON.stringify(credentials);
      const headers = { "content-type": "application/json" };
      const answer = await this.ask("events", { method: "POST", headers, body, keepalive: true }, credentials);
      return { status: answer.status, retry_after_ms: retryAfter(answer), body: await answer.text() };
    } catch {
      return { status: 0, retry_after_ms: null, body: "" };
    }
  }

  /** Whether the app gives other headers than those of the last batch. */
  async hasOtherCredentials(): Promise<boolean> {
    return JSON.stringify(await this.settings.headers()) !== this.used;
  }

  private async ask(path: string, options: RequestInit, credentials?: Record<string, string>): Promise<Response> {
    const headers = { ...(credentials ?? (await this.settings.headers())), ...(options.headers as Record<string, string>) };
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      return await fetch(`${this.settings.baseUrl}/api/v1/${path}`, { ...options, headers, signal });
    } catch {
      throw new HostError("network_unreachable", `No answer to ${path}: the network is off or the service is not running.`);
    }
  }
}

/** The whole content, or what is known of it where it has not changed. */
async function tagged(path: string, answer: Response, known?: Tagged | null): Promise<Tagged> {
  if (answer.status === NOT_MODIFIED && known) return known;
  // What changed for somebody who asked for that: a cache on the way has mixed up two answers.
  if (answer.status === IM_USED) throw await refusal(path, answer);
  return { bytes: await content(path, answer), etag: answer.headers.get("etag") };
}

async function content(path: string, answer: Response): Promise<Tagged["bytes"]> {
  if (!answer.ok) throw await refusal(path, answer);
  try {
    return new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw new HostError("network_unreachable", `The answer to ${path} broke off: the network went off or is too slow.`);
  }
}

async function refusal(path: string, answer: Response): Promise<HostError> {
  const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string; title?: string };
  const message = problem.detail ?? problem.title ?? `${path} was answered with status ${answer.status}.`;
  return new HostError(problem.code ?? `http_${answer.status}`, message, answer.status);
}

/** `Retry-After` is a number of seconds or a date. */
function retryAfter(answer: Response): number | null {
  const value = answer.headers.get("retry-after");
  if (value === null) return null;
  const milliseconds = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : null;
}
