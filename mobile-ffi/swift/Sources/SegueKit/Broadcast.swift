import Foundation

/// One value after the other, for any number of listeners; whoever comes late begins with the last one.
final class Broadcast<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var listeners: [UUID: AsyncStream<Value>.Continuation] = [:]
    private var last: Value?
    private var hasEnded = false

    func tell(_ value: Value) {
        lock.withLock {
            last = value
            listeners.values.forEach { $0.yield(value) }
        }
    }

    func end() {
        lock.withLock {
            hasEnded = true
            listeners.values.forEach { $0.finish() }
            listeners = [:]
        }
    }

    func stream() -> AsyncStream<Value> {
        AsyncStream(bufferingPolicy: .bufferingNewest(16)) { listener in
            let name = UUID()
            lock.withLock {
                if let last { listener.yield(last) }
                if hasEnded { return listener.finish() }
                listeners[name] = listener
            }
            listener.onTermination = { [weak self] _ in
                guard let self else { return }
                // Ending all of them holds the lock; who is ended there is gone from the list already.
                Task { self.lock.withLock { self.listeners[name] = nil } }
            }
        }
    }
}
