package dev.segue

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Test
import java.nio.ByteBuffer

/** Bytes that were kept and may have been damaged since. */
internal class BundleTest {
    private val tagged = Tagged(byteArrayOf(1, 2), "\"tag\"")

    private fun bundle(artefacts: Map<String, ByteArray>) = Bundle("user:u1", null, tagged, tagged, artefacts, 7)

    @Test
    fun `what was kept comes back`() {
        val read = checkNotNull(Bundle.decode(bundle(mapOf("ab" to byteArrayOf(3))).encode()))
        assertEquals(listOf("user:u1", "\"tag\"", 7L, setOf("ab")), listOf(read.subject, read.pack.etag, read.acceptedMs, read.artefacts.keys))
    }

    @Test
    fun `a count that cannot be is damage like any other`() {
        // Without artefacts their count comes last.
        val whole = bundle(emptyMap()).encode()
        for (count in listOf(-1, 1, Int.MAX_VALUE, Int.MIN_VALUE)) {
            val damaged = ByteBuffer.wrap(whole.copyOf()).putInt(whole.size - Int.SIZE_BYTES, count).array()
            assertNull(Bundle.decode(damaged), "$count")
        }
    }

    @Test
    fun `bytes that end early or were flipped are refused or read, and never more`() {
        val whole = bundle(mapOf("ab" to byteArrayOf(3))).encode()
        for (cut in whole.indices) assertNull(Bundle.decode(whole.copyOf(cut)), "cut at $cut")
        for (place in whole.indices) Bundle.decode(whole.copyOf().also { it[place] = (it[place].toInt() xor 0x80).toByte() })
    }
}
