import Foundation

/// Most bytes of what the service says to a batch.
private let receiptBytes = 1 << 20

/// The longest `Retry-After` that is told, a day, in seconds.
private let mostRetrySeconds: UInt64 = 86_400

/// Bytes with the tag to ask for newer ones by.
struct Tagged: Codable, Equatable, Sendable {
    let bytes: Data
    let etag: String?
}

/// What came of something that was read before.
enum Reading: Sendable {
    /// The content.
    case whole(Tagged)
    /// What changed since, and the tag of what it makes.
    case changes(Data, etag: String?)
}

/// The status of an answer that is what changed.
private let imUsed = 226

/// Requests to the service: conditional reads, and batches of events.
actor Service {
    private let options: Options
    private let transport: any Transport
    private let now: @Sendable () -> Int64
    /// The credentials of the last batch.
    private var used: [String: String]?

    init(_ options: Options, _ transport: any Transport, now: @escaping @Sendable () -> Int64) {
        (self.options, self.transport, self.now) = (options, transport, now)
    }

    /// Reads a resource of at most so many bytes, or answers with what is known of it when it has not changed.
    func read(_ path: String, mostBytes: Int, known: Tagged? = nil) async throws -> Tagged {
        var headers = await options.headers()
        if let etag = known?.etag { headers["if-none-match"] = etag }
        let answer = try await ask(HttpRequest(method: "GET", url: url(path), headers: headers, mostBytes: mostBytes))
        return try tagged(path, answer, known)
    }

    /// Reads what was read before; what changed since will do (RFC 3229), where the service has that.
    func readChanges(_ path: String, mostBytes: Int, known: Tagged) async throws -> Reading {
        guard let etag = known.etag else { return .whole(try await read(path, mostBytes: mostBytes)) }
        let headers = await options.headers().merging(["if-none-match": etag, "a-im": "segue-delta"]) { $1 }
        let answer = try await ask(HttpRequest(method: "GET", url: url(path), headers: headers, mostBytes: mostBytes))
        if answer.status == imUsed { return .changes(answer.body, etag: answer.headers["etag"]) }
        return .whole(try tagged(path, answer, known))
    }

    /// Has a resource of at most so many bytes made anew; throws where the service does not.
    func make(_ path: String, mostBytes: Int) async throws -> Tagged {
        let headers = await options.headers()
        let request = HttpRequest(method: "POST", url: url(path), headers: headers, body: Data(), mostBytes: mostBytes)
        let answer = try await ask(request)
        return try tagged(path, answer, nil)
    }

    private func tagged(_ path: String, _ answer: HttpResponse, _ known: Tagged?) throws -> Tagged {
        if answer.status == 304, let known { return known }
        // What changed came for somebody who asked for that: a cache on the way has mixed up two answers.
        guard (200..<300).contains(answer.status), answer.status != imUsed else { throw refusal(path, answer) }
        return Tagged(bytes: answer.body, etag: answer.headers["etag"])
    }

    /// Posts a batch; status 0 where nothing came back.
    func post(_ body: String) async -> Answer {
        let credentials = await options.headers()
        used = credentials
        let headers = credentials.merging(["content-type": "application/json"]) { $1 }
        let request = HttpRequest(
            method: "POST", url: url("events"), headers: headers, body: Data(body.utf8), mostBytes: receiptBytes)
        guard let answer = try? await ask(request) else { return Answer(status: 0) }
        return Answer(
            status: UInt16(clamping: answer.status), retryAfterMs: retryAfter(answer.headers["retry-after"]), body: answer.body)
    }

    /// The answer to a request. Whatever goes wrong with it, the app's own time limit too, is no answer.
    private func ask(_ request: HttpRequest) async throws -> HttpResponse {
        do {
            let answer = try await transport.send(request)
            if answer.body.count > request.mostBytes { throw HostError.tooLarge(request, status: answer.status) }
            return answer
        } catch let refusal as HostError {
            throw refusal
        } catch {
            try Task.checkCancellation()
            let why = "the network is off or the service is not running"
            throw HostError("network_unreachable", "No answer to \(request.url): \(why) (\(error)).")
        }
    }

    /// Whether the app gives other headers than those of the last batch.
    func hasOtherCredentials() async -> Bool { await options.headers() != used }

    private func url(_ path: String) -> String {
        "\(options.baseUrl.hasSuffix("/") ? String(options.baseUrl.dropLast()) : options.baseUrl)/api/v1/\(path)"
    }

    /// `Retry-After` is a number of seconds or a date.
    private func retryAfter(_ value: String?) -> UInt64? {
        guard let value = value?.trimmingCharacters(in: .whitespaces) else { return nil }
        if let seconds = UInt64(value) { return min(seconds, mostRetrySeconds) * 1_000 }
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
        guard let date = format.date(from: value) else { return nil }
        let seconds = date.timeIntervalSince1970 - Double(now()) / 1_000
        return UInt64(min(max(0, seconds), Double(mostRetrySeconds)) * 1_000)
    }

    /// The service's own code, where the answer has one.
    private func refusal(_ path: String, _ answer: HttpResponse) -> HostError {
        struct Problem: Decodable { let code: String }
        let code = (try? JSONDecoder().decode(Problem.self, from: answer.body))?.code
        return HostError(code ?? "http_\(answer.status)", "\(path) was answered with status \(answer.status).", status: answer.status)
    }
}
