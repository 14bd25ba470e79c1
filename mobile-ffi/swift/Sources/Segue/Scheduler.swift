/// Who calls the host again. The platform's own (`Apple/`) outlives the process; `TaskScheduler` does not.
public protocol Scheduler: Sendable {
    /// Calls `work` about every so many milliseconds, never twice at once; the answer stops it.
    func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Void) -> @Sendable () -> Void
}

/// Calls as long as the process lives.
public struct TaskScheduler: Scheduler {
    /// A scheduler.
    public init() {}

    public func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Void) -> @Sendable () -> Void {
        let task = Task {
            while (try? await Task.sleep(nanoseconds: everyMs * 1_000_000)) != nil { await work() }
        }
        return { task.cancel() }
    }
}
