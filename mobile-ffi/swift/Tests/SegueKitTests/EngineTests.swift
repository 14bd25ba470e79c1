import Foundation
import SegueKit
import XCTest

/// The bindings under load and under misuse.
final class EngineTests: XCTestCase {
    private func code(_ work: () throws -> Void) -> String {
        do { try work() } catch let failure as SegueError { return failure.code } catch { return "\(error)" }
        return "none"
    }

    func testASkipReordersTheList() throws {
        let engine = try World.engine()
        let before = try engine.rank(request: World.ask).places.map(\.item)
        _ = try engine.apply(event: Event(eventId: "e1", kind: "skip", timeMs: World.nowMs, item: before[0], playedMs: 2_000))
        XCTAssertNotEqual(before, try engine.rank(request: World.ask).places.map(\.item))
    }

    func testASessionGoesOnAfterARestart() throws {
        let (before, after) = (try World.engine(), try World.engine())
        let item = try before.rank(request: World.ask).places[0].item
        _ = try before.apply(event: Event(eventId: "e1", kind: "like", timeMs: World.nowMs, item: item))
        if let states = ProcessInfo.processInfo.environment["SEGUE_STATES"] {
            try exchange(before, in: URL(fileURLWithPath: states, isDirectory: true))
        }
        try after.restoreTrust(bytes: before.saveTrust())
        try after.restoreSession(bytes: before.saveSession())
        XCTAssertEqual(try before.rank(request: World.ask), try after.rank(request: World.ask))
        XCTAssertEqual(try after.interactions(), 1)
        let saved = try before.saveSession()
        for cut in 0..<saved.count { XCTAssertEqual(code { try after.restoreSession(bytes: saved.prefix(cut)) }, "session_damaged") }
    }

    /// Keeps the session for the tests of the other languages, and restores what they kept.
    private func exchange(_ engine: Engine, in states: URL) throws {
        try engine.saveSession().write(to: states.appendingPathComponent("swift.session"))
        try engine.saveTrust().write(to: states.appendingPathComponent("swift.trust"))
        let expected = try engine.rank(request: World.ask)
        let files = try FileManager.default.contentsOfDirectory(at: states, includingPropertiesForKeys: nil)
        for session in files where session.pathExtension == "session" {
            let other = try World.engine()
            try other.restoreTrust(bytes: Data(contentsOf: session.deletingPathExtension().appendingPathExtension("trust")))
            try other.restoreSession(bytes: Data(contentsOf: session))
            XCTAssertEqual(try other.rank(request: World.ask), expected, session.lastPathComponent)
        }
    }

    func testRefusals() {
        XCTAssertEqual(code { _ = try Engine(root: "no key") }, "key_invalid")
        XCTAssertEqual(code { try World.engine().restoreSession(bytes: Data(count: 3 << 20)) }, "too_large")
    }

    func testEightThreadsHammerOneEngine() throws {
        let engine = try World.engine()
        let items = try engine.rank(request: World.ask).places.map(\.item)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for number in 0..<200 {
                let event = Event(
                    eventId: "e\(thread)-\(number)", kind: "click", timeMs: World.nowMs + Int64(number), item: items[number % items.count])
                XCTAssertNotNil(try? engine.apply(event: event))
                XCTAssertEqual(try? engine.rank(request: World.ask).places.count, items.count)
            }
        }
        XCTAssertEqual(try engine.interactions(), 1_600)
    }

    func testAnEngineThatIsLetGoOfInUseLivesUntilTheCallsReturn() throws {
        let ask = World.ask
        for _ in 0..<20 {
            let group = DispatchGroup()
            let holder = Holder(try World.engine())
            for _ in 0..<4 {
                DispatchQueue.global().async(group: group) {
                    while let engine = holder.engine { XCTAssertNotNil(try? engine.rank(request: ask)) }
                }
            }
            Thread.sleep(forTimeInterval: 0.003)
            holder.engine = nil
            XCTAssertEqual(group.wait(timeout: .now() + 10), .success)
        }
    }

    func testAHundredThousandListsLeaveNoMoreMemoryInUse() throws {
        let engine = try World.engine()
        var ask = World.ask
        ask.count = 2
        let item = try engine.rank(request: ask).places[0].item
        func lists(_ numbers: Range<Int>) throws {
            for number in numbers {
                if number % 10 == 0 {
                    _ = try engine.apply(event: Event(eventId: "e\(number)", kind: "click", timeMs: World.nowMs + Int64(number), item: item))
                }
                _ = try engine.rank(request: ask)
            }
        }
        try lists(0..<10_000)
        let before = residentBytes()
        try lists(10_000..<110_000)
        XCTAssertLessThan(residentBytes() - before, 16 << 20)
    }
}

/// Lets go of an engine that threads are using.
private final class Holder: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Engine?

    init(_ engine: Engine) { held = engine }

    var engine: Engine? {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}

/// Memory of the whole process; 0 where the system does not tell.
private func residentBytes() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) * 1_024
}
