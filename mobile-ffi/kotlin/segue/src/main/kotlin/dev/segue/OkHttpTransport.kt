package dev.segue

import kotlinx.coroutines.suspendCancellableCoroutine
import okhttp3.Call
import okhttp3.Callback
import okhttp3.Dispatcher
import okhttp3.OkHttpClient
import okhttp3.RequestBody.Companion.toRequestBody
import java.io.IOException
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException

/** Requests by OkHttp, on Android and on the JVM. */
public class OkHttpTransport(private val client: OkHttpClient = patient()) : Transport {
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
                val answer = runCatching { response.use { HttpResponse(it.code, headersOf(it), bodyOf(it, request.mostBytes)) } }
                answer.fold({ waiting.resume(it) }, { waiting.resumeWithException(it) })
            }
        })
    }

    private fun headersOf(response: okhttp3.Response) = response.headers.associate { (name, value) -> name.lowercase() to value }

    private fun bodyOf(response: okhttp3.Response, mostBytes: Int): ByteArray {
        val source = response.body.source()
        if (source.request(mostBytes + 1L)) throw tooLarge(response.request.url.encodedPath, response.code, mostBytes)
        return source.readByteArray()
    }

    private companion object {
        /**
         * Silence ends a request soon, while a large pack on a slow network may take its time. The threads keep no process
         * alive: otherwise a program would go on for a minute after its end.
         */
        fun patient() = OkHttpClient.Builder()
            .dispatcher(Dispatcher(Executors.newCachedThreadPool { work -> Thread(work, "segue-http").apply { isDaemon = true } }))
            .connectTimeout(30, TimeUnit.SECONDS)
            .readTimeout(30, TimeUnit.SECONDS)
            .writeTimeout(30, TimeUnit.SECONDS)
            .callTimeout(5, TimeUnit.MINUTES)
            .build()
    }
}
