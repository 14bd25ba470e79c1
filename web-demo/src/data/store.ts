/** What outlives the page, in one IndexedDB database per service. */
import type { SegueEvent } from "@segue/browser";
import type { Item } from "./api";
import type { Bundle } from "./bundle";
import type { SavedSession } from "../player/session";

const VERSION = 1;
const TABLES = ["bundles", "items", "sessions", "settings"] as const;

/** An event that waits to be sent, with its place in the queue. */
export interface Waiting {
  place: number;
  event: SegueEvent;
}

/** The database. Every method is one transaction. */
export class Store {
  private constructor(private readonly database: IDBDatabase) {}

  /** Opens the database of the service with this root key, so that two services never mix. */
  static async open(rootKey: string): Promise<Store> {
    const opening = indexedDB.open(`segue-${rootKey.slice(0, 16)}`, VERSION);
    opening.onupgradeneeded = () => {
      for (const table of TABLES) opening.result.createObjectStore(table);
      opening.result.createObjectStore("outbox", { autoIncrement: true });
    };
    return new Store(await settled(opening));
  }

  /** The artefacts the engine accepted last for `subject`. */
  bundle(subject: string): Promise<Bundle | undefined> {
    return this.read("bundles", subject);
  }

  /** Keeps artefacts the engine has accepted. */
  keepBundle(subject: string, bundle: Bundle): Promise<void> {
    return this.write("bundles", subject, bundle);
  }

  /** The live session of `subject`. */
  session(subject: string): Promise<SavedSession | undefined> {
    return this.read("sessions", subject);
  }

  /** Keeps a session together with the events that led to it: both or neither. */
  async keepSession(subject: string, session: SavedSession, events: SegueEvent[]): Promise<void> {
    const transaction = this.database.transaction(["sessions", "outbox"], "readwrite", { durability: "strict" });
    transaction.objectStore("sessions").put(session, subject);
    for (const event of events) transaction.objectStore("outbox").add(event);
    await finished(transaction);
  }

  /** Forgets a session. */
  async forgetSession(subject: string): Promise<void> {
    const transaction = this.database.transaction("sessions", "readwrite");
    transaction.objectStore("sessions").delete(subject);
    await finished(transaction);
  }

  /** A setting: who is listening, the speed. */
  setting<T>(name: string): Promise<T | undefined> {
    return this.read("settings", name);
  }

  /** Keeps a setting. */
  keepSetting(name: string, value: unknown): Promise<void> {
    return this.write("settings", name, value);
  }

  /** Display data of items, those that are kept. */
  async items(ids: string[]): Promise<Item[]> {
    const table = this.database.transaction("items").objectStore("items");
    const found = await Promise.all(ids.map((id) => settled(table.get(id) as IDBRequest<Item | undefined>)));
    return found.filter((item) => item !== undefined);
  }

  /** Keeps display data. */
  async keepItems(items: Item[]): Promise<void> {
    const transaction = this.database.transaction("items", "readwrite");
    for (const item of items) transaction.objectStore("items").put(item, item.item);
    await finished(transaction);
  }

  /** The oldest events that wait to be sent. */
  async waiting(limit: number): Promise<Waiting[]> {
    const table = this.database.transaction("outbox").objectStore("outbox");
    const [places, events] = await Promise.all([settled(table.getAllKeys(null, limit)), settled(table.getAll(null, limit))]);
    return places.map((place, index) => ({ place: place as number, event: events[index] as SegueEvent }));
  }

  /** How many events wait. */
  waitingCount(): Promise<number> {
    return settled(this.database.transaction("outbox").objectStore("outbox").count());
  }

  /** Forgets events the service has. */
  async acknowledge(places: number[]): Promise<void> {
    const transaction = this.database.transaction("outbox", "readwrite");
    for (const place of places) transaction.objectStore("outbox").delete(place);
    await finished(transaction);
  }

  private read<T>(table: (typeof TABLES)[number], key: string): Promise<T | undefined> {
    return settled(this.database.transaction(table).objectStore(table).get(key) as IDBRequest<T | undefined>);
  }

  private async write(table: (typeof TABLES)[number], key: string, value: unknown): Promise<void> {
    const transaction = this.database.transaction(table, "readwrite");
    transaction.objectStore(table).put(value, key);
    await finished(transaction);
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage did not answer"));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () =>
      reject(transaction.error ?? new Error("the browser's storage refused to keep the session"));
  });
}
