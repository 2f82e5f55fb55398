//! What has no lock, in every order and with every value that the memory model of Rust allows.
//!
//! Two or three threads each, at most three preemptions in one order. Built and run by `cargo
//! xtask race --only loom`. What is here is lock-free by our own hand: seqnos that commit
//! publishes, the flag of the health, the state of a tree with its generation and its flag of
//! having been dropped. Locks, the skiplist, channels and caches are those of others, and counters
//! order nothing.
//!
//! A value that is published beside an atomic is one of another atomic, always Relaxed: it tells
//! whether the order was that of the publication.

use crate::Error;
use crate::health::{Health, HealthCell, Listener, Stall};
use crate::snapshots::Snapshots;
use crate::tree::Tree;
use crate::watermark::Watermark;
use loom::model::Builder;
use loom::sync::atomic::{AtomicU64, Ordering::Relaxed};
use loom::thread;
use siltstone_compaction::{Leveled, PolicyFactory, Version};
use siltstone_wal::KeyspaceId;
use std::path::Path;
use std::sync::Arc;

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

#[test]
fn who_sees_a_seqno_sees_what_was_written_before() {
    check(|| {
        let shared = Arc::new((Watermark::at(1), AtomicU64::new(1)));
        let leader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for seqno in 2..=3 {
                    shared.1.store(seqno, Relaxed);
                    shared.0.raise(seqno);
                }
            })
        };
        let seqno = shared.0.get();
        assert!(shared.1.load(Relaxed) >= seqno, "visible before it was written");
        assert!(shared.0.get() >= seqno, "it fell");
        leader.join().unwrap();
        assert_eq!(shared.0.get(), 3);
    });
}

/// A job keeps for each registered reader the newest version that it may see. So every seqno that
/// is registered when the job ends was among those needed at its begin, or is not below them all.
#[test]
fn a_job_keeps_what_a_reader_registers_meanwhile() {
    check(|| {
        let snapshots = Arc::new(Snapshots::default());
        snapshots.publish(1);
        let leader = {
            let snapshots = Arc::clone(&snapshots);
            thread::spawn(move || {
                snapshots.publish(2);
                snapshots.publish(3);
            })
        };
        let job = {
            let snapshots = Arc::clone(&snapshots);
            thread::spawn(move || snapshots.needed())
        };
        let reader = snapshots.register();
        let needed = job.join().unwrap();
        let newest = *needed.last().unwrap();
        let kept = needed.contains(&reader.seqno()) || reader.seqno() >= newest;
        assert!(kept, "{} is read, {needed:?} is kept", reader.seqno());
        leader.join().unwrap();
        drop(reader);
        assert_eq!((snapshots.needed(), snapshots.count()), (vec![3], 0));
    });
}

/// After the first failure each check refuses with its cause, and who is refused sees what was
/// done before.
#[test]
fn who_is_refused_learns_the_first_cause() {
    check(|| {
        let shared = Arc::new((HealthCell::new(None), AtomicU64::new(0)));
        let failing = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.1.store(1, Relaxed);
                let source = std::io::Error::other("first");
                shared.0.stop(Error::io(Path::new("log"), "syncing", source));
                assert!(shared.0.check().is_err(), "writes go on after a failure");
            })
        };
        if let Err(error) = shared.0.check() {
            assert_eq!(shared.1.load(Relaxed), 1, "stopped before it failed");
            let Error::Stopped { cause } = error else { panic!("{error}") };
            assert!(matches!(*cause, Error::Io { .. }), "{cause}");
            assert!(!shared.0.get().takes_writes());
        }
        failing.join().unwrap();
        assert!(shared.0.check().is_err());
    });
}

/// Each change is told once, in order, by the end of who made it, whoever tells it.
#[test]
fn each_change_of_health_is_told() {
    check(|| {
        let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
        let listener = {
            let heard = Arc::clone(&heard);
            Listener(Arc::new(move |health: &Health| {
                heard.lock().unwrap().push(health.takes_writes());
            }))
        };
        let health = Arc::new(HealthCell::new(Some(listener)));
        let failed = || Error::io(Path::new("log"), "syncing", std::io::Error::other("failed"));
        let stopping = {
            let health = Arc::clone(&health);
            thread::spawn(move || {
                let _tells = health.tell_at_end();
                health.stop(failed());
            })
        };
        {
            let _tells = health.tell_at_end();
            health.note(Stall::Flush, Some(failed()));
        }
        stopping.join().unwrap();
        let heard = heard.lock().unwrap();
        assert!(*heard == [true, false] || *heard == [false], "{heard:?}");
    });
}

fn tree() -> Arc<Tree> {
    let tree =
        Tree::new(KeyspaceId(1), "t", Arc::new(Version::empty()), Leveled::default().fresh());
    tree.state().active.table.insert(b"key", 1, siltstone_base::EntryKind::Put, b"value");
    tree
}

/// A cursor that finds its generation unchanged pins the newest state, or one that is about to be
/// replaced: never one older than the generation that it read.
#[test]
fn a_generation_that_is_seen_has_its_state() {
    check(|| {
        let tree = tree();
        let leader = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || assert!(tree.rotate(1)))
        };
        let generation = tree.generation();
        let state = tree.pin();
        assert!(state.immutables.len() as u64 >= generation, "the state of an older generation");
        for memtable in &state.immutables {
            assert_eq!(memtable.last_seqno(), 1, "immutable without its last seqno");
        }
        leader.join().unwrap();
        assert_eq!((tree.generation(), tree.pin().immutables.len()), (1, 1));
    });
}

#[test]
fn an_emptied_tree_is_known_as_dropped() {
    check(|| {
        let tree = tree();
        let dropper = {
            let tree = Arc::clone(&tree);
            thread::spawn(move || drop(tree.drop_contents()))
        };
        let state = tree.pin();
        let empty = state.active.table.is_empty();
        assert!(!empty || tree.check_kept().is_err(), "an empty keyspace that is not dropped");
        dropper.join().unwrap();
        assert!(tree.check_kept().is_err());
    });
}

/// Whoever frees log sees the position of an entry before the entry.
#[test]
fn an_entry_is_never_without_its_position() {
    check(|| {
        let tree = Tree::new(KeyspaceId(1), "t", Arc::default(), Leveled::default().fresh());
        let written = Arc::new(Watermark::at(0));
        let leader = {
            let (tree, written) = (Arc::clone(&tree), Arc::clone(&written));
            thread::spawn(move || {
                for (seqno, position) in [(1, 64), (2, 128)] {
                    tree.state().active.note_position(position);
                    written.raise(seqno);
                }
            })
        };
        if written.get() > 0 {
            assert_eq!(tree.state().active.first_position(), Some(64));
        }
        leader.join().unwrap();
        assert_eq!(tree.state().active.first_position(), Some(64));
    });
}
