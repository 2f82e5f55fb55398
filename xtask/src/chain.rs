//! The chain of crates: which one may name which.
//!
//! ```text
//! base <- vfs <- wal <- memtable <- sstable <- compaction <- engine <- bench <- cli <- xtask
//!                                              compaction <- sim             <- cli
//! ```
//! A crate names only crates to its left, in dev- and build-dependencies too; the simulator names
//! base and compaction only, and of memtables sstable knows through its feature `flush` alone.
//! Cargo itself refuses circles among normal dependencies; an edge against the chain that closes
//! no circle, or one in dev-dependencies, it takes without a word.

use crate::workspace::{Dependency, Package, Workspace};

/// Left to right, without the simulator.
const CHAIN: [&str; 10] = [
    "siltstone-base",
    "siltstone-vfs",
    "siltstone-wal",
    "siltstone-memtable",
    SSTABLE,
    "siltstone-compaction",
    "siltstone",
    "siltstone-bench",
    "siltstone-cli",
    "xtask",
];
/// Beside the chain: they name any library of it, and nobody names them.
const BESIDE: [&str; 2] = ["siltstone-benches", "siltstone-fuzz"];
const SIM: &str = "siltstone-sim";
const SIM_NAMES: [&str; 2] = ["siltstone-base", "siltstone-compaction"];
const SIM_NAMED_BY: [&str; 2] = ["siltstone-cli", "xtask"];

pub(crate) const SSTABLE: &str = "siltstone-sstable";
const MEMTABLE: &str = "siltstone-memtable";
const FLUSH: &str = "flush";

/// Whether `name` is a layer: a library that is worth taking alone.
pub(crate) fn is_layer(name: &str) -> bool {
    name == SIM
        || place(name).is_some_and(|at| CHAIN[at] != "siltstone-cli" && at + 1 < CHAIN.len())
}

/// What in `workspace` is against the chain: one sentence each, none when all is well.
pub(crate) fn findings(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        let beside = BESIDE.contains(&package.name.as_str());
        if !beside && package.name != SIM && place(&package.name).is_none() {
            found.push(format!(
                "{package} has no place in the chain: give it one in xtask/src/chain.rs"
            ));
            continue;
        }
        for dependency in &package.dependencies {
            found.extend(against_chain(workspace, package, dependency));
        }
    }
    found.extend(workspace.package(SSTABLE).into_iter().flat_map(against_flush));
    found
}

/// Why `package` may not name `dependency`, if it may not.
fn against_chain(
    workspace: &Workspace,
    package: &Package,
    dependency: &Dependency,
) -> Option<String> {
    let name = &dependency.name;
    let edge = format!("{package} names {name} ({})", dependency.table());
    if workspace.package(name).is_none() {
        let outside = dependency.path.is_some();
        return outside.then(|| format!("{edge}: a folder that is no member of the workspace"));
    }
    if package.name == SIM && !SIM_NAMES.contains(&name.as_str()) {
        return Some(format!("{edge}: the simulator names base and compaction only"));
    }
    if name == SIM && !SIM_NAMED_BY.contains(&package.name.as_str()) {
        return Some(format!("{edge}: only the program names the simulator"));
    }
    if BESIDE.contains(&package.name.as_str()) && is_layer(name) {
        return None;
    }
    if BESIDE.contains(&name.as_str()) {
        return Some(format!("{edge}: it stands beside the chain, and nobody names it"));
    }
    let left = name == SIM || package.name == SIM || place(name) < place(&package.name);
    (!left).then(|| format!("{edge}: a crate may name only crates to its left in {}", picture()))
}

/// What ties sstable to memtables in another way than through `flush`.
fn against_flush(sstable: &Package) -> Vec<String> {
    let mut found = Vec::new();
    for dependency in sstable.dependencies.iter().filter(|d| d.name == MEMTABLE && !d.optional) {
        let table = dependency.table();
        found.push(format!(
            "{SSTABLE} names {MEMTABLE} ({table}): it must be optional behind `{FLUSH}`"
        ));
    }
    let switches_on = |what: &String| {
        let what = what.strip_prefix("dep:").unwrap_or(what);
        what == MEMTABLE || what.strip_prefix(MEMTABLE).is_some_and(|rest| rest.starts_with('/'))
    };
    for (feature, turned_on) in &sstable.features {
        if feature != FLUSH && turned_on.iter().any(switches_on) {
            found.push(format!(
                "{SSTABLE}: feature `{feature}` switches {MEMTABLE} on; only `{FLUSH}` may"
            ));
        }
    }
    found
}

/// How far right `name` stands in the chain.
fn place(name: &str) -> Option<usize> {
    CHAIN.iter().position(|link| *link == name)
}

/// The chain on one line, with the names of the folders.
fn picture() -> String {
    let short = |name: &&str| match *name {
        "siltstone" => "engine".to_owned(),
        name => name.trim_start_matches("siltstone-").to_owned(),
    };
    CHAIN.iter().map(short).collect::<Vec<_>>().join(" <- ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::workspace::Kind;

    /// A workspace out of `"crate: dependency dev=dependency build=dependency maybe=dependency"`.
    fn workspace(lines: &[&str]) -> Workspace {
        let packages = lines.iter().map(|line| {
            let (name, words) = line.split_once(':').unwrap();
            Package {
                name: name.to_owned(),
                manifest_path: PathBuf::from(format!("crates/{name}/Cargo.toml")),
                dependencies: words.split_whitespace().map(dependency).collect(),
                features: BTreeMap::new(),
            }
        });
        Workspace { packages: packages.collect(), root: PathBuf::new() }
    }

    fn dependency(word: &str) -> Dependency {
        let (kind, name) = word.split_once('=').unwrap_or(("", word));
        Dependency {
            name: name.to_owned(),
            kind: match kind {
                "dev" => Some(Kind::Dev),
                "build" => Some(Kind::Build),
                _ => None,
            },
            optional: kind == "maybe",
            path: name.starts_with("siltstone").then(|| PathBuf::from(name)),
        }
    }

    /// The whole chain as it stands, with `extra` words appended to the crate they begin with.
    fn check(extra: &str, expected: &[&str]) {
        let (changed, words) = extra.split_once(' ').unwrap_or((extra, ""));
        let lines = [
            "siltstone-base: thiserror dev=proptest",
            "siltstone-vfs: siltstone-base memmap2",
            "siltstone-wal: siltstone-base siltstone-vfs",
            "siltstone-memtable: siltstone-base siltstone-wal",
            "siltstone-sstable: siltstone-base siltstone-vfs maybe=siltstone-memtable",
            "siltstone-compaction: siltstone-base siltstone-vfs siltstone-sstable",
            "siltstone-sim: siltstone-base siltstone-compaction",
            "siltstone: siltstone-compaction siltstone-memtable siltstone-sstable siltstone-wal",
            "siltstone-bench: siltstone",
            "siltstone-cli: siltstone siltstone-bench siltstone-sim clap",
            "xtask: clap dev=siltstone-base",
        ];
        let of = |line: &str| match line.strip_prefix(&format!("{changed}:")) {
            Some(rest) => format!("{changed}:{rest} {words}"),
            None => line.to_owned(),
        };
        let lines: Vec<String> = lines.map(of).to_vec();
        let found = findings(&workspace(&lines.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!(found.len(), expected.len(), "{extra}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{extra}: {found}");
        }
    }

    #[test]
    fn the_chain_as_designed_passes() {
        check("", &[]);
    }

    #[test]
    fn an_edge_against_the_chain_fails_and_is_named() {
        check("siltstone-base siltstone-vfs", &["siltstone-base names siltstone-vfs (dependency)"]);
        check("siltstone-vfs siltstone-wal", &["siltstone-vfs names siltstone-wal (dependency)"]);
        check("siltstone-wal siltstone-memtable", &["siltstone-wal names siltstone-memtable"]);
        check("siltstone-memtable siltstone-sstable", &["memtable names siltstone-sstable"]);
        check("siltstone-compaction siltstone", &["siltstone-compaction names siltstone (dep"]);
        check("siltstone siltstone-cli", &["siltstone names siltstone-cli (dependency)"]);
        check("siltstone-cli xtask", &["siltstone-cli names xtask (dependency)"]);
    }

    #[test]
    fn dev_and_build_dependencies_count() {
        let dev = "siltstone-vfs names siltstone (dev-dependency): a crate may name only crates to its left in base <- vfs";
        check("siltstone-vfs dev=siltstone", &[dev]);
        check("siltstone-base build=xtask", &["siltstone-base names xtask (build-dependency)"]);
        check("siltstone-wal dev=siltstone-wal", &["siltstone-wal names siltstone-wal (dev-dep"]);
    }

    #[test]
    fn steps_over_links_to_the_left_are_allowed() {
        check("siltstone-memtable siltstone-vfs", &[]);
        check("siltstone-sstable siltstone-wal", &[]);
        check("siltstone siltstone-base dev=siltstone-vfs", &[]);
    }

    #[test]
    fn the_simulator_names_base_and_compaction_only() {
        let only = "the simulator names base and compaction only";
        check("siltstone-sim siltstone-vfs", &[only]);
        check("siltstone-sim dev=siltstone", &[only]);
        check("siltstone siltstone-sim", &["only the program names the simulator"]);
        check("siltstone-compaction dev=siltstone-sim", &["only the program names the simulator"]);
        check("xtask siltstone-sim", &[]);
    }

    #[test]
    fn what_stands_beside_the_chain_names_libraries_and_is_named_by_nobody() {
        let lines = ["siltstone: siltstone-base", "siltstone-base:", "siltstone-cli: siltstone"];
        let with = |line: &str| findings(&workspace(&[&lines[..], &[line]].concat()));
        assert_eq!(with("siltstone-benches: siltstone siltstone-base dev=criterion"), [""; 0]);
        let program = with("siltstone-fuzz: siltstone-cli");
        assert!(program[0].starts_with("siltstone-fuzz names siltstone-cli"), "{program:?}");
        let named = ["siltstone: dev=siltstone-fuzz", "siltstone-fuzz: siltstone"];
        let named = findings(&workspace(&named));
        assert!(named[0].starts_with("siltstone names siltstone-fuzz (dev-dep"), "{named:?}");
    }

    #[test]
    fn sstable_sees_memtables_through_flush_only() {
        let optional = "siltstone-memtable (dependency): it must be optional behind `flush`";
        check("siltstone-sstable siltstone-memtable", &[optional]);
        check(
            "siltstone-sstable dev=siltstone-memtable",
            &["(dev-dependency): it must be optional"],
        );
    }

    #[test]
    fn no_other_feature_switches_memtables_on() {
        for (feature, what, passes) in [
            ("flush", "dep:siltstone-memtable", true),
            ("default", "flush", true),
            ("default", "dep:siltstone-memtable", false),
            ("default", "siltstone-memtable/extra", false),
            ("siltstone-memtable", "dep:siltstone-memtable", false),
        ] {
            let mut workspace =
                workspace(&["siltstone-sstable: maybe=siltstone-memtable", "siltstone-memtable:"]);
            workspace.packages[0].features.insert(feature.to_owned(), vec![what.to_owned()]);
            let found = findings(&workspace);
            assert_eq!(found.is_empty(), passes, "{feature} = [{what}]: {found:?}");
            assert!(passes || found[0].contains(&format!("feature `{feature}`")), "{found:?}");
        }
    }

    #[test]
    fn strangers_are_refused() {
        let stranger = findings(&workspace(&["siltstone-cloud: siltstone-base"]));
        assert!(
            stranger[0].starts_with("siltstone-cloud has no place in the chain"),
            "{stranger:?}"
        );
        let outside = findings(&workspace(&["siltstone-base: siltstone-elsewhere"]));
        assert!(outside[0].contains("no member of the workspace"), "{outside:?}");
    }

    #[test]
    fn layers_are_the_libraries() {
        let layers: Vec<_> = CHAIN.into_iter().filter(|name| is_layer(name)).collect();
        assert_eq!(layers.first(), Some(&"siltstone-base"));
        assert_eq!(layers.last(), Some(&"siltstone-bench"));
        assert_eq!(layers.len(), 8);
        assert!(is_layer(SIM) && !is_layer("serde"));
    }
}
