//! `cargo xtask layers`: the chain of crates, the rules of their folders, and what they take from
//! outside.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{chain, dependencies, layout};

/// Prints what is against the rules; returns whether nothing is.
///
/// # Errors
///
/// When a file that the rules speak of cannot be read.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let mut findings = chain::findings(workspace);
    findings.extend(layout::findings(workspace)?);
    findings.extend(dependencies::findings(workspace)?);
    for finding in &findings {
        println!("layers: {finding}");
    }
    if findings.is_empty() {
        println!("layers: {} crates keep the chain and the rules", workspace.packages.len());
    }
    Ok(findings.is_empty())
}
