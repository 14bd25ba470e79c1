package dev.segue

import dev.segue.bindings.Artefact
import dev.segue.bindings.Engine
import dev.segue.bindings.SegueException
import dev.segue.bindings.artefactOf
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import java.net.URLEncoder

/** Most bytes of what is fetched: the engine refuses more. */
private const val ROTATIONS_BYTES = 64 shl 10
private const val MANIFEST_BYTES = 256 shl 10
private const val PACK_BYTES = 4 shl 20
private const val MODEL_BYTES = 8 shl 20

/** Fetches bundles, of which nothing is believed yet but the manifest's list. */
internal class Download(
    private val service: Service,
    private val root: String,
    private val now: () -> Long,
    /** Hears of what changed that was of no use. */
    private val complain: (HostException) -> Unit,
) {
    /**
     * The bundle of [subject], or everyone's where the service has none for them; [known] itself when nothing has changed
     * since. An artefact that cannot be had is left out, as the pack's own order needs none, and asked for the next time.
     * With [anew] the service makes a person's pack now, where it does.
     */
    suspend fun bundle(subject: String, known: Bundle? = null, anew: Boolean = false): Bundle = coroutineScope {
        val rotations = async { optional { service.read("rotations", ROTATIONS_BYTES, known?.rotations) } }
        val manifest = async { service.read("manifest", MANIFEST_BYTES, known?.manifest) }
        val (owner, pack) = packOf(subject, known, anew) { base, delta -> aside(rotations.await()) { it.patchPack(base, delta) } }
        val isUnchanged = known != null && manifest.await() === known.manifest && pack === known.pack && rotations.await() === known.rotations
        val bundle = if (isUnchanged) known else Bundle(owner, rotations.await(), manifest.await(), pack, emptyMap(), now())
        val artefacts = artefactsFor(peek(bundle), known?.artefacts.orEmpty())
        val isWhole = artefacts.all { (hash, bytes) -> known?.artefacts?.get(hash) === bytes }
        if (isUnchanged && isWhole) known else Bundle(bundle.subject, bundle.rotations, bundle.manifest, bundle.pack, artefacts, bundle.acceptedMs)
    }

    /** A person's pack, or everyone's where there is none of their own. */
    private suspend fun packOf(
        subject: String,
        known: Bundle?,
        anew: Boolean,
        patch: suspend (ByteArray, ByteArray) -> ByteArray,
    ): Pair<String, Tagged> = try {
        val owner = URLEncoder.encode(subject.removePrefix("user:"), "UTF-8").replace("+", "%20").replace("%3A", ":")
        val before = known?.pack?.takeIf { known.subject == subject }
        val remade = if (anew && before != null && subject != EVERYONE) made("packs/$owner") else null
        val pack = remade ?: when (before) {
            null -> service.read("packs/$owner", PACK_BYTES)
            else -> service.readChanges("packs/$owner", PACK_BYTES, before, complain) { patch(before.bytes, it) }
        }
        subject to pack
    } catch (failure: HostException) {
        if (subject == EVERYONE || failure.status != 404) throw failure
        packOf(EVERYONE, known, anew, patch)
    }

    /** A pack that the service makes now; null where it makes none, for whatever reason: what it has will do then. */
    private suspend fun made(path: String): Tagged? = try {
        service.make(path, PACK_BYTES)
    } catch (_: HostException) {
        null
    }

    /** What the manifest lists; nothing where it is refused, which feeding it will tell. */
    private fun peek(bundle: Bundle): List<Artefact> = try {
        aside(bundle.rotations) { artefactsOf(it.acceptManifest(bundle.manifest.bytes, bundle.acceptedMs)) }
    } catch (_: SegueException) {
        emptyList()
    }

    /** What an engine of its own answers that trusts the service's present key. */
    private fun <T> aside(rotations: Tagged?, ask: (Engine) -> T): T = Engine(root).use { engine ->
        rotations?.bytes?.takeIf { it.isNotEmpty() }?.let { engine.acceptRotations(it) }
        ask(engine)
    }

    private suspend fun artefactsFor(wanted: List<Artefact>, before: Map<String, ByteArray>): Map<String, ByteArray> = coroutineScope {
        val found = wanted.map { artefact -> async { bytesOf(artefact, before[artefact.hash])?.let { artefact.hash to it } } }
        found.awaitAll().filterNotNull().toMap()
    }

    /** Bytes that fit their name: those at hand, or those of the service. */
    private suspend fun bytesOf(artefact: Artefact, before: ByteArray?): ByteArray? {
        if (before != null && fits(before, artefact)) return before
        val read = try {
            service.read("models/${artefact.hash}", minOf(artefact.bytes, MODEL_BYTES.toULong()).toInt()).bytes
        } catch (_: HostException) {
            return null
        }
        return read.takeIf { fits(it, artefact) }
    }

    private fun fits(bytes: ByteArray, artefact: Artefact): Boolean = artefactOf(bytes) == artefact

    /** A service without rotations answers 404; that is not a failure. */
    private suspend fun optional(read: suspend () -> Tagged): Tagged? = try {
        read()
    } catch (failure: HostException) {
        if (failure.status == 404) null else throw failure
    }
}
