//! Measures encoding and decoding of the most frequent message of Raft: AppendEntries with commands of 32
//! bytes.

use criterion::{BenchmarkId, Criterion, Throughput};
use labapi::Command;
use labrt::time::Duration;
use mit6824::raft::{AppendEntriesArgs, AppendEntriesReply, Entry};
use mit6824_benches::cluster::COMMAND_BYTES;
use mit6824_benches::{Floor, Watched, bench_main, in_run};
use std::hint::black_box;
use std::process::ExitCode;

fn main() -> ExitCode {
    bench_main(|_| {
        in_run(Watched::NOTHING, || Floor.print());
        let mut criterion = Criterion::default()
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_millis(700))
            .configure_from_args();
        encode_and_decode(&mut criterion);
        criterion.final_summary();
    })
}

fn encode_and_decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("labgob");
    for entries in [0, 1, 1000] {
        let args = append_entries(entries);
        let bytes = labgob::encode(&args);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("encode AppendEntries of", entries),
            &args,
            |bencher, args| {
                bencher.iter(|| labgob::encode(black_box(args)));
            },
        );
        group.bench_with_input(
            BenchmarkId::new("decode AppendEntries of", entries),
            &bytes,
            |bencher, bytes| {
                bencher.iter(|| {
                    labgob::decode::<AppendEntriesArgs>(black_box(bytes)).expect("labgob has encoded this")
                });
            },
        );
    }
    let reply = AppendEntriesReply { term: 7, success: true, conflict: None };
    group.throughput(Throughput::Elements(1));
    group.bench_function("AppendEntriesReply there and back", |bencher| {
        bencher.iter(|| {
            let bytes = labgob::encode(black_box(&reply));
            labgob::decode::<AppendEntriesReply>(&bytes).expect("labgob has encoded this")
        });
    });
    group.finish();
}

fn append_entries(count: usize) -> AppendEntriesArgs {
    let entry = Entry { term: 7, command: Command::new(vec![b'x'; COMMAND_BYTES]) };
    AppendEntriesArgs {
        term: 7,
        leader_id: 0,
        prev_log_index: 200_000,
        prev_log_term: 7,
        entries: vec![entry; count],
        leader_commit: 200_000,
    }
}
