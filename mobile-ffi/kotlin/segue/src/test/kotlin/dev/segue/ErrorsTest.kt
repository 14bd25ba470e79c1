package dev.segue

import dev.segue.bindings.Event
import dev.segue.bindings.Outbox
import dev.segue.bindings.SegueException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path
import kotlin.concurrent.thread

/** Codes that the golden vectors cannot bring out, as the documents have them. */
internal class ErrorsTest {
    @TempDir lateinit var folder: Path

    private val table = Files.readString(Path.of(System.getProperty("segue.errors")))

    private fun assertListed(code: String, failure: SegueException.Refused) {
        assertTrue(failure.code == code && "| `$code` | ${failure.remedy} |" in table, failure.toString())
    }

    private fun refusal(work: () -> Unit) = assertThrows(SegueException.Refused::class.java, work)

    private fun events(kind: String, count: Int) = List(count) { Event("$kind$it", kind, 1, item = "t1") }

    @Test
    fun `an event worth less than all that waits finds the outbox full`() {
        Outbox.open(folder.resolve("outbox").toString(), 1u).use { outbox ->
            outbox.enqueueAll(events("like", 10_000))
            assertListed("outbox_full", refusal { outbox.enqueueAll(events("impression", 1)) })
            assertEquals(10_000uL, outbox.waiting())
        }
    }

    @Test
    fun `storage that refuses is named`() {
        assertListed("storage_failed", refusal { Outbox.open(folder.resolve("nowhere/outbox").toString(), 1u) })
    }

    @Test
    fun `a list without time is refused while another thread is inside`() = World.engine().use { engine ->
        val ranking = thread { runCatching { while (!Thread.interrupted()) engine.rank(World.request) } }
        try {
            val refused = generateSequence { runCatching { engine.rank(World.request, 0u) }.exceptionOrNull() ?: Unit }
            val busy = refused.filterIsInstance<SegueException.Refused>().first()
            // The row tells what happened before it tells the remedy.
            val remedy = busy.remedy.removeSuffix(".").replaceFirstChar(Char::lowercase)
            assertTrue(busy.code == "engine_busy" && table.lines().any { "`engine_busy`" in it && remedy in it }, busy.toString())
        } finally {
            ranking.interrupt()
            ranking.join()
        }
    }
}
