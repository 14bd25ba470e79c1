package dev.segue

import dev.segue.bindings.Engine
import kotlinx.coroutines.CompletableDeferred
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.io.IOException
import java.nio.file.Path
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.atomic.AtomicLong

/** One signed generation with a ranker, out of the golden vectors. */
internal object World {
    private val steps = Vectors.steps("ranker-head").associateBy { it.getValue("call").jsonPrimitive.content }

    val root: String = text("new_engine", "root")
    val nowMs: Long = steps.getValue("accept_pack").getValue("now_ms").jsonPrimitive.long
    val surface: String = text("accept_policy", "surface")
    val user: String = text("accept_pack", "subject").removePrefix("user:")
    val manifest: ByteArray = bytes("accept_manifest", "bytes")
    val pack: ByteArray = bytes("accept_pack", "bytes")
    val policy: ByteArray = bytes("accept_policy", "bytes")
    val model: ByteArray = bytes("accept_ranker", "model")
    val schema: ByteArray = bytes("accept_ranker", "schema")
    val request = requestOf(steps.getValue("rank").getValue("request") as JsonObject)

    /** An engine with all of it. */
    fun engine(): Engine = Engine(root).apply {
        acceptManifest(manifest, nowMs)
        acceptPolicy(surface, policy)
        acceptRanker(model, schema)
        acceptPack(pack, "user:$user", nowMs)
    }

    private fun text(call: String, name: String) = steps.getValue(call).getValue(name).jsonPrimitive.content

    private fun bytes(call: String, name: String) = Vectors.bytes(steps.getValue(call).getValue(name))
}

/** A service that serves [World] and takes events in, with a network that can be cut. */
internal class FakeService : Transport {
    /** What was asked for, `GET manifest 304` and the like. */
    val log = CopyOnWriteArrayList<String>()

    /** Bodies of batches that were accepted. */
    val batches = CopyOnWriteArrayList<String>()
    @Volatile var isOnline = true
    @Volatile var eventsStatus = 202

    /** Batches wait until this is completed, where it is set. */
    @Volatile var gate: CompletableDeferred<Unit>? = null

    private val resources: Map<String, ByteArray> by lazy {
        val manifest = Engine(World.root).use { it.acceptManifest(World.manifest, World.nowMs) }
        mapOf(
            "manifest" to World.manifest,
            "packs/${World.user}" to World.pack,
            "models/${manifest.policies.getValue(World.surface).hash}" to World.policy,
            "models/${manifest.ranker!!.hash}" to World.model,
            "models/${manifest.ranker!!.schema.hash}" to World.schema,
        )
    }

    override suspend fun send(request: HttpRequest): HttpResponse {
        if (!isOnline) throw IOException("the network is off")
        val path = request.url.substringAfter("/api/v1/")
        val answer = if (request.method == "POST") events(request) else resource(path, request.headers["if-none-match"])
        log += "${request.method} ${path.substringBefore('/')} ${answer.status}"
        return answer
    }

    private suspend fun events(request: HttpRequest): HttpResponse {
        gate?.await()
        val body = checkNotNull(request.body).decodeToString()
        if (eventsStatus == 202) batches += body
        val count = Regex("\"event_id\"").findAll(body).count()
        return HttpResponse(eventsStatus, emptyMap(), """{"accepted":$count,"duplicates":0,"rejected":[]}""".encodeToByteArray())
    }

    private fun resource(path: String, tag: String?): HttpResponse {
        val bytes = resources[path] ?: return HttpResponse(404, emptyMap(), """{"code":"pack_missing"}""".encodeToByteArray())
        val etag = "\"${bytes.contentHashCode()}\""
        return if (tag == etag) HttpResponse(304, emptyMap(), ByteArray(0)) else HttpResponse(200, mapOf("etag" to etag), bytes)
    }
}

/** A clock that goes only when told to. */
internal class Clock(start: Long = World.nowMs) {
    private val time = AtomicLong(start)

    fun now(): Long = time.get()

    fun pass(milliseconds: Long) {
        time.addAndGet(milliseconds)
    }
}

internal suspend fun openHost(
    folder: Path,
    service: FakeService,
    clock: Clock = Clock(),
    change: Options.() -> Options = { this },
): Segue {
    val options = Options(World.root, "http://service.test", World.surface, World.user, count = 8, gatherMs = 5)
    return Segue.open(options.change(), FileStorage(folder), service, now = clock::now)
}
