/** Keeps an engine fed: what was kept first, then what the service has now. */
import type { Engine } from "../../engine.js";
import type { Manifest, PackInfo } from "../../types.js";
import { asHostError, HostError } from "../failure.js";
import { EVERYONE, type Settings } from "../options.js";
import type { Service } from "../service.js";
import type { HostStore } from "../store/contract.js";
import { feed, type Bundle, type Fed } from "./bundle.js";
import { download, type Source } from "./download.js";

const BUNDLE = "bundle";
/**
 * Kept beside the bundle, as trust in a newer generation would refuse an older bundle at a start without a network; and
 * once for everybody of this browser, so that what the service brings is never older than what anybody has seen.
 */
const TRUST = "trust";

/** What the engine was fed with last and took. */
interface Good {
  bundle: Bundle;
  manifest: Manifest;
  pack: PackInfo;
}

/** An engine's supply of one subject's packs. */
export class Supply {
  private good: Good | null = null;
  /** What was refused of the last feeding; the same bytes are worth feeding again then. */
  private refused: HostError[] = [];
  private refreshing: Promise<boolean> | null = null;
  private readonly source: Source;

  constructor(
    readonly engine: Engine,
    service: Service,
    private readonly store: HostStore,
    private readonly everybodys: HostStore,
    private readonly settings: Settings,
    private readonly complain: (failure: HostError) => void,
  ) {
    this.source = { service, root: settings.root, complain };
  }

  /** The last good bundle with its manifest and pack. */
  get last(): Good {
    if (!this.good) throw new HostError("pack_missing", "No pack has been accepted yet.");
    return this.good;
  }

  /**
   * Feeds what was kept; where nothing was, what the service has; where that is of no use, everyone's pack. Answers
   * whether the service has still to be asked.
   */
  async open(): Promise<boolean> {
    await this.restoreTrust(this.store);
    const kept = await this.store.read<Bundle>(BUNDLE);
    if (kept && this.take(kept, feed(this.engine, kept))) return true;
    await this.first();
    return false;
  }

  /**
   * Looks for a newer generation, or with `anew` has the person's pack made; whatever goes wrong, the present one stays.
   * Answers whether anything was fed.
   */
  async refresh(anew = false): Promise<boolean> {
    // What is on its way may not have asked for one to be made.
    while (anew && this.refreshing) await this.refreshing.catch(() => false);
    this.refreshing ??= this.look(anew).finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  /** Feeds the last good bundle again; answers what is refused even so. */
  repair(): HostError[] {
    return feed(this.engine, this.last.bundle).refused;
  }

  /** Takes over what another tab has kept; answers whether anything was fed. */
  async reload(): Promise<boolean> {
    const kept = await this.store.read<Bundle>(BUNDLE);
    return kept !== undefined && this.take(kept, feed(this.engine, kept));
  }

  /** An older generation, and a key that was given up, are refused after a restart too. */
  private async restoreTrust(store: HostStore): Promise<void> {
    this.takeUp(await store.read<Uint8Array>(TRUST));
  }

  private takeUp(trust?: Uint8Array): void {
    try {
      if (trust) this.engine.restore_trust(trust);
    } catch (failure) {
      this.complain(asHostError(failure));
    }
  }

  /** Whatever becomes of the packs, a manifest that was checked is never followed by an older one. */
  private async keepTrust(): Promise<void> {
    const after = (kept: unknown): Uint8Array => {
      this.takeUp(kept as Uint8Array | undefined);
      return this.engine.save_trust();
    };
    await this.everybodys.record([], {}, { key: TRUST, after });
  }

  private async look(anew: boolean): Promise<boolean> {
    const { bundle } = this.last;
    const fresh = await download(this.source, this.settings.subject, bundle, anew);
    if (fresh === bundle && this.refused.length === 0) return false;
    await this.feedWhole(fresh);
    return true;
  }

  /** The first bundle ever, or everyone's where the person's own cannot be used. */
  private async first(): Promise<void> {
    const { subject } = this.settings;
    let wanted: Bundle | null = null;
    try {
      wanted = await download(this.source, subject);
      if (await this.feedWhole(wanted)) return;
    } catch (failure) {
      const { status } = asHostError(failure);
      if (status === 0 || subject === EVERYONE) throw failure;
      this.complain(asHostError(failure));
    }
    if (!(await this.feedWhole(await download(this.source, EVERYONE)))) {
      throw this.refused[0] ?? new HostError("pack_missing", "No pack could be used.", 422);
    }
    // Offered once more, so that the engine shows the refusal instead of hiding it behind everyone's pack.
    if (wanted) feed(this.engine, wanted);
  }

  /** Feeds a bundle; when a refresh was published between its manifest and its pack, fetches both once more. */
  private async feedWhole(bundle: Bundle): Promise<boolean> {
    await this.restoreTrust(this.everybodys);
    let [last, fed] = [bundle, feed(this.engine, bundle)];
    if (fed.refused.some((refusal) => refusal.code === "pack_wrong_generation")) {
      const again = await download(this.source, bundle.subject).catch(() => null);
      if (again) [last, fed] = [again, feed(this.engine, again)];
    }
    this.refused = fed.refused;
    fed.refused.forEach(this.complain);
    if (fed.manifest) await this.keepTrust();
    if (!this.take(last, fed)) return false;
    await this.store.write({ [BUNDLE]: last, [TRUST]: this.engine.save_trust() });
    return true;
  }

  private take(bundle: Bundle, { manifest, pack }: Fed): boolean {
    if (!manifest || !pack) return false;
    this.good = { bundle, manifest, pack };
    return true;
  }
}
