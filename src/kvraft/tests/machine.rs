//! Tests of the state machine without a server.

use crate::kvraft::messages::Op;
use crate::kvraft::{GetArgs, Kv, KvError, PutAppendArgs, PutOrAppend, Reply, Value};
use crate::rsm::{Stamp, StateMachine};

fn get(kv: &mut Kv, key: &str) -> Reply {
    kv.apply(Op::Get(GetArgs { key: key.to_owned() }))
}

fn write(kv: &mut Kv, op: PutOrAppend, key: &str, value: &str, stamp: (u64, u64)) -> Reply {
    let stamp = Stamp { client: stamp.0, seq: stamp.1 };
    kv.apply(Op::PutAppend(PutAppendArgs { op, key: key.to_owned(), value: value.to_owned(), stamp }))
}

fn put(kv: &mut Kv, key: &str, value: &str, stamp: (u64, u64)) -> Reply {
    write(kv, PutOrAppend::Put, key, value, stamp)
}

fn append(kv: &mut Kv, key: &str, value: &str, stamp: (u64, u64)) -> Reply {
    write(kv, PutOrAppend::Append, key, value, stamp)
}

fn text(reply: Reply) -> String {
    reply.map(Value::into_string).expect("the key has a value")
}

fn restored(kv: &Kv) -> Kv {
    let mut other = Kv::new();
    other.restore(&kv.snapshot()).expect("the state was just encoded");
    other
}

#[test]
fn what_the_operations_do() {
    let kv = &mut Kv::new();
    assert_eq!(get(kv, "k"), Err(KvError::ErrNoKey));
    assert_eq!(append(kv, "k", "a", (1, 1)), Ok(Value::default()));
    assert_eq!(append(kv, "k", "b", (1, 2)), Ok(Value::default()));
    assert_eq!(text(get(kv, "k")), "ab", "an append to a key without a value acts as a put");
    put(kv, "k", "c", (1, 3)).expect("a put never fails");
    assert_eq!(text(get(kv, "k")), "c");
    put(kv, "k", "", (1, 4)).expect("a put never fails");
    assert_eq!(get(kv, "k"), Ok(Value::default()), "an empty value is a value");
    assert_eq!(get(kv, "K"), Err(KvError::ErrNoKey));
}

#[test]
fn a_write_that_comes_twice_is_done_once() {
    let kv = &mut Kv::new();
    for seq in [1, 1, 2, 1, 2, 3, 3, 2] {
        append(kv, "k", &seq.to_string(), (1, seq)).expect("an append never fails");
    }
    append(kv, "k", "x", (2, 1)).expect("an append never fails");
    assert_eq!(text(get(kv, "k")), "123x");
}

/// A client sends a write again, to another server. This server has never applied the write itself, but it
/// has a snapshot with the effect of the write.
#[test]
fn a_copy_after_a_snapshot_is_not_done_again() {
    let kv = &mut Kv::new();
    append(kv, "k", "once", (1, 1)).expect("an append never fails");
    let kv = &mut restored(kv);
    append(kv, "k", "once", (1, 1)).expect("an append never fails");
    assert_eq!(text(get(kv, "k")), "once");
}

#[test]
fn a_snapshot_has_everything() {
    let kv = &mut Kv::new();
    for i in 0..100 {
        put(kv, &format!("key {i}"), &"v".repeat(i), (i as u64 % 7, i as u64)).expect("a put never fails");
    }
    assert_eq!(restored(kv), *kv);
    assert_eq!(restored(&Kv::new()), Kv::new());
}

/// The course allows 500 bytes for a snapshot with one key and one client, after 400 writes and 400 reads.
#[test]
fn a_snapshot_does_not_grow_with_the_number_of_operations() {
    let kv = &mut Kv::new();
    let mut sizes = Vec::new();
    for seq in 1..=1000 {
        put(kv, "x", "0", (u64::MAX, seq)).expect("a put never fails");
        get(kv, "x").expect("the value was just put");
        sizes.push(kv.snapshot().len());
    }
    assert!(sizes[999] <= sizes[0] + 8, "from {} to {} bytes", sizes[0], sizes[999]);
    assert!(sizes[999] < 50, "{} bytes", sizes[999]);
}

#[test]
fn bytes_that_are_not_a_snapshot_change_nothing() {
    let kv = &mut Kv::new();
    put(kv, "k", "v", (1, 1)).expect("a put never fails");
    let good = kv.snapshot();
    let bad = [&good[..good.len() - 1], &[255; 9], b"", &[&good[..], b"more"].concat()];
    for bytes in bad {
        let error = kv.restore(bytes).expect_err("these bytes are not a snapshot");
        assert!(error.to_string().starts_with("cannot decode"), "{error}");
    }
    assert_eq!(kv.snapshot(), good);
}

/// A follower also does each `Get`, and then drops the reply. This must not copy a long value. If no reply
/// shares the value any more, an append must not copy it either.
#[test]
fn a_get_copies_nothing() {
    let kv = &mut Kv::new();
    put(kv, "k", &"v".repeat(1 << 20), (1, 1)).expect("a put never fails");
    let place = |reply: &Reply| reply.as_ref().expect("the value was put").as_str().as_ptr();
    let (one, two) = (get(kv, "k"), get(kv, "k"));
    assert_eq!(place(&one), place(&two));

    // A reply still shares the old value. So the append must make a new value and leave the value in the
    // reply unchanged.
    append(kv, "k", "w", (1, 2)).expect("an append never fails");
    let three = get(kv, "k");
    assert_ne!(place(&one), place(&three));
    assert_eq!(text(one).len() + 1, text(three).len());
    drop(two);

    // When an append needs more space, it allocates more than it needs. So after the append of "x" there is
    // free space, and the append of "y" does not move the value.
    append(kv, "k", "x", (1, 3)).expect("an append never fails");
    let before = place(&get(kv, "k"));
    append(kv, "k", "y", (1, 4)).expect("an append never fails");
    assert_eq!(place(&get(kv, "k")), before);
}

/// Followers and restarted servers do the same operations. The encodings of their states must be equal, byte
/// by byte.
#[test]
fn the_same_operations_give_the_same_bytes() {
    let run = || {
        let mut kv = Kv::new();
        for i in 0..500_u64 {
            let key = (i * 7919 % 83).to_string();
            append(&mut kv, &key, &i.to_string(), (i * 31 % 17, i)).expect("an append never fails");
        }
        kv.snapshot()
    };
    let (one, two) = (run(), run());
    assert_eq!(one, two);
    let mut kv = Kv::new();
    kv.restore(&one).expect("the state was just encoded");
    assert_eq!(kv.snapshot(), one);
}
