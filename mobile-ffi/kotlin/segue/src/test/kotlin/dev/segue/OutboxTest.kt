package dev.segue

import dev.segue.bindings.Answer
import dev.segue.bindings.Event
import dev.segue.bindings.Next
import dev.segue.bindings.Outbox
import dev.segue.bindings.SegueException
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path

/** The outbox's file through the bindings. */
internal class OutboxTest {
    @TempDir lateinit var folder: Path

    private fun event(id: String) = Event(id, "like", 1, item = "t1")

    private fun waiting(file: Path): List<String> = Outbox.open(file.toString(), 1u).use { outbox ->
        val next = outbox.next(0, UInt.MAX_VALUE)
        if (next is Next.Send) Regex("\"event_id\":\"([^\"]*)\"").findAll(next.body).map { it.groupValues[1] }.toList() else emptyList()
    }

    @Test
    fun `a file that ends at any byte holds every event whose record is whole, and nothing else`() {
        val whole = folder.resolve("whole")
        val sizes = mutableListOf<Long>()
        Outbox.open(whole.toString(), 1u).use { outbox ->
            repeat(4) { number ->
                outbox.enqueue(event("e$number"))
                sizes += Files.size(whole)
            }
        }
        val bytes = Files.readAllBytes(whole)
        for (cut in sizes.first().toInt()..bytes.size) {
            val file = folder.resolve("cut").also { Files.write(it, bytes.copyOf(cut)) }
            val acknowledged = sizes.count { it <= cut }
            assertEquals(List(acknowledged) { "e$it" }, waiting(file), "cut at $cut")
        }
    }

    @Test
    fun `after a damaged end the next event is kept`() {
        val file = folder.resolve("outbox")
        Outbox.open(file.toString(), 1u).use { it.enqueue(event("e0")) }
        Files.write(file, Files.readAllBytes(file) + ByteArray(7) { 9 })
        Outbox.open(file.toString(), 1u).use { it.enqueue(event("e1")) }
        assertEquals(listOf("e0", "e1"), waiting(file))
    }

    @Test
    fun `what the service has leaves the file, what it refuses is named and counted`() {
        val file = folder.resolve("outbox").toString()
        Outbox.open(file, 1u).use { outbox ->
            listOf("e0", "e1").forEach { outbox.enqueue(event(it)) }
            assertTrue(outbox.next(0, UInt.MAX_VALUE) is Next.Send)
            assertEquals(Next.Busy, outbox.next(0, UInt.MAX_VALUE))
            val receipt = """{"accepted":1,"duplicates":0,"rejected":[{"index":1,"code":"item_missing","detail":"x"}]}"""
            val outcome = outbox.answered(Answer(202u, null, receipt.encodeToByteArray()), 0)
            assertEquals(listOf("e1" to "item_missing"), outcome.refused.map { it.eventId to it.code })
            assertEquals(1uL, outbox.lost().refused)
        }
        assertEquals(emptyList<String>(), waiting(folder.resolve("outbox")))
    }

    @Test
    fun `events handed over together are kept together, up to one that is refused`() {
        val file = folder.resolve("outbox")
        Outbox.open(file.toString(), 1u).use { it.enqueueAll(listOf("e0", "e1", "e2").map(::event)) }
        assertEquals(listOf("e0", "e1", "e2"), waiting(file))
        Outbox.open(file.toString(), 1u).use { outbox ->
            val events = listOf(event("e3"), event("x".repeat(20_000)), event("e4"))
            assertEquals("too_large", assertThrows(SegueException.Refused::class.java) { outbox.enqueueAll(events) }.code)
        }
        assertEquals(listOf("e0", "e1", "e2", "e3"), waiting(file))
    }

    @Test
    fun `one file is open once`() {
        val file = folder.resolve("outbox").toString()
        Outbox.open(file, 1u).use {
            assertEquals("storage_failed", assertThrows(SegueException.Refused::class.java) { Outbox.open(file, 1u) }.code)
        }
        Outbox.open(file, 1u).close()
    }
}
