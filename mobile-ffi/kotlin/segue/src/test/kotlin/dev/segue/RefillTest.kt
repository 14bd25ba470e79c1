package dev.segue

import kotlinx.coroutines.delay
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** A session that leaves its pack behind: the service is asked for another, and what it has will do where it makes none. */
internal class RefillTest : HostCase() {
    private fun packsAsked() = service.log.filter { "packs" in it }

    /** Plays until few candidates are left, a minute after the host looked for a newer pack. */
    private suspend fun playOn(segue: Segue) {
        clock.pass(60_000)
        for (place in segue.list(10).places) segue.record(NewEvent("complete", place.item))
    }

    /** Goes on so many minutes later. */
    private suspend fun goOn(segue: Segue, minutes: Long) {
        clock.pass(minutes * 60_000)
        segue.record(NewEvent("click", items(segue).first()))
    }

    private suspend fun untilFetched() {
        while ("GET packs 304" !in service.log) delay(1)
    }

    @Test
    fun `a pack that the session left behind is made anew, with all that was done until then`() = test {
        service.serveThin()
        openHost(folder, service, clock) { copy(gatherMs = 60_000) }.use { segue ->
            service.madeStatus = 200
            service.log.clear()
            playOn(segue)
            while (segue.pack.candidates != 16u) delay(1)
            assertEquals(listOf("POST events 202", "POST packs 200"), service.log.filter { "POST" in it })
            assertEquals(List(10) { "complete" }, arrived("kind"))
            segue.refresh()
            assertEquals(listOf("POST packs 200", "GET packs 304"), packsAsked())
            assertEquals(emptyList<String>(), segue.problems.replayCache.map { it.code })
        }
    }

    @Test
    fun `where none is made the one that there is will do, and nobody hears of it`() = test {
        service.serveThin()
        openHost(folder, service, clock).use { segue ->
            for (status in listOf(404, 405, 429, 503, 0)) {
                service.madeStatus = status
                service.log.clear()
                if (status == 404) playOn(segue) else goOn(segue, 10)
                untilFetched()
                assertEquals(listOfNotNull("POST packs $status".takeIf { status != 0 }, "GET packs 304"), packsAsked())
                // Waits until that has come to its end.
                segue.refresh()
            }
            assertEquals(18u, segue.pack.candidates)
            assertEquals(emptyList<String>(), segue.problems.replayCache.map { it.code })
        }
    }

    @Test
    fun `for ten minutes after one was to be made, what there is is fetched`() = test {
        service.serveThin()
        openHost(folder, service, clock).use { segue ->
            playOn(segue)
            untilFetched()
            segue.refresh()
            for ((minutes, asked) in listOf(9L to listOf("GET packs 304"), 1L to listOf("POST packs 404", "GET packs 304"))) {
                service.log.clear()
                goOn(segue, minutes)
                untilFetched()
                assertEquals(asked, packsAsked())
                segue.refresh()
            }
        }
    }

    @Test
    fun `a pack that is only old is fetched`() = test {
        service.serveThin()
        openHost(folder, service, clock).use { segue ->
            service.madeStatus = 200
            service.log.clear()
            clock.pass(31 * 60_000)
            segue.record(NewEvent("click", items(segue).first()))
            untilFetched()
            segue.refresh()
            assertTrue(service.log.none { it.startsWith("POST packs") }, "${service.log}")
        }
    }
}
