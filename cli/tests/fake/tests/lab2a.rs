fn main() {
    fake::main(&["initial_election_2a", "re_election_2a", "many_elections_2a", "segfault_2a", "basic_2a"]);
}
