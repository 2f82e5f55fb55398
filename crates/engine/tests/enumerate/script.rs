//! A workload as text: one call a line, or several with `;` between them.
//!
//! ```text
//! put a 100            key and bytes of its value     put a..d 100     one call for each key
//! delete a             delete users/a                 of a keyspace other than the default
//! batch a=8 -b users/c=20                             puts and deletes at once
//! synced put a 100     with Durability::Sync          sync
//! flush                flush users                    compact users
//! create users         drop users                     snapshot         release (the oldest)
//! checkpoint /copy     step 3 (if nobody else does)   close    open    read-only
//! ```

/// A keyspace, a key, and the bytes of its value unless it is a delete.
pub(crate) type ScriptOp = (&'static str, String, Option<usize>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Write { ops: Vec<ScriptOp>, synced: bool },
    Sync,
    Flush(Option<&'static str>),
    Compact(&'static str),
    Create(&'static str),
    Drop(&'static str),
    Snapshot,
    Release,
    Checkpoint(&'static str),
    Step(usize),
    Close,
    Open,
    ReadOnly,
}

/// Reads a script.
///
/// # Panics
///
/// If it is none.
pub(crate) fn parse(script: &'static str) -> Vec<Call> {
    let lines = script.split(['\n', ';']).map(str::trim);
    lines.filter(|line| !line.is_empty()).flat_map(calls_of).collect()
}

fn calls_of(line: &'static str) -> Vec<Call> {
    let (synced, call) = match line.strip_prefix("synced ") {
        Some(call) => (true, call),
        None => (false, line),
    };
    let words: Vec<&'static str> = call.split_whitespace().collect();
    match *words.as_slice() {
        ["put", keys, bytes] => each(keys, Some(bytes.parse().unwrap()), synced),
        ["delete", keys] => each(keys, None, synced),
        ["batch", ref ops @ ..] => {
            vec![Call::Write { ops: ops.iter().map(|op| batch_op(op)).collect(), synced }]
        }
        ["sync"] => vec![Call::Sync],
        ["flush"] => vec![Call::Flush(None)],
        ["flush", name] => vec![Call::Flush(Some(name))],
        ["compact", name] => vec![Call::Compact(name)],
        ["create", name] => vec![Call::Create(name)],
        ["drop", name] => vec![Call::Drop(name)],
        ["snapshot"] => vec![Call::Snapshot],
        ["release"] => vec![Call::Release],
        ["checkpoint", dir] => vec![Call::Checkpoint(dir)],
        ["step", count] => vec![Call::Step(count.parse().unwrap())],
        ["close"] => vec![Call::Close],
        ["open"] => vec![Call::Open],
        ["read-only"] => vec![Call::ReadOnly],
        _ => panic!("no call: {line}"),
    }
}

/// A call for each key of `a` or of `a..c`.
fn each(keys: &'static str, bytes: Option<usize>, synced: bool) -> Vec<Call> {
    let (space, keys) = place(keys);
    let (first, last) = keys.split_once("..").unwrap_or((keys, keys));
    let letter = |key: &str| key.chars().next().unwrap();
    let keys = letter(first)..=letter(last);
    let op = |key: char| (space, key.to_string(), bytes);
    keys.map(|key| Call::Write { ops: vec![op(key)], synced }).collect()
}

fn batch_op(op: &'static str) -> ScriptOp {
    if let Some(deleted) = op.strip_prefix('-') {
        let (space, key) = place(deleted);
        return (space, key.to_owned(), None);
    }
    let (key, bytes) = op.split_once('=').unwrap();
    let (space, key) = place(key);
    (space, key.to_owned(), Some(bytes.parse().unwrap()))
}

fn place(key: &'static str) -> (&'static str, &'static str) {
    key.split_once('/').unwrap_or(("default", key))
}
