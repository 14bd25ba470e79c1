package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Event
import dev.segue.bindings.SegueException
import dev.segue.bindings.eventKinds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger

/** The bindings under load and under misuse. */
internal class EngineTest {
    private fun like(id: String, item: String = World.engine().use { it.rank(World.request).places.first().item }) =
        Event(id, "like", World.nowMs, item = item)

    @Test
    fun `a skip reorders the list`() = World.engine().use { engine ->
        val before = engine.rank(World.request).places.map { it.item }
        engine.apply(Event("e1", "skip", World.nowMs, item = before.first(), playedMs = 2_000u))
        val after = engine.rank(World.request).places.map { it.item }
        assertTrue(before != after, "$before")
    }

    @Test
    fun `a session goes on after a restart`() {
        val (saved, trust, expected) = World.engine().use { engine ->
            engine.apply(like("e1"))
            Triple(engine.saveSession(), engine.saveTrust(), engine.rank(World.request))
        }
        keepState("session", saved)
        keepState("trust", trust)
        World.engine().use { engine ->
            engine.restoreTrust(trust)
            engine.restoreSession(saved)
            assertEquals(expected, engine.rank(World.request))
            assertEquals(1uL, engine.interactions())
        }
        for (other in statesOfOthers()) World.engine().use { engine ->
            engine.restoreTrust(other.resolveSibling("${other.nameWithoutExtension}.trust").readBytes())
            engine.restoreSession(other.readBytes())
            assertEquals(expected, engine.rank(World.request), "$other")
        }
    }

    @Test
    fun `damaged state is refused with its code and changes nothing`() = World.engine().use { engine ->
        val saved = engine.saveSession()
        for (cut in saved.indices) {
            val failure = assertThrows(SegueException.Refused::class.java) { engine.restoreSession(saved.copyOf(cut)) }
            assertEquals("session_damaged", failure.code)
        }
        assertEquals("too_large", assertThrows(SegueException.Refused::class.java) { engine.restoreSession(ByteArray(3 shl 20)) }.code)
    }

    @Test
    fun `eight threads hammer one engine and no event is lost`() = World.engine().use { engine ->
        val items = engine.rank(World.request).places.map { it.item }
        val threads = Executors.newFixedThreadPool(8)
        val failures = AtomicInteger()
        repeat(8) { thread ->
            threads.execute {
                runCatching {
                    repeat(200) { number ->
                        engine.apply(Event("e$thread-$number", "click", World.nowMs + number, item = items[number % items.size]))
                        assertEquals(items.size, engine.rank(World.request).places.size)
                        if (number % 50 == 0) engine.restoreTrust(engine.saveTrust())
                    }
                }.onFailure { failures.incrementAndGet() }
            }
        }
        threads.shutdown()
        assertTrue(threads.awaitTermination(2, TimeUnit.MINUTES))
        assertEquals(0, failures.get())
        assertEquals(1_600uL, engine.interactions())
    }

    @Test
    fun `an engine that is closed while other threads are inside ends in refusals, not in a crash`() {
        repeat(20) {
            val engine = World.engine()
            val isClosed = AtomicBoolean()
            val threads = List(4) {
                // A call that was inside when it was closed ends well; one that comes later is refused.
                Thread { while (!isClosed.get()) runCatching { engine.rank(World.request) } }.apply { start() }
            }
            Thread.sleep(5)
            engine.close()
            isClosed.set(true)
            threads.forEach { it.join() }
            assertThrows(IllegalStateException::class.java) { engine.rank(World.request) }
        }
    }

    @Test
    fun `a hundred thousand lists leave no more memory in use`() = World.engine().use { engine ->
        val item = engine.rank(World.request).places.first().item
        val request = World.request.copy(count = 2u)
        fun lists(count: Int, from: Int) = repeat(count) { number ->
            if (number % 10 == 0) engine.apply(Event("e${from + number}", "click", World.nowMs + number, item = item))
            engine.rank(request)
        }
        lists(10_000, 0)
        val (heap, whole) = usedBytes() to residentBytes()
        lists(100_000, 10_000)
        assertTrue(growth(heap) < ALLOWED_BYTES, "the heap grew by ${growth(heap)} bytes")
        assertTrue(residentBytes() - whole < 48 shl 20, "the process grew by ${residentBytes() - whole} bytes")
    }

    @Test
    fun `the kinds of the documents are those of the engine`() {
        assertEquals(23, eventKinds().size)
        assertTrue("not_interested" in eventKinds())
    }

    @Test
    fun `a key that is none is refused`() {
        assertEquals("key_invalid", assertThrows(SegueException.Refused::class.java) { Engine("no key") }.code)
    }
}

private val states: File? = System.getenv("SEGUE_STATES")?.let(::File)

/** For the tests of the other languages, which restore it. */
private fun keepState(kind: String, bytes: ByteArray) {
    states?.resolve("kotlin.$kind")?.writeBytes(bytes)
}

/** The same session as other languages saved it. */
private fun statesOfOthers(): List<File> = states?.listFiles().orEmpty().filter { it.extension == "session" }

private const val ALLOWED_BYTES = 4L shl 20

private fun usedBytes(): Long {
    System.gc()
    return Runtime.getRuntime().run { totalMemory() - freeMemory() }
}

/** How much more is in use than [before], once the cleaners, which work behind, have let go of what is not. */
private fun growth(before: Long): Long {
    repeat(100) {
        if (usedBytes() - before < ALLOWED_BYTES) return usedBytes() - before
        Thread.sleep(100)
    }
    return usedBytes() - before
}

/** Memory of the whole process, the library's with it; 0 where the system does not tell. */
private fun residentBytes(): Long {
    val status = Path.of("/proc/self/status")
    if (!Files.exists(status)) return 0
    val line = Files.readAllLines(status).first { it.startsWith("VmRSS:") }
    return line.filter(Char::isDigit).toLong() * 1_024
}
