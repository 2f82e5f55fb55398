//! For which processors the peers are built: one answer for what rustc and what g++ compiles.
//!
//! On x86-64 that is level 3 and carry-less multiplication where this machine has both: RocksDB
//! has its checksums in hardware only where it was compiled for that, and level 3 alone lacks the
//! multiplication that its fast CRC32C needs as well. A machine that has less gets the baseline.

use std::env;

/// What the compilers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) rustc: &'static [&'static str],
    pub(super) cpp: &'static [&'static str],
}

/// The flags for this machine.
pub(super) fn flags() -> Flags {
    of(env::consts::ARCH, has_level_3())
}

const fn of(arch: &str, level_3: bool) -> Flags {
    match (arch.as_bytes(), level_3) {
        (b"x86_64", true) => {
            Flags { rustc: &["-C", "target-cpu=x86-64-v3"], cpp: &["-march=x86-64-v3", "-mpclmul"] }
        }
        // `librocksdb-sys` compiles for these too.
        (b"aarch64", _) => Flags { rustc: &[], cpp: &["-march=armv8-a+crc+crypto"] },
        _ => Flags { rustc: &[], cpp: &[] },
    }
}

#[cfg(target_arch = "x86_64")]
fn has_level_3() -> bool {
    std::is_x86_feature_detected!("avx2")
        && std::is_x86_feature_detected!("bmi1")
        && std::is_x86_feature_detected!("bmi2")
        && std::is_x86_feature_detected!("f16c")
        && std::is_x86_feature_detected!("fma")
        && std::is_x86_feature_detected!("lzcnt")
        && std::is_x86_feature_detected!("movbe")
        && std::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(not(target_arch = "x86_64"))]
const fn has_level_3() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_3_is_for_both_compilers_or_for_none() {
        let with = of("x86_64", true);
        assert!(with.rustc.contains(&"target-cpu=x86-64-v3"));
        assert!(with.cpp.contains(&"-march=x86-64-v3"));
        assert_eq!(of("x86_64", false), Flags { rustc: &[], cpp: &[] });
        assert_eq!(flags(), of(env::consts::ARCH, has_level_3()));
    }
}
