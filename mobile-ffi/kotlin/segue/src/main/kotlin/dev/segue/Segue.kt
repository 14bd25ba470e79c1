package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Event
import dev.segue.bindings.Lost
import dev.segue.bindings.Manifest
import dev.segue.bindings.Outbox
import dev.segue.bindings.Outcome
import dev.segue.bindings.PackInfo
import dev.segue.bindings.RankRequest
import dev.segue.bindings.Slate
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.async
import kotlinx.coroutines.cancel
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.MutableSharedFlow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asSharedFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext
import java.util.UUID
import kotlin.random.Random
import kotlin.random.nextULong

/** A pack that runs thin is asked for no more often than this. */
private const val REFILL_MS = 60_000L

/** How the host is doing. */
public data class HostState(
    /** What it does about waiting events. */
    val sending: Sending = Sending.IDLE,
    /** Events that wait to be sent. */
    val waiting: Long = 0,
    /** Events the service has received since the host was opened. */
    val sent: Long = 0,
    /** Events given up, ever. */
    val lost: Lost = Lost(0u, 0u),
)

/**
 * One person's engine, kept fed, remembered, and heard by the service. [Segue.open] makes one; [close] it.
 *
 * Every function may be called from any thread, the main one too: ranking and storage happen on threads of the host.
 */
public class Segue private constructor(
    private val options: Options,
    private val storage: Storage,
    private val parts: Parts,
) : AutoCloseable {
    /** What a host is made of. */
    private class Parts(
        val engine: Engine,
        val supply: Supply,
        val session: Session,
        val outbox: Outbox,
        val service: Service,
        val scope: CoroutineScope,
        val now: () -> Long,
        val problems: MutableSharedFlow<HostException>,
    )

    private val scope get() = parts.scope
    private val engine get() = parts.engine
    private val shown = Shown()
    private val ranked = MutableStateFlow(rank(options.count))
    private val current = MutableStateFlow(HostState())
    private val sender = Sender(parts.outbox, parts.service, scope, parts.now, Desk())
    private var askedMs = parts.now()
    private val schedules = mutableListOf<AutoCloseable>()

    /** The list as it is now and each one after it. */
    public val lists: StateFlow<Slate> = ranked.asStateFlow()

    /** How the host is doing. */
    public val state: StateFlow<HostState> = current.asStateFlow()

    /** What was refused or failed; the host goes on. The last few are told to whoever listens late. */
    public val problems: SharedFlow<HostException> = parts.problems.asSharedFlow()

    /** The manifest of the last good generation. */
    public val manifest: Manifest get() = parts.supply.last.manifest

    /** The last good pack; its subject is `region:all` where the person has none of their own. */
    public val pack: PackInfo get() = parts.supply.last.pack

    /** The session's id, which its events carry. */
    public val sessionId: String get() = parts.session.id

    /**
     * Tells what the person did: [lists] has the new one before this returns, and this returns once the event survives a
     * crash. Throws `outbox_full`, `event_invalid` or `too_large` when the event will not be sent. Whoever is cancelled
     * meanwhile stops waiting; the event is kept even so.
     */
    public suspend fun record(event: NewEvent): Slate = kept {
        val whole = whole(event)
        engine.apply(whole)
        // Being shown moves nothing.
        if (event.kind != "impression") listed()
        listOf(whole)
    }

    /** Tells that items of a list are on the screen, all of its places where none are named. The list stays as it is. */
    public suspend fun shown(slate: Slate, items: Collection<String> = slate.places.map { it.item }): Slate = kept {
        val places = slate.places.filter { it.item in items }
        shown.add(slate, places)
        places.map { place -> whole(NewEvent("impression", place.item)).also(engine::apply) }
    }

    /** A list of [count] places, which is not told to [lists]. */
    public suspend fun list(count: Int): Slate = working { rank(count) }

    /** Looks for a newer pack now; whatever goes wrong, the present one stays. */
    public suspend fun refresh(): Unit = working {
        askedMs = parts.now()
        try {
            if (withContext(Dispatchers.IO) { parts.supply.refresh() }) listed()
        } catch (failure: Exception) {
            val known = hostException(failure)
            if (known.code != "network_unreachable") complain(known)
        }
    }

    /** Sends what waits now instead of gathering more. */
    public suspend fun flush(): Unit = io { sender.pump() }

    /** The network is back: waits end that the service did not ask for, and a newer pack is looked for. */
    public suspend fun wake() {
        io { sender.wake() }
        refresh()
    }

    /** Tells that [Options.headers] gives other credentials now. */
    public suspend fun renewCredentials(): Unit = io { sender.renewCredentials() }

    /** The person looks at the app again: a pack that is not quite new is asked for. */
    public suspend fun returned() {
        if (parts.now() - askedMs >= options.refreshMs) refresh()
    }

    /** Forgets the session and begins another. */
    public suspend fun startOver() {
        kept {
            parts.session.begin()
            listed()
            emptyList()
        }
    }

    /** Closes the host and deletes everything kept of the person: pack, session, and events that still wait. Send those first ([flush]) where they are to count. */
    public suspend fun forget() {
        close()
        withContext(Dispatchers.IO) { storage.forget(options.subject) }
    }

    /** Stops everything and releases engine and outbox; whoever calls afterwards is told `closed`. */
    override fun close() {
        schedules.forEach(AutoCloseable::close)
        scope.cancel()
        engine.close()
        parts.outbox.close()
    }

    private suspend fun begin(scheduler: Scheduler, ask: Boolean) {
        count(0)
        schedules += scheduler.repeat(options.refreshMs) { refresh() }
        scope.launch { sender.pump() }
        if (ask) scope.launch { refresh() }
    }

    /** Does [work] on the engine, then keeps its events and the session, whether or not the caller still waits. */
    private suspend fun kept(work: () -> List<Event>): Slate = working {
        val events = work()
        val saved = parts.session.save()
        val slate = ranked.value
        withContext(keeping) {
            val refusals = events.mapNotNull { event -> runCatching { parts.outbox.enqueue(event) }.exceptionOrNull() }
            parts.session.keep(saved)
            count(0)
            if (events.size > refusals.size) sender.queued(options.gatherMs)
            refusals.firstOrNull()?.let { throw it }
        }
        slate
    }

    private val keeping = Dispatchers.IO.limitedParallelism(1)
    private val ranking = Dispatchers.Default.limitedParallelism(1)

    private suspend fun <T> working(work: suspend () -> T): T = awaited { withContext(ranking) { work() } }

    private suspend fun <T> io(work: suspend () -> T): T = awaited { withContext(Dispatchers.IO) { work() } }

    /** In the host's own scope: what has begun is finished even when the caller is cancelled. */
    private suspend fun <T> awaited(work: suspend () -> T): T {
        return try {
            scope.async { work() }.await()
        } catch (failure: Exception) {
            // The caller's own cancellation goes on; the end of the host's scope is something to hear of.
            currentCoroutineContext().ensureActive()
            if (!scope.isActive) throw HostException("closed", "This host was closed: open another.", cause = failure)
            throw hostException(failure)
        }
    }

    private fun listed() {
        ranked.value = rank(options.count)
        if (parts.now() - askedMs < REFILL_MS || engine.refill(parts.now()) == null) return
        askedMs = parts.now()
        scope.launch { refresh() }
    }

    private fun rank(count: Int): Slate {
        val session = parts.session
        val context = circumstances(options, parts.now()) + ("interactions" to session.interactionsBefore.toString())
        val request = RankRequest(options.surface, count.toUInt(), parts.now(), session.seed, context, options.logFeatures)
        return engine.rank(request, options.deadlineMs?.toUInt())
    }

    private fun whole(event: NewEvent): Event {
        val time = parts.session.awake()
        val seen = if (event.slate == null && event.position == null) shown.of(event.item) else null
        return Event(
            eventId = UUID.randomUUID().toString(),
            kind = event.kind,
            timeMs = time,
            item = event.item,
            user = options.user,
            session = parts.session.id,
            position = event.position?.toUInt() ?: seen?.second,
            slate = event.slate ?: seen?.first,
            playedMs = event.playedMs?.toULong(),
            totalMs = event.totalMs?.toULong(),
            value = event.value,
            context = circumstances(options, time) + event.context,
        )
    }

    private fun count(taken: Long) {
        val (waiting, lost) = parts.outbox.waiting().toLong() to parts.outbox.lost()
        current.update { it.copy(waiting = waiting, lost = lost, sent = it.sent + taken) }
    }

    private fun complain(problem: HostException) {
        parts.problems.tryEmit(problem)
    }

    private inner class Desk : Sender.Desk {
        override fun sending(now: Sending) = current.update { it.copy(sending = now) }

        override fun settled(outcome: Outcome) = count(outcome.taken.toLong())

        override fun failed(failure: HostException) = complain(failure)
    }

    public companion object {
        /**
         * A host that works: with a network, or without one once a pack was kept. Throws with a code where there is
         * neither (`network_unreachable`, `pack_missing`, `key_invalid`, ...), and `surface_unknown` where the service
         * has no such surface.
         */
        public suspend fun open(
            options: Options,
            storage: Storage,
            transport: Transport = OkHttpTransport(),
            scheduler: Scheduler? = null,
            now: () -> Long = System::currentTimeMillis,
        ): Segue = withContext(Dispatchers.IO) {
            val held = mutableListOf<AutoCloseable>()
            val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
            try {
                val engine = Engine(options.root).also(held::add)
                val problems = MutableSharedFlow<HostException>(replay = 16, onBufferOverflow = BufferOverflow.DROP_OLDEST)
                val service = Service(options, transport, now)
                val supply = Supply(engine, Download(service, options.root, now), storage, options) { problems.tryEmit(it) }
                val ask = supply.open()
                val session = Session(engine, storage, options.subject, now)
                session.restore()?.let { problems.tryEmit(it) }
                // An app may have learnt of a surface since its pack was kept.
                if (ask && options.surface !in supply.last.manifest.policies) supply.refresh()
                val outbox = Outbox.open(storage.outbox(options.subject).toString(), Random.nextULong()).also(held::add)
                val parts = Parts(engine, supply, session, outbox, service, scope, now, problems)
                Segue(options, storage, parts).also { it.begin(scheduler ?: CoroutineScheduler(scope), ask) }
            } catch (failure: Exception) {
                scope.cancel()
                held.forEach(AutoCloseable::close)
                throw hostException(failure)
            }
        }
    }
}
