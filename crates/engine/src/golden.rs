//! Formats as they were written down: hex text, sixteen bytes a line.

/// The bytes of a golden file.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let byte = |digits| u8::from_str_radix(digits, 16).unwrap();
    hex.split_ascii_whitespace().map(byte).collect()
}

/// Compares, and shows what the file would have to be.
pub(crate) fn check(encoded: &[u8], golden: &[u8]) {
    let lines = encoded
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "));
    assert!(encoded == golden, "the format has changed:\n{}", lines.collect::<Vec<_>>().join("\n"));
}
