import Foundation
import Segue
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
