package dev.segue

import dev.segue.bindings.SegueException
import kotlinx.serialization.json.JsonArray
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Files
import java.nio.file.Path

/** What every host has to agree on. */
internal class VectorsTest {
    private val refused = mutableListOf<SegueException.Refused>()

    @Test
    fun `every golden vector gives what is expected, and every refusal its remedy`() {
        assertTrue(Vectors.names.size >= 40)
        val differences = Vectors.names.mapNotNull { name ->
            val outcomes = VectorRun(refused::add).outcomes(Vectors.steps(name))
            Vectors.difference(JsonArray(Vectors.expected(name)), JsonArray(outcomes))?.let { "$name: $it" }
        }
        assertEquals(emptyList<String>(), differences)

        val table = Files.readString(Path.of(System.getProperty("segue.errors")))
        val unlisted = refused.distinctBy { it.code }.filter { "| `${it.code}` | ${it.remedy} |" !in table }
        assertEquals(emptyList<SegueException>(), unlisted)
        assertTrue(refused.map { it.code }.distinct().size >= 20, "the vectors bring out most codes")
    }
}
