package dev.segue

import dev.segue.bindings.Next
import dev.segue.bindings.Outbox
import dev.segue.bindings.Outcome
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext

/** The largest body sent at once, in bytes. */
private const val MOST_BYTES = 262_144u

/** How long to wait before credentials that were refused are tried again: some change unseen. */
private const val CREDENTIALS_WAIT_MS = 5 * 60_000L

/** How long to wait after the device's storage failed. */
private const val STORAGE_WAIT_MS = 60_000L

/** What the host does about waiting events. */
public enum class Sending { IDLE, SENDING, WAITING, CREDENTIALS }

/** Carries out what the outbox decides: posts, tells of the answer, waits. */
internal class Sender(
    private val outbox: Outbox,
    private val service: Service,
    private val scope: CoroutineScope,
    private val now: () -> Long,
    private val desk: Desk,
) {
    /** Whom the sender tells. */
    interface Desk {
        fun sending(now: Sending)
        fun settled(outcome: Outcome)
        fun failed(failure: HostException)
    }

    private val pumping = Mutex()
    private var timer: Job? = null
    private var resting = Sending.IDLE

    /** When credentials that were refused are tried again. */
    private var retryAtMs = 0L

    /** Whether other credentials than those refused have been tried already. */
    private var renewed = false

    /** Events wait: they are sent together with those that follow within so many milliseconds. */
    fun queued(gatherMs: Long) {
        if (timer?.isActive != true || resting == Sending.CREDENTIALS) pumpIn(gatherMs)
    }

    /** The network is back: a wait that the service did not ask for ends. */
    suspend fun wake() {
        outbox.wake()
        pump()
    }

    /** There are other credentials. */
    suspend fun renewCredentials() {
        renewed = false
        outbox.renewCredentials()
        pump()
    }

    /** Sends until nothing waits or the outbox says to wait; returns then. */
    suspend fun pump(): Unit = pumping.withLock {
        timer?.cancel()
        try {
            rest(sendAll())
        } catch (failure: Exception) {
            desk.failed(failureOf(failure))
            pumpIn(STORAGE_WAIT_MS)
        }
    }

    private suspend fun sendAll(): Next {
        while (true) {
            val next = outbox.next(now(), MOST_BYTES)
            if (next is Next.Credentials && hasOthers()) continue
            if (next !is Next.Send) return next
            turnTo(Sending.SENDING)
            deliver(next)
        }
    }

    /** A batch whose answer is not waited for any more is given back, and sent again: its events count once. */
    private suspend fun deliver(batch: Next.Send) {
        var answered = false
        try {
            val answer = service.post(batch.body)
            answered = true
            val outcome = withContext(NonCancellable) { outbox.answered(answer, now()) }
            if (outcome.verdict == "accepted") renewed = false
            report(outcome)
        } finally {
            if (!answered) outbox.giveBack()
        }
    }

    /** Whether the app gives other credentials than those refused; they are tried at once, but only once. */
    private suspend fun hasOthers(): Boolean {
        if (renewed || !service.hasOtherCredentials()) return false
        renewed = true
        outbox.renewCredentials()
        return true
    }

    private fun report(outcome: Outcome) {
        desk.settled(outcome)
        val first = outcome.refused.firstOrNull() ?: return
        desk.failed(HostException("events_refused", "${outcome.refused.size} event(s) refused: ${first.code}, ${first.detail}"))
    }

    private fun rest(next: Next) {
        when (next) {
            is Next.Wait -> pumpIn(next.milliseconds.toLong()).also { turnTo(Sending.WAITING) }
            is Next.Credentials -> awaitCredentials()
            else -> turnTo(Sending.IDLE)
        }
    }

    private fun turnTo(now: Sending) {
        resting = now
        desk.sending(now)
    }

    private fun awaitCredentials() {
        if (resting != Sending.CREDENTIALS) {
            retryAtMs = now() + CREDENTIALS_WAIT_MS
            desk.failed(HostException("credentials_needed", "The service wants other credentials."))
        }
        turnTo(Sending.CREDENTIALS)
        wakeIn(retryAtMs - now()) { renewCredentials() }
    }

    private fun pumpIn(milliseconds: Long) = wakeIn(milliseconds) { pump() }

    private fun wakeIn(milliseconds: Long, work: suspend () -> Unit) {
        timer?.cancel()
        timer = scope.launch {
            delay(milliseconds)
            // A job of its own: pumping cancels the timer.
            scope.launch { work() }
        }
    }
}
