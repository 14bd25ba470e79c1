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
