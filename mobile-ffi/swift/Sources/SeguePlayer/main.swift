import Foundation
import SegueKit

/// A track is 200 seconds long.
let trackMs: UInt64 = 200_000

func show(_ slate: Slate) {
    print("-- \(slate.order), generation \(slate.generation)")
    for place in slate.places.prefix(5) {
        print("\(place.position + 1). \(place.title ?? place.item) - \(place.creator ?? ""): \(place.text)")
    }
}

/// What a key means for the track on top.
func play(_ segue: Segue, _ line: String) async throws {
    let slate = await segue.list
    guard let item = slate.places.first?.item else { return }
    try await segue.shown(slate, items: [item])
    switch line {
    case "skip": try await segue.record(NewEvent("skip", item: item, playedMs: 3_000, totalMs: trackMs))
    case "next": try await segue.record(NewEvent("complete", item: item, playedMs: trackMs, totalMs: trackMs))
    case "like", "dislike": try await segue.record(NewEvent(line, item: item))
    default: print("skip, next, like, dislike or quit")
    }
}

// `segue-player URL ROOT_KEY USER SURFACE [FOLDER]`: a queue in the terminal that follows every key.
let given = CommandLine.arguments
guard given.count >= 5 else { fatalError("segue-player URL ROOT_KEY USER SURFACE [FOLDER]") }
var options = Options(root: given[2], baseUrl: given[1], surface: given[4])
options.user = given[3]
let folder =
    given.count > 5
    ? URL(fileURLWithPath: given[5])
    : FileManager.default.temporaryDirectory.appendingPathComponent("segue-player-\(UUID().uuidString)")
let segue = try await Segue.open(options, storage: FileStorage(folder))
await show(segue.list)
while let line = readLine(), line != "quit" {
    try await play(segue, line)
    await show(segue.list)
}
try await segue.flush()
let state = await segue.state
print("\(state.sent) events sent, \(state.waiting) waiting")
await segue.close()
