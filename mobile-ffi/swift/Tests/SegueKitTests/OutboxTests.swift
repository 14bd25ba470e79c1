import Foundation
import SegueKit
import XCTest

/// The outbox's file through the bindings.
final class OutboxTests: XCTestCase {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)

    override func setUpWithError() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    override func tearDownWithError() throws { try FileManager.default.removeItem(at: folder) }

    private func event(_ number: Int) -> Event { Event(eventId: "e\(number)", kind: "like", timeMs: 1, item: "t1") }

    private func waiting(_ file: URL) throws -> [String] {
        guard case let .send(_, body) = try Outbox.open(path: file.path, seed: 1).next(nowMs: 0, mostBytes: .max) else { return [] }
        let events = try JSONDecoder().decode(Json.self, from: Data(body.utf8))["events"].list
        return events.compactMap { $0["event_id"].text }
    }

    func testAFileThatEndsAtAnyByteHoldsEveryEventWhoseRecordIsWholeAndNothingElse() throws {
        let whole = folder.appendingPathComponent("whole")
        var sizes: [Int] = []
        do {
            let outbox = try Outbox.open(path: whole.path, seed: 1)
            for number in 0..<4 {
                try outbox.enqueue(event: event(number))
                sizes.append(try Data(contentsOf: whole).count)
            }
        }
        let bytes = try Data(contentsOf: whole)
        for cut in sizes[0]...bytes.count {
            let file = folder.appendingPathComponent("cut")
            try bytes.prefix(cut).write(to: file)
            XCTAssertEqual(try waiting(file), sizes.indices.filter { sizes[$0] <= cut }.map { "e\($0)" }, "cut at \(cut)")
        }
    }

    private func refusal(_ work: () throws -> Void) -> SegueError? {
        do { try work() } catch { return error as? SegueError }
        return nil
    }

    func testAFullOutboxAFileInUseAndABusyEngineAreRefusedWithTheirRemedies() throws {
        let file = folder.appendingPathComponent("outbox").path
        let outbox = try Outbox.open(path: file, seed: 1)
        try outbox.enqueueAll(events: (0..<10_000).map(event))
        let impression = Event(eventId: "i", kind: "impression", timeMs: 1, item: "t1")
        var refusals = [refusal { try outbox.enqueue(event: impression) }, refusal { _ = try Outbox.open(path: file, seed: 1) }]

        let (engine, ask) = (try World.engine(), World.ask)
        let ended = Flag()
        for _ in 0..<4 { Thread.detachNewThread { while !ended.isUp { _ = try? engine.rank(request: ask) } } }
        var busy: SegueError?
        while busy == nil { busy = refusal { _ = try engine.rank(request: ask, deadlineMs: 0) } }
        ended.raise()
        refusals.append(busy)

        let table = try String(contentsOf: Vectors.folder.appendingPathComponent("../../docs/ERRORS.md"), encoding: .utf8)
        XCTAssertEqual(refusals.map { $0?.code }, ["outbox_full", "storage_failed", "engine_busy"])
        for case let .Refused(code, _, remedy)? in refusals {
            // What the mobile library adds has a row that also says what happened.
            let row = code == "engine_busy" ? "| `\(code)` |" : "| `\(code)` | \(remedy) |"
            XCTAssertTrue(table.contains(row), "\(code): \(remedy)")
        }
    }

    func testEventsTogetherAreTakenInUpToTheOneThatIsRefused() throws {
        let file = folder.appendingPathComponent("outbox")
        do {
            let outbox = try Outbox.open(path: file.path, seed: 1)
            let bad = Event(eventId: "", kind: "like", timeMs: 1, item: "t1")
            XCTAssertEqual(refusal { try outbox.enqueueAll(events: [event(0), event(1), bad, event(2)]) }?.code, "event_invalid")
        }
        XCTAssertEqual(try waiting(file), ["e0", "e1"])
    }

    func testWhatTheServiceHasLeavesTheFileAndWhatItRefusesIsNamed() throws {
        let file = folder.appendingPathComponent("outbox")
        do {
            let outbox = try Outbox.open(path: file.path, seed: 1)
            for number in 0..<2 { try outbox.enqueue(event: event(number)) }
            _ = try outbox.next(nowMs: 0, mostBytes: .max)
            XCTAssertThrowsError(try Outbox.open(path: file.path, seed: 1), "one file is open once")
            let receipt = #"{"accepted":1,"duplicates":0,"rejected":[{"index":1,"code":"item_missing"}]}"#
            let outcome = try outbox.answered(answer: Answer(status: 202, body: Data(receipt.utf8)), nowMs: 0)
            XCTAssertEqual(outcome.refused.map(\.code), ["item_missing"])
            XCTAssertEqual(try outbox.lost(), Lost(dropped: 0, refused: 1))
        }
        XCTAssertEqual(try waiting(file), [])
    }
}

private final class Flag: @unchecked Sendable {
    private let lock = NSLock()
    private var up = false

    var isUp: Bool { lock.withLock { up } }

    func raise() { lock.withLock { up = true } }
}
