/** Display data of items, in a database of the player's own; one per service. Everything else is kept by the host. */
import type { Item } from "./api";

const VERSION = 1;
const ITEMS = "items";

/** The database; in memory only where the browser keeps none. */
export class Store {
  private constructor(private readonly database: IDBDatabase | null) {}

  /** Opens the database of the service with this root key, so that two services never mix. */
  static async open(rootKey: string): Promise<Store> {
    try {
      const opening = indexedDB.open(`segue-player-${rootKey.slice(0, 16)}`, VERSION);
      opening.onupgradeneeded = () => opening.result.createObjectStore(ITEMS, { keyPath: "item" });
      return new Store(await settled(opening));
    } catch {
      // Titles can be fetched again; the host says that nothing is kept.
      return new Store(null);
    }
  }

  /** Those of the items that are kept. */
  async items(ids: string[]): Promise<Item[]> {
    if (!this.database) return [];
    const table = this.database.transaction(ITEMS).objectStore(ITEMS);
    const found = await Promise.all(ids.map((id) => settled(table.get(id) as IDBRequest<Item | undefined>)));
    return found.filter((item) => item !== undefined);
  }

  /** Keeps items; where there is no room they are fetched again next time. */
  keepItems(items: Item[]): void {
    const table = this.database?.transaction(ITEMS, "readwrite").objectStore(ITEMS);
    for (const item of items) table?.put(item);
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage did not answer"));
  });
}
