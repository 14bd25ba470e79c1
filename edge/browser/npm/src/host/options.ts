/** What `openSegue` is told, and what it takes where it is told nothing. */
import type { ModuleSource } from "../start.js";
import { HostError } from "./failure.js";

/** Options of `openSegue`. */
export interface HostOptions {
  /** The service's root public key, 64 hexadecimal digits, shipped with your app. */
  root: string;
  /** The service, `https://segue.example`; the page's own origin where absent. */
  baseUrl?: string;
  /** Whose pack and session; absent for guests, who get `region:all`. */
  user?: string;
  /** The surface `list` is made for, one that the manifest has a policy for. */
  surface: string;
  /** How many places `list` has, 1 to 500; 20 where absent. */
  count?: number;
  /** Headers of every request, asked for each time and once more after they were refused: `() => ({ authorization: ... })`. */
  headers?: () => Record<string, string> | Promise<Record<string, string>>;
  /** More circumstances for requests and events, such as `region`. */
  context?: () => Record<string, string>;
  /** How often to look for a newer pack, in milliseconds; five minutes where absent. */
  refreshMs?: number;
  /** How long events gather before they are sent together, in milliseconds; one second where absent. */
  gatherMs?: number;
  /** How long making a list may take, in milliseconds; what it does not reach keeps the pack's order. No limit where absent. */
  deadlineMs?: number;
  /** Whether each list comes with what the model saw, as the event `slate`, for `segue features logged`. */
  logFeatures?: boolean;
  /** Where the WebAssembly module comes from when not from beside this script. */
  module?: ModuleSource;
}

/** Options with nothing left open. */
export interface Settings {
  root: string;
  baseUrl: string;
  user: string;
  subject: string;
  surface: string;
  count: number;
  headers: () => Record<string, string> | Promise<Record<string, string>>;
  context: () => Record<string, string>;
  refreshMs: number;
  gatherMs: number;
  deadlineMs: number;
  logFeatures: boolean;
}

/** The subject of packs for everyone. */
export const EVERYONE = "region:all";

/** Where that is kept which is nobody's own; no subject is called so. */
export const WHOLE_BROWSER = "everybody";

/** Whose pack, session and events a user's are; guests share everyone's. */
export const subjectOf = (user: string): string => (user === "" ? EVERYONE : `user:${user}`);

/** Every option, so that a misspelt one does not pass for left out. */
const OPTIONS: Record<keyof HostOptions, true> = {
  root: true,
  baseUrl: true,
  user: true,
  surface: true,
  count: true,
  headers: true,
  context: true,
  refreshMs: true,
  gatherMs: true,
  deadlineMs: true,
  logFeatures: true,
  module: true,
};

/** Fills in what was left out. */
export function settingsOf(options: HostOptions): Settings {
  const unknown = Object.keys(options).find((name) => !(name in OPTIONS));
  if (unknown !== undefined) {
    throw new HostError("request_invalid", `${unknown} is no option; there are ${Object.keys(OPTIONS).join(", ")}.`);
  }
  const user = options.user ?? "";
  if (typeof options.root !== "string") {
    throw new HostError("key_invalid", `root is ${String(options.root)}: give the service's public key, 64 hexadecimal digits.`);
  }
  return {
    root: options.root,
    baseUrl: (options.baseUrl ?? "").replace(/\/+$/, ""),
    user,
    subject: subjectOf(user),
    surface: options.surface,
    count: options.count ?? 20,
    headers: options.headers ?? (() => ({})),
    context: options.context ?? (() => ({})),
    refreshMs: options.refreshMs ?? 5 * 60_000,
    gatherMs: options.gatherMs ?? 1_000,
    deadlineMs: options.deadlineMs ?? Infinity,
    logFeatures: options.logFeatures ?? false,
  };
}
