package dev.segue

import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Files

/** What an app gets: a list that follows the person, offline too, and events that arrive. */
internal class HostTest : HostCase() {
    @Test
    fun `the list has changed when a skip was recorded, and the event arrives with its slate`() = test {
        openHost(folder, service, clock).use { segue ->
            val before = items(segue)
            segue.shown(segue.lists.value)
            val shown = segue.lists.value.slate
            segue.record(NewEvent("skip", before.first(), playedMs = 2_000))
            assertNotEquals(before, items(segue))
            segue.flush()
            segue.state.first { it.waiting == 0L && it.sent == 9L }
            val skip = service.batches.joinToString().substringAfter("\"kind\":\"skip\"")
            assertTrue("\"slate\":\"$shown\"" in skip && "\"position\":0" in skip, skip)
        }
    }

    @Test
    fun `it starts without a network from what was kept, and goes on with the session`() = test {
        val last = openHost(folder, service, clock).use { segue ->
            service.isOnline = false
            segue.record(NewEvent("like", items(segue)[3]))
            segue.sessionId to items(segue)
        }
        openHost(folder, service, clock).use { segue ->
            assertEquals(last, segue.sessionId to items(segue))
            segue.record(NewEvent("skip", items(segue).first(), playedMs = 1_000))
            assertEquals(2L, segue.state.value.waiting)
        }
        service.isOnline = true
        openHost(folder, service, clock).use { segue ->
            segue.flush()
            segue.state.first { it.waiting == 0L }
        }
        assertEquals(setOf("like", "skip"), Regex("\"kind\":\"([a-z_]+)\"").findAll(service.batches.joinToString()).map { it.groupValues[1] }.toSet())
    }

    @Test
    fun `nothing kept and no network is said with a code`() = test {
        service.isOnline = false
        assertEquals("network_unreachable", refusal { openHost(folder, service, clock) })
    }

    @Test
    fun `of a newer pack what changed is fetched, and what it makes is kept as a whole one is`() = test {
        openHost(folder, service, clock).use { segue ->
            service.delta = World.delta
            service.publish()
            service.log.clear()
            segue.refresh()
            assertEquals(2uL, segue.lists.value.generation)
            segue.refresh()
            assertEquals(listOf("GET packs 226", "GET packs 304"), service.log.filter { "packs" in it })
            assertEquals(emptyList<String>(), segue.problems.replayCache.map { it.code })
        }
    }

    @Test
    fun `what changed of a pack is told where it came damaged, and the pack fetched whole`() = test {
        openHost(folder, service, clock).use { segue ->
            service.delta = World.delta.copyOf(World.delta.size - 1)
            service.publish()
            service.log.clear()
            segue.refresh()
            assertEquals(listOf("GET packs 226", "GET packs 200"), service.log.filter { "packs" in it })
            assertEquals(2uL, segue.lists.value.generation)
            assertEquals(listOf("envelope_damaged"), segue.problems.replayCache.map { it.code })
        }
    }

    @Test
    fun `what changed is no pack where nobody asked for it`() = test {
        service.between = { request -> HttpResponse(226, emptyMap(), World.delta).takeIf { "/packs/" in request.url } }
        assertEquals("http_226", refusal { openHost(folder, service, clock) })
    }

    @Test
    fun `what has not changed is not fetched again`() = test {
        openHost(folder, service, clock).use { segue ->
            service.log.clear()
            segue.refresh()
            assertEquals(listOf("GET manifest 304", "GET packs 304", "GET rotations 404"), service.log.sorted())
        }
    }

    @Test
    fun `somebody without a pack of their own gets everyone's, or hears why not`() = test {
        assertEquals("pack_missing", refusal { openHost(folder, service, clock) { copy(user = "nobody") } })
    }

    @Test
    fun `a surface that the service has not is refused`() = test {
        assertEquals("surface_unknown", refusal { openHost(folder, service, clock) { copy(surface = "nowhere") } })
    }

    @Test
    fun `an outage costs no event, and the wait ends when the network is back`() = test {
        openHost(folder, service, clock).use { segue ->
            service.eventsStatus = 503
            segue.record(NewEvent("like", items(segue).first()))
            segue.state.first { it.sending == Sending.WAITING }
            service.eventsStatus = 202
            segue.wake()
            segue.state.first { it.waiting == 0L && it.sent == 1L }
        }
    }

    @Test
    fun `refused credentials are asked for again, and new ones send what waits`() = test {
        var token = "old"
        openHost(folder, service, clock) { copy(headers = { mapOf("authorization" to token) }) }.use { segue ->
            service.eventsStatus = 401
            segue.record(NewEvent("like", items(segue).first()))
            assertEquals("credentials_needed", segue.problems.first().code)
            segue.state.first { it.sending == Sending.CREDENTIALS }
            token = "new"
            service.eventsStatus = 202
            segue.renewCredentials()
            segue.state.first { it.waiting == 0L }
        }
    }

    @Test
    fun `eight coroutines record at once and every event arrives`() = test {
        openHost(folder, service, clock).use { segue ->
            val items = items(segue)
            coroutineScope { repeat(8) { worker -> launch { repeat(25) { segue.record(NewEvent("click", items[(worker + it) % items.size])) } } } }
            segue.flush()
            segue.state.first { it.sent == 200L }
        }
        assertEquals(200, Regex("\"event_id\":\"([^\"]*)\"").findAll(service.batches.joinToString()).map { it.groupValues[1] }.toSet().size)
    }

    @Test
    fun `after half an hour of silence another session begins, and starting over forgets`() = test {
        openHost(folder, service, clock).use { segue ->
            val before = items(segue) to segue.sessionId
            segue.record(NewEvent("dislike", before.first.first()))
            clock.pass(31 * 60_000)
            segue.record(NewEvent("click", items(segue).first()))
            assertNotEquals(before.second, segue.sessionId)
            assertTrue(before.first.first() !in items(segue), "what the person decided stays")
            segue.startOver()
            assertTrue(before.first.first() in items(segue), "and is forgotten when starting over")
        }
    }

    @Test
    fun `a damaged file is fetched again or begun anew`() = test {
        openHost(folder, service, clock).use { it.record(NewEvent("like", items(it).first())) }
        Files.walk(folder).use { files -> files.filter(Files::isRegularFile).forEach { Files.write(it, byteArrayOf(1, 2, 3)) } }
        openHost(folder, service, clock).use { segue ->
            assertEquals(8, items(segue).size)
            assertTrue(segue.problems.replayCache.any { it.code == "trust_damaged" }, "${segue.problems.replayCache}")
        }
    }
}
