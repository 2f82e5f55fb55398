//! A database in a directory of its own: keyspaces, an atomic batch, a snapshot, scans.

use siltstone::{Durability, Options, WriteBatch, WriteOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temp = tempfile::tempdir()?;
    let dir = temp.path().join("rocks");
    let db = Options::new().memory_budget(64 << 20).open(&dir)?;
    let ages = db.keyspace("ages")?;
    db.put("gneiss", "metamorphic")?;
    db.put("granite", "igneous")?;
    db.put("siltstone", "sedimentary")?;

    // Both or none, and it survives loss of power.
    let mut batch = WriteBatch::new();
    batch.put(&db.default_keyspace(), "basalt", "igneous");
    batch.put(&ages, "basalt", "Paleogene");
    db.write_with(batch, &WriteOptions::new().durability(Durability::Sync))?;

    // A snapshot shows one moment of all keyspaces, whatever comes.
    let before = db.snapshot();
    db.delete("gneiss")?;
    db.flush()?;
    db.compact_range(..)?;
    assert!(db.get("gneiss")?.is_none());
    assert_eq!(before.get(&db, "gneiss")?.as_deref(), Some(&b"metamorphic"[..]));

    let keys: Vec<_> = db.keys("b".."s")?.rev().collect::<Result<_, _>>()?;
    assert_eq!(keys.iter().map(|key| &**key).collect::<Vec<_>>(), [&b"granite"[..], b"basalt"]);

    let mut cursor = db.cursor()?;
    assert!(cursor.seek_for_prev("h")? && cursor.key() == b"granite");
    assert!(cursor.next()? && cursor.value()? == b"sedimentary");

    // What was written is found again.
    db.close()?;
    let db = Options::new().open(&dir)?;
    assert_eq!(db.list_keyspaces()?, ["ages", "default"]);
    assert_eq!(db.keyspace("ages")?.get("basalt")?.as_deref(), Some(&b"Paleogene"[..]));
    assert!(db.verify()?.findings.is_empty());
    Ok(db.close()?)
}
