package dev.segue

import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.util.concurrent.atomic.AtomicInteger

/** What a host does when a part of it fails: nothing is lost, and the rest goes on. */
internal class HostFailureTest : HostCase() {
    private fun problems(segue: Segue) = segue.problems.replayCache.map { it.code }

    @Test
    fun `an event counts though no list can be made of it, and the list stays`() = test {
        val left = AtomicInteger(Int.MAX_VALUE)
        val context = { emptyMap<String, String>().also { check(left.getAndDecrement() > 0) { "no circumstances" } } }
        val before = openHost(folder, service, clock) { copy(context = context) }.use { segue ->
            val before = segue.lists.value
            left.set(1)
            assertEquals(before, segue.record(NewEvent("skip", before.places.first().item, playedMs = 1_000)))
            left.set(Int.MAX_VALUE)
            assertEquals(listOf("unexpected"), problems(segue))
            segue.flush()
            segue.state.first { it.sent == 1L }
            items(segue)
        }
        openHost(folder, service, clock).use { assertNotEquals(before, items(it), "the session was kept with it") }
    }

    @Test
    fun `impressions before one that is refused are kept`() = test {
        openHost(folder, service, clock).use { segue ->
            val (first, second, third) = segue.lists.value.places
            val slate = segue.lists.value.copy(places = listOf(first, second, third.copy(item = "x".repeat(200))))
            assertEquals("event_invalid", refusal { segue.shown(slate) })
            segue.flush()
            segue.state.first { it.sent == 2L }
            assertEquals(listOf(first.item, second.item), arrived("item"))
        }
    }

    @Test
    fun `amounts below nothing are refused before they are kept`() = test {
        openHost(folder, service, clock).use { segue ->
            val item = items(segue).first()
            for (event in listOf(NewEvent("skip", item, playedMs = -3), NewEvent("skip", item, totalMs = -1), NewEvent("skip", item, position = -1))) {
                assertEquals("event_invalid", refusal { segue.record(event) })
            }
            assertEquals(0L, segue.state.value.waiting)
            assertEquals(item, items(segue).first())
        }
    }

    @Test
    fun `an address without its scheme is no network that is off`() = test {
        assertEquals("request_invalid", refusal { openHost(folder, service, clock) { copy(baseUrl = "127.0.0.1:8787") } })
    }

    @Test
    fun `a session that cannot be kept costs no event`() = test {
        val storage = WatchedStorage(folder) { if (it == "session") throw IOException("no room") }
        openHost(folder, service, clock, storage).use { segue ->
            assertEquals("none", refusal { segue.record(NewEvent("like", items(segue).first())) })
            assertEquals(listOf("storage_failed"), problems(segue))
            segue.state.first { it.waiting == 0L && it.sent == 1L }
        }
    }

    @Test
    fun `a time limit of the app's own transport is no answer, and the host goes on`() = test {
        openHost(folder, service, clock).use { segue ->
            service.between = { withTimeout(1) { delay(60_000) }.let { null } }
            segue.record(NewEvent("like", items(segue).first()))
            segue.state.first { it.sending == Sending.WAITING }
            assertFalse(segue.refresh())
            service.between = { null }
            assertTrue(segue.wake())
            segue.state.first { it.waiting == 0L && it.sent == 1L }
        }
    }

    @Test
    fun `headers that cannot be had are no answer`() = test {
        var isSignedIn = true
        val headers: suspend () -> Map<String, String> = { if (isSignedIn) emptyMap() else throw IOException("no token") }
        openHost(folder, service, clock) { copy(headers = headers) }.use { segue ->
            isSignedIn = false
            assertFalse(segue.refresh())
            assertEquals(emptyList<String>(), problems(segue))
            segue.record(NewEvent("like", items(segue).first()))
            segue.state.first { it.sending == Sending.WAITING }
        }
        val elsewhere = folder.resolve("elsewhere")
        assertEquals("network_unreachable", refusal { openHost(elsewhere, service, clock) { copy(headers = headers) } })
    }

    @Test
    fun `refused credentials wait though the app has no others to give`() = test {
        var isSignedIn = true
        val headers: suspend () -> Map<String, String> = { if (isSignedIn) emptyMap() else withTimeout(1) { delay(60_000) }.let { emptyMap() } }
        openHost(folder, service, clock) { copy(headers = headers) }.use { segue ->
            service.eventsStatus = 401
            service.between = { request -> null.also { if (request.method == "POST") isSignedIn = false } }
            segue.record(NewEvent("like", items(segue).first()))
            segue.state.first { it.sending == Sending.CREDENTIALS }
            assertEquals(listOf("credentials_needed"), problems(segue))
        }
    }

    @Test
    fun `an answer that is longer than can be is given up`() = test {
        openHost(folder, service, clock).use { segue ->
            service.between = { HttpResponse(200, emptyMap(), ByteArray(it.mostBytes + 1)) }
            assertFalse(segue.refresh())
            assertEquals(listOf("too_large"), problems(segue))
        }
    }

    @Test
    fun `a second host of the same person is refused before it asks or writes anything`() = test {
        openHost(folder, service, clock).use {
            it.refresh()
            service.log.clear()
            assertEquals("storage_failed", refusal { openHost(folder, service, clock) { copy(surface = "nowhere") } })
            assertEquals(emptyList<String>(), service.log)
        }
    }
}
