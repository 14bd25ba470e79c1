package dev.segue

import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Files
import java.nio.file.Path

/** What tests of a host share: a folder, a service that is not there, and a clock. */
internal abstract class HostCase {
    @TempDir lateinit var folder: Path

    protected val service = FakeService()
    protected val clock = Clock()

    protected fun items(segue: Segue): List<String> = segue.lists.value.places.map { it.item }

    /** The names below the host's folder. */
    protected fun kept(): List<String> = Files.list(folder).use { files -> files.map { it.fileName.toString() }.sorted().toList() }

    /** What the service took of one field of its events. */
    protected fun arrived(field: String): List<String> =
        Regex("\"$field\":\"([^\"]*)\"").findAll(service.batches.joinToString()).map { it.groupValues[1] }.toList()

    protected fun test(body: suspend () -> Unit) = runBlocking { withTimeout(60_000) { body() } }

    protected suspend fun refusal(work: suspend () -> Unit): String = try {
        work()
        "none"
    } catch (failure: HostException) {
        failure.code
    }
}
