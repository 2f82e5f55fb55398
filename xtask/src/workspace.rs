//! What cargo knows of the workspace: its packages and which names they depend on.
//!
//! Read from `cargo metadata --no-deps`, where dependencies stand as they were written: renamed
//! ones under their real name, optional ones too, each with its kind.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The workspace as its manifests describe it.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Every member.
    pub(crate) packages: Vec<Package>,
    /// The folder of the root manifest.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
}

/// One member.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// One name in a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) kind: Option<Kind>,
    #[serde(default)]
    pub(crate) optional: bool,
    /// The folder, for a dependency that does not come from a registry.
    #[serde(default)]
    pub(crate) path: Option<PathBuf>,
}

/// The table a dependency stands in; a normal one has no kind.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Dev,
    Build,
}

impl Workspace {
    /// The workspace that the current directory belongs to.
    ///
    /// # Errors
    ///
    /// When cargo finds no workspace here or cannot read a manifest of it.
    pub(crate) fn load() -> Result<Self> {
        let output = Command::new(crate::cargo::program())
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .stderr(Stdio::inherit())
            .output()
            .context("start cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata: {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("read the output of cargo metadata")
    }

    /// The member named `name`.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    /// The folder of the package's manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("."))
    }
}

impl Dependency {
    /// The manifest table it stands in, as one says it.
    pub(crate) fn table(&self) -> &'static str {
        match self.kind {
            None => "dependency",
            Some(Kind::Dev) => "dev-dependency",
            Some(Kind::Build) => "build-dependency",
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_prints_is_understood() {
        let workspace: Workspace = serde_json::from_str(
            r#"{
                "packages": [{
                    "name": "a", "version": "1.0.0", "manifest_path": "/w/crates/a/Cargo.toml",
                    "dependencies": [
                        {"name": "b", "kind": null, "optional": true, "path": "/w/crates/b"},
                        {"name": "c", "kind": "dev", "optional": false},
                        {"name": "d", "kind": "build", "optional": false}
                    ],
                    "features": {"default": []}
                }],
                "workspace_root": "/w", "version": 1
            }"#,
        )
        .unwrap();
        let package = workspace.package("a").unwrap();
        let tables: Vec<_> = package.dependencies.iter().map(Dependency::table).collect();
        assert_eq!(tables, ["dependency", "dev-dependency", "build-dependency"]);
        assert_eq!(package.folder(), Path::new("/w/crates/a"));
        assert!(package.dependencies[0].optional && package.dependencies[0].path.is_some());
        assert!(workspace.package("b").is_none());
    }
}
