package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.artefactOf
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

    /** The last steps of a case that goes on to a second generation of the same catalogue. */
    private val later = Vectors.steps("session-new-pack").associateBy { it.getValue("call").jsonPrimitive.content }

    /** A case of the same catalogue whose policy wants another pack once few of its 18 candidates are left. */
    private val thin = Vectors.steps("policy-refill-few").associateBy { it.getValue("call").jsonPrimitive.content }

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

    /** The next generation, which has no ranker. */
    val nextManifest: ByteArray = Vectors.bytes(later.getValue("accept_manifest").getValue("bytes"))
    val nextPack: ByteArray = Vectors.bytes(later.getValue("accept_pack").getValue("bytes"))
    val nextPolicy: ByteArray = Vectors.bytes(later.getValue("accept_policy").getValue("bytes"))

    /** A generation whose pack runs thin; [pack] would do for it as well. */
    val thinManifest: ByteArray = Vectors.bytes(thin.getValue("accept_manifest").getValue("bytes"))
    val thinPack: ByteArray = Vectors.bytes(thin.getValue("accept_pack").getValue("bytes"))
    val thinPolicy: ByteArray = Vectors.bytes(thin.getValue("accept_policy").getValue("bytes"))

    /** What changed between the two packs. */
    val delta: ByteArray = Vectors.bytes(Vectors.steps("delta-followed").first { "delta" in it }.getValue("delta"))

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

    /** What whoever has the generation before, and asks for it, is told to have changed of the pack. */
    @Volatile var delta: ByteArray? = null

    /** What a pack that is made anew is answered with: [World.pack], which is there from then on, a refusal, or nothing where it is 0. */
    @Volatile var madeStatus = 404

    /** What comes between a request and its answer: a wait, a failure, or another answer. */
    @Volatile var between: suspend (HttpRequest) -> HttpResponse? = { null }

    @Volatile private var resources: Map<String, ByteArray> = models(World.model, World.schema, World.policy, World.nextPolicy) +
        mapOf("manifest" to World.manifest, "packs/${World.user}" to World.pack)

    /** Publishes the next generation. */
    fun publish() {
        resources = resources + mapOf("manifest" to World.nextManifest, "packs/${World.user}" to World.nextPack)
    }

    /** Serves the generation whose pack runs thin. */
    fun serveThin() {
        resources = models(World.thinPolicy) + mapOf("manifest" to World.thinManifest, "packs/${World.user}" to World.thinPack)
    }

    private fun models(vararg all: ByteArray) = all.associateBy { "models/${artefactOf(it).hash}" }

    override suspend fun send(request: HttpRequest): HttpResponse {
        if (!isOnline) throw IOException("the network is off")
        between(request)?.let { return it }
        val path = request.url.substringAfter("/api/v1/")
        val answer = when {
            request.method != "POST" -> resource(path, request.headers)
            path == "events" -> events(request)
            else -> made(path)
        }
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

    private fun made(path: String): HttpResponse {
        if (madeStatus == 0) throw IOException("the network went off")
        if (madeStatus != 200) return HttpResponse(madeStatus, emptyMap(), """{"code":"pack_just_made"}""".encodeToByteArray())
        resources = resources + (path to World.pack)
        return resource(path, emptyMap())
    }

    private fun resource(path: String, headers: Map<String, String>): HttpResponse {
        val bytes = resources[path] ?: return HttpResponse(404, emptyMap(), """{"code":"pack_missing"}""".encodeToByteArray())
        val (tag, etag) = headers["if-none-match"] to tagOf(bytes)
        val changes = delta.takeIf { headers["a-im"] == "segue-delta" && tag == tagOf(World.pack) }
        return when {
            tag == etag -> HttpResponse(304, emptyMap(), ByteArray(0))
            changes != null -> HttpResponse(226, mapOf("etag" to etag), changes)
            else -> HttpResponse(200, mapOf("etag" to etag), bytes)
        }
    }

    private fun tagOf(bytes: ByteArray) = "\"${bytes.contentHashCode()}\""
}

/** A clock that goes only when told to. */
internal class Clock(start: Long = World.nowMs) {
    private val time = AtomicLong(start)

    fun now(): Long = time.get()

    fun pass(milliseconds: Long) {
        time.addAndGet(milliseconds)
    }
}

/** Storage where every write can be listened to, held up, or refused. */
internal class WatchedStorage(folder: Path, private val writing: (name: String) -> Unit) : Storage {
    private val files = FileStorage(folder)

    override fun read(owner: String, name: String) = files.read(owner, name)

    override fun write(owner: String, name: String, bytes: ByteArray) {
        writing(name)
        files.write(owner, name, bytes)
    }

    override fun outbox(owner: String) = files.outbox(owner)

    override fun forget(owner: String) = files.forget(owner)
}

internal suspend fun openHost(
    folder: Path,
    service: FakeService,
    clock: Clock = Clock(),
    storage: Storage = FileStorage(folder),
    change: Options.() -> Options = { this },
): Segue {
    val options = Options(World.root, "http://service.test", World.surface, World.user, count = 8, gatherMs = 5)
    return Segue.open(options.change(), storage, service, now = clock::now)
}
