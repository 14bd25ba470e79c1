import Foundation

/// A request of the host.
public struct HttpRequest: Sendable {
    /// `GET` or `POST`.
    public let method: String
    /// The whole address.
    public let url: String
    /// Headers by name.
    public let headers: [String: String]
    /// The body of a `POST`.
    public let body: Data?
    /// The most bytes that the answer's body may have; stop reading there, as a longer one is refused with `too_large`.
    public let mostBytes: Int

    /// A request, as tests of a transport make it.
    public init(method: String, url: String, headers: [String: String] = [:], body: Data? = nil, mostBytes: Int) {
        (self.method, self.url, self.headers, self.body, self.mostBytes) = (method, url, headers, body, mostBytes)
    }
}

/// What came back.
public struct HttpResponse: Sendable {
    /// The HTTP status.
    public let status: Int
    /// Headers by name in lower case.
    public let headers: [String: String]
    /// The body.
    public let body: Data

    /// An answer, as stand-ins for a network give it.
    public init(status: Int, headers: [String: String] = [:], body: Data = Data()) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }
}

/// How requests travel: bring your app's own client, or a stand-in for tests.
public protocol Transport: Sendable {
    /// The answer, whatever its status; an error where there was none.
    func send(_ request: HttpRequest) async throws -> HttpResponse
}

