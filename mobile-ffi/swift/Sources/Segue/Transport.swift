import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

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

/// Requests by URLSession.
public struct URLSessionTransport: Transport {
    private let session: URLSession

    /// On a session of its own, which keeps nothing: what is kept is the host's to decide.
    public init() {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = 30
        session = URLSession(configuration: configuration)
    }

    public func send(_ request: HttpRequest) async throws -> HttpResponse {
        guard let url = URL(string: request.url) else { throw URLError(.badURL) }
        var asked = URLRequest(url: url)
        asked.httpMethod = request.method
        asked.httpBody = request.body
        request.headers.forEach { asked.setValue($1, forHTTPHeaderField: $0) }
        let (body, answer) = try await session.data(for: asked)
        guard let answer = answer as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        let headers = answer.allHeaderFields.map { (String(describing: $0).lowercased(), String(describing: $1)) }
        return HttpResponse(status: answer.statusCode, headers: Dictionary(headers) { $1 }, body: body)
    }
}
