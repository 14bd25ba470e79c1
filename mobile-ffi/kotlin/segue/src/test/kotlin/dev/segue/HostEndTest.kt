package dev.segue

import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.util.concurrent.CountDownLatch
import java.util.concurrent.atomic.AtomicInteger

/** Callers that are cancelled, hosts that are closed, people who are forgotten, all while something is under way. */
internal class HostEndTest : HostCase() {
    /** Completed when a write of the session has begun, which then waits for [go]. */
    private val began = CompletableDeferred<Unit>()
    private val go = CountDownLatch(1)

    private fun heldUp() = WatchedStorage(folder) { name ->
        if (name == "session") began.complete(Unit).also { go.await() }
    }

    @Test
    fun `whoever is cancelled stops waiting for the storage, and the event is kept even so`() = test {
        openHost(folder, service, clock, heldUp()).use { segue ->
            coroutineScope {
                val cancelled = launch { segue.record(NewEvent("dislike", items(segue)[2])) }
                began.await()
                cancelled.cancelAndJoin()
            }
            go.countDown()
            segue.state.first { it.waiting == 0L && it.sent == 1L }
            assertEquals(listOf("dislike"), arrived("kind"))
        }
    }

    @Test
    fun `whoever is cancelled stops waiting for the network, and the batch arrives even so`() = test {
        service.gate = CompletableDeferred()
        openHost(folder, service, clock) { copy(gatherMs = 60_000) }.use { segue ->
            segue.record(NewEvent("save", items(segue)[2]))
            coroutineScope {
                val cancelled = launch { segue.flush() }
                segue.state.first { it.sending == Sending.SENDING }
                cancelled.cancelAndJoin()
            }
            assertEquals(1L, segue.state.value.waiting)
            service.gate?.complete(Unit)
            segue.state.first { it.waiting == 0L && it.sent == 1L }
        }
    }

    @Test
    fun `whoever is cancelled stops waiting for a pack, which comes even so`() = test {
        openHost(folder, service, clock).use { segue ->
            val (asked, gate) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
            service.publish()
            service.between = { null.also { asked.complete(Unit) }.also { gate.await() } }
            coroutineScope {
                val cancelled = launch { segue.refresh() }
                asked.await()
                cancelled.cancelAndJoin()
            }
            assertEquals(1uL, segue.lists.value.generation)
            gate.complete(Unit)
            segue.lists.first { it.generation == 2uL }
        }
    }

    @Test
    fun `a host that was closed says so`() = test {
        val segue = openHost(folder, service, clock)
        val calls = AtomicInteger()
        coroutineScope {
            val recording = launch { while (refusal { segue.record(NewEvent("click", "item-001")) } != "closed") calls.incrementAndGet() }
            while (calls.get() < 3) delay(1)
            segue.close()
            recording.join()
        }
        assertEquals("closed", refusal { segue.refresh() })
        segue.close()
    }

    @Test
    fun `a host that was closed in the middle of a write is followed by another at once`() = test {
        // Nobody waits for the one that records.
        coroutineScope {
            repeat(40) {
                openHost(folder, service, clock).use { segue ->
                    launch { refusal { while (true) segue.record(NewEvent("click", items(segue).first())) } }
                    delay(5)
                }
            }
        }
    }

    @Test
    fun `forgetting deletes everything kept of the person`() = test {
        openHost(folder, service, clock).forget()
        assertEquals(listOf("everybody"), kept())
    }

    @Test
    fun `forgetting waits for what is being written, so that nothing comes back`() = test {
        val segue = openHost(folder, service, clock, heldUp())
        coroutineScope {
            val recording = launch { refusal { segue.record(NewEvent("like", items(segue).first())) } }
            began.await()
            val forgetting = launch { segue.forget() }
            // As long as it would take if it did not wait.
            withTimeoutOrNull(200) { forgetting.join() }
            go.countDown()
            forgetting.join()
            recording.join()
        }
        assertEquals(listOf("everybody"), kept())
    }
}
