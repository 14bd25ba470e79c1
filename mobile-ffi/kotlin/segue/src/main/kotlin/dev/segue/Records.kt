package dev.segue

/** A list with its places. */
public typealias Slate = dev.segue.bindings.Slate

/** One place of a list. */
public typealias Place = dev.segue.bindings.Place

/** What the service publishes: the generation, its ranker and its policies. */
public typealias Manifest = dev.segue.bindings.Manifest

/** Which pack is in use. */
public typealias PackInfo = dev.segue.bindings.PackInfo
