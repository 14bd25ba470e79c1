package dev.segue

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch

/** Who calls the host again. The platform's own (`android/`) outlives the process; [CoroutineScheduler] does not. */
public fun interface Scheduler {
    /** Calls [work] about every [everyMs] milliseconds, never twice at once; the answer stops it. */
    public fun repeat(everyMs: Long, work: suspend () -> Unit): AutoCloseable
}

/** Calls as long as the process lives. */
public class CoroutineScheduler(private val scope: CoroutineScope) : Scheduler {
    override fun repeat(everyMs: Long, work: suspend () -> Unit): AutoCloseable {
        val job = scope.launch {
            while (isActive) {
                delay(everyMs)
                work()
            }
        }
        return AutoCloseable { job.cancel() }
    }
}
