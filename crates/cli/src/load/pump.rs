//! An input that says when it pauses.
//!
//! A thread reads; who asks for bytes waits a moment and then gets `WouldBlock`, so that lines
//! which a slow producer sent long ago are stored and acknowledged while it thinks. At most a few
//! pieces lie between the two.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

const PIECE_BYTES: usize = 64 << 10;
const PIECES: usize = 8;
/// How long to wait for the next piece before saying that the input pauses.
pub(super) const PATIENCE: Duration = Duration::from_millis(10);

/// Bytes that a thread reads ahead.
#[derive(Debug)]
pub(crate) struct Pump {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Pump {
    /// Begins to read `input` to its end. The thread goes with the process if it is not done.
    pub(crate) fn new(mut input: impl Read + Send + 'static) -> Self {
        let (sender, pieces) = sync_channel(PIECES);
        thread::spawn(move || {
            loop {
                let piece = read_piece(&mut input);
                let last = piece.as_ref().map_or(true, Vec::is_empty);
                if sender.send(piece).is_err() || last {
                    break;
                }
            }
        });
        Self { pieces, piece: Vec::new(), at: 0, ended: false }
    }
}

/// The next bytes; none at the end.
fn read_piece(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match input.read(&mut piece) {
            Ok(read) => {
                piece.truncate(read);
                return Ok(piece);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl BufRead for Pump {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.piece.len() && !self.ended {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => {
                    self.piece = piece?;
                    self.at = 0;
                    self.ended = self.piece.is_empty();
                }
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => self.ended = true,
            }
        }
        Ok(&self.piece[self.at..])
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

impl Read for Pump {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let taken = piece.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&piece[..taken]);
        self.consume(taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_through_and_then_the_end() {
        let bytes: Vec<u8> = (0..300_000u32).map(|i| i.to_le_bytes()[0]).collect();
        let mut pump = Pump::new(io::Cursor::new(bytes.clone()));
        let mut read = Vec::new();
        while read.len() < bytes.len() {
            match pump.fill_buf() {
                Ok(piece) => {
                    assert!(!piece.is_empty(), "it ended too early");
                    let taken = piece.len();
                    read.extend_from_slice(piece);
                    pump.consume(taken);
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        assert_eq!(read, bytes);
        while pump.fill_buf().is_err() {}
        assert!(pump.fill_buf().unwrap().is_empty() && pump.fill_buf().unwrap().is_empty());
    }

    #[test]
    fn a_silent_input_pauses_and_goes_on() {
        let (reader, mut writer) = io::pipe().unwrap();
        let mut pump = Pump::new(reader);
        assert_eq!(pump.fill_buf().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        io::Write::write_all(&mut writer, b"late").unwrap();
        let piece = loop {
            if let Ok(piece) = pump.fill_buf() {
                break piece.to_vec();
            }
        };
        assert_eq!(piece, b"late");
    }
}
