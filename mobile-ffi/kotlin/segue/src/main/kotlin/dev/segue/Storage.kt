package dev.segue

import java.io.IOException
import java.net.URLEncoder
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.nio.file.Files
import java.nio.file.NoSuchFileException
import java.nio.file.Path
import java.nio.file.StandardCopyOption.ATOMIC_MOVE
import java.nio.file.StandardCopyOption.REPLACE_EXISTING
import java.nio.file.StandardOpenOption.CREATE
import java.nio.file.StandardOpenOption.READ
import java.nio.file.StandardOpenOption.TRUNCATE_EXISTING
import java.nio.file.StandardOpenOption.WRITE

/** Where a host keeps what has to outlive the app. Called from the host's own threads, never from the caller's. */
public interface Storage {
    /** What was kept of [owner] under [name]; null where nothing was. */
    @Throws(IOException::class)
    public fun read(owner: String, name: String): ByteArray?

    /** Keeps [bytes]: when this returns they survive a power cut, and before there is what was there before. */
    @Throws(IOException::class)
    public fun write(owner: String, name: String, bytes: ByteArray)

    /** The file of [owner]'s waiting events; its folder exists. */
    @Throws(IOException::class)
    public fun outbox(owner: String): Path

    /** Deletes everything kept of [owner]. */
    @Throws(IOException::class)
    public fun forget(owner: String)
}

/** Files in one folder for each owner, below a folder of the app's own. */
public class FileStorage(folder: Path) : Storage {
    private val folder = folder.toAbsolutePath()

    /** Windows opens no folders; its file systems keep a journal of moves. */
    private val isJournaled = System.getProperty("os.name").startsWith("Windows")

    override fun read(owner: String, name: String): ByteArray? = try {
        Files.readAllBytes(folderOf(owner).resolve(name))
    } catch (_: NoSuchFileException) {
        null
    }

    override fun write(owner: String, name: String, bytes: ByteArray) {
        val folder = made(owner)
        val fresh = folder.resolve("$name.new")
        FileChannel.open(fresh, CREATE, WRITE, TRUNCATE_EXISTING).use { file ->
            val rest = ByteBuffer.wrap(bytes)
            while (rest.hasRemaining()) file.write(rest)
            file.force(true)
        }
        Files.move(fresh, folder.resolve(name), ATOMIC_MOVE, REPLACE_EXISTING)
        sync(folder)
    }

    override fun outbox(owner: String): Path = made(owner).resolve("outbox")

    override fun forget(owner: String) {
        val folder = folderOf(owner)
        if (!Files.exists(folder)) return
        Files.walk(folder).use { files -> files.sorted(Comparator.reverseOrder()).forEach(Files::delete) }
        sync(folder.parent)
    }

    private fun made(owner: String): Path {
        val folder = folderOf(owner)
        val missing = generateSequence(folder) { it.parent }.takeWhile { Files.notExists(it) }.toList()
        Files.createDirectories(folder)
        missing.forEach { sync(it.parent) }
        return folder
    }

    /** A new name survives a power cut once its folder is synced. */
    private fun sync(folder: Path) {
        if (!isJournaled) FileChannel.open(folder, READ).use { it.force(true) }
    }

    /** Ids may hold signs that no file name can. */
    private fun folderOf(owner: String): Path = folder.resolve(URLEncoder.encode(owner, "UTF-8").replace(".", "%2E"))
}
