//! The log (5.3), its first index after a snapshot (section 7), and the command in an entry.

use super::support::*;
use crate::raft::log::RaftLog;
use crate::raft::*;
use labapi::Command;

/// A log with a snapshot that ends at index 10 in term 3, and with entries of these terms from index 11 on.
fn log_after_10(terms: &[u64]) -> RaftLog {
    RaftLog::after(10, 3, entries(11, terms))
}

#[test]
fn an_empty_log_ends_at_index_0_of_term_0() {
    let log = RaftLog::new();
    assert_eq!((log.first_index(), log.last_index(), log.last_term(), log.term_at(0)), (1, 0, 0, Some(0)));
    assert_eq!((log.get(0), log.get(1), log.term_at(1)), (None, None, None));
    assert!(log.is_empty());
}

#[test]
fn indices_keep_their_meaning_over_a_snapshot_7() {
    let log = log_after_10(&[3, 4, 4]);
    assert_eq!((log.first_index(), log.last_index(), log.last_term(), log.len()), (11, 13, 4, 3));
    let terms: Vec<_> = (9..=14).map(|index| log.term_at(index)).collect();
    assert_eq!(terms, [None, Some(3), Some(3), Some(4), Some(4), None]);
    assert_eq!(log.get(12).map(|entry| entry.command.clone()), Some(command(12, 4)));
    assert_eq!(log_after_10(&[]).last_term(), 3, "a log without entries ends at the snapshot's last entry");
}

#[test]
fn terms_are_found_by_binary_search_5_3() {
    let log = log_after_10(&[3, 5, 5, 5, 8]);
    let last: Vec<_> = [3, 4, 5, 7, 8, 9].map(|term| log.last_index_up_to_term(99, term)).to_vec();
    assert_eq!(last, [11, 11, 14, 14, 15, 15]);
    let bounded: Vec<_> = [12, 13, 20].map(|index| log.last_index_up_to_term(index, 5)).to_vec();
    assert_eq!(bounded, [12, 13, 14]);
    // The term at the end of the snapshot is known. The terms before it are not known.
    let log = log_after_10(&[5]);
    assert_eq!([3, 4].map(|term| log.last_index_up_to_term(99, term)), [10, 10]);
    assert!(log.last_index_up_to_term(99, 2) < 10);
    assert_eq!(log.last_index_up_to_term(7, 9), 7);
    assert_eq!(RaftLog::after(0, 0, entries(1, &[5])).last_index_up_to_term(1, 4), 0);
}

#[test]
fn entries_can_be_removed_at_both_ends() {
    let mut log = log_after_10(&[3, 4, 4, 5]);
    log.truncate_from(14);
    assert_eq!((log.last_index(), log.last_term()), (13, 4));
    log.compact(12);
    assert_eq!((log.last_included_index(), log.last_included_term(), log.len()), (12, 4, 1));
    assert!(!log.is_empty());
    log.compact(13);
    assert_eq!((log.last_index(), log.last_term(), log.is_empty()), (13, 4, true));
    assert_eq!(log.append(Entry { term: 6, command: command(14, 6) }), 14);
    log.reset(20, 7);
    assert_eq!((log.first_index(), log.last_index(), log.last_term()), (21, 20, 7));
}

#[test]
#[should_panic(expected = "Leader Completeness, committed entries stay (5.4): truncating from 10")]
fn the_last_entry_of_a_snapshot_cannot_be_removed() {
    log_after_10(&[3]).truncate_from(10);
}

#[test]
fn a_batch_is_bounded_by_bytes_but_never_empty() {
    let entry = |bytes| Entry { term: 1, command: Command::new(vec![0; bytes]) };
    let log = RaftLog::after(0, 0, vec![entry(60), entry(40), entry(1), entry(500), entry(0)]);
    let lengths = |first, max_entries, max_bytes| -> Vec<usize> {
        log.batch(first, max_entries, max_bytes).iter().map(|entry| entry.command.len()).collect()
    };
    assert_eq!(lengths(1, 9, 100), [60, 40]);
    assert_eq!(lengths(2, 9, 100), [40, 1]);
    assert_eq!(lengths(4, 9, 100), [500], "a command that is larger than a batch is sent alone");
    assert_eq!(lengths(5, 9, 100), [0]);
    assert_eq!(lengths(1, 3, 9999), [60, 40, 1]);
    assert!(lengths(6, 9, 100).is_empty());
}

#[test]
fn a_command_is_shared_and_printed_short() {
    let long = Command::new(vec![b'x'; 5000]);
    assert_eq!(format!("{long:?}"), format!("Command({}... 5000 bytes)", "x".repeat(16)));
    assert_eq!(format!("{:?}", Command::new("a\0b")), r"Command(a\x00b)");
    assert_eq!(long.clone().as_bytes().as_ptr(), long.as_bytes().as_ptr());
    // The encoding of a command has only its length and its bytes. Decoding gives the command back.
    let bytes = labgob::encode(&Entry { term: 7, command: Command::new("abc") });
    assert_eq!(bytes, [7, 3, b'a', b'b', b'c']);
    assert_eq!(labgob::decode::<Command>(&labgob::encode(&long)), Ok(long));
    assert!(labgob::decode::<Command>(&[200, 1]).is_err());
}
