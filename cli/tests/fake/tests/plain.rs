//! A test that uses the usual harness of Rust, which writes no report.

mod inner {
    #[test]
    fn adds_up() {
        assert_eq!(1 + 1, 2);
    }
}
