//! Tests of the simulated disk. Its lock comes from `labrt`, so each test calls [`labrt::run`].

use super::{Persister, SaveStep, Writer};
use labrt::Run;
use labrt::collections::BTreeSet;
use labrt::sync::{Arc, Mutex, Signal};

fn framed(entries: usize) -> Persister {
    let persister = Persister::new();
    persister
        .update(|w| {
            w.head(b"head".to_vec());
            (0..entries).for_each(|i| w.append(vec![i as u8; i]));
        })
        .expect("an empty disk can be read as frames");
    persister
}

/// Returns the lengths of the entry frames. In these tests each frame has a different length, so the length
/// identifies the frame.
fn lengths(persister: &Persister) -> Vec<usize> {
    persister.frames().expect("the frames are valid").entries().map(<[u8]>::len).collect()
}

/// The operations of the course replace the whole state.
#[test]
fn whole_states_replace_one_another() {
    labrt::run(|| {
        let persister = Persister::new();
        assert_eq!((persister.raft_state_size(), persister.snapshot_size()), (0, 0));
        assert!(persister.read_raft_state().is_empty() && persister.read_snapshot().is_empty());

        persister.save_state_and_snapshot(b"state", b"snapshot");
        assert_eq!((persister.raft_state_size(), persister.snapshot_size()), (5, 8));
        // Saving only the state does not change the snapshot.
        persister.save_raft_state(b"other state");
        assert_eq!(persister.read_raft_state(), b"other state");
        assert_eq!(&*persister.read_snapshot(), b"snapshot");
    });
}

#[test]
fn copies_are_independent_both_ways() {
    labrt::run(|| {
        let old = framed(3);
        old.update(|w| w.snapshot(Arc::from(&b"one"[..]))).expect("the frames are valid");
        let new = old.copy();
        let before = new.read_raft_state();

        old.update(|w| {
            w.head(b"later".to_vec());
            w.truncate_to(1);
            w.snapshot(Arc::from(&b"two"[..]));
        })
        .expect("the frames are valid");
        assert_eq!((new.read_raft_state(), &*new.read_snapshot()), (before, &b"one"[..]));

        let old_state = old.read_raft_state();
        new.update(|w| w.append(vec![9; 9])).expect("the frames are valid");
        new.save_raft_state(b"raw");
        assert_eq!((old.read_raft_state(), &*old.read_snapshot()), (old_state, &b"two"[..]));
    });
}

/// State and snapshot change in one step. A copy has either both old values or both new values, whenever it
/// is made.
#[test]
fn state_and_snapshot_change_together() {
    labrt::run(|| {
        let persister = Arc::new(Persister::new());
        let seen_enough = Signal::new();
        let writer = {
            let (persister, seen_enough) = (persister.clone(), seen_enough.clone());
            labrt::thread::spawn(move || {
                for i in (0..u32::MAX).take_while(|_| !seen_enough.is_raised()) {
                    write_both(&persister, i);
                    labrt::thread::yield_now();
                }
            })
        };
        let mut seen = BTreeSet::new();
        while seen.len() < 50 {
            let copy = persister.copy();
            let (state, snapshot) = (copy.read_raft_state(), copy.read_snapshot());
            assert_eq!(state.get(4..).unwrap_or_default(), &*snapshot, "a torn copy");
            seen.insert(snapshot);
            labrt::thread::yield_now();
        }
        seen_enough.raise();
        writer.join().expect("the writer thread does not panic");
    });
}

/// Writes `i` as the only frame and as the snapshot. There are two operations that save both. This function
/// uses one of them if `i` is even, and the other one if `i` is odd.
fn write_both(persister: &Persister, i: u32) {
    let bytes = i.to_le_bytes();
    if i.is_multiple_of(2) {
        persister.save_state_and_snapshot(&[4u32.to_le_bytes(), bytes].concat(), &bytes);
        return;
    }
    let write = |w: &mut Writer| {
        w.snapshot(Arc::from(&bytes[..]));
        w.head(bytes.to_vec());
    };
    persister.update(write).expect("the frames are valid");
}

#[test]
fn frames_change_at_both_ends() {
    labrt::run(|| {
        let persister = framed(5);
        assert_eq!(lengths(&persister), [0, 1, 2, 3, 4]);
        persister
            .update(|w| {
                w.drop_front(1);
                w.truncate_to(3);
                w.append(vec![0; 7]);
            })
            .expect("the frames are valid");
        assert_eq!(lengths(&persister), [1, 2, 3, 7]);
        assert_eq!(persister.frames().expect("the frames are valid").head(), Some(&b"head"[..]));
    });
}

/// After each change, the size is equal to the length of the bytes, and the bytes can be parsed as the same
/// frames.
#[test]
fn size_and_bytes_agree_with_the_frames() {
    labrt::run(|| {
        let persister = framed(0);
        for i in 0..40usize {
            persister
                .update(|w| {
                    w.head(vec![1; i % 7]);
                    w.append(vec![2; i]);
                    w.append(vec![3; 2 * i]);
                    w.drop_front(i % 3);
                })
                .expect("the frames are valid");
            let bytes = persister.read_raft_state();
            assert_eq!(persister.raft_state_size(), bytes.len());
            let raw = Persister::new();
            raw.save_raft_state(&bytes);
            assert_eq!(raw.frames(), persister.frames());
            // A state that was saved as one byte string can be changed as frames.
            raw.update(|w| w.append(vec![4])).expect("the frames are valid");
            assert_eq!(raw.raft_state_size(), bytes.len() + 5);
        }
    });
}

/// When an entry is added, only this entry is written, even if the log is long.
#[test]
fn the_cost_of_an_entry_does_not_grow() {
    labrt::run(|| {
        let persister = framed(0);
        for i in 0..10_000u32 {
            let before = persister.bytes_written();
            persister.update(|w| w.append(vec![0; 100])).expect("the frames are valid");
            assert_eq!(persister.bytes_written() - before, 104, "entry {i}");
        }
        // When the log is cut, no bytes are written.
        let before = persister.bytes_written();
        let cut = persister.update(|w| {
            w.truncate_to(9000);
            w.drop_front(8000);
        });
        assert_eq!((cut, persister.bytes_written()), (Ok(()), before));
        assert_eq!(persister.raft_state_size(), 8 + 1000 * 104);
    });
}

#[test]
fn bytes_that_are_no_frames_are_named_not_touched() {
    labrt::run(|| {
        let persister = framed(3);
        let good = persister.read_raft_state();
        for cut in 1..good.len() {
            persister.save_raft_state(&good[..cut]);
            match persister.frames() {
                // The bytes end between two frames. So they can be parsed, but there are fewer frames.
                Ok(frames) => assert!(frames.entries().len() < 3),
                Err(error) => {
                    assert!(error.offset <= cut && error.length == cut);
                    assert_eq!(
                        persister.update(|w| w.head(vec![])),
                        Err(error),
                        "update refuses damaged frames"
                    );
                    assert_eq!(persister.read_raft_state(), good[..cut]);
                }
            }
        }
        persister.save_raft_state(&[4, 0, 0, 0, 1, 2, 3, 4, 200, 0, 0, 0, 1]);
        let error = persister.frames().expect_err("the 200 bytes of the frame are missing");
        assert_eq!(
            error.to_string(),
            "Raft state, frame 1 at byte 8 of 13: expected 200 bytes after the length, only 1 are left"
        );
    });
}

/// Executes `body` in a run. For each save, the run's trace has a digest of the Raft state and a digest of
/// the snapshot. Returns these two digests for each save.
fn saves(name: &str, body: impl Fn() + Send + Sync + 'static) -> Vec<(String, String)> {
    let file = format!("persister-{name}-{}.txt", std::process::id());
    let path = std::env::temp_dir().join(file);
    let run = Run { quiet: true, trace_file: Some(path.clone()), ..Run::default() };
    let failure = run.once(1, body).failure;
    assert!(failure.is_none(), "{failure:?}");
    let text = std::fs::read_to_string(&path).expect("the run has written its trace");
    std::fs::remove_file(&path).expect("the file existed just now");
    let field = |line: &str, name: &str| {
        let value = line.split(' ').find_map(|word| word.strip_prefix(name));
        value.unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
    };
    let lines = text.lines().filter(|line| line.contains(" persister.save "));
    lines.map(|line| (field(line, "state="), field(line, "snapshot="))).collect()
}

/// The persister reports each save. Equal contents have equal digests. The digests do not depend on the steps
/// that made the contents.
#[test]
fn saves_are_told_with_a_digest_of_the_contents() {
    let told = saves("contents", || {
        let write = |steps: fn(&mut Writer)| {
            let persister = framed(4);
            persister.update(steps).expect("the frames are valid");
            persister
        };
        // Three different series of steps make the same entry frames 1, 2, 3.
        write(|w| w.drop_front(1));
        write(|w| {
            w.append(vec![7; 7]);
            w.drop_front(1);
            w.truncate_to(3);
        });
        let copy = write(|w| w.truncate_to(0)).copy();
        copy.update(|w| (1..4).for_each(|i| w.append(vec![i; usize::from(i)])))
            .expect("the frames are valid");
        // The following contents differ from the contents before: there is one frame fewer, the order is
        // different, or the head is different. Then a snapshot is added.
        write(|w| w.drop_front(2));
        let other = write(|w| {
            w.truncate_to(0);
            [2, 1, 3].into_iter().for_each(|i| w.append(vec![i; usize::from(i)]));
        });
        other.update(|w| w.head(b"other".to_vec())).expect("the frames are valid");
        other.update(|w| w.snapshot(Arc::from(&b"one"[..]))).expect("the frames are valid");
        other.save_state_and_snapshot(b"raw", b"one");
        other.save_raft_state(b"raw");
    });
    // Each persister began with the same four frames. The saves of these frames are in the trace, too. These
    // saves are left out here.
    let known = told[0].0.clone();
    let told: Vec<_> = told.into_iter().filter(|(state, _)| *state != known).collect();
    let [first, second, empty, third, fewer, order, head, snapshot, raw, raw_again] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((&first.0, &first.0), (&second.0, &third.0));
    let different: BTreeSet<_> =
        [first, empty, fewer, order, head, raw].into_iter().map(|it| &it.0).collect();
    assert_eq!(different.len(), 6, "{told:?}");
    assert_eq!((&head.0, head.1 == snapshot.1), (&snapshot.0, false));
    assert_eq!((&snapshot.1, raw), (&raw.1, raw_again));
}

#[test]
fn the_hook_sees_the_disk_before_and_after_each_save() {
    labrt::run(|| {
        let disk = Persister::new();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        disk.on_save(move |disk, step| log.lock().push((step, disk.raft_state_size(), disk.snapshot_size())));
        disk.save_state_and_snapshot(b"state", b"snapshot");
        disk.update(|writer| writer.snapshot(Arc::from(*b"new"))).expect_err("the state has no frames");
        disk.save_raft_state(b"");
        let copy = disk.copy();
        copy.save_raft_state(b"the copy has no hook");
        let before = |snapshot| SaveStep::Before { snapshot };
        let after = |snapshot| SaveStep::After { snapshot };
        let expected = [
            (before(true), 0, 0),
            (after(true), 5, 8),
            (before(true), 5, 8),
            (before(false), 5, 8),
            (after(false), 0, 8),
        ];
        assert_eq!(*seen.lock(), expected);
    });
}
