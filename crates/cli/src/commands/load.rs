//! `load`: stores what a file, stdin or a directory tree holds.

use crate::args::{self, Format};
use crate::database;
use crate::exit::Failure;
use crate::format::files::FilesReader;
use crate::format::jsonl::JsonlReader;
use crate::format::tsv::TsvReader;
use crate::format::{InputError, Source};
use crate::load::{Acks, Loader, Pump};
use crate::progress;
use anyhow::Result;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Stores everything; what came before a failure stays.
pub(super) fn run(args: &args::Load, out: &mut dyn Write) -> Result<()> {
    // The input comes first: a database shall not be made for one that is not there.
    let (mut source, bytes) = open_input(args)?;
    let db = database::open_or_create(&args.place)?;
    let keyspace = db.keyspace(&args.place.keyspace)?;
    let acks = Acks::new(args.ack.then_some(out));
    let mut loader = Loader::new(&db, &keyspace, acks);
    if args.sync {
        loader = loader.synced();
    }
    let bar = progress::of_bytes("loading", bytes);
    let done = loader.run(&mut *source, &bar);
    bar.finish_and_clear();
    let closed = db.close();
    // What is wrong with the input says more than what is wrong with the end.
    done.map_err(explain_input)?;
    Ok(closed?)
}

/// The source, and how many bytes it has if that is known.
fn open_input(args: &args::Load) -> Result<(Box<dyn Source>, Option<u64>)> {
    let from_stdin = args.path.as_os_str() == "-";
    if args.format == Format::Files {
        if from_stdin {
            let why = "files come from a directory, not from stdin; name one";
            return Err(Failure::WrongUse(why.to_owned()).into());
        }
        refuse_own_files(&args.path, &args.place.dir)?;
        let reader = FilesReader::new(&args.path).map_err(|error| match error {
            InputError::Unreadable { place, source } => unusable(place.as_ref(), &source),
            error @ InputError::Malformed { .. } => unusable(&args.path, &error),
        })?;
        return Ok((Box::new(reader), None));
    }
    let (pump, bytes) = if from_stdin {
        (Pump::new(io::stdin()), None)
    } else {
        let failed = |error: io::Error| unusable(&args.path, &error);
        let file = File::open(&args.path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(unusable(&args.path, &"it is a directory; use --format files"));
        }
        (Pump::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let source: Box<dyn Source> = match args.format {
        Format::Jsonl => Box::new(JsonlReader::new(pump)),
        Format::Tsv | Format::Files => Box::new(TsvReader::new(pump)),
    };
    Ok((source, bytes))
}

/// Refuses a tree that the database lies in: it would load its own growing files.
fn refuse_own_files(path: &Path, db: &Path) -> Result<()> {
    if database::lies_in(db, path) {
        let why = format!("{}: the database lies below it; put it elsewhere", path.display());
        return Err(Failure::WrongUse(why).into());
    }
    Ok(())
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> anyhow::Error {
    Failure::WrongUse(format!("{}: {why}", path.display())).into()
}

/// Malformed input is wrong use; input that cannot be read any more is a failure.
fn explain_input(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<InputError>() {
        Ok(error @ InputError::Malformed { .. }) => Failure::WrongUse(error.to_string()).into(),
        Ok(error @ InputError::Unreadable { .. }) => Failure::Absent(error.to_string()).into(),
        Err(error) => error,
    }
}
