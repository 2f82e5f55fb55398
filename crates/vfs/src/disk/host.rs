//! What the machine says about itself: free space, kind of file system, boot.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the seam that others ask the machine through"
)]

use super::dirs::or_here;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// Bytes that an unprivileged process can still write below `dir`.
pub(super) fn free_bytes(dir: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(or_here(dir))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// File systems whose bytes another machine or a user's program serves (`statfs(2)`).
#[cfg(target_os = "linux")]
const UNSAFE_MAGICS: [u32; 12] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB 2
    0x6573_5546, // FUSE, virtiofs too
    0x0102_1997, // 9p
    0x5346_414f, // AFS
    0x6b41_4653, // AFS, kernel's own
    0x7375_7245, // Coda
    0x564c,      // NCP
    0x00c3_6400, // Ceph
    0x0bd0_0bd0, // Lustre
];

#[cfg(target_os = "linux")]
pub(super) fn maps_are_safe(dir: &Path) -> bool {
    // A magic is 32 bits in a word whose width and sign depend on the machine.
    let magic = |found: rustix::fs::StatFs| found.f_type.to_le_bytes();
    let Ok(magic) = rustix::fs::statfs(or_here(dir)).map(magic) else { return false };
    !UNSAFE_MAGICS.iter().any(|unsafe_magic| magic.starts_with(&unsafe_magic.to_le_bytes()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn maps_are_safe(_dir: &Path) -> bool {
    false
}

/// The kernel's number of this boot; 0 where there is none to read.
pub(super) fn boot_id() -> u128 {
    static BOOT_ID: OnceLock<u128> = OnceLock::new();
    *BOOT_ID.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        text.ok().and_then(|text| parse_uuid(&text)).unwrap_or(0)
    })
}

fn parse_uuid(text: &str) -> Option<u128> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_32_digits() {
        let parsed = parse_uuid("00112233-4455-6677-8899-aabbccddeeff\n");
        assert_eq!(parsed, Some(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff));
        for text in ["", "no uuid", "00112233-4455-6677-8899-aabbccddeeff0"] {
            assert_eq!(parse_uuid(text), None, "{text}");
        }
    }

    #[test]
    fn a_boot_has_one_id() {
        assert_eq!(boot_id(), boot_id());
    }
}
