//! Every line of the rule that says where a log ends: the picture of a log, what happened to it,
//! and what a replay finds in the boot that wrote it and in a later one.

mod common;

use common::{DATABASE, Log, RECORDS_OFFSET, index, path, record};
use siltstone_vfs::Vfs;
use siltstone_wal::{
    Error, LogEnd, LogIdentity, LogKind, LogWriter, ReplayContext, ReplayError, SegmentId, replay,
};

/// The boot of the writer, and what is found in it.
const SAME: &[bool] = &[true];
const OTHER: &[bool] = &[false];
const BOTH: &[bool] = &[true, false];

#[track_caller]
fn check(script: &str, damage: &str, boots: &[bool], expected: &str) {
    let mut log = Log::drawn(script);
    log.damage(damage);
    for same in boots {
        let boot_id = log.vfs.boot_id() + u128::from(!same);
        let found = log.outcome(boot_id);
        assert_eq!(found, expected, "`{script}` with `{damage}`, same boot: {same}");
    }
}

#[test]
fn an_undamaged_log_gives_every_record_in_order() {
    check("", "", BOTH, "");
    check("a", "", BOTH, "a");
    check("a b c", "", BOTH, "abc");
    check("a ! b ! ! c !", "", BOTH, "abc");
    check("a b | c d | e", "", BOTH, "abcde");
    check("a ! | b ! | c", "", BOTH, "abc");
    check("| a", "", BOTH, "a");
    check("a | | b |", "", BOTH, "ab");
    check("a | ! | b", "", BOTH, "ab");
}

#[test]
fn a_bad_last_record_is_a_torn_tail() {
    for damage in ["c~", "c<"] {
        check("a b c", damage, BOTH, "ab torn c");
        check("a b ! c", damage, BOTH, "ab torn c");
        check("a b | c", damage, BOTH, "ab torn c");
    }
    check("a", "a~", BOTH, " torn a");
    check("a !", "!1~", BOTH, "a torn !1");
    check("a | b", "b~ |2~", BOTH, "a torn |2");
}

#[test]
fn a_last_record_that_is_all_zeros_was_never_written() {
    check("a b c", "c0", BOTH, "ab");
    check("a b | c", "c0 |20", BOTH, "ab");
}

#[test]
fn in_the_same_boot_a_bad_record_before_a_valid_one_is_corruption() {
    for damage in ["b~", "b0"] {
        check("a b c", damage, SAME, "corrupt b");
        check("a b | c", damage, SAME, "corrupt b");
        check("a b | | c", damage, SAME, "corrupt b");
    }
    check("a ! b", "!1~", SAME, "corrupt !1");
    check("a | b", "|2~", SAME, "corrupt |2");
    check("a b |", "b~", SAME, "corrupt b");
    check("a b |", "b0", SAME, "corrupt b");
}

#[test]
fn after_a_power_cut_what_was_not_durable_may_be_missing() {
    for damage in ["b~", "b0"] {
        check("a b c", damage, OTHER, "a torn b");
        check("a ! b c", damage, OTHER, "a torn b");
        check("a b | c", damage, OTHER, "a torn b");
        check("a ! b | c | d", damage, OTHER, "a torn b");
    }
    check("a | b c", "|2~", OTHER, "a torn |2");
    check("a | b c", "|20", OTHER, "a torn |2");
}

#[test]
fn what_a_later_record_calls_durable_must_be_there() {
    for damage in ["b~", "b0"] {
        check("a b ! c", damage, BOTH, "corrupt b");
        check("a b !", damage, BOTH, "corrupt b");
        check("a b c ! d", damage, BOTH, "corrupt b");
        check("a b ! c", &format!("!1~ {damage}"), BOTH, "corrupt b");
    }
}

#[test]
fn what_a_later_segment_calls_durable_must_be_there() {
    for damage in ["b~", "b0"] {
        check("a b | c !", damage, BOTH, "corrupt b");
        check("a b | | c !", damage, BOTH, "corrupt b");
        check("a b | !", damage, BOTH, "corrupt b");
        // Nothing but the header of segment 2 knows it.
        check("a b ! |", &format!("!1~ {damage}"), BOTH, "corrupt b");
        check("a b ! | c", &format!("!1~ |2~ c~ {damage}"), BOTH, "corrupt b");
    }
    check("a ! | b !", "|2~", BOTH, "corrupt |2");
}

#[test]
fn a_synced_end_at_the_bad_record_says_nothing_of_it() {
    check("a ! b", "!1~", OTHER, "a torn !1");
    check("a ! | b", "!1~", OTHER, "a torn !1");
    check("a ! | b", "|2~", OTHER, "a torn |2");
}

#[test]
fn a_segment_that_is_missing_in_the_middle_is_corruption() {
    check("a | b | c", "-2", BOTH, "corrupt |3");
    check("a ! | b ! | c !", "-2", BOTH, "corrupt |3");
    // Without a record that would name its predecessor, only durable bytes prove the gap.
    check("a | b ! |", "-2", BOTH, "corrupt E1");
    check("a | b |", "-2", SAME, "corrupt E1");
    check("a | b |", "-2", OTHER, "a torn E1");
}

#[test]
fn the_oldest_segments_may_be_gone() {
    check("a | b | c", "-1", BOTH, "bc");
    check("a | b | c", "-1 -2", BOTH, "c");
    check("a ! | | b", "-1", BOTH, "b");
    check("a | b c !", "-1 b~", BOTH, "corrupt b");
    check("a ! | b c", "-1 b~", OTHER, " torn b");
}

#[test]
fn a_short_segment_in_the_middle_is_judged_like_a_bad_record() {
    check("a b ! | c !", "b<", BOTH, "corrupt b");
    check("a b | c", "b<", SAME, "corrupt b");
    check("a b | c", "b<", OTHER, "a torn b");
    check("a b | c !", "b<", BOTH, "corrupt b");
}

#[test]
fn a_bad_header_is_corruption_wherever_it_is() {
    check("a", "H1~", BOTH, "corrupt H1");
    check("a", "H1<", BOTH, "corrupt H1");
    check("a | b", "H2~", BOTH, "corrupt H2");
    check("a | b", "H2<", BOTH, "corrupt H2");
    check("a b |", "b~ H20", BOTH, "corrupt H2");
}

#[test]
fn replay_stops_at_a_cut_and_looks_at_nothing_behind_it() {
    check("a b ! c", "b^", BOTH, "a");
    check("a b c", "a^", BOTH, "");
    check("a b ! c !", "b~ c~ b^", BOTH, "a");
    check("a | b c", "|2^", BOTH, "a");
    // Nor for evidence.
    check("a b | c !", "b~ |2^", OTHER, "a torn b");
}

#[test]
fn a_cut_segment_must_be_sound_up_to_the_cut() {
    check("a b c", "b~ c^", BOTH, "corrupt b");
    check("a b c", "b0 c^", BOTH, "corrupt b");
    check("a b c", "b< c^", BOTH, "corrupt b");
    let mut log = Log::drawn("a b c");
    let (segment, offset, _) = log.places["b"];
    for cut in [0, RECORDS_OFFSET - 8, offset + 1, offset + 8, 1 << 40] {
        log.named.insert(SegmentId(segment), Some(cut));
        assert!(log.replay().unwrap_err().is_corruption(), "{cut}");
    }
}

#[test]
fn nothing_behind_a_cut_comes_back() {
    let mut log = Log::drawn("a b c | d");
    log.damage("b~");
    let mut log = log.found_in(log.vfs.power_cut_keeping(0));
    // Everything but `b` is on the disk, as it may be after a power cut.
    let source = Log::drawn("a b c | d");
    for segment in [SegmentId(1), SegmentId(2)] {
        log.vfs.write(path(segment), &source.vfs.read(path(segment)).unwrap()).unwrap();
    }
    log.damage("b~");
    let (_, replayed) = log.replay().unwrap();
    assert_eq!(log.outcome(log.vfs.boot_id()), "a torn b");
    assert_eq!(replayed.dropped_segments, [SegmentId(2)]);
    assert!(replayed.torn_bytes > 0);
    log.recover(replayed).unwrap();
    log.append("e", &record("e")).unwrap();
    for boot_id in [log.vfs.boot_id(), 99] {
        assert_eq!(log.outcome(boot_id), "ae");
    }
    log.damage("b~");
    assert_eq!(log.outcome(99), "ae", "though b is whole again");
}

#[test]
fn what_is_dropped_is_counted() {
    let mut log = Log::drawn("a b c | d e");
    log.damage("b~");
    let (_, replayed) = log.replay_in(99).unwrap();
    let end_of = |name: &str| log.places[name].1 + log.places[name].2;
    // Padding at the end is zeros, which nobody can tell from what was never written.
    let (padding, begin) = (4, log.places["b"].1);
    let expected = (end_of("c") - padding - begin) + (end_of("e") - padding - RECORDS_OFFSET);
    assert_eq!((replayed.records, replayed.torn_bytes), (1, expected));
    assert_eq!(replayed.dropped_segments, [SegmentId(2)]);
    assert_eq!(replayed.last.unwrap().end(), begin);
}

#[test]
fn after_a_recovery_what_survived_counts_as_durable() {
    let log = Log::drawn("a b");
    let mut log = log.found_in(log.vfs.process_death());
    let (_, replayed) = log.replay().unwrap();
    assert_eq!(replayed.last.as_ref().unwrap().synced_position(), 0);
    log.recover(replayed).unwrap();
    assert_eq!(log.outcome(99), "ab");
    log.damage("b~");
    assert_eq!(log.outcome(99), "corrupt b");
}

#[test]
#[should_panic(expected = "must be made durable")]
fn a_replayed_segment_is_not_continued_before_it_is_durable() {
    let log = Log::drawn("a");
    let mut log = log.found_in(log.vfs.process_death());
    let (_, replayed) = log.replay().unwrap();
    log.begin(2, replayed.last).unwrap();
}

#[test]
fn an_unknown_boot_is_never_the_same() {
    for written_in in [0, 1] {
        let mut log = Log::drawn_in(written_in, "a b c");
        log.damage("b~");
        assert_eq!(log.outcome(0), "a torn b", "{written_in}");
    }
}

#[test]
fn an_end_before_what_somebody_else_knows_is_corruption() {
    let mut log = Log::drawn("a ! | b c !");
    let (segment, offset, bytes) = log.places["c"];
    let found = |log: &Log| [log.outcome(1), log.outcome(99)];
    // The end, a cut, zeros and a torn record: nothing behind them tells.
    let drawn = [("!2<", "abc torn !2"), ("!2< c<", "ab torn c"), ("c0 !20", "ab")];
    for (damage, expected) in drawn {
        let mut damaged = Log::drawn("a ! | b c !");
        damaged.damage(damage);
        assert_eq!(found(&damaged)[1], expected, "{damage}");
        damaged.durable = Some((SegmentId(segment), offset + bytes));
        let expected = if damage == "!2<" { expected } else { "corrupt c" };
        assert_eq!(found(&damaged), [expected, expected], "{damage}");
    }
    for (known, expected) in [(offset + bytes, "abc"), (offset + bytes + 32, "corrupt E2")] {
        log.durable = Some((SegmentId(segment), known));
        assert_eq!(found(&log), [expected, expected]);
    }
    log.durable = Some((SegmentId(3), 1 << 40));
    assert_eq!(found(&log), ["abc", "abc"], "nobody names that segment");
}

#[test]
fn a_foreign_log_is_corruption() {
    let log = Log::drawn("a ! | b !");
    let as_of = |kind, database| {
        let context = ReplayContext { kind, database, boot_id: 1, durable: None };
        let refused = replay(&log.files(), &context, |_| Ok::<(), ()>(()));
        let Err(ReplayError::Log(Error::Corrupt { segment, corruption })) = refused else {
            panic!("{refused:?}");
        };
        (segment, corruption.offset, corruption.why)
    };
    let database = as_of(LogKind::Log, DATABASE + 1);
    assert_eq!(database, (SegmentId(1), 32, "it belongs to another database"));
    let kind = as_of(LogKind::Manifest, DATABASE);
    assert_eq!((kind.0, kind.1), (SegmentId(1), 0));
}

#[test]
fn a_segment_under_another_number_is_corruption() {
    let log = Log::drawn("a ! | b !");
    let second = log.vfs.read(path(SegmentId(2))).unwrap();
    log.vfs.write(path(SegmentId(1)), &second).unwrap();
    assert_eq!(log.outcome(99), "corrupt H1");
}

#[test]
fn a_record_of_another_segment_or_place_does_not_count() {
    // The bytes of `b` are whole, but stand one segment or one record too early.
    for (script, from, to) in [("a | b c", "b", "a"), ("a b c", "b", "a"), ("a b c", "c", "b")] {
        let log = Log::drawn(script);
        let (source, offset, bytes) = log.places[from];
        let taken = log.vfs.read(path(SegmentId(source))).unwrap();
        let taken = &taken[index(offset)..index(offset + bytes)];
        let (target, offset, _) = log.places[to];
        log.change(SegmentId(target), |file| {
            file[index(offset)..index(offset + bytes)].copy_from_slice(taken);
        });
        let torn = if to == "a" { " torn a" } else { "a torn b" };
        assert_eq!(log.outcome(99), torn, "{from} at {to} of {script}");
    }
}

#[test]
fn a_record_of_a_manifest_with_the_same_number_does_not_count() {
    let log = Log::drawn("a b");
    let (segment, offset, bytes) = log.places["b"];
    let mut birth = common::birth(SegmentId(segment), 1);
    birth.identity = LogIdentity { kind: LogKind::Manifest, ..birth.identity };
    let manifest = path(SegmentId(9));
    let window = log.vfs.create_window(&manifest).unwrap();
    let mut writer = LogWriter::create(window, birth, None, 512).unwrap();
    writer.append(&[&record("a")]).unwrap();
    assert_eq!(writer.append(&[&record("x")]).unwrap(), offset, "the places are the same");
    let taken = log.vfs.read(&manifest).unwrap();
    let place = index(offset)..index(offset + bytes);
    log.change(SegmentId(segment), |file| file[place.clone()].copy_from_slice(&taken[place]));
    assert_eq!(log.outcome(1), "a torn b");
}

#[test]
fn a_segment_of_another_history_does_not_link() {
    // Same database, same numbers, same lengths; other records in segment 1.
    let (log, other) = (Log::drawn("a b | c"), Log::drawn("a d | c"));
    let first = other.vfs.read(path(SegmentId(1))).unwrap();
    log.vfs.write(path(SegmentId(1)), &first).unwrap();
    assert_eq!(log.outcome(99), "corrupt |2");
}

#[test]
fn a_segment_that_goes_on_behind_where_its_successor_saw_it_end_is_corruption() {
    let (log, longer) = (Log::drawn("a | c"), Log::drawn("a b"));
    let first = longer.vfs.read(path(SegmentId(1))).unwrap();
    log.vfs.write(path(SegmentId(1)), &first).unwrap();
    assert_eq!(log.outcome(99), "corrupt H2");
}

#[test]
fn evidence_is_found_however_far_away_it_is() {
    let mut log = Log::new();
    let large = vec![b'x'; 700_000];
    for name in ["a", "b", "c", "d"] {
        log.append(name, &large).unwrap();
    }
    log.append("e", &vec![b'y'; 3_000_000]).unwrap();
    let (whole, replayed) = log.replay().unwrap();
    assert_eq!(whole.iter().map(Vec::len).sum::<usize>(), 4 * 700_000 + 3_000_000);
    assert_eq!((replayed.end, replayed.torn_bytes), (LogEnd::Clean, 0));
    log.damage("b~");
    assert_eq!(log.outcome(99), "x torn b");
    assert_eq!(log.outcome(log.vfs.boot_id()), "corrupt b");
    log.sync().unwrap();
    assert_eq!(log.outcome(99), "corrupt b");
}

#[test]
fn a_payload_that_looks_like_a_log_proves_nothing() {
    // A value that is itself a log of the same database.
    let source = Log::drawn("a b ! c");
    let payload = source.vfs.read(path(SegmentId(1))).unwrap();
    let mut log = Log::new();
    log.append("x", &payload).unwrap();
    log.damage("x~");
    for boot_id in [log.vfs.boot_id(), 99] {
        assert_eq!(log.outcome(boot_id), " torn x");
    }
}

#[test]
fn bytes_made_to_look_like_records_cannot_stall_a_replay() {
    let mut lookalike = b"SR\x1e\x01".to_vec();
    lookalike.extend_from_slice(&100_000_u32.to_le_bytes());
    lookalike.extend_from_slice(&u64::MAX.to_le_bytes());
    let mut log = Log::new();
    log.append("x", &lookalike.repeat(1 << 16)).unwrap();
    log.damage("x~");
    let refused = log.replay_in(99).unwrap_err();
    assert!(refused.is_corruption() && refused.to_string().contains("too many"), "{refused}");
}

#[test]
fn every_header_is_a_witness_and_positions_follow_each_other() {
    let log = Log::drawn("a | b | c");
    let (_, replayed) = log.replay().unwrap();
    assert_eq!(replayed.witness, Some((7, 30)));
    let mut position = 0;
    for segment in &replayed.segments {
        assert_eq!(segment.base, position);
        position += segment.end;
    }
    let last = replayed.last.unwrap();
    assert_eq!((last.segment(), last.position()), (SegmentId(3), position));
    assert_eq!(last.base() + last.end(), position);
}

#[test]
fn a_log_of_no_segments_is_empty() {
    let mut log = Log::new();
    log.named.clear();
    let (payloads, replayed) = log.replay().unwrap();
    assert!(payloads.is_empty() && replayed.last.is_none() && replayed.witness.is_none());
}

#[test]
fn what_the_caller_refuses_ends_the_replay() {
    let log = Log::drawn("a b c");
    let boot_id = log.vfs.boot_id();
    let context = ReplayContext { kind: LogKind::Log, database: DATABASE, boot_id, durable: None };
    let mut seen = 0;
    let refused = replay(&log.files(), &context, |record| {
        seen += 1;
        if record.payload[0] == b'b' { Err("no b") } else { Ok(()) }
    });
    assert!(matches!(refused, Err(ReplayError::Apply("no b"))));
    assert_eq!(seen, 2);
}
