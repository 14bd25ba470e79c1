/** Typed events, without the DOM. */

/** Calls listeners by the name of what happened. */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(news: never) => void>>();

  /** Listens; the answer stops it. */
  on<Name extends keyof Events>(name: Name, listener: (news: Events[Name]) => void): () => void {
    const listeners = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, listeners.add(listener as (news: never) => void));
    return () => void listeners.delete(listener as (news: never) => void);
  }

  /** Tells all listeners. One that throws is reported as an uncaught error and does not silence the others. */
  emit<Name extends keyof Events>(name: Name, news: Events[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        (listener as (news: Events[Name]) => void)(news);
      } catch (failure) {
        reportError(failure);
      }
    }
  }
}
