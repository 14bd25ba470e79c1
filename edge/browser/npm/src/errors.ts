/** What the engine throws: a real `Error` with a stable code to branch on. */
export interface SegueError extends Error {
  /** Stable code, such as `envelope_damaged`, `pack_wrong_subject`, `signature_invalid` or `hash_mismatch`. */
  readonly code: string;
}

/** Whether something caught came from the engine and carries a code. */
export function isSegueError(caught: unknown): caught is SegueError {
  return caught instanceof Error && caught.name === "SegueError";
}
