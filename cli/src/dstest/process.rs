//! Child processes that leave nothing behind.
//!
//! A [`Process`] runs in a process group of its own, with an empty stdin (`/dev/null`). Its stdout and stderr
//! are captured together. The whole group is killed when the child ends, when the child is killed, and when
//! its `Process` is dropped.
//!
//! If this program itself is killed, it cannot clean up. Then the kernel kills the child. For this, a child
//! is started through the hidden subcommand `dstest-exec`. The subcommand tells the kernel to send it a
//! signal if the parent dies later (`PR_SET_PDEATHSIG`). Then it becomes the child's program ([`exec`]).
//!
//! Only the first and the last [`CAPTURE_HALF`] bytes of the output are kept. Otherwise a test that prints
//! in a loop could fill the disk.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getppid};

/// How many bytes are kept of the beginning of a process's output, and how many of its end.
pub const CAPTURE_HALF: usize = 16 << 20;

/// Arguments of `lab dstest-exec`.
#[derive(clap::Args)]
pub struct ExecArgs {
    /// The process that must still be the parent
    #[arg(long)]
    parent: i32,
    /// The signal that the program gets when the parent dies
    #[arg(long, default_value = "SIGKILL")]
    signal: String,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// `lab dstest-exec`: becomes `command`, which is killed when the parent dies.
pub fn exec(args: &ExecArgs) -> ExitCode {
    let (program, rest) = args.command.split_first().expect("clap accepts no empty command");
    if let Err(error) = die_with_parent(args.parent, &args.signal) {
        eprintln!("lab dstest-exec: {error}");
        return ExitCode::from(126);
    }
    let error = Command::new(program).args(rest).exec();
    eprintln!("lab dstest-exec: cannot run {}: {error}", Path::new(program).display());
    ExitCode::from(127)
}

fn die_with_parent(parent: i32, signal: &str) -> Result<(), String> {
    let signal: Signal =
        signal.parse().map_err(|_| format!("--signal {signal}: expected a name such as SIGKILL"))?;
    nix::sys::prctl::set_pdeathsig(signal)
        .map_err(|e| format!("cannot ask the kernel for a signal when the parent dies: {e}"))?;
    // If the parent died before the request, the signal will never come.
    if getppid() != Pid::from_raw(parent) {
        return Err("the parent is gone".to_owned());
    }
    Ok(())
}

/// A description of the process that must be started.
pub struct Plan {
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Working directory.
    pub dir: PathBuf,
    /// Variables to set.
    pub set: Vec<(String, OsString)>,
    /// Variables to remove.
    pub unset: Vec<&'static str>,
    /// The signal that the child gets when this program dies: SIGKILL, or SIGTERM for programs that must end
    /// children of their own.
    pub death_signal: Signal,
}

impl Plan {
    fn command(&self) -> Command {
        // This path is the program that runs now, even if its file was built again or removed meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg("dstest-exec").args(["--parent", &std::process::id().to_string()]);
        command.args(["--signal", self.death_signal.as_str()]).arg("--").args(&self.command);
        for name in &self.unset {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(k, v)| (k, v)));
        command.current_dir(&self.dir).process_group(0).stdin(Stdio::null());
        command
    }
}

/// A running child. It is killed when its `Process` is dropped. For `PR_SET_PDEATHSIG`, the parent is the
/// thread that started the child. So when this thread ends, the kernel also sends the child the death signal.
pub struct Process {
    child: Child,
    group: Pid,
    pump: Option<JoinHandle<()>>,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `plan`. Its stdout and its stderr go to the file `output`.
    ///
    /// # Errors
    /// When the pipe, the file or the process cannot be made.
    pub fn spawn(plan: &Plan, output: &Path) -> io::Result<Process> {
        let file = File::create(output)?;
        let (reader, writer) = io::pipe()?;
        let mut command = plan.command();
        command.stdout(writer.try_clone()?).stderr(writer);
        let child = command.spawn()?;
        // The command still has the write end of the pipe. Without this `drop`, the reader would never see
        // the end of the output.
        drop(command);
        let pump = std::thread::spawn(move || capture(reader, file));
        Ok(Process::of(child, Some(pump)))
    }

    /// Starts `plan`. The caller can read its stdout. `stderr` says where its stderr goes.
    ///
    /// # Errors
    /// When the process cannot be made.
    pub fn spawn_piped(plan: &Plan, stderr: Stdio) -> io::Result<(Process, std::process::ChildStdout)> {
        let mut child = plan.command().stdout(Stdio::piped()).stderr(stderr).spawn()?;
        let stdout = child.stdout.take().expect("the command was made with a pipe for stdout");
        Ok((Process::of(child, None), stdout))
    }

    fn of(child: Child, pump: Option<JoinHandle<()>>) -> Process {
        let group = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits into an i32"));
        Process { child, group, pump, ended: None }
    }

    /// Returns how the child ended, or `None` while it runs. If the child has ended, this function also kills
    /// the other processes of the child's group.
    ///
    /// # Errors
    /// When the system cannot say whether the child has ended.
    pub fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            // Looks without reaping the child. While the child is a zombie, no other group can get the number
            // of its group. So the signal in `reap` reaches only this group.
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            if waitid(Id::Pid(self.group), flags)? == WaitStatus::StillAlive {
                return Ok(None);
            }
            self.reap()?;
        }
        Ok(self.ended)
    }

    /// Sends a signal to the whole group.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // An error means that the group has just ended by itself.
            let _ = killpg(self.group, signal);
        }
    }

    /// Waits until the child has ended, but at most for `patience`. Returns whether the child has ended.
    pub fn wait_for(&mut self, patience: Duration) -> bool {
        let since = Instant::now();
        while since.elapsed() < patience {
            if !matches!(self.poll(), Ok(None)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Kills the group and waits for the child.
    pub fn kill(&mut self) {
        if self.ended.is_none() {
            let _ = self.reap();
        }
    }

    fn reap(&mut self) -> io::Result<()> {
        self.signal(Signal::SIGKILL);
        self.ended = Some(self.child.wait()?);
        self.join_pump();
        self.await_group();
        Ok(())
    }

    /// Waits until the other processes of the group are gone, too. They were killed before. The wait has a
    /// time limit: if no process of the machine reaps orphans, the killed processes stay as zombies for ever.
    fn await_group(&self) {
        let since = Instant::now();
        while killpg(self.group, None).is_ok() && since.elapsed() < Duration::from_millis(500) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for the last output. The wait has a time limit, because a process that has left the group may
    /// still have the pipe open.
    fn join_pump(&mut self) {
        let Some(pump) = self.pump.take() else { return };
        let since = Instant::now();
        while !pump.is_finished() && since.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Copies the pipe into the file. If there is too much output, the middle is left out.
fn capture(mut from: PipeReader, mut to: File) {
    let mut buffer = [0; 64 * 1024];
    let mut head = 0;
    let mut tail: VecDeque<u8> = VecDeque::new();
    let mut skipped: u64 = 0;
    let mut error = None;
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let (first, rest) = buffer[..n].split_at(n.min(CAPTURE_HALF - head));
        head += first.len();
        if error.is_none() {
            error = to.write_all(first).err();
        }
        tail.extend(rest);
        let excess = tail.len().saturating_sub(CAPTURE_HALF);
        tail.drain(..excess);
        skipped += excess as u64;
    }
    // Nobody reads the result of this thread, so an error is written into the file. If the disk is full, this
    // writing fails, too, and the error is lost.
    if skipped > 0 {
        let _ = write!(to, "\n[... {skipped} bytes left out ...]\n");
    }
    let (a, b) = tail.as_slices();
    let _ = to.write_all(a).and_then(|()| to.write_all(b));
    if let Some(error) = error {
        let _ = write!(to, "\n[output incomplete: {error}]\n");
    }
}

/// How a process ended, for example `exit status 3` or `signal 11 (SIGSEGV)`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("signal {number} ({signal})"),
            Err(_) => format!("signal {number}"),
        },
        (None, None) => status.to_string(),
    }
}

/// CPU seconds (user and system) of all children that have ended.
pub fn cpu_of_children() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(0.0, |usage| {
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        micros as f64 / 1e6
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_described() {
        assert_eq!(describe(ExitStatus::from_raw(101 << 8)), "exit status 101");
        assert_eq!(describe(ExitStatus::from_raw(11)), "signal 11 (SIGSEGV)");
    }

    #[test]
    fn too_much_output_loses_its_middle() {
        let path = std::env::temp_dir().join(format!("lab-capture-{}", std::process::id()));
        let (reader, mut writer) = io::pipe().expect("a pipe can be made");
        let file = File::create(&path).expect("the file can be made");
        let pump = std::thread::spawn(move || capture(reader, file));
        writer.write_all(b"first").expect("the thread reads the pipe");
        for _ in 0..3 {
            writer.write_all(&vec![b'.'; CAPTURE_HALF]).expect("the thread reads the pipe");
        }
        writer.write_all(b"last").expect("the thread reads the pipe");
        drop(writer);
        pump.join().expect("the thread has not panicked");
        let kept = std::fs::read(&path).expect("the file can be read");
        std::fs::remove_file(&path).expect("the test has made this file");
        assert!(kept.starts_with(b"first") && kept.ends_with(b"last"));
        assert!(kept.len() < 2 * CAPTURE_HALF + 100);
        let note = format!("[... {} bytes left out ...]", CAPTURE_HALF + 9);
        assert!(String::from_utf8_lossy(&kept).contains(&note));
    }
}
