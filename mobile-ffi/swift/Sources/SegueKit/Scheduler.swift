import Foundation

/// Longer waits are this long, a hundred days: more than that overflows the clocks underneath.
private let longestMs: UInt64 = 100 * 24 * 3_600_000

/// Who calls the host again: `TaskScheduler` as long as the process lives, `PlatformScheduler` when the system says so too.
public protocol Scheduler: Sendable {
    /// Calls `work` about every so many milliseconds, never twice at once; the answer stops it. `work` sends what waits, looks
    /// for a newer pack, and answers whether the service did; a call that it did not is worth another one soon.
    func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Bool) -> @Sendable () -> Void
}

/// Calls as long as the process lives.
public struct TaskScheduler: Scheduler {
    /// A scheduler.
    public init() {}

    public func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Bool) -> @Sendable () -> Void {
        let task = Task {
            while (try? await Task.sleep(milliseconds: everyMs)) != nil { _ = await work() }
        }
        return { task.cancel() }
    }
}

/// Calls by a timer, and whenever the platform grants the app some time: `Apple/` tells it of iOS's background tasks.
public final class PlatformScheduler: Scheduler {
    private let timer: any Scheduler
    /// What each host asked for, the newest last.
    private let hosts = Broadcast<Calls>()

    /// A scheduler; make one for the whole life of the app, and open each host with it.
    public init(_ timer: any Scheduler = TaskScheduler()) { self.timer = timer }

    public func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Bool) -> @Sendable () -> Void {
        let calls = Calls(work)
        hosts.tell(calls)
        let stop = timer.repeat(everyMs: everyMs) { await calls.call() ?? false }
        return {
            stop()
            calls.stop()
        }
    }

    /// The platform grants some time: works, as soon as a host is open. `done` is called once: with what `work` answers,
    /// or with false when the answer is called before, which says that the time is up.
    public func call(_ done: @escaping @Sendable (Bool) -> Void) -> @Sendable () -> Void {
        let once = Once(done)
        let task = Task { [hosts] in
            for await calls in hosts.stream() {
                if let answer = await calls.call() { return once.call(answer) }
            }
        }
        return {
            task.cancel()
            once.call(false)
        }
    }
}

/// Never calls twice at once: whoever comes meanwhile waits for the same answer.
private final class Calls: @unchecked Sendable {
    private let lock = NSLock()
    private var work: (@Sendable () async -> Bool)?
    private var running: Task<Bool, Never>?

    init(_ work: @escaping @Sendable () async -> Bool) { self.work = work }

    func stop() { lock.withLock { work = nil } }

    /// What the work answers; nil once stopped.
    func call() async -> Bool? { await lock.withLock { begun() }?.value }

    private func begun() -> Task<Bool, Never>? {
        guard running == nil, let work else { return running }
        running = Task {
            defer { lock.withLock { running = nil } }
            return await work()
        }
        return running
    }
}

/// Calls once, whoever comes first.
private final class Once: @unchecked Sendable {
    private let lock = NSLock()
    private var work: (@Sendable (Bool) -> Void)?

    init(_ work: @escaping @Sendable (Bool) -> Void) { self.work = work }

    func call(_ value: Bool) {
        let work = lock.withLock {
            defer { self.work = nil }
            return self.work
        }
        work?(value)
    }
}

extension Task where Success == Never, Failure == Never {
    /// Sleeps so many milliseconds, a hundred days at most.
    static func sleep(milliseconds: UInt64) async throws {
        try await sleep(nanoseconds: min(milliseconds, longestMs) * 1_000_000)
    }
}
