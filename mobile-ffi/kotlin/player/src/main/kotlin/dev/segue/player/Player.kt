package dev.segue.player

import dev.segue.FileStorage
import dev.segue.NewEvent
import dev.segue.Options
import dev.segue.Segue
import dev.segue.Slate
import kotlinx.coroutines.runBlocking
import java.nio.file.Files
import java.nio.file.Path

/** A track is 200 seconds long. */
private const val TRACK_MS = 200_000L

/** `player URL ROOT_KEY USER SURFACE [FOLDER]`: a queue in the terminal that follows every key. */
public fun main(arguments: Array<String>): Unit = runBlocking {
    if (arguments.size < 4) error("player URL ROOT_KEY USER SURFACE [FOLDER]")
    val (url, root, user, surface) = arguments
    val folder = arguments.getOrNull(4)?.let(Path::of) ?: Files.createTempDirectory("segue-player")
    Segue.open(Options(root, url, surface, user), FileStorage(folder)).use { segue ->
        show(segue.lists.value)
        generateSequence(::readlnOrNull).takeWhile { it != "quit" }.forEach { line ->
            play(segue, line)
            show(segue.lists.value)
        }
        segue.flush()
        println("${segue.state.value.sent} events sent, ${segue.state.value.waiting} waiting")
    }
}

/** What a key means for the track on top. */
private suspend fun play(segue: Segue, line: String) {
    val slate = segue.lists.value
    val item = slate.places.first().item
    segue.shown(slate, listOf(item))
    when (line) {
        "skip" -> segue.record(NewEvent("skip", item, playedMs = 3_000, totalMs = TRACK_MS))
        "next" -> segue.record(NewEvent("complete", item, playedMs = TRACK_MS, totalMs = TRACK_MS))
        "like", "dislike" -> segue.record(NewEvent(line, item))
        else -> println("skip, next, like, dislike or quit")
    }
}

private fun show(slate: Slate) {
    println("-- ${slate.order}, generation ${slate.generation}")
    slate.places.take(5).forEach { println("${it.position + 1u}. ${it.title ?: it.item} - ${it.creator.orEmpty()}: ${it.text}") }
}
