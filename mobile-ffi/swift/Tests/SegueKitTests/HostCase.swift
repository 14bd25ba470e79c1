import Foundation
import SegueKit
import XCTest

/// A folder, a clock and what else tests of the host need.
class HostCase: XCTestCase {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    let clock = Clock()

    override func tearDownWithError() throws { try? FileManager.default.removeItem(at: folder) }

    func open(
        _ service: any Transport, storage: (any Storage)? = nil, scheduler: any Scheduler = TaskScheduler(),
        _ change: (inout Options) -> Void = { _ in }
    ) async throws -> Segue {
        var options = Options(root: World.root, baseUrl: "http://service.test", surface: World.surface)
        (options.user, options.count, options.gatherMs) = (World.user, 8, 5)
        change(&options)
        let clock = clock
        return try await Segue.open(
            options, storage: storage ?? FileStorage(folder), transport: service, scheduler: scheduler, now: { clock.now })
    }

    func items(_ segue: Segue) async -> [String] { await segue.list.places.map(\.item) }

    func code(_ work: () async throws -> Void) async -> String {
        do { try await work() } catch let failure as HostError { return failure.code } catch { return "\(error)" }
        return "none"
    }

    /// Waits until the host's state is so; fails after half a minute.
    func until(_ segue: Segue, _ holds: @escaping @Sendable (HostState) -> Bool) async {
        let wait = Task {
            for await state in segue.stateChanges where holds(state) { return true }
            return false
        }
        let limit = Task {
            try await Task.sleep(nanoseconds: 30_000_000_000)
            wait.cancel()
        }
        let isSo = await wait.value
        limit.cancel()
        XCTAssertTrue(isSo, "the host ended before, or never came to it")
    }

    /// Waits until something is so; fails after half a minute.
    func eventually(_ holds: () async -> Bool) async {
        let end = Date().addingTimeInterval(30)
        while Date() < end {
            if await holds() { return }
            await Task.yield()
        }
        XCTFail("it never came to that")
    }

    /// The next problem; the last one, where there was one already.
    func problem(_ segue: Segue) async -> String {
        for await problem in segue.problems { return problem.code }
        return "the host ended before"
    }

    /// What is kept of anybody.
    func kept() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() }
}

/// Files that refuse one name, or let it wait until told.
final class StubbornStorage: Storage, @unchecked Sendable {
    private let files: FileStorage
    private let name: String
    private let lock = NSCondition()
    private var refuses = false
    private var holds = false
    private var isHeld = false

    init(_ folder: URL, name: String) { (files, self.name) = (FileStorage(folder), name) }

    func refuse() { lock.withLock { refuses = true } }

    func hold() { lock.withLock { holds = true } }

    func letGo() {
        lock.withLock { holds = false }
        lock.broadcast()
    }

    /// Somebody writes, and waits.
    func isAsked() async { while !lock.withLock({ isHeld }) { await Task.yield() } }

    func write(_ owner: String, _ name: String, _ bytes: Data) throws {
        if name == self.name {
            try lock.withLock {
                isHeld = true
                while holds { lock.wait() }
                if refuses { throw CocoaError(.fileWriteOutOfSpace) }
            }
        }
        try files.write(owner, name, bytes)
    }

    func read(_ owner: String, _ name: String) throws -> Data? { try files.read(owner, name) }
    func outbox(_ owner: String) throws -> URL { try files.outbox(owner) }
    func forget(_ owner: String) throws { try files.forget(owner) }
}
