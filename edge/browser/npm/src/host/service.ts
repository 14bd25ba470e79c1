/** Requests to the service: conditional reads, and batches of events. */
import type { Answer } from "../outbox.js";
import { asHostError, HostError } from "./failure.js";
import type { Settings } from "./options.js";

const TIMEOUT_MS = 30_000;

/** Bytes with the tag to ask for newer ones by. */
export interface Tagged {
  bytes: Uint8Array<ArrayBuffer>;
  etag: string | null;
}

/** Makes the new content of the one before and what changed. */
export type Patch = (base: Tagged["bytes"], delta: Tagged["bytes"]) => Promise<Tagged["bytes"]>;

/** The kind of delta that the engine follows. */
const DELTA = "segue-delta";
const IM_USED = 226;
const NOT_MODIFIED = 304;

/** The service as one host sees it. */
export class Service {
  /** The credentials of the last batch. */
  private used = "";

  constructor(private readonly settings: Pick<Settings, "baseUrl" | "headers">) {}

  /** Reads a resource, or answers with what is known of it when it has not changed. */
  async read(path: string, known?: Tagged | null, cache: RequestCache = "default"): Promise<Tagged> {
    const conditional: Record<string, string> = known?.etag ? { "if-none-match": known.etag } : {};
    const answer = await this.ask(path, { headers: conditional, cache: known?.etag ? "no-store" : cache });
    return answer.status === NOT_MODIFIED && known ? known : { bytes: await content(path, answer), etag: answer.headers.get("etag") };
  }

  /**
   * Reads what was read before, and lets the service answer with what changed since (RFC 3229), of which `patch` makes
   * the content; where that fails, `complain` is told why and the whole is read.
   */
  async readChanges(path: string, known: Tagged, patch: Patch, complain: (failure: HostError) => void): Promise<Tagged> {
    if (!known.etag) return this.read(path);
    const answer = await this.ask(path, { headers: { "if-none-match": known.etag, "a-im": DELTA }, cache: "no-store" });
    if (answer.status === NOT_MODIFIED) return known;
    const etag = answer.headers.get("etag");
    if (answer.status !== IM_USED) return { bytes: await content(path, answer), etag };
    try {
      return { bytes: await patch(known.bytes, await content(path, answer)), etag };
    } catch (failure) {
      complain(asHostError(failure));
      return this.read(path, null, "reload");
    }
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

async function content(path: string, answer: Response): Promise<Tagged["bytes"]> {
  if (!answer.ok) throw await refusal(path, answer);
  return new Uint8Array(await answer.arrayBuffer());
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
