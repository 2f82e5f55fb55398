//! Three workloads over a store of 100,000 keys in a temporary folder.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use siltstone_bench::{Run, Settings, Siltstone, Unobserved, Workload, table_head, table_line};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let temp = tempfile::tempdir()?;
    let workloads = vec![Workload::FillRandom, Workload::ReadRandom, Workload::SeekRandom10];
    let settings = Settings { workloads, num: 100_000, ..Settings::default() };
    let engine = Siltstone::default();
    let mut run = Run::new(&engine, &settings, temp.path())?;
    println!("{}", table_head());
    for workload in &settings.workloads {
        println!("{}", table_line(&run.workload(*workload, &Unobserved)?));
    }
    run.close()?;
    Ok(())
}
