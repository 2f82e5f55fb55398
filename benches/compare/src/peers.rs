//! The engines, each in a file of its own, set up as docs/performance-compare.md says.

#[cfg(any(feature = "fjall", feature = "lmdb", feature = "redb", feature = "sled"))]
mod entries;
#[cfg(feature = "fjall")]
mod fjall;
#[cfg(feature = "lmdb")]
mod lmdb;
#[cfg(feature = "redb")]
mod redb;
#[cfg(feature = "rocksdb")]
mod rocksdb;
mod siltstone;
#[cfg(feature = "sled")]
mod sled;

use crate::contender::Contender;
use crate::setup::Setup;

/// Every engine compiled in, set up with `setup`.
pub(crate) fn all(setup: Setup) -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(siltstone::new(setup)),
        #[cfg(feature = "rocksdb")]
        Box::new(rocksdb::RocksDb(setup)),
        #[cfg(feature = "fjall")]
        Box::new(fjall::Fjall(setup)),
        #[cfg(feature = "redb")]
        Box::new(redb::Redb(setup)),
        #[cfg(feature = "lmdb")]
        Box::new(lmdb::Lmdb { setup, writes: lmdb::Writes::Copied }),
        #[cfg(feature = "lmdb")]
        Box::new(lmdb::Lmdb { setup, writes: lmdb::Writes::Mapped }),
        #[cfg(feature = "sled")]
        Box::new(sled::Sled(setup)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use siltstone_bench::{
        Direction, Durability, KeyStyle, Op, Run, Session, Settings, Unobserved, Workload,
    };
    use std::collections::BTreeSet;
    use std::ops::ControlFlow;
    use std::time::Duration;

    fn engines() -> Vec<Box<dyn Contender>> {
        all(Setup::with_memory(16 << 20))
    }

    /// The keys that a scan shows, `limit` at most.
    fn keys(
        session: &mut dyn Session,
        from: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> String {
        let mut keys = Vec::new();
        session
            .scan(from, direction, &mut |key, value| {
                assert_eq!(value, [key, b"!"].concat());
                keys.extend_from_slice(key);
                if keys.len() == limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        String::from_utf8(keys).unwrap()
    }

    #[test]
    fn names_are_those_of_the_documentation_and_each_says_what_it_is() {
        let engines = engines();
        let names: BTreeSet<_> = engines.iter().map(|engine| engine.name()).collect();
        assert_eq!(names.len(), engines.len());
        for engine in &engines {
            let known = ["siltstone", "rocksdb", "fjall", "redb", "lmdb", "lmdb-writemap", "sled"];
            assert!(known.contains(&engine.name()));
            assert!(!engine.version().contains("unknown"), "{}", engine.version());
            assert!(!engine.settings().is_empty() && !engine.settings().contains('\n'));
        }
    }

    #[test]
    fn every_engine_keeps_what_the_traits_promise() {
        for engine in engines() {
            let temp = tempfile::tempdir().unwrap();
            let dir = temp.path().join("store");
            for durability in [Durability::Buffered, Durability::Sync] {
                let store = engine.create(&dir).unwrap();
                let mut reader = store.session(durability).unwrap();
                let mut writer = store.session(durability).unwrap();
                assert!(!reader.get(b"zz", &mut |_| ()).unwrap());
                for key in [&b"a"[..], b"c", b"e"] {
                    writer.put(key, &[key, b"!"].concat()).unwrap();
                }
                let name = engine.name();
                // What another session wrote is there.
                let mut seen = Vec::new();
                assert!(reader.get(b"c", &mut |value| seen.extend_from_slice(value)).unwrap());
                assert_eq!(seen, b"c!", "{name}");
                assert!(!reader.get(b"d", &mut |_| panic!("nothing to see")).unwrap());
                for (from, direction, limit, expected) in [
                    (None, Direction::Forward, 9, "ace"),
                    (None, Direction::Reverse, 9, "eca"),
                    (Some(&b"b"[..]), Direction::Forward, 9, "ce"),
                    (Some(b"c"), Direction::Forward, 9, "ce"),
                    (Some(b"d"), Direction::Reverse, 9, "ca"),
                    (Some(b"c"), Direction::Reverse, 9, "ca"),
                    (Some(b"f"), Direction::Forward, 9, ""),
                    (Some(b"A"), Direction::Reverse, 9, ""),
                    (Some(b"a"), Direction::Forward, 2, "ac"),
                ] {
                    let shown = keys(&mut *reader, from, direction, limit);
                    assert_eq!(shown, expected, "{name} {from:?} {direction:?}");
                }
                writer.write(&[Op::Put(b"b", b"b!"), Op::Delete(b"c"), Op::Delete(b"z")]).unwrap();
                writer.delete(b"e").unwrap();
                writer.delete(b"e").unwrap();
                assert_eq!(keys(&mut *reader, None, Direction::Forward, 9), "ab", "{name}");
                drop((reader, writer));
                store.sync().unwrap();
                assert!(store.settle(Duration::from_secs(60)).unwrap());
                store.close().unwrap();

                let store = engine.create(&dir).unwrap();
                let mut session = store.session(durability).unwrap();
                assert_eq!(keys(&mut *session, None, Direction::Forward, 9), "ab", "{name}");
                session.delete(b"a").unwrap();
                session.delete(b"b").unwrap();
                drop(session);
                store.close().unwrap();
            }
        }
    }

    #[test]
    fn every_engine_runs_every_workload() {
        for engine in engines() {
            for (keys, threads) in [(KeyStyle::Digits, 1), (KeyStyle::Random, 2)] {
                let temp = tempfile::tempdir().unwrap();
                let settings = Settings { num: 2000, threads, keys, ..Settings::default() };
                let mut run = Run::new(&*engine, &settings, temp.path()).unwrap();
                for workload in Workload::ALL {
                    let report = run.workload(workload, &Unobserved);
                    let report =
                        report.unwrap_or_else(|e| panic!("{} {workload}: {e:?}", engine.name()));
                    assert!(report.ops > 0 && report.settled);
                }
                run.close().unwrap();
            }
        }
    }
}
