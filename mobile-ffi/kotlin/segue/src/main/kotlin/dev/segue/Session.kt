package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.SegueException
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.DataInputStream
import java.io.DataOutputStream
import java.io.IOException
import java.util.UUID
import kotlin.random.Random
import kotlin.random.nextUInt

private const val SESSION = "session"
private const val FORMAT = 1

/** A session ends when this long nothing happened, as it does for the service. */
private const val IDLE_MS = 30 * 60_000L

/** A clock set back by no more than this keeps the order in which things happened; the engine goes by arrival beyond it. */
private const val SET_BACK_MS = 60 * 60_000L

/** The live session: what the engine remembers, under an id and with a seed. */
internal class Session(private val engine: Engine, private val storage: Storage, private val subject: String, private val now: () -> Long) {
    private data class Named(
        val id: String = UUID.randomUUID().toString(),
        val seed: UInt = Random.nextUInt(),
        /** When something happened last. */
        val newestMs: Long,
        /** How many events the person's engine had applied when it was told to forget them. */
        val before: Long,
    )

    private var current = Named(newestMs = now(), before = 0)

    /** Its id, which events carry. */
    val id: String get() = current.id

    /** Where the engine's draws start. */
    val seed: ULong get() = current.seed.toULong()

    /** How many events of the person the engine does not know of, which exploration goes by. */
    val interactionsBefore: Long get() = current.before

    /** Goes on with what was kept; answers why what was kept is of no use. */
    fun restore(): HostException? {
        val kept = storage.read(subject, SESSION) ?: return null
        return try {
            DataInputStream(ByteArrayInputStream(kept)).run {
                if (readInt() != FORMAT) throw IOException("a session of another version")
                val named = Named(readUTF(), readInt().toUInt(), readLong(), readLong())
                engine.restoreSession(readBytes())
                current = named
            }
            null
        } catch (failure: SegueException) {
            hostException(failure)
        } catch (failure: IOException) {
            HostException("session_damaged", "The kept session cannot be read: a new one begins.", cause = failure)
        }
    }

    /** What has to be kept of it. */
    fun save(): ByteArray {
        val bytes = ByteArrayOutputStream()
        DataOutputStream(bytes).run {
            writeInt(FORMAT)
            writeUTF(current.id)
            writeInt(current.seed.toInt())
            writeLong(current.newestMs)
            writeLong(current.before)
            write(engine.saveSession())
        }
        return bytes.toByteArray()
    }

    fun keep(saved: ByteArray): Unit = storage.write(subject, SESSION, saved)

    /**
     * Something happens: after a long silence it is the first thing of another session. Answers its time, which is never
     * before what happened last, so that a clock that was set back does not make it look older.
     */
    fun awake(): Long {
        val time = now()
        if (time - current.newestMs > IDLE_MS) {
            engine.nextSession()
            current = Named(newestMs = time, before = current.before)
        }
        val newest = current.newestMs
        val counted = if (newest - time <= SET_BACK_MS) maxOf(newest, time) else time
        current = current.copy(newestMs = counted)
        return counted
    }

    /** Begins another, with everything forgotten. */
    fun begin() {
        val before = current.before + engine.interactions().toLong()
        engine.resetSession()
        current = Named(newestMs = now(), before = before)
    }
}
