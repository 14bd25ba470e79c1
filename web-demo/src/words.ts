/** Stable codes in plain words. */
import type { EventKind } from "@segue/browser";

const FALLBACKS: Record<string, string> = {
  fallback_no_model: "No ranking model is at hand, so the list keeps the order the service gave it.",
  fallback_model_pending: "The model cannot be had yet, so a simpler scorer ranks.",
  fallback_pack_refused: "A damaged or foreign pack was refused. The last good pack plays on, in the service's order.",
  fallback_model_refused: "The model was refused. The pack plays on in the service's order.",
  fallback_policy_refused: "The rules of this surface were refused. The pack plays on in the service's order.",
  fallback_model_failed: "The model could not run. The pack plays on in the service's order.",
  fallback_scores_invalid: "The model gave scores that are no numbers. The pack plays on in the service's order.",
};

/** What the service and the host report; the engine's messages name their remedy. */
const REMEDIES: [RegExp, string][] = [
  [/^network_unreachable$/, "It is tried again by itself as soon as the network is back."],
  [/^(generation|pack|artefact)_missing$/, "Run segue refresh on the data folder, then load the page again."],
  [/^(internal|events_busy|events_unavailable|request_timeout|http_5\d\d)$/, "The service failed; its log says why. It is tried again by itself."],
  [/^storage_/, "What happens from now on is kept only for as long as this page is open."],
];

const DEEDS: Record<string, string> = {
  skip: "skipped",
  like: "liked",
  unlike: "took back the like of",
  not_interested: "sent away",
  complete: "played through",
  click: "picked",
  play: "played",
  stop: "stopped",
};

/** What a fallback means for the listener. */
export const fallbackWords = (code: string): string => FALLBACKS[code] ?? `The list keeps the service's order (${code}).`;

/** What to do about an error. */
export const remedyWords = (code: string): string => REMEDIES.find(([pattern]) => pattern.test(code))?.[1] ?? "";

/** What the person did, in the past tense. */
export const deedWords = (kind: EventKind): string => DEEDS[kind] ?? kind.replaceAll("_", " ");

/** A length as minutes and seconds. */
export function clockWords(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long ago, roughly. */
export function ageWords(sinceMs: number): string {
  const minutes = Math.max(0, Math.round((Date.now() - sinceMs) / 60_000));
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}

/** A count with its noun. */
export const countWords = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
