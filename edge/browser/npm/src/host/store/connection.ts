/** The connection to one database, made again whenever the browser has closed it. */
import { HostError } from "../failure.js";

const VERSION = 1;
/** Values by subject and name. */
export const VALUES = "values";
/** Waiting events by subject and place in the order. */
export const OUTBOX = "outbox";

/** Between tries of a transaction that the browser cut off. */
const PAUSES_MS = [0, 10, 40, 160];

/** A table within a transaction. */
export type Table = (name: typeof VALUES | typeof OUTBOX) => IDBObjectStore;

/** A database that is open whenever it is needed. */
export class Connection {
  private opening: Promise<IDBDatabase> | null = null;
  private ended = false;

  constructor(private readonly name: string) {}

  /** The open database; fails where the browser keeps none. */
  open(): Promise<IDBDatabase> {
    if (this.ended) return Promise.reject(new HostError("closed", "The host was closed."));
    this.opening ??= this.connect().catch((failure: unknown) => {
      this.opening = null;
      throw failure;
    });
    return this.opening;
  }

  /**
   * One transaction over both tables; it is over, or nothing of it happened, when this returns. One that the browser
   * cut off, because it closed the database meanwhile, is done again: `work` must bear that.
   */
  async transact<T>(mode: IDBTransactionMode, durability: IDBTransactionDurability, work: (table: Table) => Promise<T>): Promise<T> {
    for (const pause of PAUSES_MS) {
      try {
        return await this.attempt(mode, durability, work);
      } catch (failure) {
        if (!isCutOff(failure)) throw failure;
        this.close();
        // A browser that clears a site's data closes what is opened before it is done.
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    return this.attempt(mode, durability, work);
  }

  /** Closes it for good. */
  end(): void {
    this.ended = true;
    this.close();
  }

  /** Closes it until it is needed again. */
  private close(): void {
    const { opening } = this;
    this.opening = null;
    opening?.then((database) => database.close(), () => undefined);
  }

  private async attempt<T>(mode: IDBTransactionMode, durability: IDBTransactionDurability, work: (table: Table) => Promise<T>): Promise<T> {
    const transaction = await this.begin(mode, durability);
    const over = finished(transaction);
    try {
      const result = await work((name) => transaction.objectStore(name));
      await over;
      return result;
    } catch (failure) {
      over.catch(() => undefined);
      abort(transaction);
      // The transaction knows best why its requests failed.
      throw transaction.error ?? failure;
    }
  }

  private async begin(mode: IDBTransactionMode, durability: IDBTransactionDurability): Promise<IDBTransaction> {
    const begin = (database: IDBDatabase): IDBTransaction => database.transaction([VALUES, OUTBOX], mode, { durability });
    const database = await this.open();
    try {
      return begin(database);
    } catch {
      // Closed without a word, as browsers do with pages they put to sleep.
      this.close();
      return begin(await this.open());
    }
  }

  private async connect(): Promise<IDBDatabase> {
    const opening = indexedDB.open(this.name, VERSION);
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore(VALUES);
      opening.result.createObjectStore(OUTBOX, { keyPath: ["subject", "sequence"] });
    };
    const database = await settled(opening);
    database.onclose = () => this.close();
    // A later version of this package may want to change the layout; it must not wait for this page.
    database.onversionchange = () => this.close();
    return database;
  }
}

/** What a request answers. */
export function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("the browser's storage did not answer"));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser's storage refused"));
  });
}

/** Whether the browser ended a transaction, and neither a refusal of its own nor one of ours did. */
function isCutOff(failure: unknown): boolean {
  return failure instanceof DOMException && (failure.name === "AbortError" || failure.name === "UnknownError");
}

function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It is over already.
  }
}
