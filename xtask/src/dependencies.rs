//! What comes from outside: each crate that a member names has its reason on paper, and the root
//! names none that nobody uses.
//!
//! A dependency is code that nobody here reads and everybody here runs. `cargo deny` knows
//! licences and origins; whether it is worth having only a person can say, in docs/decisions.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};

use crate::layout::lines_by_table;
use crate::workspace::Workspace;

/// Where the reasons stand.
const REASONS: &str = "docs/decisions/0001-dependencies.md";

/// What is against these two rules in `workspace`: one sentence each.
///
/// # Errors
///
/// When the root manifest or the page of reasons cannot be read.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let read = |name| {
        let path = workspace.root.join(name);
        fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
    };
    let (root, reasons) = (read("Cargo.toml")?, read(REASONS)?);
    let used = named_by_members(workspace);
    let mut found = without_reason(&used, &reasons);
    found.extend(unused(&used, &root));
    Ok(found)
}

/// Every crate from outside that a member names in any table.
fn named_by_members(workspace: &Workspace) -> BTreeSet<&str> {
    let all = workspace.packages.iter().flat_map(|package| &package.dependencies);
    all.filter(|dependency| dependency.path.is_none()).map(|d| d.name.as_str()).collect()
}

/// A reason begins with the crate's name in backquotes, in the first column of a table.
fn without_reason(used: &BTreeSet<&str>, reasons: &str) -> Vec<String> {
    let has_reason =
        |name: &str| reasons.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    let bare = used.iter().filter(|name| !has_reason(name));
    bare.map(|name| format!("`{name}` is used but {REASONS} gives no reason for it")).collect()
}

/// The lines of `[workspace.dependencies]` for crates from outside that no member names.
fn unused(used: &BTreeSet<&str>, root: &str) -> Vec<String> {
    let lines = lines_by_table(root).filter(|(table, _)| *table == "workspace.dependencies");
    let outside = lines.map(|(_, line)| line).filter(|line| !line.contains("path ="));
    let names = outside.filter_map(|line| line.split(['.', ' ', '=']).next());
    let idle = names.filter(|name| !used.contains(name));
    idle.map(|name| format!("the root manifest names `{name}`, which no crate uses")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASONS_FOR_SNAP: &str = "| crate | why |\n|---|---|\n| `snap` | small blocks |\n";

    #[test]
    fn a_crate_without_a_reason_is_named() {
        assert_eq!(without_reason(&BTreeSet::from(["snap"]), REASONS_FOR_SNAP), [""; 0]);
        let found = without_reason(&BTreeSet::from(["snap", "lz4"]), REASONS_FOR_SNAP);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("`lz4` is used"), "{found:?}");
        let mentioned = "| `snap` | better than `lz4` here |\n";
        assert_eq!(without_reason(&BTreeSet::from(["lz4"]), mentioned).len(), 1);
    }

    #[test]
    fn a_crate_that_nobody_uses_is_named() {
        let root = "[workspace.dependencies]\nsiltstone = { path = \"crates/engine\" }\n\
            snap = \"1\"\nclap = { version = \"4\" }\n[profile.dev]\nopt-level = 1\n";
        assert_eq!(unused(&BTreeSet::from(["snap", "clap"]), root), [""; 0]);
        let found = unused(&BTreeSet::from(["snap"]), root);
        assert_eq!(found, ["the root manifest names `clap`, which no crate uses"]);
    }
}
