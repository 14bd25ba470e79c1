import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Requests by URLSession.
public final class URLSessionTransport: Transport {
    private let exchanges = Exchanges()
    private let session: URLSession

    /// On a session of its own, which keeps nothing: what is kept is the host's to decide.
    public init() {
        let configuration = URLSessionConfiguration.ephemeral
        // In seconds: of silence, and for all of an answer, as a large pack takes minutes on a weak network.
        configuration.timeoutIntervalForRequest = 30
        configuration.timeoutIntervalForResource = 5 * 60
        configuration.urlCache = nil
        configuration.httpCookieStorage = nil
        configuration.httpShouldSetCookies = false
        session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
    }

    /// Whoever waits for an answer holds it, so that nothing but what was given up is on its way.
    deinit { session.invalidateAndCancel() }

    public func send(_ request: HttpRequest) async throws -> HttpResponse {
        guard let url = URL(string: request.url) else { throw URLError(.badURL) }
        var asked = URLRequest(url: url)
        asked.httpMethod = request.method
        asked.httpBody = request.body
        request.headers.forEach { asked.setValue($1, forHTTPHeaderField: $0) }
        let task = session.dataTask(with: asked)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { done in
                exchanges.begin(task, request, done)
                // Before it began there was nothing to cancel.
                if Task.isCancelled { exchanges.cancel(task) }
            }
        } onCancel: {
            exchanges.cancel(task)
        }
    }
}

/// The requests of a session on their way, by the number of their task.
private final class Exchanges: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    private struct Exchange {
        let request: HttpRequest
        let done: CheckedContinuation<HttpResponse, any Error>
        var body = Data()
    }

    private let lock = NSLock()
    private var open: [Int: Exchange] = [:]

    func begin(_ task: URLSessionTask, _ request: HttpRequest, _ done: CheckedContinuation<HttpResponse, any Error>) {
        lock.withLock { open[task.taskIdentifier] = Exchange(request: request, done: done) }
        task.resume()
    }

    /// Whoever waits is told at once, however long the system takes to end it.
    func cancel(_ task: URLSessionTask) {
        end(task, CancellationError())
        task.cancel()
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let tooLong = lock.withLock {
            open[dataTask.taskIdentifier]?.body.append(data)
            return open[dataTask.taskIdentifier].flatMap { $0.body.count > $0.request.mostBytes ? $0.request : nil }
        }
        guard let tooLong else { return }
        dataTask.cancel()
        end(dataTask, HostError.tooLarge(tooLong, status: (dataTask.response as? HTTPURLResponse)?.statusCode ?? 0))
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) { end(task, error) }

    private func end(_ task: URLSessionTask, _ error: (any Error)?) {
        guard let exchange = lock.withLock({ open.removeValue(forKey: task.taskIdentifier) }) else { return }
        guard error == nil, let answer = task.response as? HTTPURLResponse else {
            return exchange.done.resume(throwing: error ?? URLError(.badServerResponse))
        }
        let headers = answer.allHeaderFields.map { (String(describing: $0).lowercased(), String(describing: $1)) }
        exchange.done.resume(returning: HttpResponse(
            status: answer.statusCode, headers: Dictionary(headers) { $1 }, body: exchange.body))
    }
}
