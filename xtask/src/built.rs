//! What cargo built: the messages of a build with `--message-format=json-render-diagnostics`.

use std::path::PathBuf;

use serde::Deserialize;

/// The part of a message about a built target that tells what and where it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Built {
    pub(crate) target: Target,
    pub(crate) manifest_path: PathBuf,
    /// `None` for what cannot be run.
    pub(crate) executable: Option<PathBuf>,
    /// Whether nothing had to be built.
    #[serde(default)]
    pub(crate) fresh: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) name: String,
}

/// The targets that `messages` tell of; other lines are passed by.
pub(crate) fn targets(messages: &str) -> impl Iterator<Item = Built> + '_ {
    messages.lines().filter_map(|line| serde_json::from_str(line).ok())
}

/// The built examples, in the order of their paths.
pub(crate) fn examples(messages: &str) -> Vec<PathBuf> {
    let examples = targets(messages).filter(|built| built.target.kind == ["example"]);
    let mut programs: Vec<PathBuf> = examples.filter_map(|built| built.executable).collect();
    programs.sort();
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_found_among_the_messages_of_a_build() {
        let messages = r#"
{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["lib"],"name":"base"},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["bin"],"name":"siltstone"},"executable":"/t/debug/siltstone"}
{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["example"],"name":"wal"},"executable":"/t/debug/examples/wal"}
{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["example"],"name":"base"},"executable":"/t/debug/examples/base"}
{"reason":"build-finished","success":true}
not json at all"#;
        let names = ["/t/debug/examples/base", "/t/debug/examples/wal"].map(PathBuf::from);
        assert_eq!(examples(messages), names);
    }
}
