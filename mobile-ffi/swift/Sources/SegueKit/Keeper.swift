import Foundation

/// How many events wait, and how many were given up.
struct Counts: Sendable {
    /// Counts one after the other, as they may be heard of in another order.
    let number: UInt64
    let waiting: UInt64
    let lost: Lost
}

/// What became of events and session.
struct Kept: Sendable {
    /// Why an event was not taken in; those before it were, those after it were not.
    var refusal: HostError?
    /// Why the session was not kept; the events are even so.
    var failure: HostError?
    var counts: Counts?
}

/// Keeps events and session, one after the other and on a thread of its own: whoever ranks never waits for the device's storage.
final class Keeper: @unchecked Sendable {
    private let queue = DispatchQueue(label: "dev.segue.keeper", qos: .userInitiated)
    private let storage: any Storage
    private let subject: String
    /// Released when closed, so that another host may open the file. Used on the queue alone, as the next too.
    private var outbox: Outbox?
    private var counted: UInt64 = 0

    init(_ outbox: Outbox, _ storage: any Storage, _ subject: String) {
        (self.outbox, self.storage, self.subject) = (outbox, storage, subject)
    }

    /// Keeps events with one sync, then the session; returns once they survive a crash, in the order it was called in.
    func keep(_ events: [Event], session: Data?, isolation: isolated (any Actor)? = #isolation) async -> Kept {
        await run { [self] in
            var kept = Kept()
            if !events.isEmpty { kept.refusal = failure { try outbox?.enqueueAll(events: events) } }
            if let session { kept.failure = failure { try storage.write(subject, sessionName, session) } }
            kept.counts = count()
            return kept
        }
    }

    /// How many events wait now; nil once closed.
    func counts(isolation: isolated (any Actor)? = #isolation) async -> Counts? { await run { [self] in count() } }

    /// Waits until everything is kept, then lets go of the file.
    func close(isolation: isolated (any Actor)? = #isolation) async { await run { [self] in outbox = nil } }

    private func count() -> Counts? {
        guard let waiting = try? outbox?.waiting(), let lost = try? outbox?.lost() else { return nil }
        counted += 1
        return Counts(number: counted, waiting: waiting, lost: lost)
    }

    private func failure(_ work: () throws -> Void) -> HostError? {
        do { try work() } catch { return HostError(error) }
        return nil
    }

    /// On the caller's actor up to the queue, so that work is done in the order it was asked for.
    private func run<T: Sendable>(isolation: isolated (any Actor)? = #isolation, _ work: @escaping @Sendable () -> T) async -> T {
        await withCheckedContinuation { done in queue.async { done.resume(returning: work()) } }
    }
}
