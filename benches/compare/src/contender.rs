//! An engine that takes part, and what it says of itself.

use siltstone_bench::Engine;

/// An engine of the comparison. Its `create` also opens a store that is there.
pub(crate) trait Contender: Engine {
    /// The version of the engine, and of what wraps it.
    fn version(&self) -> String;

    /// Whether its documentation says that a write acknowledged as buffered survives the death
    /// of the process. `kill-check` finds out whether it is so.
    fn buffered_survives_kill(&self) -> bool;

    /// How it is set up, in one line.
    fn settings(&self) -> String;
}

/// The version of `package` that this program was built with.
pub(crate) fn locked_version(package: &str) -> &'static str {
    let entry = LOCK.split("[[package]]").find(|entry| field(entry, "name") == Some(package));
    entry.and_then(|entry| field(entry, "version")).unwrap_or("unknown")
}

const LOCK: &str = include_str!("../Cargo.lock");

/// The value of `name = "value"` in `entry`.
fn field<'a>(entry: &'a str, name: &str) -> Option<&'a str> {
    entry.lines().find_map(|line| {
        let (key, value) = line.split_once(" = ")?;
        (key == name).then(|| value.trim_matches('"'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        assert!(locked_version("rocksdb").starts_with("0."));
        assert!(locked_version("fjall").starts_with("3."));
        assert_eq!(locked_version("rock"), "unknown");
    }
}
