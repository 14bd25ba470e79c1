//! Tests that cross crates. There is nothing to use in here: each test file beside this one tells one story.
