package dev.segue

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Path

/** Records for as long as it is let, and says so after each event: what [CrashTest] kills. */
internal fun main(arguments: Array<String>): Unit = runBlocking {
    val (folder, first) = Path.of(arguments[0]) to arguments[1].toInt()
    openHost(folder, FakeService().apply { eventsStatus = 503 }).use { segue ->
        for (number in first..Int.MAX_VALUE) {
            val items = segue.lists.value.places.map { it.item }
            segue.record(NewEvent("click", items[number % items.size], context = mapOf("number" to "n$number")))
            println(number)
        }
    }
}

/** A process that is killed while it records. */
internal class CrashTest : HostCase() {
    /** Kills it after so many events; answers the last one that was acknowledged. */
    private fun recordedUntilKilled(first: Int, count: Int): Int {
        val properties = listOf("jna.library.path", "segue.vectors").map { "-D$it=${System.getProperty(it)}" }
        val java = Path.of(System.getProperty("java.home"), "bin", "java").toString()
        val command = listOf(java, "-cp", System.getProperty("java.class.path")) + properties + listOf("dev.segue.CrashTestKt", "$folder", "$first")
        val child = ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val said = child.inputStream.bufferedReader()
        val before = List(count) { checkNotNull(said.readLine()) { "it ended by itself" } }
        // By its handle, which leaves open what it has said.
        child.toHandle().destroyForcibly()
        return (before + said.readLines()).maxOf { it.toInt() }
    }

    @Test
    fun `every event that was acknowledged is there after the process was killed, and the session goes on`() = test {
        var last = -1
        for (count in listOf(1, 9, 40)) last = recordedUntilKilled(last + 1, count).also { assertTrue(it >= last + count) }
        openHost(folder, service, clock).use { segue ->
            segue.flush()
            segue.state.first { it.waiting == 0L }
        }
        val missing = (0..last).map { "n$it" } - arrived("number").toSet()
        assertEquals(emptyList<String>(), missing)
        assertEquals(1, arrived("session").toSet().size)
    }
}
