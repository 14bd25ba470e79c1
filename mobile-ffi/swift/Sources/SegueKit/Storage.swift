import Foundation

/// Where a host keeps what has to outlive the app.
public protocol Storage: Sendable {
    /// What was kept of `owner` under `name`; nil where nothing was.
    func read(_ owner: String, _ name: String) throws -> Data?
    /// Keeps `bytes`: when this returns they survive a power cut, and before there is what was there before.
    func write(_ owner: String, _ name: String, _ bytes: Data) throws
    /// The file of the owner's waiting events; its folder exists.
    func outbox(_ owner: String) throws -> URL
    /// Deletes everything kept of `owner`.
    func forget(_ owner: String) throws
}

/// Files in one folder for each owner, below a folder of the app's own.
public struct FileStorage: Storage {
    private let folder: URL

    /// Files below `folder`, which is made when something is written.
    public init(_ folder: URL) { self.folder = folder }

    public func read(_ owner: String, _ name: String) throws -> Data? {
        let file = folderOf(owner).appendingPathComponent(name)
        return FileManager.default.fileExists(atPath: file.path) ? try Data(contentsOf: file) : nil
    }

    public func write(_ owner: String, _ name: String, _ bytes: Data) throws {
        let folder = try made(owner)
        let (fresh, file) = (folder.appendingPathComponent("\(name).new"), folder.appendingPathComponent(name))
        try bytes.write(to: fresh)
        try synced(fresh.path, flags: O_RDWR)
        guard rename(fresh.path, file.path) == 0 else { throw failure(file.path) }
        // The new name survives a power cut once its folder is synced.
        try synced(folder.path, flags: O_RDONLY)
    }

    public func outbox(_ owner: String) throws -> URL { try made(owner).appendingPathComponent("outbox") }

    public func forget(_ owner: String) throws {
        let folder = folderOf(owner)
        guard FileManager.default.fileExists(atPath: folder.path) else { return }
        try FileManager.default.removeItem(at: folder)
        try synced(self.folder.path, flags: O_RDONLY)
    }

    private func made(_ owner: String) throws -> URL {
        let folder = folderOf(owner)
        try make(folder)
        return folder
    }

    /// A new folder's name survives a power cut once the folder around it is synced.
    private func make(_ folder: URL) throws {
        if FileManager.default.fileExists(atPath: folder.path) { return }
        let around = folder.deletingLastPathComponent()
        try make(around)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try synced(around.path, flags: O_RDONLY)
    }

    /// Ids may hold signs that no file name can.
    private func folderOf(_ owner: String) -> URL {
        let name = owner.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "%"
        return folder.appendingPathComponent(name, isDirectory: true)
    }

    private func synced(_ path: String, flags: Int32) throws {
        let file = open(path, flags)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        #if canImport(Darwin)
            // There `fsync` reaches the drive and not the medium.
            let isSynced = fcntl(file, F_FULLFSYNC) == 0 || fsync(file) == 0
        #else
            let isSynced = fsync(file) == 0
        #endif
        guard isSynced else { throw failure(path) }
    }

    private func failure(_ path: String) -> HostError {
        HostError("storage_failed", "\(path): \(String(cString: strerror(errno))).")
    }
}
