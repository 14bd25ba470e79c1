package dev.segue

import dev.segue.bindings.Answer
import kotlinx.coroutines.CancellationException
import java.io.IOException
import java.time.Duration
import java.time.Instant
import java.time.format.DateTimeFormatter

/** Bytes with the tag to ask for newer ones by. */
internal class Tagged(val bytes: ByteArray, val etag: String?)

/** Requests to the service: conditional reads, and batches of events. */
internal class Service(private val options: Options, private val transport: Transport, private val now: () -> Long) {
    /** The credentials of the last batch. */
    private var used: Map<String, String>? = null

    /** Reads a resource, or answers with what is known of it when it has not changed. */
    suspend fun read(path: String, known: Tagged? = null): Tagged {
        val conditional = known?.etag?.let { mapOf("if-none-match" to it) }.orEmpty()
        val request = HttpRequest("GET", url(path), options.headers() + conditional)
        val answer = try {
            transport.send(request)
        } catch (failure: IOException) {
            throw HostException("network_unreachable", "No answer to $path: the network is off or the service is not running.", cause = failure)
        }
        if (answer.status == 304 && known != null) return known
        if (answer.status !in 200..299) throw refusal(path, answer)
        return Tagged(answer.body, answer.headers["etag"])
    }

    /** Posts a batch; status 0 where nothing came back. */
    suspend fun post(body: String): Answer = try {
        val credentials = options.headers()
        used = credentials
        val request = HttpRequest("POST", url("events"), credentials + ("content-type" to "application/json"), body.encodeToByteArray())
        val answer = transport.send(request)
        Answer(answer.status.toUShort(), retryAfter(answer.headers["retry-after"])?.toULong(), answer.body)
    } catch (cancelled: CancellationException) {
        throw cancelled
    } catch (_: Exception) {
        Answer(0u, null, ByteArray(0))
    }

    /** Whether the app gives other headers than those of the last batch. */
    suspend fun hasOtherCredentials(): Boolean = options.headers() != used

    private fun url(path: String): String = "${options.baseUrl.trimEnd('/')}/api/v1/$path"

    /** `Retry-After` is a number of seconds or a date. */
    private fun retryAfter(value: String?): Long? {
        if (value == null) return null
        value.trim().toLongOrNull()?.let { return maxOf(0, it) * 1_000 }
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
