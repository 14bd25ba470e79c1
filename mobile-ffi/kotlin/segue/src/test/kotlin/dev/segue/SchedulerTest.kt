package dev.segue

import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.job
import kotlinx.coroutines.withTimeoutOrNull
import kotlinx.coroutines.yield
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.atomic.AtomicInteger

/** Who calls a host again: the timer of the process, and whoever is given in its place. */
internal class SchedulerTest : HostCase() {
    @Test
    fun `the timer calls again and again, one call at a time, whatever comes of a call, until it is closed`() = test {
        val scope = CoroutineScope(Dispatchers.Default)
        val (calls, inside) = AtomicInteger() to AtomicInteger()
        val heard = Channel<Int>(Channel.UNLIMITED)
        val stop = CoroutineScheduler(scope).repeat(1) {
            val together = inside.incrementAndGet()
            delay(3)
            inside.decrementAndGet()
            heard.trySend(together)
            when (calls.incrementAndGet()) {
                1 -> throw CancellationException("the work's own")
                2 -> error("the work failed")
                else -> true
            }
        }
        assertEquals(List(5) { 1 }, List(5) { heard.receive() })
        stop.close()
        scope.coroutineContext.job.children.forEach { it.join() }
        val called = calls.get()
        delay(20)
        assertEquals(called, calls.get())
    }

    @Test
    fun `a host finds a newer pack by its own timer and goes on recording`() = test {
        openHost(folder, service, clock) { copy(refreshMs = 5) }.use { segue ->
            val item = items(segue).first()
            segue.record(NewEvent("dislike", item))
            service.publish()
            var recorded = 1L
            while (segue.lists.value.generation != 2uL) segue.record(NewEvent("click", items(segue).last())).also { recorded++ }
            segue.record(NewEvent("click", items(segue).last()))
            assertEquals(2uL, segue.manifest.generation)
            assertFalse(item in items(segue), "the session goes on")
            segue.flush()
            segue.state.first { it.sent == recorded + 1 }
            assertEquals((recorded + 1).toInt(), arrived("event_id").toSet().size)
        }
    }

    @Test
    fun `a scheduler of the platform's is told how often, has its calls answered, and stops with the host`() = test {
        var work: (suspend () -> Boolean)? = null
        var isStopped = false
        val scheduler = Scheduler { everyMs, given ->
            assertEquals(300_000, everyMs)
            work = given
            AutoCloseable { isStopped = true }
        }
        val options = Options(World.root, "http://service.test", World.surface, World.user, gatherMs = 60_000)
        Segue.open(options, FileStorage(folder), service, scheduler, clock::now).use { segue ->
            segue.record(NewEvent("like", items(segue).first()))
            service.log.clear()
            assertTrue(checkNotNull(work)())
            assertTrue("GET manifest 304" in service.log)
            assertEquals(1L, segue.state.value.sent)
            service.isOnline = false
            assertFalse(checkNotNull(work)())
        }
        assertTrue(isStopped)
    }

    @Test
    fun `the platform's call waits for a host, and never comes at the same time as the timer's`() = test {
        var timed: (suspend () -> Boolean)? = null
        val scheduler = PlatformScheduler { _, work -> AutoCloseable { timed = null }.also { timed = work } }
        val (inside, most) = AtomicInteger() to AtomicInteger()
        val work: suspend () -> Boolean = {
            most.accumulateAndGet(inside.incrementAndGet(), ::maxOf)
            delay(3)
            inside.decrementAndGet() == 0
        }
        coroutineScope {
            val early = async { scheduler.call() }
            yield()
            val stop = scheduler.repeat(1_000, work)
            assertTrue(early.await())
            val both = listOf(async(Dispatchers.Default) { scheduler.call() }, async(Dispatchers.Default) { checkNotNull(timed)() })
            assertEquals(listOf(true, true), both.awaitAll())
            assertEquals(1, most.get())
            stop.close()
            assertNull(timed)
            assertNull(withTimeoutOrNull(20) { scheduler.call() }, "no host is open any more")
        }
    }
}
