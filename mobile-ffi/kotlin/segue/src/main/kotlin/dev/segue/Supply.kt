package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.SegueException
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

private const val BUNDLE = "bundle"
private const val TRUST = "trust"

/** Where that is kept which is nobody's own; no subject is called so. */
private const val EVERYBODY = "everybody"

/** What the engine was fed with last and took. */
internal class Good(val bundle: Bundle, val manifest: Manifest, val pack: PackInfo)

/** Keeps an engine fed: what was kept first, then what the service has now. */
internal class Supply(
    private val engine: Engine,
    private val download: Download,
    private val storage: Storage,
    private val options: Options,
    private val complain: (HostException) -> Unit,
) {
    private val refreshing = Mutex()
    private var good: Good? = null

    /** What was refused of the last feeding; the same bytes are worth feeding again then. */
    private var refused: List<HostException> = emptyList()

    /** The last good bundle with its manifest and pack. */
    val last: Good get() = good ?: throw HostException("pack_missing", "No pack has been accepted yet.")

    /**
     * Feeds what was kept; where nothing was, what the service has; where that is of no use, everyone's pack. Answers
     * whether the service has still to be asked.
     */
    suspend fun open(): Boolean = refreshing.withLock {
        // Kept beside the bundle, as trust in a newer generation would refuse an older bundle at a start without a network.
        restoreTrust(options.subject)
        val kept = storage.read(options.subject, BUNDLE)?.let(Bundle::decode)
        if (kept != null && take(kept, feed(engine, kept))) return true
        first()
        false
    }

    /**
     * Looks for a newer generation, or with [anew] has the person's pack made; whatever goes wrong, the present one stays.
     * Answers whether anything was fed.
     */
    suspend fun refresh(anew: Boolean = false): Boolean = refreshing.withLock {
        val fresh = download.bundle(options.subject, last.bundle, anew)
        if (fresh === last.bundle && refused.isEmpty()) return false
        feedWhole(fresh)
        true
    }

    /** The first bundle ever, or everyone's where the person's own cannot be used. */
    private suspend fun first() {
        var wanted: Bundle? = null
        try {
            wanted = download.bundle(options.subject)
            if (feedWhole(wanted)) return
        } catch (failure: HostException) {
            if (failure.status == 0 || options.subject == EVERYONE) throw failure
            complain(failure)
        }
        if (!feedWhole(download.bundle(EVERYONE))) throw refused.firstOrNull() ?: HostException("pack_missing", "No pack could be used.", 422)
        // Offered once more, so that the engine shows the refusal instead of hiding it behind everyone's pack.
        wanted?.let { feed(engine, it) }
    }

    /** Feeds a bundle; when a refresh was published between its manifest and its pack, fetches both once more. */
    private suspend fun feedWhole(bundle: Bundle): Boolean {
        restoreTrust(EVERYBODY)
        var (latest, fed) = bundle to feed(engine, bundle)
        if (fed.refused.any { it.code == "pack_wrong_generation" }) {
            try {
                latest = download.bundle(bundle.subject)
                fed = feed(engine, latest)
            } catch (failure: HostException) {
                complain(failure)
            }
        }
        refused = fed.refused
        refused.forEach(complain)
        // Whatever becomes of the pack, a manifest that was checked is never followed by an older one.
        if (fed.manifest != null) storage.write(EVERYBODY, TRUST, engine.saveTrust())
        if (!take(latest, fed)) return false
        storage.write(options.subject, BUNDLE, latest.encode())
        storage.write(options.subject, TRUST, engine.saveTrust())
        return true
    }

    private fun restoreTrust(owner: String) {
        val kept = storage.read(owner, TRUST) ?: return
        try {
            engine.restoreTrust(kept)
        } catch (failure: SegueException) {
            complain(hostException(failure))
        }
    }

    private fun take(bundle: Bundle, fed: Fed): Boolean {
        good = Good(bundle, fed.manifest ?: return false, fed.pack ?: return false)
        return true
    }
}
