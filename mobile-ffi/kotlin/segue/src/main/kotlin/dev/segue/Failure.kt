package dev.segue

import dev.segue.bindings.SegueException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import java.io.IOException

/** What the host reports: a stable code of `docs/ERRORS.md` to branch on, with what was wrong in the message. */
public class HostException(
    /** `network_unreachable`, `credentials_needed`, `events_refused`, `storage_failed`, `too_large`, `closed`, `unexpected`, `http_STATUS`, or a code of the service or the engine. */
    public val code: String,
    message: String,
    /** The HTTP status; 0 where there was no answer, or none was asked for. */
    public val status: Int = 0,
    cause: Throwable? = null,
) : Exception("$code: $message", cause)

/** The stable code of an engine's refusal. */
public val SegueException.code: String
    get() = when (this) {
        is SegueException.Refused -> code
    }

/**
 * Anything caught, as an exception with a code. The coroutine's own cancellation goes on as it is; one that came out of the
 * app's code, its `withTimeout`, is a failure like any other.
 */
internal suspend fun failureOf(caught: Throwable): HostException {
    currentCoroutineContext().ensureActive()
    return hostException(caught)
}

/** Anything caught where nothing waits, as an exception with a code. */
internal fun hostException(caught: Throwable): HostException = when (caught) {
    is HostException -> caught
    is SegueException.Refused -> HostException(caught.code, "${caught.detail} ${caught.remedy}", cause = caught)
    is IOException -> HostException("storage_failed", caught.message ?: "the device's storage refused.", cause = caught)
    else -> HostException("unexpected", caught.toString(), cause = caught)
}
