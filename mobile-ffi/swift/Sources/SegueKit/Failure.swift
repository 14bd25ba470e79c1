import Foundation

/// What the host reports: a stable code of `docs/ERRORS.md` to branch on, with what was wrong in the message.
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// `network_unreachable`, `credentials_needed`, `events_refused`, `storage_failed`, `too_large`, `closed`, `unexpected`,
    /// `http_STATUS`, or a code of the service or the engine.
    public let code: String
    /// What was wrong, and what to do.
    public let message: String
    /// The HTTP status; 0 where there was no answer, or none was asked for.
    public let status: Int

    init(_ code: String, _ message: String, status: Int = 0) {
        (self.code, self.message, self.status) = (code, message, status)
    }

    /// Anything caught, as an error with a code.
    init(_ caught: any Error) {
        switch caught {
        case let known as HostError: self = known
        case let SegueError.Refused(code, detail, remedy): self.init(code, "\(detail) \(remedy)")
        case is CocoaError, is POSIXError: self.init("storage_failed", "\(caught)")
        default: self.init("unexpected", "\(caught)")
        }
    }

    /// What whoever calls a closed host is told.
    static let closed = HostError("closed", "This host was closed: open another.")

    /// What came back is longer than was asked for.
    static func tooLarge(_ request: HttpRequest, status: Int) -> HostError {
        HostError("too_large", "The answer to \(request.url) has more than \(request.mostBytes) bytes.", status: status)
    }

    public var description: String { "\(code): \(message)" }
}

extension SegueError {
    /// The stable code of an engine's refusal.
    public var code: String {
        switch self {
        case let .Refused(code, _, _): code
        }
    }
}
