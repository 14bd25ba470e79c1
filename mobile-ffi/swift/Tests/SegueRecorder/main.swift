import Foundation
import SegueKit

// `SegueRecorder ROOT SURFACE USER NOW_MS FOLDER`: goes on with what is kept there, without a network, and records without an end.
// Prints the number of each event once it is acknowledged, for a test that ends this process in between.
struct Offline: Transport {
    func send(_ request: HttpRequest) async throws -> HttpResponse { throw URLError(.notConnectedToInternet) }
}

let given = CommandLine.arguments
guard given.count == 6, let nowMs = Int64(given[4]) else { fatalError("SegueRecorder ROOT SURFACE USER NOW_MS FOLDER") }
var options = Options(root: given[1], baseUrl: "http://service.test", surface: given[2])
options.user = given[3]
let storage = FileStorage(URL(fileURLWithPath: given[5], isDirectory: true))
let segue = try await Segue.open(options, storage: storage, transport: Offline(), now: { nowMs })
let item = await segue.list.places[0].item
for number in 0... {
    try await segue.record(NewEvent("click", item: item, context: ["query": "number-\(number)"]))
    FileHandle.standardOutput.write(Data("\(number)\n".utf8))
}
