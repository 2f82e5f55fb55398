//! A tree of tables that exist as plain data only, a policy that shapes it, and what it shows.

use siltstone_base::KeySpan;
use siltstone_compaction::{
    Action, CompactionPolicy, Env, Leveled, Placed, RunId, TableMeta, Version, VersionEdit,
    VersionView, check,
};
use siltstone_sstable::TableId;

const MIB: u64 = 1 << 20;

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut tree = Version::empty();
    let mut policy = Leveled::default();
    let (mut runs, mut merges) = (0, 0);
    for flush in 0..40 {
        runs += 1;
        tree = tree.apply(&add(0, runs, &[table(runs, 64 * MIB)]))?;
        // Here an engine would run merges on its threads. This tree only counts bytes: half of
        // what is merged into something is said to be overwritten.
        while let Some(action) = pick(&mut policy, &tree) {
            check(&view(&tree), &action)?;
            let job = action.job(&view(&tree), RunId(runs + 1)).ok_or("no such destination")?;
            runs += 1;
            let edit = match &action {
                Action::Merge { inputs, .. } => {
                    let taken = tree.tables().filter(|table| inputs.contains(&table.id));
                    let bytes: u64 = taken.map(|table| table.file_bytes).sum();
                    merges += 1;
                    VersionEdit::of_job(&job, vec![table(runs, bytes * 3 / 4)])
                }
                _ => VersionEdit::of_move(&job, &tree),
            };
            println!("after flush {flush}: {}", action.why());
            tree = tree.apply(&edit)?;
        }
    }
    println!("{}", tree.describe());

    // What the manifest would keep leads to the same tree.
    let mut bytes = Vec::new();
    VersionEdit::of_version(&tree).encode(&mut bytes);
    assert_eq!(Version::empty().apply(&VersionEdit::decode(&bytes)?)?, tree);
    assert!(merges >= 10 && tree.runs().len() < 4 + 6, "level 0 was merged again and again");
    Ok(())
}

fn pick(policy: &mut Leveled, tree: &Version) -> Option<Action> {
    let mut actions = Vec::new();
    policy.pick(&view(tree), &mut actions);
    actions.pop()
}

fn view(tree: &Version) -> VersionView<'_> {
    VersionView::new(tree, &[], Env::default())
}

fn add(level: u8, run: u64, tables: &[TableMeta]) -> VersionEdit {
    let placed = |table: &TableMeta| Placed { level, run: RunId(run), table: table.clone() };
    VersionEdit { removed: Vec::new(), added: tables.iter().map(placed).collect() }
}

/// A table over all keys.
fn table(number: u64, file_bytes: u64) -> TableMeta {
    TableMeta {
        id: TableId { epoch: 1, number },
        span: KeySpan::new("a", "z"),
        file_bytes,
        digest: 0,
        entries: file_bytes / 100,
        point_tombstones: 0,
        raw_bytes: file_bytes,
        seqnos: (number, number),
        born: number,
        data_age: (number, number),
        oldest_tombstone: None,
    }
}
