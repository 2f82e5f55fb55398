use super::*;
use crate::Batch;
use proptest::collection::vec;
use proptest::prelude::*;

type Owned = (u32, Vec<u8>, Option<Vec<u8>>);

fn encode(ops: &[Owned]) -> Batch {
    let mut batch = Batch::new();
    for (keyspace, key, value) in ops {
        match value {
            Some(value) => batch.put(KeyspaceId(*keyspace), key, value),
            None => batch.delete(KeyspaceId(*keyspace), key),
        }
    }
    batch
}

fn owned(op: &Op<'_>) -> Owned {
    let value = (op.kind == EntryKind::Put).then(|| op.value.to_vec());
    (op.keyspace.0, op.key.to_vec(), value)
}

fn group(first_seqno: u64, ops: u32, bytes: &[u8]) -> Vec<u8> {
    [&GroupHeader { first_seqno, ops }.encode()[..], bytes].concat()
}

/// The group's ops, or the first error.
fn decode(payload: &[u8]) -> Result<Vec<Owned>, DecodeError> {
    let (_, ops) = decode_group(payload)?;
    ops.map(|op| op.map(|op| owned(&op))).collect()
}

proptest! {
    #[test]
    fn what_was_added_is_read_back_in_order(
        ops in vec((any::<u32>(), vec(any::<u8>(), 0..300), prop::option::of(vec(any::<u8>(), 0..300))), 0..20),
        first in 1..MAX_SEQNO / 2,
    ) {
        let batch = encode(&ops);
        prop_assert_eq!(batch.len() as usize, ops.len());
        let read: Vec<_> = batch.ops().map(|op| owned(&op.unwrap())).collect();
        prop_assert_eq!(&read, &ops);
        prop_assert_eq!(decode(&group(first, batch.len(), batch.bytes())), Ok(ops));
    }

    #[test]
    fn any_bytes_give_ops_or_one_last_error(bytes in vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..64)) {
        let items: Vec<_> = Ops::new(&bytes).collect();
        let errors = items.iter().filter(|item| item.is_err()).count();
        prop_assert!(errors <= 1 && (errors == 0 || items.last().unwrap().is_err()));
        if errors == 0 {
            // One form: what is read encodes to the same bytes.
            let ops: Vec<_> = items.iter().map(|op| owned(&op.unwrap())).collect();
            let again = encode(&ops);
            prop_assert_eq!(again.bytes(), &bytes[..]);
        }
        let _ = decode(&bytes);
    }
}

#[test]
fn a_count_that_is_not_the_number_of_ops_is_corruption() {
    let batch = encode(&[(1, b"a".to_vec(), Some(b"1".to_vec())), (2, b"b".to_vec(), None)]);
    assert_eq!(decode(&group(1, 2, batch.bytes())).unwrap().len(), 2);
    for count in [0, 1, 3, u32::MAX] {
        let refused = decode(&group(1, count, batch.bytes()));
        assert!(matches!(refused, Err(DecodeError::Corrupt(_))), "{count}");
    }
}

#[test]
fn a_group_cut_short_is_corruption() {
    let batch = encode(&[(1, b"key".to_vec(), Some(b"value".to_vec())), (2, b"b".to_vec(), None)]);
    let payload = group(1, 2, batch.bytes());
    for end in 0..payload.len() {
        assert!(decode(&payload[..end]).is_err(), "{end}");
    }
}

#[test]
fn seqnos_out_of_range_are_corruption() {
    let batch = encode(&[(1, Vec::new(), None)]);
    assert!(decode(&group(MAX_SEQNO, 1, batch.bytes())).is_ok());
    for first in [0, MAX_SEQNO + 1, u64::MAX] {
        assert!(decode(&group(first, 1, batch.bytes())).is_err(), "{first}");
    }
}

#[test]
fn reserved_kinds_large_keyspaces_and_long_keys_are_refused() {
    for kind in 2..=255 {
        let refused = decode(&group(1, 1, &[kind, 0, 0]));
        let found = u64::from(kind);
        let unsupported = DecodeError::Unsupported { what: "entry kind", found, offset: 12 };
        assert_eq!(refused, Err(unsupported));
    }
    let keyspace = [0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0];
    assert!(matches!(decode(&group(1, 1, &keyspace)), Err(DecodeError::Corrupt(_))));
    let mut long = vec![0, 0, 0x80, 0x80, 0x04];
    long.resize(5 + 65_536, b'k');
    assert!(matches!(decode(&group(1, 1, &long)), Err(DecodeError::Corrupt(_))));
    long = vec![0, 0, 0xff, 0xff, 0x03];
    long.resize(5 + 65_535, b'k');
    assert!(decode(&group(1, 1, &long)).is_ok());
}

#[test]
fn clear_removes_the_ops() {
    let mut batch = encode(&[(1, b"a".to_vec(), None)]);
    batch.clear();
    assert!(batch.is_empty() && batch.bytes().is_empty() && batch.ops().next().is_none());
}
