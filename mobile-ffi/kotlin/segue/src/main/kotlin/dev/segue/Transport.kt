package dev.segue

import java.io.IOException

/** A request of the host. */
public class HttpRequest(
    /** `GET` or `POST`. */
    public val method: String,
    /** The whole address. */
    public val url: String,
    /** Headers by name. */
    public val headers: Map<String, String>,
    /** The most bytes that the answer's body may have; a longer one is given up with `too_large`. */
    public val mostBytes: Int,
    /** The body of a `POST`. */
    public val body: ByteArray? = null,
)

/** What came back. */
public class HttpResponse(
    /** The HTTP status. */
    public val status: Int,
    /** Headers by name in lower case. */
    public val headers: Map<String, String>,
    /** The body. */
    public val body: ByteArray,
)

/** How requests travel: bring your app's own client, or a stand-in for tests. */
public fun interface Transport {
    /**
     * The answer, whatever its status; an [IOException] where there was none, a [HostException] with `too_large` where its
     * body is longer than [HttpRequest.mostBytes]. Cancelled with its coroutine.
     */
    public suspend fun send(request: HttpRequest): HttpResponse
}

/** What came back is longer than was asked for. */
internal fun tooLarge(path: String, status: Int, mostBytes: Int): HostException =
    HostException("too_large", "The answer to $path has more than $mostBytes bytes.", status)
