//! What `cargo xtask fuzz` asks of a target: its seeds, written into a folder, or without a
//! folder the length of its longest input; without a target, the names of all.
#![expect(clippy::print_stdout, reason = "this is what the command reads")]

use siltstone_fuzz::TARGETS;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> io::Result<ExitCode> {
    let args: Vec<String> = env::args().skip(1).collect();
    let name = args.first().map(String::as_str);
    if name.is_none() {
        for target in TARGETS {
            println!("{}", target.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(target) = TARGETS.iter().find(|target| Some(target.name) == name) else {
        return Ok(ExitCode::FAILURE);
    };
    let Some(folder) = args.get(1) else {
        println!("{}", target.max_len);
        return Ok(ExitCode::SUCCESS);
    };
    for (number, seed) in target.seeds().iter().enumerate() {
        fs::write(Path::new(folder).join(format!("seed-{number}")), seed)?;
    }
    Ok(ExitCode::SUCCESS)
}
