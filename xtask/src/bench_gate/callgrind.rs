//! Counts the instructions of each operation of `gate`, by callgrind.
//!
//! The program names an operation with its repetitions on stdout and calls one function for it.
//! Callgrind sets all counts to zero when that function is entered and writes a file when it is
//! left: the n-th line belongs to the n-th file.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// What was counted for one operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) name: String,
    /// Instructions of one operation.
    pub(crate) instructions: f64,
    /// Where the counts by function are, for `callgrind_annotate`.
    pub(crate) profile: String,
}

/// The function whose instructions are counted, with all that it calls.
const MEASURED: &str = "gate::meter::measured";

/// Keeps the C library from choosing copies by what the processor can do, so that every machine
/// counts the same. Names of old and new versions; those that are not known are passed by.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX,-BMI1,-BMI2,\
    -LZCNT,-MOVBE,-RTM,-SSE4_1,-SSE4_2,-SSSE3,-ERMS,-FSRM,-AVX_Fast_Unaligned_Load,\
    -AVX512F_Usable,-AVX2_Usable,-AVX_Usable:glibc.cpu.x86_non_temporal_threshold=0x40000000";

/// Runs `program` under callgrind, whose files go into `folder`.
///
/// # Errors
///
/// When it does not run to its end, or files and lines do not match.
pub(crate) fn count(program: &mut Command, folder: &Path) -> Result<Vec<Counted>> {
    if folder.exists() {
        fs::remove_dir_all(folder).context("remove the counts of the last run")?;
    }
    fs::create_dir_all(folder).context("make the folder for counts")?;
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", folder.join("profile").display()))
        .args([format!("--zero-before={MEASURED}"), format!("--dump-after={MEASURED}")])
        .arg(program.get_program())
        .env("GLIBC_TUNABLES", TUNABLES)
        .stderr(Stdio::inherit())
        .output()
        .context("start valgrind")?;
    ensure!(output.status.success(), "`gate` under valgrind: {}", output.status);
    let stdout = String::from_utf8(output.stdout).context("read what `gate` says")?;
    let profile = |number: usize| folder.join(format!("profile.{number}"));
    let read = |number: usize| fs::read_to_string(profile(number));
    let counted = counted(&stdout, read)?;
    // One more file is a call that no line named.
    ensure!(!profile(counted.len() + 1).exists(), "callgrind counted more than `gate` named");
    Ok(counted)
}

/// The operations that `stdout` names, each with the counts of its file.
fn counted(stdout: &str, read: impl Fn(usize) -> std::io::Result<String>) -> Result<Vec<Counted>> {
    let mut all = Vec::new();
    for (line, number) in stdout.lines().zip(1..) {
        let Some((name, repetitions)) = line.split_once('\t') else {
            bail!("not an operation: {line}")
        };
        let repetitions: u32 =
            repetitions.parse().with_context(|| format!("repetitions of {name}"))?;
        ensure!(repetitions > 0, "{name} was never done");
        let text = read(number).with_context(|| format!("callgrind has no count for {name}"))?;
        let total = total(&text).with_context(|| format!("the counts of {name}"))?;
        all.push(Counted {
            name: name.to_owned(),
            instructions: f64::from(total) / f64::from(repetitions),
            profile: format!("target/gate/profile.{number}"),
        });
    }
    ensure!(!all.is_empty(), "`gate` named no operation");
    Ok(all)
}

/// The sum that ends a file of callgrind.
fn total(text: &str) -> Result<u32> {
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    let total = line.context("there is no line `totals`")?.trim();
    // 4 thousand million instructions are minutes: no operation is meant to take them.
    total.parse().with_context(|| format!("instructions: {total}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_counts_of_its_file() {
        let read = |number| Ok(format!("events: Ir\nfn=(1) x\n1 2\n\ntotals: {number}000\n"));
        let counted = counted("put\t10\nget a key\t500\n", read).unwrap();
        let found: Vec<_> = counted.iter().map(|one| (&*one.name, one.instructions)).collect();
        assert_eq!(found, [("put", 100.0), ("get a key", 4.0)]);
        assert_eq!(counted[1].profile, "target/gate/profile.2");
    }

    #[test]
    fn what_was_not_counted_is_an_error() {
        let missing = |_| Err(std::io::ErrorKind::NotFound.into());
        let error = format!("{:#}", counted("put\t10\n", missing).unwrap_err());
        assert!(error.starts_with("callgrind has no count for put"), "{error}");
        let file = |text: &'static str| move |_| Ok(text.to_owned());
        let fails = |stdout, text| format!("{:#}", counted(stdout, file(text)).unwrap_err());
        assert!(fails("", "totals: 1").contains("named no operation"));
        assert!(fails("put", "totals: 1").contains("not an operation"));
        assert!(fails("put\t0", "totals: 1").contains("never done"));
        assert!(fails("put\tten", "totals: 1").contains("repetitions of put"));
        assert!(fails("put\t1", "total: 1").contains("no line `totals`"));
        assert!(fails("put\t1", "totals: 1 2").contains("instructions: 1 2"));
    }
}
