package dev.segue

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.IOException
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.Executors

/** Requests by OkHttp, to a server of the test's own. */
internal class TransportTest {
    private val threads = Executors.newCachedThreadPool()
    private val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
    private val transport = OkHttpTransport()

    @AfterEach
    fun stop() {
        server.stop(0)
        threads.shutdownNow()
    }

    private fun serve(answer: (HttpExchange) -> Unit) {
        server.executor = threads
        server.createContext("/") { exchange -> exchange.use(answer) }
        server.start()
    }

    private fun HttpExchange.use(answer: (HttpExchange) -> Unit) = try {
        answer(this)
    } finally {
        close()
    }

    private fun ask(method: String = "GET", body: String? = null, mostBytes: Int = 100) = runBlocking {
        withTimeout(60_000) { transport.send(request(method, body, mostBytes)) }
    }

    private fun request(method: String = "GET", body: String? = null, mostBytes: Int = 100) =
        HttpRequest(method, "http://127.0.0.1:${server.address.port}/api", mapOf("x-told" to "yes"), mostBytes, body?.encodeToByteArray())

    @Test
    fun `method, headers, body and status go to and fro`() {
        serve { exchange ->
            val told = "${exchange.requestMethod} ${exchange.requestHeaders.getFirst("x-told")} ${exchange.requestBody.readBytes().decodeToString()}"
            exchange.responseHeaders.add("ETag", "\"one\"")
            exchange.sendResponseHeaders(422, told.length.toLong())
            exchange.responseBody.write(told.encodeToByteArray())
        }
        val answer = ask("POST", "body")
        assertEquals(listOf(422, "\"one\"", "POST yes body"), listOf(answer.status, answer.headers["etag"], answer.body.decodeToString()))
    }

    @Test
    fun `a body of as many bytes as may be is read, and one that goes on is given up`() {
        serve { exchange ->
            exchange.sendResponseHeaders(200, 0)
            if (exchange.requestMethod == "GET") exchange.responseBody.write(ByteArray(100)) else {
                // Without an end.
                while (true) exchange.responseBody.write(ByteArray(1_000))
            }
        }
        assertEquals(100, ask().body.size)
        val refused = assertThrows(HostException::class.java) { ask("POST", "") }
        assertEquals("too_large" to 200, refused.code to refused.status)
    }

    @Test
    fun `its threads keep no process alive`() {
        serve { it.sendResponseHeaders(200, -1) }
        ask()
        val own = Thread.getAllStackTraces().keys.filter { it.name.startsWith("segue-http") }
        assertTrue(own.isNotEmpty() && own.all(Thread::isDaemon), "$own")
    }

    @Test
    fun `no server is no answer`() {
        serve { }
        server.stop(0)
        assertThrows(IOException::class.java) { ask() }
    }

    @Test
    fun `whoever is cancelled lets go of the connection`() = runBlocking {
        val (asked, left) = CompletableDeferred<Unit>() to CompletableDeferred<Unit>()
        serve { exchange ->
            exchange.sendResponseHeaders(200, 0)
            asked.complete(Unit)
            runCatching { while (true) exchange.responseBody.write(ByteArray(1_000)) }.onFailure { left.complete(Unit) }
        }
        withTimeout(60_000) {
            coroutineScope {
                val waiting = launch { transport.send(request(mostBytes = Int.MAX_VALUE - 1)) }
                asked.await()
                waiting.cancelAndJoin()
            }
            left.await()
        }
        assertTrue(left.isCompleted)
    }
}
