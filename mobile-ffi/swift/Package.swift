// swift-tools-version: 6.0
import PackageDescription

// On Apple's systems the library comes as the XCFramework that `cargo xtask mobile ios` builds; elsewhere it is looked for
// where `-Xlinker -L` says.
#if os(Linux)
let library: Target = .systemLibrary(name: "SegueBindingsFFI", path: "Sources/SegueBindingsFFI")
let linked: [LinkerSetting] = [.linkedLibrary("segue_mobile")]
#else
let library: Target = .binaryTarget(name: "SegueBindingsFFI", path: "SegueMobile.xcframework")
let linked: [LinkerSetting] = []
#endif

let package = Package(
    name: "Segue",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Segue", targets: ["Segue"]),
        .executable(name: "segue-player", targets: ["SeguePlayer"]),
    ],
    targets: [
        library,
        // Generated; the compiler's checks of concurrency are for the code of people.
        .target(
            name: "SegueBindings", dependencies: ["SegueBindingsFFI"], swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linked),
        .target(name: "Segue", dependencies: ["SegueBindings"]),
        .executableTarget(name: "SeguePlayer", dependencies: ["Segue"]),
        .executableTarget(name: "SegueBench", dependencies: ["Segue"]),
        .testTarget(name: "SegueTests", dependencies: ["Segue"]),
    ]
)
