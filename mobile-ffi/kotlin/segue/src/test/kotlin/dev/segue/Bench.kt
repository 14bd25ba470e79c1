package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Event
import dev.segue.bindings.RankRequest
import java.nio.file.Files
import java.nio.file.Path

private const val WARM_UP = 2_000
private const val MEASURED = 2_000
private const val BETWEEN_MS = 45_000L

private fun given(name: String): String = checkNotNull(System.getenv(name)) { "$name is not set; `cargo xtask bench mobile` sets it" }

private fun artefact(name: String): ByteArray = Files.readAllBytes(Path.of(given("SEGUE_ARTEFACTS"), name))

/** One re-rank across the boundary, for `cargo xtask bench mobile`: the same as `tests/conformance/examples/rerank.rs`. */
internal fun main() {
    val (surface, startMs) = given("SEGUE_SURFACE") to given("SEGUE_START_MS").toLong()
    val engine = Engine(given("SEGUE_ROOT"))
    val manifest = engine.acceptManifest(artefact("manifest"), startMs)
    engine.acceptPolicy(surface, artefact("models/${manifest.policies.getValue(surface).hash}"))
    val ranker = checkNotNull(manifest.ranker)
    engine.acceptRanker(artefact("models/${ranker.hash}"), artefact("models/${ranker.schema.hash}"))
    engine.acceptPack(artefact("packs/bench"), given("SEGUE_SUBJECT"), startMs)
    val times = List(WARM_UP + MEASURED) { number ->
        val timeMs = startMs + BETWEEN_MS * number
        engine.apply(Event("e$number", "click", timeMs, item = "track-%04d".format(number * 7 % 500)))
        val request = RankRequest(surface, 50u, timeMs, seed = 1u)
        val before = System.nanoTime()
        val slate = engine.rank(request)
        val took = System.nanoTime() - before
        check(slate.places.size == 50)
        took
    }
    println("{\"median_us\":${times.drop(WARM_UP).sorted()[MEASURED / 2] / 1e3}}")
}
