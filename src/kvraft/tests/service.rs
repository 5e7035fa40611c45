//! A client and its servers.

use super::group::Group;
use labrt::sync::Arc;

#[test]
fn put_append_and_get() {
    labrt::run(|| {
        let group = Group::start(3, None);
        let mut clerk = group.clerk();
        assert_eq!(clerk.get("key"), "", "nothing there yet");
        clerk.append("key", "a");
        clerk.append("key", "b");
        assert_eq!(clerk.get("key"), "ab");
        clerk.put("key", "c");
        assert_eq!(group.clerk().get("key"), "c");
    });
}

#[test]
fn servers_come_back_with_what_they_had() {
    labrt::run(|| {
        for maxraftstate in [None, Some(1), Some(1000)] {
            let group = Group::start(3, maxraftstate);
            let mut clerk = group.clerk();
            (0..50).for_each(|i| clerk.append("key", &format!("{i} ")));
            let expected = clerk.get("key");
            let saved = group.persisters.iter().map(|p| Arc::new(p.copy())).collect();
            drop(group);
            assert_eq!(Group::restart(saved, maxraftstate).clerk().get("key"), expected);
        }
    });
}
