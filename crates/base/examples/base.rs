//! Numbers, keys and checksums as the layers above use them.

use siltstone_base::{checksum, key, varint};

#[expect(clippy::print_stdout, reason = "an example shows what it does")]
fn main() {
    let mut bytes = Vec::new();
    varint::put(&mut bytes, 1_000_000);
    println!("1,000,000 as a varint: {bytes:02x?}");
    assert_eq!(varint::take(&bytes), Some((1_000_000, bytes.len())));

    let between = key::separator(b"granite", b"gypsum");
    println!("between granite and gypsum: {}", String::from_utf8_lossy(&between));
    assert_eq!(between, b"gs");

    let here = checksum::of_part(7, 4096, b"a block");
    let elsewhere = checksum::of_part(7, 8192, b"a block");
    println!("the same block at two offsets: {here:016x} and {elsewhere:016x}");
    assert_ne!(here, elsewhere);
}
