//! Sizes as people write and read them.

const UNITS: [(&str, u64); 4] =
    [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads `256MiB`, `64KiB`, `1GiB`, `2TiB` or a plain number of bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let (digits, factor) = UNITS
        .iter()
        .find_map(|&(unit, factor)| Some((text.strip_suffix(unit)?, factor)))
        .unwrap_or((text, 1));
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| plain);
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| format!("{text:?} is no size: write 65536, 64KiB, 256MiB or 1GiB"))
}

/// `bytes` with a unit and one digit behind the point: `12.3 MiB`.
pub(crate) fn human(bytes: u64) -> String {
    match UNITS.iter().find(|&&(_, factor)| bytes >= factor) {
        None => format!("{bytes} B"),
        Some(&(unit, factor)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(factor);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in [("0", 0), ("65536", 65_536), ("64KiB", 65_536), ("1GiB", 1 << 30)] {
            assert_eq!(parse(text), Ok(bytes));
        }
        for text in ["", "MiB", "-1", "+1", "1.5GiB", "1 GiB", "64kb", "99999999TiB", "0x10"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_with_one_digit() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (u64::MAX, "16777215.9 TiB")]
        {
            assert_eq!(human(bytes), text);
        }
    }
}
