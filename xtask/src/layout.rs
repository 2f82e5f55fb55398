//! The rules of a crate's folder, which no compiler checks.
//!
//! - every crate inherits the one lint table and takes every version from the workspace;
//! - every crate has a README;
//! - every layer has `examples/<folder>.rs` and its copy of the `clippy.toml` that bans files,
//!   clocks and threads. Clippy takes the nearest `clippy.toml` and merges none, so there are
//!   copies; here they are held equal.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::chain::is_layer;
use crate::workspace::{Package, Workspace};

/// The methods these must ban stand in the copy of the leftmost layer.
const MODEL_OF_CLIPPY: &str = "siltstone-base";

/// What in the folders of `workspace` is against the rules: one sentence each.
///
/// # Errors
///
/// When a manifest, or the `clippy.toml` that is the model for all, cannot be read.
pub(crate) fn findings(workspace: &Workspace) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        found.extend(against_manifest(package)?);
        if package.folder().parent() == Some(&workspace.root.join("crates")) {
            found.extend(missing(package, Path::new("README.md")));
        }
        if is_layer(&package.name) {
            let folder = package.folder().file_name().unwrap_or_default();
            found
                .extend(missing(package, &Path::new("examples").join(folder).with_extension("rs")));
        }
    }
    found.extend(against_clippy(workspace)?);
    Ok(found)
}

/// What the manifest of `package` does not take from the workspace.
fn against_manifest(package: &Package) -> Result<Vec<String>> {
    let path = &package.manifest_path;
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let mut found = Vec::new();
    if !inherits_lints(&text) {
        found.push(format!("{package} does not inherit the lints: `[lints]` `workspace = true`"));
    }
    for line in own_versions(&text) {
        found.push(format!(
            "{package} has a version of its own: `{line}`; versions stand in the root"
        ));
    }
    Ok(found)
}

/// A finding if `package` has no file at `path` in its folder.
fn missing(package: &Package, path: &Path) -> Option<String> {
    let there = package.folder().join(path).is_file();
    (!there).then(|| format!("{package} has no {}", path.display()))
}

/// The layers whose `clippy.toml` is missing or is not the same as the others'.
fn against_clippy(workspace: &Workspace) -> Result<Vec<String>> {
    let Some(model) = workspace.package(MODEL_OF_CLIPPY) else {
        return Ok(Vec::new());
    };
    let path = model.folder().join("clippy.toml");
    let wanted = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let drifted = |package: &&Package| {
        fs::read(package.folder().join("clippy.toml")).ok().as_deref() != Some(wanted.as_slice())
    };
    let layers = workspace.packages.iter().filter(|package| is_layer(&package.name));
    let sentence = |package| format!("{package} has another clippy.toml than {MODEL_OF_CLIPPY}");
    Ok(layers.filter(drifted).map(sentence).collect())
}

/// Whether the manifest says `[lints]` `workspace = true`.
fn inherits_lints(manifest: &str) -> bool {
    lines_by_table(manifest).any(|(table, line)| table == "lints" && line == "workspace = true")
}

/// The lines of dependency tables that do not say `workspace = true`.
fn own_versions(manifest: &str) -> Vec<&str> {
    let dependencies =
        lines_by_table(manifest).filter(|(table, _)| table.ends_with("dependencies"));
    dependencies.map(|(_, line)| line).filter(|line| !line.contains("workspace = true")).collect()
}

/// Every line of a manifest that says something, with the name of the table it stands in.
///
/// Not all of TOML: our manifests have one line for each dependency.
pub(crate) fn lines_by_table(manifest: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut table = "";
    manifest.lines().filter_map(move |line| {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name.trim_matches(['[', ']']);
            return None;
        }
        (!line.is_empty() && !line.starts_with('#')).then_some((table, line))
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const MANIFEST: &str = "[package]\nversion = \"1\"\n\n[lints]\nworkspace = true\n\n\
        [dependencies]\n# why\nsnap.workspace = true\nx = { workspace = true, optional = true }\n\n\
        [features]\ndefault = []\n\n[dev-dependencies]\nproptest.workspace = true # why\n";

    #[test]
    fn a_manifest_that_takes_all_from_the_workspace_passes() {
        assert!(inherits_lints(MANIFEST));
        assert_eq!(own_versions(MANIFEST), Vec::<&str>::new());
    }

    #[test]
    fn lints_elsewhere_or_nowhere_are_not_inherited() {
        assert!(!inherits_lints("[package]\nname = \"a\"\n"));
        assert!(!inherits_lints("[lints]\n[dependencies]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints]\nworkspace = false\n"));
    }

    #[test]
    fn versions_in_any_dependency_table_are_found() {
        let manifest = "[dependencies]\nsnap = \"1\"\n[target.'cfg(unix)'.dependencies]\n\
            rustix = { version = \"1\" }\n[build-dependencies]\ncc = \"1\"\n[package]\nname = \"a\"\n";
        let found = own_versions(manifest);
        assert_eq!(found, ["snap = \"1\"", "rustix = { version = \"1\" }", "cc = \"1\""]);
    }

    /// Two layers on disk that keep every rule.
    fn two_layers() -> (TempDir, Workspace) {
        let root = tempfile::tempdir().unwrap();
        let mut packages = Vec::new();
        for (folder, name) in [("base", "siltstone-base"), ("vfs", "siltstone-vfs")] {
            let at = root.path().join("crates").join(folder);
            fs::create_dir_all(at.join("examples")).unwrap();
            fs::write(at.join("Cargo.toml"), MANIFEST).unwrap();
            fs::write(at.join("README.md"), "# a layer").unwrap();
            fs::write(at.join("clippy.toml"), "banned").unwrap();
            fs::write(at.join("examples").join(folder).with_extension("rs"), "").unwrap();
            packages.push(Package {
                name: name.to_owned(),
                manifest_path: at.join("Cargo.toml"),
                dependencies: Vec::new(),
                features: std::collections::BTreeMap::new(),
            });
        }
        let workspace = Workspace { packages, root: root.path().to_path_buf() };
        (root, workspace)
    }

    #[test]
    fn folders_that_keep_the_rules_pass() {
        let (_root, workspace) = two_layers();
        assert_eq!(findings(&workspace).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn each_missing_or_drifted_file_is_named() {
        for (file, text, expected) in [
            ("README.md", None, "siltstone-vfs has no README.md"),
            ("examples/vfs.rs", None, "siltstone-vfs has no examples/vfs.rs"),
            ("clippy.toml", None, "siltstone-vfs has another clippy.toml than siltstone-base"),
            (
                "clippy.toml",
                Some("ban"),
                "siltstone-vfs has another clippy.toml than siltstone-base",
            ),
            ("Cargo.toml", Some("[package]\n"), "siltstone-vfs does not inherit the lints"),
        ] {
            let (root, workspace) = two_layers();
            let path = root.path().join("crates/vfs").join(file);
            match text {
                Some(text) => fs::write(path, text).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            let found = findings(&workspace).unwrap();
            assert_eq!(found.len(), 1, "{file}: {found:?}");
            assert!(found[0].starts_with(expected), "{file}: {found:?}");
        }
    }
}
