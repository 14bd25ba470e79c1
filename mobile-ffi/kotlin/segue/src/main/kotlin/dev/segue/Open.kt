package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Outbox
import dev.segue.bindings.SegueException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.withContext
import kotlin.random.Random
import kotlin.random.nextULong

/** How often, and how many milliseconds apart, a file is asked for that another host may be letting go of. */
private const val TRIES = 25
private const val BETWEEN_MS = 20L

/** Opens a host: outbox, engine, the kept or a fresh pack, session. */
internal suspend fun opened(
    options: Options,
    storage: Storage,
    transport: Transport,
    scheduler: Scheduler?,
    now: () -> Long,
): Segue = withContext(Dispatchers.IO) {
    val held = mutableListOf<AutoCloseable>()
    try {
        // Without its scheme no request can be made of it, which would look as if the network were off.
        if (!Regex("https?://.+").matches(options.baseUrl)) {
            throw HostException("request_invalid", "`baseUrl` is `${options.baseUrl}`; give it with its scheme, as `https://segue.example`.")
        }
        // First, as it can be open once: a second host of the person is refused before it writes anything.
        val outbox = outboxAt(storage.outbox(options.subject).toString()).also(held::add)
        val engine = Engine(options.root).also(held::add)
        val threads = Threads().also(held::add)
        val problems = MutableSharedFlow<HostException>(replay = 16, onBufferOverflow = BufferOverflow.DROP_OLDEST)
        val service = Service(options, transport, now)
        val complain: (HostException) -> Unit = { problems.tryEmit(it) }
        val supply = Supply(engine, Download(service, options.root, now, complain), storage, options, complain)
        val ask = supply.open()
        val session = Session(engine, storage, options.subject, now)
        session.restore()?.let { problems.tryEmit(it) }
        // An app may have learnt of a surface since its pack was kept.
        if (ask && options.surface !in supply.last.manifest.policies) supply.refresh()
        val backstage = Backstage(outbox, service, session, options, threads, now, problems)
        val segue = Segue(options, storage, engine, supply, session, backstage, threads, now)
        segue.also { it.begin(scheduler ?: CoroutineScheduler(threads.scope), ask) }
    } catch (failure: Exception) {
        held.asReversed().forEach(AutoCloseable::close)
        throw failureOf(failure)
    }
}

/** The outbox at [path]; a host that was closed just now has it until the write ends that it was in the middle of. */
private suspend fun outboxAt(path: String): Outbox {
    repeat(TRIES) {
        try {
            return Outbox.open(path, Random.nextULong())
        } catch (refusal: SegueException) {
            if (refusal.code != "storage_failed") throw refusal
            delay(BETWEEN_MS)
        }
    }
    return Outbox.open(path, Random.nextULong())
}
