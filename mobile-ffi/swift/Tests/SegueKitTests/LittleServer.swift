import Foundation

/// Answers each connection with the same bytes, as long as the process lives; silent where there are none.
final class LittleServer: @unchecked Sendable {
    let url: String
    private let lock = NSLock()
    private var heard: [String] = []

    /// The heads of all requests.
    var requests: [String] { lock.withLock { heard } }

    init(_ answer: String?, forever: Bool = false) throws {
        #if canImport(Darwin)
            let stream = SOCK_STREAM
        #else
            let stream = Int32(SOCK_STREAM.rawValue)
        #endif
        // A peer that is gone is an error of `write`, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        let listener = socket(AF_INET, stream, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                [bind(listener, bound, size), listen(listener, 16), getsockname(listener, bound, &size)] == [0, 0, 0]
            }
        }
        guard isBound else { throw POSIXError(.EADDRNOTAVAIL) }
        url = "http://127.0.0.1:\(UInt16(bigEndian: address.sin_port))/"
        Thread.detachNewThread { [self] in
            while case let peer = accept(listener, nil, nil), peer >= 0 { serve(peer, answer, forever) }
        }
    }

    private func serve(_ peer: Int32, _ answer: String?, _ forever: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(peer, &buffer, buffer.count)
        lock.withLock { heard.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)) }
        guard let answer else { return }
        _ = Array(answer.utf8).withUnsafeBytes { write(peer, $0.baseAddress, $0.count) }
        while forever, write(peer, buffer, buffer.count) > 0 {}
        close(peer)
    }
}
