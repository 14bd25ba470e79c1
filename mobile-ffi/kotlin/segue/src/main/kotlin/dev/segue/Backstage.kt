package dev.segue

import dev.segue.bindings.Event
import dev.segue.bindings.Outbox
import dev.segue.bindings.Outcome
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update

/** What works behind a host: the outbox with its sender, the session's file, and what the app is told of both. */
internal class Backstage(
    private val outbox: Outbox,
    service: Service,
    private val session: Session,
    private val options: Options,
    private val threads: Threads,
    now: () -> Long,
    private val told: MutableSharedFlow<HostException>,
) : AutoCloseable {
    private val current = MutableStateFlow(HostState())
    val state: StateFlow<HostState> = current.asStateFlow()
    val problems: SharedFlow<HostException> = told.asSharedFlow()
    val sender = Sender(outbox, service, threads.scope, now, Desk())

    /** Counts what waits and begins to send it. */
    fun begin() {
        count(0)
        threads.launch { sender.pump() }
    }

    /**
     * Keeps [events], which survive a crash then, and the session. Only the events' refusal is their caller's to hear: without
     * its file the session is the one before at the next start, and nobody has to hand over an event again for that.
     */
    suspend fun keep(events: List<Event>) {
        val saved = attempt { session.save() }
        threads.keeping {
            val refusal = runCatching { if (events.isNotEmpty()) outbox.enqueueAll(events) }.exceptionOrNull()
            if (saved != null) attempt { session.keep(saved) }
            count(0)
            // Those before one that is refused are in.
            if (events.isNotEmpty()) sender.queued(options.gatherMs)
            refusal?.let { throw it }
        }
    }

    /** Does [work], or complains. */
    fun <T> attempt(work: () -> T): T? = try {
        work()
    } catch (failure: Exception) {
        complain(hostException(failure))
        null
    }

    /** Tells of something that failed; the host goes on. */
    fun complain(problem: HostException) {
        told.tryEmit(problem)
    }

    override fun close() = outbox.close()

    private fun count(taken: Long) {
        val (waiting, lost) = outbox.waiting().toLong() to outbox.lost()
        current.update { it.copy(waiting = waiting, lost = lost, sent = it.sent + taken) }
    }

    private inner class Desk : Sender.Desk {
        override fun sending(now: Sending) = current.update { it.copy(sending = now) }

        override fun settled(outcome: Outcome) = count(outcome.taken.toLong())

        override fun failed(failure: HostException) = complain(failure)
    }
}
