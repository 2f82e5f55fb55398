//! A case as the source of a test.

use crate::replay::Case;
use std::fmt::Write as _;

/// The test that runs `case`; pasted into `found.rs`, it compiles.
pub(crate) fn test_text(name: &str, case: &Case, why: &str) -> String {
    let mut text = String::new();
    let why: String = why.split_whitespace().collect::<Vec<_>>().join(" ");
    let why: String = why.chars().take(300).collect();
    writeln!(text, "/// {}", why.replace(['[', ']'], "")).unwrap();
    writeln!(text, "#[test]\n#[rustfmt::skip]\nfn {name}() {{\n    replay(&[").unwrap();
    for config in &case.configs {
        writeln!(text, "        {config:?},").unwrap();
    }
    writeln!(text, "    ], &[").unwrap();
    for op in &case.ops {
        writeln!(text, "        {op:?},").unwrap();
    }
    writeln!(text, "    ]);\n}}").unwrap();
    text
}
