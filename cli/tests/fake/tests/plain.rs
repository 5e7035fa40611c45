//! A test on the usual harness, which reports nothing.

mod inner {
    #[test]
    fn adds_up() {
        assert_eq!(1 + 1, 2);
    }
}
