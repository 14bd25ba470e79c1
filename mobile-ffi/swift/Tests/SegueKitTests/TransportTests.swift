import Foundation
import SegueKit
import XCTest

/// What comes over the network, and how much of it.
final class TransportTests: HostCase {
    private func ask(_ transport: URLSessionTransport, _ server: LittleServer, mostBytes: Int) async throws -> HttpResponse {
        try await transport.send(HttpRequest(method: "GET", url: server.url, headers: ["x-asked": "1"], mostBytes: mostBytes))
    }

    func testAnAnswerArrivesWithItsHeadersAndNothingIsRememberedOfIt() async throws {
        let server = try LittleServer("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nETag: \"1\"\r\nCache-Control: max-age=60\r\nContent-Length: 5\r\n\r\nhello")
        let transport = URLSessionTransport()
        for _ in 0..<2 {
            let answer = try await ask(transport, server, mostBytes: 5)
            XCTAssertEqual(answer.status, 200)
            XCTAssertEqual(answer.headers["etag"], "\"1\"")
            XCTAssertEqual(answer.body, Data("hello".utf8))
        }
        XCTAssertEqual(server.requests.count, 2, "no answer comes out of a cache")
        for request in server.requests {
            XCTAssertTrue(request.lowercased().contains("x-asked: 1"), request)
            XCTAssertFalse(request.lowercased().contains("cookie"), request)
        }
    }

    func testAnAnswerWithoutAnEndIsGivenUp() async throws {
        let server = try LittleServer("HTTP/1.1 200 OK\r\n\r\n", forever: true)
        let refused = await code { _ = try await ask(URLSessionTransport(), server, mostBytes: 100_000) }
        XCTAssertEqual(refused, "too_large")
    }

    func testWhoIsCancelledWaitsForNoAnswer() async throws {
        let server = try LittleServer(nil)
        let transport = URLSessionTransport()
        let url = server.url
        for _ in 0..<10 {
            let asked = Task { _ = try await transport.send(HttpRequest(method: "GET", url: url, mostBytes: 10)) }
            if Bool.random() { try await Task.sleep(nanoseconds: 5_000_000) }
            asked.cancel()
            let end = await asked.result
            XCTAssertThrowsError(try end.get())
        }
    }

    func testAnAnswerOfATransportThatReadsTooMuchIsRefused() async throws {
        let service = try FakeService()
        await service.put("packs/region:all", Data(count: (4 << 20) + 1))
        do {
            _ = try await open(service) { $0.user = "" }
            XCTFail("it was taken")
        } catch let refusal as HostError {
            XCTAssertEqual(refusal.code, "too_large")
            XCTAssertTrue(refusal.message.contains("has more than 4194304 bytes"), refusal.message)
        }
    }

    func testAWaitThatTheServiceAsksForIsNotCutShortByItsLength() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        // Times a thousand it is a number around zero, in 64 bits.
        await service.become(eventsStatus: 503, eventsHeaders: ["retry-after": "18446744073709552"])
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        await until(segue) { $0.sending == .waiting }
        await service.clearLog()
        clock.pass(60_000)
        try await segue.flush()
        let log = await service.log
        XCTAssertEqual(log, [])
        await segue.close()
    }
}
