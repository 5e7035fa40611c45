//! `lab dstest --hosts`: on this machine, and over ssh on the loopback interface.
//!
//! The tests need GNU parallel. The tests over ssh also need rsync and an ssh server. If a program is
//! missing, a test says so on the terminal (not in the captured output) and passes.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "these tests watch processes and use the real clock, with and without the feature sim"
)]

mod common;

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Folder, Project, Ran, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn installed(program: &str) -> bool {
    let dirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&dirs).chain(["/usr/sbin".into()]).any(|dir| dir.join(program).exists())
}

/// Whether all these programs are installed. If a program is missing, its name is printed on the terminal.
fn has(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|p| !installed(p)).collect();
    if !missing.is_empty() {
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        // This does not use `eprintln`, because the harness would capture its output.
        let _ =
            writeln!(std::io::stderr(), "\n*** SKIPPED {name}: {} not installed ***\n", missing.join(", "));
    }
    missing.is_empty()
}

/// The folders that `--hosts` has made and not removed. When a test has ended, there must be no folder of
/// this test. Tests in other processes may have such folders while they run.
fn staged() -> Vec<PathBuf> {
    let entries = fs::read_dir("/tmp").expect("/tmp can be read");
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    paths.filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("lab-dstest-"))).collect()
}

/// The tests run one after the other, because each test checks that no folders are left.
static GATE: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn without_parallel_its_package_is_named() {
    let project = Project::new("no-parallel");
    let mut command = project.dstest(&["--hosts", ":", "lab2a"]);
    let ran = Ran::of(command.env("PATH", "/nonexistent").output().expect("lab runs"));
    ran.complains(2, &["--hosts needs GNU parallel", "`parallel`"]);
}

#[test]
fn chunks_go_through_parallel_on_this_machine() {
    if !has(&["parallel"]) {
        return;
    }
    let _gate = GATE.lock();
    let project = Project::new("local-host");
    let before = staged();
    let args = ["--hosts", ":", "--sim", "-n", "40", "--seed", "0", "-p", "2", "-o", "kept"];
    let tests = ["re_election_2a", "many_elections_2a", "exhaustive_2b"];
    let ran = project.run(&[&args[..], &tests].concat());
    ran.says(
        1,
        &[
            "8 of 120 failed",
            "FAIL re_election_2a 0x7 1.500 s",
            "FAIL many_elections_2a 0x3: the process ended (signal 6 (SIGABRT))",
            "yes: the same failure, with the same hash",
            "repeat   LAB_SEED=0x7 the line of re_election_2a",
        ],
    );
    assert!(project.read("kept/lab2a-re_election_2a-0x7.log").contains("logs Ok(\"all\")"));
    assert_eq!(project.read("kept/lab2a-re_election_2a-0x7.trace.jsonl"), "the trace, 400000 events\n");
    assert_eq!(staged(), before, "temporary folders are left");
    let ran = project.run(&["--hosts", ":", "-n", "3", "basic_2a", "basic_2b"]);
    ran.says(0, &["0 of 6 failed", "real s"]);
    let ran = project.run(&[&args[..], &["--until-fail", "re_election_2a"]].concat());
    ran.says(1, &["stopped at the first failure", "FAIL lab2a re_election_2a seed 0x"]);
    assert_eq!(staged(), before, "temporary folders are left");
}

#[test]
fn control_c_ends_the_jobs_of_parallel_too() {
    if !has(&["parallel"]) {
        return;
    }
    let _gate = GATE.lock();
    let project = Project::new("local-interrupted");
    let before = staged();
    let pids = project.path("pids");
    fs::create_dir_all(&pids).expect("the folder can be made");
    let child = project
        .dstest(&["--hosts", ":", "--sim", "-n", "10", "--seed", "0", "-p", "1", "stays_2b"])
        .env("FAKE_PIDS", &pids)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lab runs");
    until("the test runs", || project.names_in("pids").contains(&"pids-0".to_owned()));
    let ids: Vec<i32> = project
        .read("pids/pids-0")
        .split_whitespace()
        .map(|id| id.parse().expect("the text is a process id"))
        .collect();
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a process id fits into an i32")), Signal::SIGINT)
        .expect("lab runs");
    let ran = Ran::of(child.wait_with_output().expect("lab ends"));
    ran.says(130, &["interrupted by signal 2"]);
    for id in ids {
        assert!(!Path::new(&format!("/proc/{id}")).exists() || is_zombie(id), "process {id} is left");
    }
    assert_eq!(staged(), before, "temporary folders are left");
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// An ssh server that the test starts on a free port of the loopback interface.
struct Server {
    child: Child,
    folder: Folder,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let folder = Folder::new("sshd");
        let path = |name: &str| folder.0.join(name).display().to_string();
        for key in ["host", "client"] {
            let made =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &path(key)]).status();
            assert!(made.is_ok_and(|s| s.success()), "ssh-keygen works");
        }
        fs::rename(path("client.pub"), path("authorized")).expect("ssh-keygen has made the key");
        let free =
            TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("there is a free port");
        let port = free.port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nMaxStartups 100\nMaxSessions 100\n",
            path("host"),
            path("authorized")
        );
        fs::write(folder.0.join("config"), config).expect("the file can be written");
        // If the server runs as root, its process without privileges needs this folder.
        let _ = fs::create_dir_all("/run/sshd");
        let sshd = ["/usr/sbin/sshd", "/usr/bin/sshd"]
            .into_iter()
            .find(|p| Path::new(p).exists())
            .expect("the server is installed");
        let child = Command::new(sshd)
            .args(["-D", "-e", "-f", &path("config")])
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        until("the server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Server { child, folder, port }
    }

    /// The ssh command that reaches the server, as GNU parallel expects it for a host.
    fn login(&self) -> String {
        let key = self.folder.0.join("client").display().to_string();
        let options =
            "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes";
        format!("ssh -p {} -i {key} {options} 127.0.0.1", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn chunks_go_over_ssh() {
    if !has(&["parallel", "rsync", "ssh", "ssh-keygen", "sshd"]) {
        return;
    }
    let _gate = GATE.lock();
    let project = Project::new("ssh");
    let before = staged();
    let server = Server::start();
    let login = server.login();
    let args = ["--hosts", &login, "--sim", "-n", "20", "--seed", "0", "-p", "2", "-o", "kept"];
    let ran = project.run(&[&args[..], &["re_election_2a"]].concat());
    ran.says(
        1,
        &["2 of 20 failed", "     also     seed 0x11 (1.5 s): ", "yes: the same failure, with the same hash"],
    );
    assert!(project.read("kept/lab2a-re_election_2a-0x11.log").contains("logs Ok(\"all\")"));
    assert_eq!(staged(), before, "temporary folders are left");
    let both = format!(":,{login}");
    let ran = project.run(&["--hosts", &both, "--sim", "-n", "40", "-p", "1", "slow_2b"]);
    ran.says(0, &["0 of 40 failed"]);
    assert_eq!(staged(), before, "temporary folders are left");
}

#[test]
fn a_machine_that_cannot_be_reached_is_no_success() {
    if !has(&["parallel", "rsync", "ssh"]) {
        return;
    }
    let _gate = GATE.lock();
    let project = Project::new("unreachable");
    let before = staged();
    let login = "ssh -p 1 -o ConnectTimeout=2 -o BatchMode=yes 127.0.0.1";
    let ran = project.run(&["--hosts", login, "--sim", "-n", "2", "-p", "1", "basic_2a"]);
    ran.says(1, &["TROUBLE: 2 runs have no result: parallel failed"]);
    assert_eq!(staged(), before, "temporary folders are left");
}
