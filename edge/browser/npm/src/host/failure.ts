/** What the host itself reports, in the shape of the engine's errors. */
import { isSegueError } from "../errors.js";

/** A real `Error` with a stable code: one of the service's, one of the engine's, or one of the host's below. */
export class HostError extends Error {
  override readonly name = "SegueError";

  constructor(
    /**
     * `network_unreachable`, `credentials_needed`, `events_refused`, `storage_unavailable`, `storage_full`,
     * `storage_failed`, `unexpected`, `http_STATUS`, or a code of the service or the engine (`docs/ERRORS.md`).
     */
    readonly code: string,
    message: string,
    /** The HTTP status; 0 where there was no answer, or none was asked for. */
    readonly status = 0,
  ) {
    super(message);
  }
}

/** Anything caught, as an error with a code. */
export function asHostError(caught: unknown): HostError {
  if (caught instanceof HostError) return caught;
  if (isSegueError(caught)) return new HostError(caught.code, caught.message);
  const message = caught instanceof Error ? caught.message : String(caught);
  return new HostError(isQuota(caught) ? "storage_full" : caught instanceof DOMException ? "storage_failed" : "unexpected", message);
}

/** Whether the browser has no room left. */
export function isQuota(caught: unknown): boolean {
  return caught instanceof DOMException && caught.name === "QuotaExceededError";
}
