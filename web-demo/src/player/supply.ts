/** Keeps one listener's engine fed: what was kept first, then what the service has now. */
import { Engine, type Manifest, type PackInfo } from "@segue/browser";
import { RequestFailure } from "../data/api";
import { download, feed, ownerOf, same, subjectOf, type Bundle, type Fed, type Refusal } from "../data/bundle";
import type { Store } from "../data/store";

const EVERYONE = "region:all";

/** An engine and the last bundle it accepted. */
export class Supply {
  /** Whether the last feeding was refused in part, so that the same bytes are worth feeding again. */
  private refused = false;

  private constructor(
    private readonly rootKey: string,
    private readonly store: Store,
    /** The engine. */
    readonly engine: Engine,
    /** The last good bundle. */
    public bundle: Bundle,
    /** Its manifest. */
    public manifest: Manifest,
    /** Its pack. */
    public pack: PackInfo,
  ) {}

  /**
   * An engine for `user`. Feeding what was accepted last makes it refuse anything older;
   * without that and without a usable pack, everyone's pack plays.
   */
  static async open(rootKey: string, store: Store, user: string, complain: (refusal: Refusal) => void): Promise<Supply> {
    const engine = new Engine(rootKey);
    const kept = await store.bundle(subjectOf(user));
    const before = kept && feed(engine, kept);
    const known = kept && before?.manifest && before.pack ? new Supply(rootKey, store, engine, kept, before.manifest, before.pack) : undefined;
    let fresh: Bundle | undefined;
    try {
      fresh = await download(rootKey, user);
    } catch (failure) {
      if (!(failure instanceof RequestFailure)) throw failure;
      if (failure.status !== 0) complain(failure);
      if (known) return known;
      if (failure.status === 0 || user === EVERYONE) throw failure;
    }
    if (known) {
      if (fresh) await known.take(fresh, complain);
      return known;
    }
    return Supply.first(rootKey, store, engine, fresh, complain);
  }

  /** Looks for a newer generation; whatever goes wrong, the present one stays. Answers whether anything was fed. */
  async refresh(complain: (refusal: Refusal) => void): Promise<boolean> {
    const fresh = await download(this.rootKey, ownerOf(this.bundle.subject));
    return this.take(fresh, complain);
  }

  /** Feeds the last good bundle again; answers what is refused even so. */
  repair(): Refusal[] {
    return feed(this.engine, this.bundle).refused;
  }

  /** The first bundle ever, or everyone's in its place. */
  private static async first(
    rootKey: string,
    store: Store,
    engine: Engine,
    wanted: Bundle | undefined,
    complain: (refusal: Refusal) => void,
  ): Promise<Supply> {
    const taken = wanted && (await feedWhole(rootKey, engine, wanted));
    taken?.fed.refused.forEach(complain);
    if (taken?.fed.manifest && taken.fed.pack) return Supply.kept(rootKey, store, engine, taken.bundle, taken.fed);
    const regional = await download(rootKey, EVERYONE);
    const instead = feed(engine, regional);
    // Offered once more, so that the engine shows the refusal instead of hiding it behind the good pack.
    if (wanted) feed(engine, wanted);
    return Supply.kept(rootKey, store, engine, regional, instead);
  }

  private static async kept(rootKey: string, store: Store, engine: Engine, bundle: Bundle, { manifest, pack, refused }: Fed): Promise<Supply> {
    if (!manifest || !pack) {
      const first = refused[0];
      throw new RequestFailure(first?.code ?? "pack_missing", first?.message ?? "No pack could be used.", 422);
    }
    await store.keepBundle(bundle.subject, bundle);
    return new Supply(rootKey, store, engine, bundle, manifest, pack);
  }

  private async take(fresh: Bundle, complain: (refusal: Refusal) => void): Promise<boolean> {
    if (same(fresh, this.bundle) && !this.refused) return false;
    const { bundle, fed } = await feedWhole(this.rootKey, this.engine, fresh);
    const { manifest, pack, refused } = fed;
    refused.forEach(complain);
    this.refused = refused.length > 0;
    if (manifest && pack) {
      [this.bundle, this.manifest, this.pack] = [bundle, manifest, pack];
      await this.store.keepBundle(bundle.subject, bundle);
    }
    return true;
  }
}

/** Feeds a bundle; when a refresh was published between its manifest and its pack, fetches both once more. */
async function feedWhole(rootKey: string, engine: Engine, bundle: Bundle): Promise<{ bundle: Bundle; fed: Fed }> {
  const fed = feed(engine, bundle);
  if (!fed.refused.some((refusal) => refusal.code === "pack_wrong_generation")) return { bundle, fed };
  const again = await download(rootKey, ownerOf(bundle.subject)).catch(() => null);
  return again ? { bundle: again, fed: feed(engine, again) } : { bundle, fed };
}
