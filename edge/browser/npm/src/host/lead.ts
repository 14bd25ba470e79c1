/** One tab sends for all tabs of a subject: the one that holds the lock. */

/**
 * Calls `begin` once this tab may send: at once where no other does, else when the one that does is closed. The
 * answer gives the lead up.
 *
 * Without Web Locks every tab sends; the service knows events by their id, so each counts once even so.
 */
export function lead(name: string, begin: () => void): () => void {
  const locks = (navigator as Partial<Navigator>).locks;
  if (!locks) {
    begin();
    return () => undefined;
  }
  const waiting = new AbortController();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const hold = (): Promise<void> => {
    begin();
    return held;
  };
  // Giving up while waiting is no failure; a browser that refuses locks to this page is like one without them.
  locks.request(name, { signal: waiting.signal }, hold).catch(() => waiting.signal.aborted || begin());
  return () => {
    waiting.abort();
    release();
  };
}
