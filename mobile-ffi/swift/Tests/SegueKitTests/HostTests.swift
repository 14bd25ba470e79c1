import Foundation
import SegueKit
import XCTest

/// What an app gets: a list that follows the person, offline too, and events that arrive.
final class HostTests: HostCase {
    func testTheListHasChangedWhenASkipWasRecordedAndTheEventArrivesWithItsSlate() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        let (slate, before) = (await segue.list, await items(segue))
        try await segue.shown(slate)
        try await segue.record(NewEvent("skip", item: before[0], playedMs: 2_000))
        let after = await items(segue)
        XCTAssertNotEqual(before, after)
        try await segue.flush()
        await until(segue) { $0.waiting == 0 && $0.sent == 9 }
        let skip = await service.batches.joined().components(separatedBy: #""kind":"skip""#).last ?? ""
        XCTAssertTrue(skip.contains(#""slate":"\#(slate.slate)""#) && skip.contains(#""position":0"#), skip)
        var lists = segue.lists.makeAsyncIterator()
        let told = await lists.next()
        XCTAssertEqual(told?.places.map(\.item), after)
        await segue.close()
    }

    func testItStartsWithoutANetworkFromWhatWasKeptAndGoesOnWithTheSession() async throws {
        let service = try FakeService()
        var segue: Segue? = try await open(service)
        try await segue?.record(NewEvent("like", item: await items(segue!)[3]))
        let last = (await segue!.sessionId, await items(segue!))
        await segue?.close()
        segue = nil
        await service.become(online: false)
        let again = try await open(service)
        let (id, list) = (await again.sessionId, await items(again))
        XCTAssertEqual(last.0, id)
        XCTAssertEqual(last.1, list)
        try await again.record(NewEvent("skip", item: list[0], playedMs: 1_000))
        await service.become()
        try await again.wake()
        await until(again) { $0.waiting == 0 }
        let sent = await service.batches.joined()
        XCTAssertTrue(sent.contains(#""kind":"like""#) && sent.contains(#""kind":"skip""#))
        await again.close()
    }

    func testNothingKeptAndNoNetworkIsSaidWithACode() async throws {
        let service = try FakeService()
        await service.become(online: false)
        let refused = await code { _ = try await open(service) }
        XCTAssertEqual(refused, "network_unreachable")
    }

    func testASurfaceThatTheServiceHasNotIsRefused() async throws {
        let service = try FakeService()
        let refused = await code { _ = try await open(service) { $0.surface = "nowhere" } }
        XCTAssertEqual(refused, "surface_unknown")
    }

    func testWhatHasNotChangedIsNotFetchedAgain() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        await service.clearLog()
        try await segue.refresh()
        let log = await service.log.sorted()
        XCTAssertEqual(log, ["GET manifest 304", "GET packs 304", "GET rotations 404"])
        await segue.close()
    }

    func testAnOutageCostsNoEventAndRefusedCredentialsAreRenewed() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        for (status, sending) in [(503, Sending.waiting), (401, .credentials)] {
            await service.become(eventsStatus: status)
            try await segue.record(NewEvent("like", item: await items(segue)[0]))
            try await segue.wake()
            await until(segue) { $0.sending == sending }
        }
        await service.become()
        try await segue.renewCredentials()
        await until(segue) { $0.waiting == 0 && $0.sent == 2 }
        await segue.close()
    }

    func testEightTasksRecordAtOnceAndEveryEventArrives() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        let items = await items(segue)
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<8 {
                group.addTask { for number in 0..<25 { _ = try? await segue.record(NewEvent("click", item: items[(worker + number) % 8])) } }
            }
        }
        try await segue.flush()
        await until(segue) { $0.sent == 200 && $0.waiting == 0 }
        await segue.close()
    }

    func testAHostThatWasClosedSaysSo() async throws {
        let segue = try await open(FakeService())
        await segue.close()
        let refused = await code { try await segue.record(NewEvent("click", item: "item-001")) }
        XCTAssertEqual(refused, "closed")
    }

    func testAfterHalfAnHourOfSilenceAnotherSessionBeginsAndStartingOverForgets() async throws {
        let segue = try await open(FakeService())
        let (first, id) = (await items(segue)[0], await segue.sessionId)
        try await segue.record(NewEvent("dislike", item: first))
        clock.pass(31 * 60_000)
        try await segue.record(NewEvent("click", item: await items(segue)[0]))
        let (later, next) = (await items(segue), await segue.sessionId)
        XCTAssertNotEqual(id, next)
        XCTAssertFalse(later.contains(first), "what the person decided stays")
        try await segue.startOver()
        let fresh = await items(segue)
        XCTAssertTrue(fresh.contains(first), "and is forgotten when starting over")
        try await segue.forget()
        XCTAssertEqual(try kept(), ["everybody"])
    }
}
