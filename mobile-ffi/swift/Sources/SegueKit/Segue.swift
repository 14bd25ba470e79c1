import Foundation

/// A pack that runs thin is asked for no more often than this.
private let refillMs: Int64 = 60_000

/// One is made no more often than this: where the catalogue has nothing nearer, the next would be left behind as well.
private let remakeMs: Int64 = 600_000

/// Why a pack that is made now helps, while one that is only old is fetched.
private let aboutTheSession: Set<String> = ["few_candidates", "drifted"]

/// One person's engine, kept fed, remembered, and heard by the service. `Segue.open` makes one; `close` it.
///
/// An actor: every function may be called from any task, the main actor's too; ranking and storage happen elsewhere.
public actor Segue {
    private let options: Options
    private let storage: any Storage
    private let engine: Engine
    private let supply: Supply
    private let now: @Sendable () -> Int64
    private let keeper: Keeper
    private let sender: Sender
    private let ear = Ear()
    private var session: Session
    private var shownLists = Shown()
    /// Events that were applied, and are not kept yet.
    private var pending: [Event] = []
    /// The number of the last counts that were told.
    private var counted: UInt64 = 0
    private var askedMs: Int64
    /// When a pack was to be made last.
    private var remadeMs: Int64?
    private var stops: [@Sendable () -> Void] = []
    private var isClosed = false
    private let slates = Broadcast<Slate>()
    private let states = Broadcast<HostState>()
    private let troubles: Broadcast<HostError>

    /// The list as it is now.
    public private(set) var list: Slate
    /// How the host is doing.
    public private(set) var state = HostState()

    init(_ options: Options, _ storage: any Storage, _ parts: Parts) throws {
        (self.options, self.storage, engine, supply) = (options, storage, parts.engine, parts.supply)
        (troubles, now, askedMs) = (parts.troubles, parts.now, parts.now())
        var session = Session(engine, now: now)
        if let failure = try session.restore(storage, options.subject) { troubles.tell(failure) }
        keeper = Keeper(parts.outbox, storage, options.subject)
        sender = Sender(parts.outbox, parts.service, now: now) { [ear] in await ear.heard($0) }
        list = try engine.rank(request: requestFor(options, session, options.count, now()), deadlineMs: options.deadlineMs)
        self.session = session
    }

    /// A host that was let go of without `close` stops as well.
    deinit {
        stops.forEach { $0() }
        Task { [supply, sender] in
            await supply.close()
            await sender.close()
        }
        slates.end()
        states.end()
        troubles.end()
    }

    /// Begins to work: sends, and looks for newer packs.
    func begin(_ scheduler: any Scheduler, ask: Bool) async {
        ear.host = self
        slates.tell(list)
        told(await keeper.counts())
        stops.append(scheduler.repeat(everyMs: options.refreshMs) { [weak self] in await self?.catchUp() ?? false })
        Task { [sender] in await sender.pump() }
        if ask { Task { try? await refresh() } }
    }

    /// The list as it is now and each one after it.
    public nonisolated var lists: AsyncStream<Slate> { slates.stream() }

    /// The host's state as it is now and each one after it.
    public nonisolated var stateChanges: AsyncStream<HostState> { states.stream() }

    /// What was refused or failed; the host goes on. The last one is told to whoever listens late.
    public nonisolated var problems: AsyncStream<HostError> { troubles.stream() }

    /// The manifest and the pack of the last good generation; the pack's subject is `region:all` where the person has none.
    public func supplied() async throws -> (manifest: Manifest, pack: PackInfo) {
        let last = try await supply.last()
        return (last.manifest, last.pack)
    }

    /// The session's id, which its events carry.
    public var sessionId: String { session.id }

    /// Tells what the person did: `lists` has the new one before this returns, and this returns once the event survives a
    /// crash, whether or not the caller was cancelled meanwhile. Throws `outbox_full`, `event_invalid`, `too_large` or
    /// `storage_failed` when the event will not be sent. A list that cannot be made stays as it was, and `problems` says why.
    @discardableResult
    public func record(_ event: NewEvent) async throws -> Slate {
        try await kept {
            try apply(event)
            // Being shown moves nothing.
            if event.kind != "impression" { listed() }
        }
    }

    /// Tells that items of a list are on the screen, all of its places where none are named. The list stays as it is.
    @discardableResult
    public func shown(_ slate: Slate, items: [String]? = nil) async throws -> Slate {
        try await kept {
            let places = slate.places.filter { items?.contains($0.item) ?? true }
            shownLists.add(slate, places)
            for place in places { try apply(NewEvent("impression", item: place.item)) }
        }
    }

    /// A list of `count` places, which is not told to `lists`.
    public func list(count: UInt32) throws -> Slate {
        try checkOpen()
        do { return try rank(count) } catch { throw HostError(error) }
    }

    /// Looks for a newer pack now; whatever goes wrong, the present one stays. Answers whether the service told what it has;
    /// `problems` tells why not, where it is not for want of a network.
    @discardableResult
    public func refresh() async throws -> Bool { try await look(anew: false) }

    /// Sends what waits now instead of gathering more.
    public func flush() async throws {
        try checkOpen()
        await sender.pump()
    }

    /// The network is back: waits end that the service did not ask for, and a newer pack is looked for, as `refresh` does.
    @discardableResult
    public func wake() async throws -> Bool {
        try checkOpen()
        await sender.wake()
        return try await refresh()
    }

    /// Tells that the options' `headers` give other credentials now.
    public func renewCredentials() async throws {
        try checkOpen()
        await sender.renewCredentials()
    }

    /// The person looks at the app again: a pack that is not quite new is asked for.
    public func returned() async throws {
        if now() - askedMs >= Int64(clamping: options.refreshMs) { try await refresh() }
    }

    /// Forgets the session and begins another.
    public func startOver() async throws {
        _ = try await kept {
            try session.begin()
            listed()
        }
    }

    /// Closes the host and deletes everything kept of the person: pack, session, and events that still wait. Send those
    /// first (`flush`) where they are to count. What is on its way from the service is left aside.
    public func forget() async throws {
        await close()
        do { try storage.forget(options.subject) } catch { throw HostError(error) }
    }

    /// Stops everything, once what was recorded is kept; whoever calls afterwards is told `closed`.
    public func close() async {
        isClosed = true
        stops.forEach { $0() }
        stops = []
        await supply.close()
        await sender.close()
        await keeper.close()
        slates.end()
        states.end()
        troubles.end()
    }

    private func checkOpen() throws {
        if isClosed { throw HostError.closed }
    }

    /// What a scheduler calls for.
    private func catchUp() async -> Bool {
        do {
            try await flush()
            return try await refresh()
        } catch {
            return false
        }
    }

    /// Does `work` on the engine, then keeps the events it applied and the session, whether or not it went on to the end: what
    /// the engine knows has to survive.
    private func kept(_ work: () throws -> Void) async throws -> Slate {
        try checkOpen()
        let done = Result(catching: work)
        let slate = list
        if pending.isEmpty { try known(done) }
        try await commit()
        try known(done)
        return slate
    }

    private func known(_ done: Result<Void, any Error>) throws {
        do { try done.get() } catch { throw HostError(error) }
    }

    /// Keeps the events applied since the last time, and the session; throws when one of them is not kept.
    private func commit() async throws {
        let events = pending
        pending = []
        let kept = await keeper.keep(events, session: savedSession())
        told(kept.counts)
        // The session is the one before at the next start; nobody has to hand over an event again for that.
        if let failure = kept.failure { complain(failure) }
        if !events.isEmpty { await sender.queued(gatherMs: options.gatherMs) }
        if let refusal = kept.refusal { throw refusal }
    }

    private func savedSession() -> Data? {
        do { return try session.saved() } catch { complain(HostError(error)) }
        return nil
    }

    /// Makes the list again; where that fails the present one stays.
    private func listed() {
        do {
            list = try rank(options.count)
            slates.tell(list)
            guard now() - askedMs >= refillMs, let refill = try engine.refill(nowMs: now()) else { return }
            askedMs = now()
            let isAboutTheSession = !aboutTheSession.isDisjoint(with: refill.reasons)
            let isRemade = isAboutTheSession && (remadeMs.map { askedMs - $0 >= remakeMs } ?? true)
            if isRemade { remadeMs = askedMs }
            Task { try? await (isRemade ? remake() : refresh()) }
        } catch {
            complain(HostError(error))
        }
    }

    /// Has a pack made of what the session came to, which the service hears of first; where it makes none, what it has will do.
    private func remake() async throws -> Bool {
        // Behind the writes of what led to it.
        told(await keeper.counts())
        try await flush()
        return try await look(anew: true)
    }

    private func look(anew: Bool) async throws -> Bool {
        try checkOpen()
        askedMs = now()
        do {
            if try await supply.refresh(anew: anew), !isClosed { listed() }
            return true
        } catch {
            let failure = HostError(error)
            if failure.code != "network_unreachable" { complain(failure) }
            return false
        }
    }

    private func rank(_ count: UInt32) throws -> Slate {
        try engine.rank(request: requestFor(options, session, count, now()), deadlineMs: options.deadlineMs)
    }

    private func apply(_ event: NewEvent) throws {
        let time = try session.awake()
        let seen = event.slate == nil && event.position == nil ? shownLists.of(event.item) : nil
        let context = circumstances(options, time).merging(event.context) { $1 }
        let whole = Event(
            eventId: UUID().uuidString.lowercased(), kind: event.kind, timeMs: time, item: event.item, user: options.user,
            session: session.id, position: event.position ?? seen?.position, slate: event.slate ?? seen?.slate,
            playedMs: event.playedMs, totalMs: event.totalMs, value: event.value, context: context)
        _ = try engine.apply(event: whole)
        pending.append(whole)
    }

    /// What the sender tells.
    func heard(_ delivery: Delivery) async {
        switch delivery {
        case let .sending(now): change { $0.sending = now }
        case let .settled(outcome):
            state.sent += outcome.taken
            told(await keeper.counts())
        case let .failed(failure): complain(failure)
        }
    }

    private func complain(_ failure: HostError) { troubles.tell(failure) }

    private func told(_ counts: Counts?) {
        guard let counts, counts.number > counted else { return }
        counted = counts.number
        change { ($0.waiting, $0.lost) = (counts.waiting, counts.lost) }
    }

    private func change(_ work: (inout HostState) -> Void) {
        work(&state)
        states.tell(state)
    }
}
