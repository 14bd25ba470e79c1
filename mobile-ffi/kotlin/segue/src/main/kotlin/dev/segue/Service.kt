package dev.segue

import dev.segue.bindings.Answer
import dev.segue.bindings.SegueException
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import java.time.Duration
import java.time.Instant
import java.time.format.DateTimeFormatter

/** Most bytes of what the service says to a batch. */
private const val RECEIPT_BYTES = 1 shl 20

/** The longest `Retry-After` that is told, a day, in seconds. */
private const val MOST_RETRY_SECONDS = 86_400L

/** The status of an answer that is what changed. */
private const val IM_USED = 226

/** Bytes with the tag to ask for newer ones by. */
internal class Tagged(val bytes: ByteArray, val etag: String?)

/** Requests to the service: conditional reads, and batches of events. */
internal class Service(private val options: Options, private val transport: Transport, private val now: () -> Long) {
    /** The credentials of the last batch. */
    private var used: Map<String, String>? = null

    /** Reads a resource of at most [mostBytes], or answers with what is known of it when it has not changed. */
    suspend fun read(path: String, mostBytes: Int, known: Tagged? = null): Tagged {
        val conditional = known?.etag?.let { mapOf("if-none-match" to it) }.orEmpty()
        val answer = ask(path) { HttpRequest("GET", url(path), options.headers() + conditional, mostBytes) }
        return tagged(path, answer, known)
    }

    /**
     * Reads what was read before, and lets the service answer with what changed since (RFC 3229), of which [patch] makes the
     * content; where the engine refuses that, [complain] is told why and the whole is read.
     */
    suspend fun readChanges(
        path: String,
        mostBytes: Int,
        known: Tagged,
        complain: (HostException) -> Unit,
        patch: suspend (ByteArray) -> ByteArray,
    ): Tagged {
        val etag = known.etag ?: return read(path, mostBytes)
        val changes = mapOf("if-none-match" to etag, "a-im" to "segue-delta")
        val answer = ask(path) { HttpRequest("GET", url(path), options.headers() + changes, mostBytes) }
        if (answer.status != IM_USED) return tagged(path, answer, known)
        return try {
            Tagged(patch(answer.body), answer.headers["etag"])
        } catch (failure: SegueException) {
            complain(hostException(failure))
            read(path, mostBytes)
        }
    }

    /** Has a resource of at most [mostBytes] made anew; throws where the service does not. */
    suspend fun make(path: String, mostBytes: Int): Tagged {
        val answer = ask(path) { HttpRequest("POST", url(path), options.headers(), mostBytes, ByteArray(0)) }
        return tagged(path, answer, null)
    }

    private fun tagged(path: String, answer: HttpResponse, known: Tagged?): Tagged {
        if (answer.status == 304 && known != null) return known
        // What changed came for somebody who asked for that: a cache on the way has mixed up two answers.
        if (answer.status !in 200..299 || answer.status == IM_USED) throw refusal(path, answer)
        return Tagged(answer.body, answer.headers["etag"])
    }

    /** Posts a batch; status 0 where nothing came back. */
    suspend fun post(body: String): Answer = try {
        val answer = ask("events") {
            val credentials = options.headers().also { used = it }
            val headers = credentials + ("content-type" to "application/json")
            HttpRequest("POST", url("events"), headers, RECEIPT_BYTES, body.encodeToByteArray())
        }
        Answer(answer.status.toUShort(), retryAfter(answer.headers["retry-after"])?.toULong(), answer.body)
    } catch (_: HostException) {
        Answer(0u, null, ByteArray(0))
    }

    /** Whether the app gives other headers than those of the last batch; it does not where it has none to give. */
    suspend fun hasOtherCredentials(): Boolean = try {
        options.headers() != used
    } catch (_: Exception) {
        currentCoroutineContext().ensureActive()
        false
    }

    /** The answer to the request that [make] makes. Whatever goes wrong with either, the app's own `withTimeout` too, is no answer. */
    private suspend fun ask(path: String, make: suspend () -> HttpRequest): HttpResponse = try {
        val request = make()
        val answer = transport.send(request)
        if (answer.body.size > request.mostBytes) throw tooLarge(path, answer.status, request.mostBytes)
        answer
    } catch (refusal: HostException) {
        throw refusal
    } catch (failure: Exception) {
        currentCoroutineContext().ensureActive()
        val why = "the network is off or the service is not running"
        throw HostException("network_unreachable", "No answer to $path: $why (${failure.message}).", cause = failure)
    }

    private fun url(path: String): String = "${options.baseUrl.trimEnd('/')}/api/v1/$path"

    /** `Retry-After` is a number of seconds or a date. */
    private fun retryAfter(value: String?): Long? {
        if (value == null) return null
        value.trim().toLongOrNull()?.let { return it.coerceIn(0, MOST_RETRY_SECONDS) * 1_000 }
        val date = runCatching { Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(value)) }.getOrNull() ?: return null
        return maxOf(0, Duration.between(Instant.ofEpochMilli(now()), date).toMillis())
    }
}

private val CODE = Regex("\"code\"\\s*:\\s*\"([a-z0-9_]+)\"")

/** The service's own code, where the answer has one. */
private fun refusal(path: String, answer: HttpResponse): HostException {
    val code = CODE.find(answer.body.decodeToString().take(4_096))?.groupValues?.get(1)
    return HostException(code ?: "http_${answer.status}", "$path was answered with status ${answer.status}.", answer.status)
}
