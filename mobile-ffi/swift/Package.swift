// swift-tools-version: 6.0
import Foundation
import PackageDescription

// The library is the XCFramework that `cargo xtask mobile ios` puts here. Without it, as on Linux, it is the one of this machine
// (`cargo xtask mobile host`), looked for where `-Xlinker -L` says.
let framework = "SegueMobile.xcframework"
let isBuilt = FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(framework)")
let library: Target =
    isBuilt
    ? .binaryTarget(name: "SegueBindingsFFI", path: framework)
    : .systemLibrary(name: "SegueBindingsFFI", path: "Sources/SegueBindingsFFI")
let linked: [LinkerSetting] = isBuilt ? [] : [.linkedLibrary("segue_mobile")]

let package = Package(
    name: "SegueKit",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "SegueKit", targets: ["SegueKit"]),
        .executable(name: "segue-player", targets: ["SeguePlayer"]),
    ],
    targets: [
        library,
        // Generated; the compiler's checks of concurrency are for the code of people.
        .target(
            name: "SegueBindings", dependencies: ["SegueBindingsFFI"], swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linked),
        .target(name: "SegueKit", dependencies: ["SegueBindings"]),
        .executableTarget(name: "SeguePlayer", dependencies: ["SegueKit"]),
        .executableTarget(name: "SegueBench", dependencies: ["SegueKit"]),
        .executableTarget(name: "SegueRecorder", dependencies: ["SegueKit"], path: "Tests/SegueRecorder"),
        .testTarget(name: "SegueKitTests", dependencies: ["SegueKit", "SegueRecorder"]),
    ]
)
