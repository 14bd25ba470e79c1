package dev.segue

import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.suspendCancellableCoroutine
import okhttp3.Call
import okhttp3.Callback
import okhttp3.OkHttpClient
import okhttp3.RequestBody.Companion.toRequestBody
import java.io.IOException
import java.util.concurrent.TimeUnit

/** A request of the host. */
public class HttpRequest(
    /** `GET` or `POST`. */
    public val method: String,
    /** The whole address. */
    public val url: String,
    /** Headers by name. */
    public val headers: Map<String, String>,
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
    /** The answer, whatever its status; an [IOException] where there was none. Cancelled with its coroutine. */
    public suspend fun send(request: HttpRequest): HttpResponse
}

/** Requests by OkHttp, on Android and on the JVM. */
public class OkHttpTransport(
    private val client: OkHttpClient = OkHttpClient.Builder().callTimeout(30, TimeUnit.SECONDS).build(),
) : Transport {
    override suspend fun send(request: HttpRequest): HttpResponse = suspendCancellableCoroutine { waiting ->
        val call = client.newCall(
            okhttp3.Request.Builder().url(request.url)
                .apply { request.headers.forEach { (name, value) -> header(name, value) } }
                .method(request.method, request.body?.toRequestBody())
                .build(),
        )
        waiting.invokeOnCancellation { call.cancel() }
        call.enqueue(object : Callback {
            override fun onFailure(call: Call, e: IOException) = waiting.resumeWithException(e)

            override fun onResponse(call: Call, response: okhttp3.Response) {
                val answer = runCatching {
                    response.use { HttpResponse(it.code, it.headers.associate { (name, value) -> name.lowercase() to value }, it.body.bytes()) }
                }
                answer.fold({ waiting.resume(it) }, { waiting.resumeWithException(it) })
            }
        })
    }
}
