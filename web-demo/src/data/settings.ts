/** Small things the page remembers: who listens, where, how fast. */

const NAME = "segue-player-";

/** A setting; undefined when there is none, or the browser keeps nothing. */
export function setting<T>(name: string): T | undefined {
  try {
    const text = localStorage.getItem(NAME + name);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Keeps a setting, where the browser lets it. */
export function keepSetting(name: string, value: unknown): void {
  try {
    localStorage.setItem(NAME + name, JSON.stringify(value));
  } catch {
    // The page works without its memory.
  }
}
