package dev.segue

import dev.segue.bindings.Engine
import dev.segue.bindings.Event
import dev.segue.bindings.RankRequest
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.SharedFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.withContext
import java.util.UUID

/** A pack that runs thin is asked for no more often than this. */
private const val REFILL_MS = 60_000L

/** One is made no more often than this: where the catalogue has nothing nearer, the next would be left behind as well. */
private const val REMAKE_MS = 600_000L

/** Why a pack that is made now helps, while one that is only old is fetched. */
private val ABOUT_THE_SESSION = setOf("few_candidates", "drifted")

/**
 * One person's engine, kept fed, remembered, and heard by the service. [Segue.open] makes one; [close] it.
 *
 * Every function may be called from any thread, the main one too: ranking and storage happen on threads of the host.
 */
public class Segue internal constructor(
    private val options: Options,
    private val storage: Storage,
    private val engine: Engine,
    private val supply: Supply,
    private val session: Session,
    private val backstage: Backstage,
    private val threads: Threads,
    private val now: () -> Long,
) : AutoCloseable {
    private val shown = Shown()
    private val ranked = MutableStateFlow(rank(options.count))
    private val schedules = mutableListOf<AutoCloseable>()

    /** When a newer pack was looked for last. */
    @Volatile private var askedMs = now()

    /** When a pack was to be made last. */
    @Volatile private var remadeMs: Long? = null

    /** The list as it is now and each one after it. */
    public val lists: StateFlow<Slate> = ranked.asStateFlow()

    /** How the host is doing. */
    public val state: StateFlow<HostState> = backstage.state

    /** What was refused or failed; the host goes on. The last few are told to whoever listens late. */
    public val problems: SharedFlow<HostException> = backstage.problems

    /** The manifest of the last good generation. */
    public val manifest: Manifest get() = supply.last.manifest

    /** The last good pack; its subject is `region:all` where the person has none of their own. */
    public val pack: PackInfo get() = supply.last.pack

    /** The session's id, which its events carry. */
    public val sessionId: String get() = session.id

    /**
     * Tells what the person did: [lists] has the new one before this returns, and this returns once the event survives a
     * crash. Throws `outbox_full`, `event_invalid`, `too_large` or `storage_failed` when the event will not be sent. Whoever
     * is cancelled meanwhile stops waiting; the event is kept even so. Where no list can be made in time the present one
     * stays, [problems] tells why, and the event counts all the same.
     */
    public suspend fun record(event: NewEvent): Slate = kept { applied ->
        applied += applied(event)
        // Being shown moves nothing.
        if (event.kind != "impression") listed()
    }

    /**
     * Tells that items of a list are on the screen, all of its places where none are named: their impressions are kept at
     * once. The list stays as it is.
     */
    public suspend fun shown(slate: Slate, items: Collection<String> = slate.places.map { it.item }): Slate = kept { applied ->
        val places = slate.places.filter { it.item in items }
        shown.add(slate, places)
        places.forEach { applied += applied(NewEvent("impression", it.item)) }
    }

    /** A list of [count] places, which is not told to [lists]. */
    public suspend fun list(count: Int): Slate = threads.ranking { rank(count) }

    /**
     * Looks for a newer pack now; whatever goes wrong, the present one stays. Answers whether the service told what it has;
     * [problems] tells why not, where it is not for want of a network.
     */
    public suspend fun refresh(): Boolean = look(anew = false)

    /** Sends what waits now instead of gathering more. */
    public suspend fun flush(): Unit = threads.asking { backstage.sender.pump() }

    /** The network is back: waits end that the service did not ask for, and a newer pack is looked for, as [refresh] does. */
    public suspend fun wake(): Boolean {
        threads.asking { backstage.sender.wake() }
        return refresh()
    }

    /** Tells that [Options.headers] gives other credentials now. */
    public suspend fun renewCredentials(): Unit = threads.asking { backstage.sender.renewCredentials() }

    /** The person looks at the app again: a pack that is not quite new is asked for. */
    public suspend fun returned() {
        if (now() - askedMs >= options.refreshMs) refresh()
    }

    /** Forgets the session and begins another. */
    public suspend fun startOver() {
        kept {
            session.begin()
            listed()
        }
    }

    /**
     * Closes the host, waits for what it is doing, and deletes everything kept of the person: pack, session, and events that
     * still wait. Send those first ([flush]) where they are to count.
     */
    public suspend fun forget() {
        close()
        threads.ended()
        try {
            withContext(Dispatchers.IO) { storage.forget(options.subject) }
        } catch (failure: Exception) {
            throw failureOf(failure)
        }
    }

    /** Stops everything and releases engine and outbox; whoever calls afterwards is told `closed`. */
    override fun close() {
        schedules.forEach(AutoCloseable::close)
        threads.close()
        engine.close()
        backstage.close()
    }

    internal fun begin(scheduler: Scheduler, ask: Boolean) {
        backstage.begin()
        schedules += scheduler.repeat(options.refreshMs) { catchUp() }
        if (ask) threads.launch { refresh() }
    }

    /** What a scheduler calls for. */
    private suspend fun catchUp(): Boolean = try {
        flush()
        refresh()
    } catch (_: HostException) {
        false
    }

    /**
     * Does [work] on the engine, then keeps the events it applied and the session, whether or not the caller still waits, and
     * whether or not it went on to the end: what the engine knows has to survive.
     */
    private suspend fun kept(work: (MutableList<Event>) -> Unit): Slate = threads.ranking {
        val applied = mutableListOf<Event>()
        val refusal = runCatching { work(applied) }.exceptionOrNull()
        val slate = ranked.value
        if (refusal == null || applied.isNotEmpty()) backstage.keep(applied)
        refusal?.let { throw it }
        slate
    }

    private fun applied(event: NewEvent): Event = whole(event).also(engine::apply)

    /** Makes the list again, and asks for a pack where the present one runs thin; where that fails, the present list stays. */
    private fun listed() {
        backstage.attempt {
            ranked.value = rank(options.count)
            if (now() - askedMs < REFILL_MS) return@attempt
            val refill = engine.refill(now()) ?: return@attempt
            askedMs = now()
            val isAboutTheSession = refill.reasons.any { it in ABOUT_THE_SESSION }
            val isRemade = isAboutTheSession && (remadeMs?.let { askedMs - it >= REMAKE_MS } ?: true)
            if (isRemade) remadeMs = askedMs
            threads.launch { if (isRemade) remake() else refresh() }
        }
    }

    /** Has a pack made of what the session came to, which the service hears of first; where it makes none, what it has will do. */
    private suspend fun remake() {
        // What led to it is being kept once the engine is free, and is kept when its writes are done.
        threads.ranking { threads.keeping { } }
        flush()
        look(anew = true)
    }

    private suspend fun look(anew: Boolean): Boolean = threads.ranking {
        askedMs = now()
        try {
            if (withContext(Dispatchers.IO) { supply.refresh(anew) }) listed()
            true
        } catch (failure: Exception) {
            val known = failureOf(failure)
            if (known.code != "network_unreachable") backstage.complain(known)
            false
        }
    }

    private fun rank(count: Int): Slate {
        val context = circumstances(options, now()) + ("interactions" to session.interactionsBefore.toString())
        val request = RankRequest(options.surface, count.toUInt(), now(), session.seed, context, options.logFeatures)
        return engine.rank(request, options.deadlineMs?.toUInt())
    }

    private fun whole(event: NewEvent): Event {
        val time = session.awake()
        val seen = if (event.slate == null && event.position == null) shown.of(event.item) else null
        return Event(
            eventId = UUID.randomUUID().toString(),
            kind = event.kind,
            timeMs = time,
            item = event.item,
            user = options.user,
            session = session.id,
            position = counted("position", event.position?.toLong())?.toUInt() ?: seen?.second,
            slate = event.slate ?: seen?.first,
            playedMs = counted("playedMs", event.playedMs),
            totalMs = counted("totalMs", event.totalMs),
            value = event.value,
            context = circumstances(options, time) + event.context,
        )
    }

    /** The engine has no sign: a number below nothing would become the largest there is. */
    private fun counted(name: String, number: Long?): ULong? {
        if (number != null && number < 0) throw HostException("event_invalid", "`$name` is $number, allowed is 0 and more.")
        return number?.toULong()
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
        ): Segue = opened(options, storage, transport, scheduler, now)
    }
}
