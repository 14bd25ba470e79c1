package dev.segue.player

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.ByteArrayInputStream
import java.io.ByteArrayOutputStream
import java.io.PrintStream

/** The player against the service at `SEGUE_URL`. */
internal class PlayerTest {
    private fun given(name: String): String = checkNotNull(System.getenv(name)) { "$name is not set; `cargo xtask test` sets it" }

    private fun played(keys: String): List<String> {
        val (input, output) = System.`in` to System.out
        val written = ByteArrayOutputStream()
        try {
            System.setIn(ByteArrayInputStream(keys.encodeToByteArray()))
            System.setOut(PrintStream(written, true))
            main(arrayOf(given("SEGUE_URL"), given("SEGUE_ROOT"), given("SEGUE_USER"), given("SEGUE_SURFACE")))
        } finally {
            System.setIn(input)
            System.setOut(output)
        }
        return written.toString().lines()
    }

    @Test
    fun `a session is replayed, the queue follows each key, and the service has every event`() {
        val lines = played("skip\nskip\nlike\nnext\nquit\n")
        val lists = lines.joinToString("\n").split("-- ranked").drop(1).map { it.lines().drop(1).take(5) }
        assertEquals(5, lists.size, lines.toString())
        assertTrue(lists.zipWithNext().count { (before, after) -> before != after } >= 3, "the queue follows: $lists")
        assertTrue("8 events sent, 0 waiting" in lines, lines.takeLast(3).toString())
    }
}
