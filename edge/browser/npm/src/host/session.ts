/** The live session: what the engine remembers, under an id and with a seed. */
import type { Engine } from "../engine.js";
import { asHostError, type HostError } from "./failure.js";
import type { HostStore, Values } from "./store/contract.js";

interface Saved {
  id: string;
  seed: number;
  engine: Uint8Array;
}

const fresh = (): Omit<Saved, "engine"> => ({
  id: crypto.randomUUID(),
  seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
});

/** One subject's session, shared by all tabs. */
export class Session {
  private now = fresh();

  constructor(
    private readonly engine: Engine,
    private readonly store: HostStore,
    private readonly subject: string,
  ) {}

  /** Its id, which events carry. */
  get id(): string {
    return this.now.id;
  }

  /** Where the engine's draws start; the same in all tabs, so that they show the same list. */
  get seed(): number {
    return this.now.seed;
  }

  /** Goes on with what was kept, or begins what other tabs join; answers why what was kept is of no use. */
  async restore(): Promise<HostError | null> {
    const saved = await this.store.read<Saved>(this.key);
    if (!saved) {
      await this.store.write(this.values());
      return null;
    }
    try {
      if (saved.engine.length > 0) this.engine.restore_session(saved.engine);
      else this.engine.reset_session();
      this.now = { id: saved.id, seed: saved.seed };
      return null;
    } catch (failure) {
      return asHostError(failure);
    }
  }

  /** Begins another. */
  begin(): void {
    this.engine.reset_session();
    this.now = fresh();
  }

  /** What to keep of it. */
  values(): Values {
    return { [this.key]: { ...this.now, engine: this.engine.save_session() } satisfies Saved };
  }

  private get key(): string {
    return `session:${this.subject}`;
  }
}
