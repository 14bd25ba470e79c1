/// The largest body sent at once, in bytes.
private let mostBodyBytes: UInt32 = 256 * 1024

/// How long to wait before credentials that were refused are tried again: some change unseen.
private let credentialsWaitMs: Int64 = 5 * 60_000

/// How long to wait after the device's storage failed.
private let storageWaitMs: UInt64 = 60_000

/// What the host does about waiting events.
public enum Sending: Sendable { case idle, sending, waiting, credentials }

/// What the sender tells.
enum Delivery: Sendable {
    case sending(Sending)
    case settled(Outcome)
    case failed(HostError)
}

/// What the sender tells, which is made before the host is whole.
final class Ear: @unchecked Sendable {
    /// Set once, before the sender begins.
    weak var host: Segue?

    func heard(_ delivery: Delivery) async { await host?.heard(delivery) }
}

/// Carries out what the outbox decides: posts, tells of the answer, waits.
actor Sender {
    /// Released when the host is closed, so that another may open the file.
    private var outbox: Outbox?
    private let service: Service
    private let now: @Sendable () -> Int64
    private let tell: @Sendable (Delivery) async -> Void
    private var timer: Task<Void, Never>?
    private var pumping: Task<Void, Never>?
    private var isClosed = false
    private var resting = Sending.idle
    /// When credentials that were refused are tried again.
    private var retryAtMs: Int64 = 0
    /// Whether other credentials than those refused have been tried already.
    private var renewed = false

    init(
        _ outbox: Outbox, _ service: Service, now: @escaping @Sendable () -> Int64,
        tell: @escaping @Sendable (Delivery) async -> Void
    ) {
        (self.outbox, self.service, self.now, self.tell) = (outbox, service, now, tell)
    }

    /// Events wait: they are sent together with those that follow within so many milliseconds.
    func queued(gatherMs: UInt64) {
        if timer == nil || resting == .credentials { pumpIn(gatherMs) }
    }

    /// The network is back: a wait that the service did not ask for ends.
    func wake() async {
        try? outbox?.wake()
        await pump()
    }

    /// There are other credentials.
    func renewCredentials() async {
        renewed = false
        try? outbox?.renewCredentials()
        await pump()
    }

    /// Stops and lets go of the file at once; the answer to a request on its way is not waited for: its events are sent
    /// again, and count once.
    func close() {
        isClosed = true
        timer?.cancel()
        pumping?.cancel()
        outbox = nil
    }

    /// Sends until nothing waits or the outbox says to wait; returns then.
    func pump() async {
        let before = pumping
        let task = Task {
            await before?.value
            await drain()
        }
        pumping = task
        await task.value
    }

    private func drain() async {
        timer?.cancel()
        timer = nil
        do {
            try await rest(sendAll())
        } catch {
            await tell(.failed(HostError(error)))
            pumpIn(storageWaitMs)
        }
    }

    private func sendAll() async throws -> Next {
        // Nobody holds the outbox across a wait, or closing would not let go of its file.
        while let next = try outbox?.next(nowMs: now(), mostBytes: mostBodyBytes) {
            if case .credentials = next, try await hasOthers() { continue }
            guard case let .send(_, body) = next else { return next }
            await turnTo(.sending)
            try await deliver(body)
        }
        return .busy
    }

    private func deliver(_ body: String) async throws {
        let answer = await service.post(body)
        guard let outcome = try outbox?.answered(answer: answer, nowMs: now()) else { return }
        if outcome.verdict == "accepted" { renewed = false }
        await tell(.settled(outcome))
        guard let first = outcome.refused.first else { return }
        await tell(.failed(HostError("events_refused", "\(outcome.refused.count) event(s) refused: \(first.code), \(first.detail)")))
    }

    /// Whether the app gives other credentials than those refused; they are tried at once, but only once.
    private func hasOthers() async throws -> Bool {
        guard !renewed, await service.hasOtherCredentials() else { return false }
        renewed = true
        try outbox?.renewCredentials()
        return true
    }

    private func rest(_ next: Next) async {
        switch next {
        case let .wait(milliseconds):
            pumpIn(milliseconds)
            await turnTo(.waiting)
        case .credentials:
            await awaitCredentials()
        default:
            await turnTo(.idle)
        }
    }

    private func turnTo(_ now: Sending) async {
        resting = now
        await tell(.sending(now))
    }

    private func awaitCredentials() async {
        let isNews = resting != .credentials
        if isNews { retryAtMs = now() + credentialsWaitMs }
        timer = after(UInt64(max(0, retryAtMs - now()))) { await $0.renewCredentials() }
        await turnTo(.credentials)
        if isNews { await tell(.failed(HostError("credentials_needed", "The service wants other credentials."))) }
    }

    private func pumpIn(_ milliseconds: UInt64) {
        timer?.cancel()
        timer = after(milliseconds) { await $0.pump() }
    }

    /// The work is a task of its own: sending cancels the timer.
    private func after(_ milliseconds: UInt64, _ work: @escaping @Sendable (Sender) async -> Void) -> Task<Void, Never>? {
        if isClosed { return nil }
        return Task { [weak self] in
            guard (try? await Task.sleep(milliseconds: milliseconds)) != nil, let self else { return }
            Task { await work(self) }
        }
    }
}
