package dev.segue

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.delay
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.filterNotNull
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/** Who calls the host again: [CoroutineScheduler] as long as the process lives, [PlatformScheduler] when the system says so too. */
public fun interface Scheduler {
    /**
     * Calls [work] about every [everyMs] milliseconds, never twice at once, until what it answers with is closed. [work]
     * sends what waits, looks for a newer pack, and answers whether the service did; a call that it did not is worth another
     * one soon.
     */
    public fun repeat(everyMs: Long, work: suspend () -> Boolean): AutoCloseable
}

/** Calls as long as the process lives. */
public class CoroutineScheduler(private val scope: CoroutineScope) : Scheduler {
    override fun repeat(everyMs: Long, work: suspend () -> Boolean): AutoCloseable {
        val job = scope.launch {
            while (isActive) {
                delay(everyMs)
                try {
                    work()
                } catch (_: Exception) {
                    // It tells of its failures itself, and the next call may go well; only the end of this loop ends it.
                    ensureActive()
                }
            }
        }
        return AutoCloseable { job.cancel() }
    }
}

/** Calls by a timer, and whenever the platform grants the app some time: `android/` tells it of WorkManager's calls. */
public class PlatformScheduler(
    private val timer: Scheduler = CoroutineScheduler(CoroutineScope(SupervisorJob() + Dispatchers.Default)),
) : Scheduler {
    /** Timer and platform may come at the same time. */
    private val turn = Mutex()

    /** What to do; null while no host is open. */
    private val given = MutableStateFlow<(suspend () -> Boolean)?>(null)

    override fun repeat(everyMs: Long, work: suspend () -> Boolean): AutoCloseable {
        val inTurn: suspend () -> Boolean = { turn.withLock { work() } }
        given.value = inTurn
        val timing = timer.repeat(everyMs, inTurn)
        return AutoCloseable {
            timing.close()
            given.compareAndSet(inTurn, null)
        }
    }

    /** The platform grants some time: works as soon as a host is open, and answers what that answers. Cancelled with its coroutine. */
    public suspend fun call(): Boolean {
        val work = given.filterNotNull().first()
        return work()
    }
}
