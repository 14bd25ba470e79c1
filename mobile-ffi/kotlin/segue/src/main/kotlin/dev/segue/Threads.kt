package dev.segue

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.isActive
import kotlinx.coroutines.job
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/** Where a host works: in a scope of its own, so that what has begun is finished even when its caller is cancelled. */
internal class Threads : AutoCloseable {
    val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private val ranking = Dispatchers.Default.limitedParallelism(1)
    private val keeping = Dispatchers.IO.limitedParallelism(1)

    /** Work on the engine and on what follows from it, one thing at a time. */
    suspend fun <T> ranking(work: suspend () -> T): T = awaited { withContext(ranking) { work() } }

    /** Writes, in the order they were asked for; part of other work. */
    suspend fun <T> keeping(work: () -> T): T = withContext(keeping) { work() }

    /** Work that waits for the network. */
    suspend fun <T> asking(work: suspend () -> T): T = awaited { withContext(Dispatchers.IO) { work() } }

    /** Work that nobody waits for. */
    fun launch(work: suspend () -> Unit) {
        scope.launch { work() }
    }

    /** Nothing begins any more. */
    override fun close() = scope.cancel()

    /** Waits until nothing is under way. */
    suspend fun ended() = scope.coroutineContext.job.join()

    private suspend fun <T> awaited(work: suspend () -> T): T {
        return try {
            scope.async { work() }.await()
        } catch (failure: Exception) {
            // The caller's own cancellation goes on; the end of the host's scope is something to hear of.
            currentCoroutineContext().ensureActive()
            if (!scope.isActive) throw HostException("closed", "This host was closed: open another.", cause = failure)
            throw hostException(failure)
        }
    }
}
