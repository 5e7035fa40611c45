fn main() {
    fake::main(&[
        "basic_2b",
        "rpc_bytes_2b",
        "hang_2b",
        "garbage_2b",
        "impostor_2b",
        "wobbly_2b",
        "heals_2b",
        "always_2b",
        "slow_2b",
        "stays_2b",
        "silent_2b",
        "dies_late_2b",
        "!exhaustive_2b",
    ]);
}
