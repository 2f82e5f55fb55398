//! Looks at a database after something happened to it.

use crate::Failure;
use crate::history;
use crate::settings::Settings;
use crate::tell::Teller;

/// Opens read-only, then for writing, which must find the same, and verifies every byte.
pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let teller = Teller::new();
    teller.line(&format!("begin {}", std::process::id()));
    let none = vec![0; usize::try_from(settings.threads).unwrap_or(0)];
    let seen = match settings.open_read_only()? {
        Some(db) => {
            let seen = history::look(&db, settings)?;
            db.close()?;
            seen
        }
        None => none,
    };
    if !settings.read_only {
        write_side(settings, &seen, &teller)?;
    }
    found(&teller, &seen);
    Ok(())
}

fn write_side(settings: &Settings, seen: &[u64], teller: &Teller) -> Result<(), Failure> {
    let db = settings.open()?;
    let counts = history::look(&db, settings)?;
    if counts != seen {
        return Err(Failure::Wrong(format!("a reader saw {seen:?}, the writer {counts:?}")));
    }
    let report = db.verify()?;
    if let Some(finding) = report.findings.first() {
        let (path, message) = (finding.path.display(), &finding.message);
        return Err(Failure::Wrong(format!("verify: {path}: {message}")));
    }
    db.close()?;
    teller.line(&format!("verified {} {}", report.files, report.entries));
    Ok(())
}

/// Tells what is there.
pub(crate) fn found(teller: &Teller, counts: &[u64]) {
    for (thread, number) in counts.iter().enumerate() {
        teller.line(&format!("found {thread} {number}"));
    }
}
