package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Event
import dev.segue.bindings.RankRequest
import dev.segue.bindings.SegueException
import dev.segue.bindings.Slate
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import java.nio.file.Files
import java.nio.file.Path
import kotlin.math.abs

/** The golden vectors of `tests/vectors`, whose README says what the calls are. */
internal object Vectors {
    private val folder: Path = Path.of(System.getProperty("segue.vectors"))
    private val closeness: Double = json("closeness.json").jsonObject.getValue("score").jsonPrimitive.double

    val names: List<String> = Files.list(folder).use { files ->
        files.filter { Files.exists(it.resolve("case.json")) }.map { it.fileName.toString() }.sorted().toList()
    }

    fun steps(name: String): List<JsonObject> = stepsOf("$name/case.json")

    fun expected(name: String): List<JsonObject> = stepsOf("$name/expected.json")

    fun shared(name: String): ByteArray = Files.readAllBytes(folder.resolve("shared").resolve(name))

    fun bytes(given: JsonElement): ByteArray =
        if (given is JsonPrimitive) shared(given.content) else ByteArray(given.jsonObject.getValue("zeros").jsonPrimitive.int)

    /** Where [actual] is not what [expected] says; null where it is. */
    fun difference(expected: JsonElement, actual: JsonElement?, at: String = ""): String? = when {
        expected is JsonObject && actual is JsonObject ->
            expected.firstNotNullOfOrNull { (name, value) -> difference(value, actual[name] ?: JsonNull, "$at.$name") }
        expected is JsonArray && actual is JsonArray && expected.size == actual.size ->
            expected.indices.firstNotNullOfOrNull { difference(expected[it], actual[it], "$at[$it]") }
        expected is JsonPrimitive && actual is JsonPrimitive && isSame(expected, actual, at) -> null
        else -> "$at is ${actual.toString().take(200)}, expected ${expected.toString().take(200)}"
    }

    private fun isSame(expected: JsonPrimitive, actual: JsonPrimitive, at: String): Boolean {
        if (expected.content == actual.content) return true
        val (wanted, found) = (expected.content.toDoubleOrNull() ?: return false) to (actual.content.toDoubleOrNull() ?: return false)
        val tolerance = if (at.endsWith(".score")) closeness * maxOf(1.0, abs(wanted)) else 0.0
        return abs(wanted - found) <= tolerance
    }

    private fun stepsOf(file: String) = json(file).jsonObject.getValue("steps").jsonArray.map { it.jsonObject }

    private fun json(file: String): JsonElement = Json.parseToJsonElement(Files.readString(folder.resolve(file)))
}

/** Makes a case's calls; [refused] hears of every refusal. */
internal class VectorRun(private val refused: (SegueException.Refused) -> Unit = {}) {
    private var engine: Engine? = null
    private var session = ByteArray(0)
    private var trust = ByteArray(0)

    fun outcomes(steps: List<JsonObject>): List<JsonObject> = try {
        steps.map { step ->
            try {
                call(step)
            } catch (failure: SegueException.Refused) {
                refused(failure)
                told("error" to failure.code)
            }
        }
    } finally {
        engine?.close()
    }

    private fun call(step: JsonObject): JsonObject {
        fun text(name: String) = step.getValue(name).jsonPrimitive.content
        fun bytes(name: String) = Vectors.bytes(step.getValue(name))
        fun now() = step.getValue("now_ms").jsonPrimitive.long
        if (text("call") == "new_engine") return begin(text("root"))
        val engine = checkNotNull(engine)
        return when (val call = text("call")) {
            "accept_rotations" -> told("followed" to engine.acceptRotations(bytes("bytes")).toLong())
            "accept_manifest" -> told("generation" to engine.acceptManifest(bytes("bytes"), now()).generation.toLong())
            "accept_policy" -> told().also { engine.acceptPolicy(text("surface"), bytes("bytes")) }
            "accept_ranker" -> told().also { engine.acceptRanker(bytes("model"), bytes("schema")) }
            "accept_pack" -> told("candidates" to engine.acceptPack(bytes("bytes"), text("subject"), now()).candidates.toLong())
            "patch_pack" -> told("is_target" to engine.patchPack(bytes("base"), bytes("delta")).contentEquals(bytes("target")))
            "apply" -> told("applied" to (engine.apply(eventOf(step.getValue("event").jsonObject)).reason ?: "applied"))
            "rank" -> ranked(engine, step)
            "save_session" -> told().also { session = engine.saveSession() }
            "restore_session" -> told().also { engine.restoreSession(if ("bytes" in step) bytes("bytes") else session) }
            "reset_session" -> told().also { engine.resetSession() }
            "next_session" -> told().also { engine.nextSession() }
            "save_trust" -> told().also { trust = engine.saveTrust() }
            "restore_trust" -> told().also { engine.restoreTrust(if ("bytes" in step) bytes("bytes") else trust) }
            "refill" -> JsonObject(mapOf("refill" to refill(engine, now())))
            else -> error("unknown call $call")
        }
    }

    private fun begin(root: String): JsonObject {
        engine?.close()
        engine = null
        engine = Engine(root)
        return told()
    }

    private fun ranked(engine: Engine, step: JsonObject): JsonObject {
        val request = requestOf(step.getValue("request").jsonObject)
        val units = step["units"] ?: return jsonOf(engine.rank(request))
        return jsonOf(engine.replay(request, units.jsonPrimitive.int.toUInt()))
    }

    private fun refill(engine: Engine, nowMs: Long): JsonElement {
        val wanted = engine.refill(nowMs) ?: return JsonNull
        return JsonObject(mapOf("reasons" to JsonArray(wanted.reasons.map(::JsonPrimitive)), "left" to JsonPrimitive(wanted.left.toLong())))
    }
}

internal fun eventOf(json: JsonObject): Event {
    fun text(name: String) = json[name]?.jsonPrimitive?.contentOrNull
    fun whole(name: String) = json[name]?.jsonPrimitive?.contentOrNull?.toULong()
    return Event(
        eventId = text("event_id").orEmpty(),
        kind = text("kind").orEmpty(),
        timeMs = json.getValue("time_ms").jsonPrimitive.long,
        item = text("item").orEmpty(),
        user = text("user").orEmpty(),
        session = text("session").orEmpty(),
        position = whole("position")?.toUInt(),
        slate = text("slate"),
        playedMs = whole("played_ms"),
        totalMs = whole("total_ms"),
        value = text("value")?.toDouble(),
        context = wordsOf(json["context"]),
        candidates = json["candidates"]?.jsonArray?.map { it.jsonPrimitive.content }.orEmpty(),
    )
}

internal fun requestOf(json: JsonObject): RankRequest = RankRequest(
    surface = json.getValue("surface").jsonPrimitive.content,
    count = json.getValue("count").jsonPrimitive.int.toUInt(),
    nowMs = json.getValue("now_ms").jsonPrimitive.long,
    seed = json["seed"]?.jsonPrimitive?.content?.toULong() ?: 0u,
    context = wordsOf(json["context"]),
    logFeatures = json["log_features"]?.jsonPrimitive?.content == "true",
)

private fun wordsOf(json: JsonElement?): Map<String, String> = json?.jsonObject?.mapValues { it.value.jsonPrimitive.content }.orEmpty()

/** A slate in the words of the wire. */
internal fun jsonOf(slate: Slate): JsonObject {
    val places = slate.places.map { place ->
        val parameters = JsonObject(place.reason.parameters.mapValues { JsonPrimitive(it.value) })
        val reason = JsonObject(mapOf("code" to JsonPrimitive(place.reason.code), "parameters" to parameters))
        val numbers = told("score" to place.score, "pack_position" to place.packPosition.toLong(), "propensity" to place.propensity.toLong())
        JsonObject(numbers + told("item" to place.item) + mapOf("reason" to reason))
    }
    val facts = told(
        "slate" to slate.slate, "surface" to slate.surface, "generation" to slate.generation.toLong(), "policy" to slate.policy,
        "ranker" to slate.ranker, "order" to slate.order, "fallback" to slate.fallback, "stale" to slate.stale,
        "units" to slate.units.toLong(), "complete" to slate.complete,
    )
    val features = slate.features?.let { mapOf("features" to Json.parseToJsonElement(it)) }.orEmpty()
    return JsonObject(facts + features + mapOf("places" to JsonArray(places)))
}

private fun told(vararg facts: Pair<String, Any?>): JsonObject = JsonObject(
    facts.associate { (name, value) ->
        name to when (value) {
            null -> JsonNull
            is Boolean -> JsonPrimitive(value)
            is Number -> JsonPrimitive(value)
            else -> JsonPrimitive(value.toString())
        }
    },
)
