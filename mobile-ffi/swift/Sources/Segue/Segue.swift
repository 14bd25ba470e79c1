import Foundation

/// A pack that runs thin is asked for no more often than this.
private let refillMs: Int64 = 60_000

/// How the host is doing.
public struct HostState: Sendable, Equatable {
    /// What it does about waiting events.
    public var sending = Sending.idle
    /// Events that wait to be sent.
    public var waiting: UInt64 = 0
    /// Events the service has received since the host was opened.
    public var sent: UInt64 = 0
    /// Events given up, ever.
    public var lost = Lost(dropped: 0, refused: 0)
}

/// One person's engine, kept fed, remembered, and heard by the service. `Segue.open` makes one; `close` it.
///
/// An actor: every function may be called from any task, the main actor's too; ranking and storage happen elsewhere.
public actor Segue {
    private let options: Options
    private let storage: any Storage
    private let engine: Engine
    private var outbox: Outbox?
    private let supply: Supply
    private let now: @Sendable () -> Int64
    private let sender: Sender
    private let ear = Ear()
    private var session: Session
    private var shownLists = Shown()
    private var askedMs: Int64
    private var stops: [@Sendable () -> Void] = []
    private var isClosed = false
    private let slates = Broadcast<Slate>()
    private let states = Broadcast<HostState>()
    private let troubles: Broadcast<HostError>

    /// The list as it is now.
    public private(set) var list: Slate
    /// How the host is doing.
    public private(set) var state = HostState()

    /// A host that works: with a network, or without one once a pack was kept. Throws with a code where there is neither
    /// (`network_unreachable`, `pack_missing`, `key_invalid`, ...), and `surface_unknown` where the service has no such surface.
    public static func open(
        _ options: Options, storage: any Storage, transport: any Transport = URLSessionTransport(),
        scheduler: any Scheduler = TaskScheduler(),
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000) }
    ) async throws -> Segue {
        do {
            let engine = try Engine(root: options.root)
            let troubles = Broadcast<HostError>()
            let service = Service(options, transport, now: now)
            let download = Download(service: service, root: options.root, now: now)
            let supply = Supply(engine, download, storage, options) { troubles.tell($0) }
            let ask = try await supply.open()
            // An app may have learnt of a surface since its pack was kept.
            if ask, try await supply.last().manifest.policies[options.surface] == nil { _ = try await supply.refresh() }
            let segue = try Segue(options, storage, engine, supply, service, troubles, now)
            await segue.begin(scheduler, ask: ask)
            return segue
        } catch {
            throw HostError(error)
        }
    }

    private init(
        _ options: Options, _ storage: any Storage, _ engine: Engine, _ supply: Supply, _ service: Service,
        _ troubles: Broadcast<HostError>, _ now: @escaping @Sendable () -> Int64
    ) throws {
        (self.options, self.storage, self.engine, self.supply) = (options, storage, engine, supply)
        (self.troubles, self.now, askedMs) = (troubles, now, now())
        var session = Session(engine, now: now)
        if let failure = try session.restore(storage, options.subject) { troubles.tell(failure) }
        let outbox = try Outbox.open(path: storage.outbox(options.subject).path, seed: .random(in: 0 ... .max))
        self.outbox = outbox
        sender = Sender(outbox, service, now: now) { [ear] in await ear.heard($0) }
        list = try engine.rank(request: requestFor(options, session, options.count, now()), deadlineMs: options.deadlineMs)
        self.session = session
    }

    private func begin(_ scheduler: any Scheduler, ask: Bool) {
        ear.host = self
        slates.tell(list)
        count(0)
        stops.append(scheduler.repeat(everyMs: options.refreshMs) { [weak self] in try? await self?.refresh() })
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
    /// crash. Throws `outbox_full`, `event_invalid` or `too_large` when the event will not be sent.
    @discardableResult
    public func record(_ event: NewEvent) throws -> Slate {
        try kept {
            let whole = try whole(event)
            _ = try engine.apply(event: whole)
            // Being shown moves nothing.
            if event.kind != "impression" { try listed() }
            return [whole]
        }
    }

    /// Tells that items of a list are on the screen, all of its places where none are named. The list stays as it is.
    @discardableResult
    public func shown(_ slate: Slate, items: [String]? = nil) throws -> Slate {
        try kept {
            let places = slate.places.filter { items?.contains($0.item) ?? true }
            shownLists.add(slate, places)
            return try places.map { place in
                let impression = try whole(NewEvent("impression", item: place.item))
                _ = try engine.apply(event: impression)
                return impression
            }
        }
    }

    /// A list of `count` places, which is not told to `lists`.
    public func list(count: UInt32) throws -> Slate { try called { try rank(count) } }

    /// Looks for a newer pack now; whatever goes wrong, the present one stays.
    public func refresh() async throws {
        try checkOpen()
        askedMs = now()
        do {
            if try await supply.refresh(), !isClosed { try listed() }
        } catch {
            let failure = HostError(error)
            if failure.code != "network_unreachable" { troubles.tell(failure) }
        }
    }

    /// Sends what waits now instead of gathering more.
    public func flush() async throws {
        try checkOpen()
        await sender.pump()
    }

    /// The network is back: waits end that the service did not ask for, and a newer pack is looked for.
    public func wake() async throws {
        try checkOpen()
        await sender.wake()
        try await refresh()
    }

    /// Tells that the options' `headers` give other credentials now.
    public func renewCredentials() async throws {
        try checkOpen()
        await sender.renewCredentials()
    }

    /// The person looks at the app again: a pack that is not quite new is asked for.
    public func returned() async throws {
        if now() - askedMs >= Int64(options.refreshMs) { try await refresh() }
    }

    /// Forgets the session and begins another.
    public func startOver() throws {
        _ = try kept {
            try session.begin()
            try listed()
            return []
        }
    }

    /// Closes the host and deletes everything kept of the person: pack, session, and events that still wait. Send those
    /// first (`flush`) where they are to count.
    public func forget() async throws {
        await close()
        try storage.forget(options.subject)
    }

    /// Stops everything; whoever calls afterwards is told `closed`.
    public func close() async {
        isClosed = true
        stops.forEach { $0() }
        await sender.close()
        outbox = nil
        slates.end()
        states.end()
        troubles.end()
    }

    private func checkOpen() throws {
        if isClosed { throw HostError("closed", "This host was closed: open another.") }
    }

    private func called<T>(_ work: () throws -> T) throws -> T {
        try checkOpen()
        do { return try work() } catch { throw HostError(error) }
    }

    /// Does `work` on the engine, then keeps its events and the session.
    private func kept(_ work: () throws -> [Event]) throws -> Slate {
        try called {
            let events = try work()
            var refusals: [any Error] = []
            for event in events {
                do { try outbox?.enqueue(event: event) } catch { refusals.append(error) }
            }
            try session.keep(storage, options.subject)
            count(0)
            if events.count > refusals.count {
                let gatherMs = options.gatherMs
                Task { [sender] in await sender.queued(gatherMs: gatherMs) }
            }
            if let refusal = refusals.first { throw refusal }
            return list
        }
    }

    private func listed() throws {
        list = try rank(options.count)
        slates.tell(list)
        guard now() - askedMs >= refillMs, try engine.refill(nowMs: now()) != nil else { return }
        askedMs = now()
        Task { try? await refresh() }
    }

    private func rank(_ count: UInt32) throws -> Slate {
        try engine.rank(request: requestFor(options, session, count, now()), deadlineMs: options.deadlineMs)
    }

    private func whole(_ event: NewEvent) throws -> Event {
        let time = try session.awake()
        let seen = event.slate == nil && event.position == nil ? shownLists.of(event.item) : nil
        let context = circumstances(options, time).merging(event.context) { $1 }
        return Event(
            eventId: UUID().uuidString.lowercased(), kind: event.kind, timeMs: time, item: event.item, user: options.user,
            session: session.id, position: event.position ?? seen?.position, slate: event.slate ?? seen?.slate,
            playedMs: event.playedMs, totalMs: event.totalMs, value: event.value, context: context)
    }

    fileprivate func heard(_ delivery: Delivery) {
        switch delivery {
        case let .sending(now): change { $0.sending = now }
        case let .settled(outcome): count(outcome.taken)
        case let .failed(failure): troubles.tell(failure)
        }
    }

    private func count(_ taken: UInt64) {
        guard let waiting = try? outbox?.waiting(), let lost = try? outbox?.lost() else { return }
        change { ($0.waiting, $0.lost, $0.sent) = (waiting, lost, $0.sent + taken) }
    }

    private func change(_ work: (inout HostState) -> Void) {
        work(&state)
        states.tell(state)
    }
}

/// What the sender tells, which is made before the host is whole.
private final class Ear: @unchecked Sendable {
    /// Set once, before the sender begins.
    weak var host: Segue?

    func heard(_ delivery: Delivery) async { await host?.heard(delivery) }
}

private func requestFor(_ options: Options, _ session: Session, _ count: UInt32, _ nowMs: Int64) -> RankRequest {
    let context = circumstances(options, nowMs).merging(["interactions": "\(session.interactionsBefore)"]) { $1 }
    return RankRequest(
        surface: options.surface, count: count, nowMs: nowMs, seed: session.seed, context: context, logFeatures: options.logFeatures)
}

/// Surface, hour and weekday, beside what the app adds.
private func circumstances(_ options: Options, _ nowMs: Int64) -> [String: String] {
    let here = Calendar.current.dateComponents([.hour, .weekday], from: Date(timeIntervalSince1970: Double(nowMs) / 1_000))
    // The engine counts from Monday, the calendar from Sunday with 1.
    let clock = ["surface": options.surface, "local_hour": "\(here.hour ?? 0)", "weekday": "\(((here.weekday ?? 1) + 5) % 7)"]
    return clock.merging(options.context()) { $1 }
}
