/** What happens to the page around the host. */

/** What the host does about it. */
export interface Reactions {
  /** The page may be gone in a moment, without another word. */
  leaving(): void;
  /** The person looks at the page again. */
  returned(): void;
  /** The network is back, or gone. */
  network(online: boolean): void;
}

/** Listens to the page; the answer stops it. */
export function watchPage(reactions: Reactions): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  addEventListener("pagehide", () => reactions.leaving(), { signal });
  // On phones this is often the last that a page hears.
  const seen = (): void => (document.visibilityState === "hidden" ? reactions.leaving() : reactions.returned());
  document.addEventListener("visibilitychange", seen, { signal });
  addEventListener("online", () => reactions.network(true), { signal });
  addEventListener("offline", () => reactions.network(false), { signal });
  return () => stop.abort();
}
