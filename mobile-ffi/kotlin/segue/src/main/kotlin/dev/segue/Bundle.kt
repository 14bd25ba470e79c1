package dev.segue

import dev.segue.bindings.Artefact
import dev.segue.bindings.Engine
import dev.segue.bindings.SegueException
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.IOException

/** The bytes of one generation for one subject, as they came. */
internal class Bundle(
    val subject: String,
    val rotations: Tagged?,
    val manifest: Tagged,
    val pack: Tagged,
    /** Policies, ranker and schema by their hash, as far as they could be had. */
    val artefacts: Map<String, ByteArray>,
    /** When they were fetched: expiry governs accepting, so kept bytes are judged by the time they were accepted. */
    val acceptedMs: Long,
) {
    fun encode(): ByteArray {
        val bytes = ByteArrayOutputStream()
        DataOutputStream(bytes).run {
            writeInt(FORMAT)
            writeUTF(subject)
            writeLong(acceptedMs)
            listOf(rotations, manifest, pack).forEach { put(it) }
            writeInt(artefacts.size)
            artefacts.forEach { (hash, artefact) -> writeUTF(hash).also { put(artefact) } }
        }
        return bytes.toByteArray()
    }

    companion object {
        private const val FORMAT = 1

        /** What [encode] wrote; null where it is damaged or of another version, as it can be fetched again. */
        fun decode(bytes: ByteArray): Bundle? = try {
            DataInputStream(ByteArrayInputStream(bytes)).run {
                if (readInt() != FORMAT) return null
                val (subject, acceptedMs) = readUTF() to readLong()
                val (rotations, manifest, pack) = List(3) { tagged() }
                val artefacts = List(size()) { readUTF() to block() }.toMap()
                if (manifest == null || pack == null) null else Bundle(subject, rotations, manifest, pack, artefacts, acceptedMs)
            }
        } catch (_: IOException) {
            null
        }

        private fun DataOutputStream.put(tagged: Tagged?) {
            writeBoolean(tagged != null)
            if (tagged == null) return
            writeUTF(tagged.etag.orEmpty())
            put(tagged.bytes)
        }

        private fun DataOutputStream.put(block: ByteArray) {
            writeInt(block.size)
            write(block)
        }

        private fun DataInputStream.tagged(): Tagged? {
            if (!readBoolean()) return null
            val etag = readUTF().ifEmpty { null }
            return Tagged(block(), etag)
        }

        private fun DataInputStream.block(): ByteArray = ByteArray(size()).also { readFully(it) }

        /** How many follow, which is never more than there are bytes. */
        private fun DataInputStream.size(): Int {
            val size = readInt()
            if (size !in 0..available()) throw IOException("a size of $size")
            return size
        }
    }
}

/** What became of a bundle: manifest and pack where they were taken, and why anything was refused. */
internal class Fed(val manifest: Manifest?, val pack: PackInfo?, val refused: List<HostException>)

/** Hands a bundle to an engine, which keeps what it had in place of anything it refuses. */
internal fun feed(engine: Engine, bundle: Bundle): Fed {
    val refused = mutableListOf<HostException>()
    fun <T> attempt(accept: () -> T): T? = try {
        accept()
    } catch (failure: SegueException) {
        refused += hostException(failure)
        null
    }
    bundle.rotations?.bytes?.takeIf { it.isNotEmpty() }?.let { attempt { engine.acceptRotations(it) } }
    val manifest = attempt { engine.acceptManifest(bundle.manifest.bytes, bundle.acceptedMs) } ?: return Fed(null, null, refused)
    fun artefact(hash: String) = bundle.artefacts[hash] ?: ByteArray(0)
    manifest.policies.forEach { (surface, policy) -> attempt { engine.acceptPolicy(surface, artefact(policy.hash)) } }
    manifest.ranker?.let { attempt { engine.acceptRanker(artefact(it.hash), artefact(it.schema.hash)) } }
    val pack = attempt { engine.acceptPack(bundle.pack.bytes, bundle.subject, bundle.acceptedMs) }
    return Fed(manifest, pack, refused)
}

/** Everything a manifest names, each thing once. */
internal fun artefactsOf(manifest: Manifest): List<Artefact> {
    val ranker = manifest.ranker?.let { listOf(Artefact(it.hash, it.bytes), it.schema) }.orEmpty()
    return (manifest.policies.values + ranker).distinctBy { it.hash }
}
