//! Runs a program in a terminal of its own. A test can read the screen and press keys. When the program has
//! ended, the test can check whether the terminal is in its old state.
//!
//! `setsid --ctty` (util-linux) makes the pseudo-terminal the controlling terminal of the program. So the
//! program writes nothing to the terminal in which the tests run.

#[allow(dead_code, reason = "not every test file makes pictures")]
pub mod svg;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::termios::{Termios, tcgetattr};

/// The longest time that a test waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program in a terminal.
#[allow(dead_code, reason = "not every test file uses all of this module")]
pub struct Terminal {
    child: Child,
    keyboard: File,
    slave: OwnedFd,
    before: Termios,
    shown: Arc<Shown>,
    reader: JoinHandle<()>,
}

struct Shown {
    parser: Mutex<vt100::Parser>,
    /// All that was written to the terminal.
    raw: Mutex<Vec<u8>>,
    changed: Condvar,
}

impl Shown {
    fn lock(&self) -> MutexGuard<'_, vt100::Parser> {
        self.parser.lock().expect("no thread panics while it holds this lock")
    }
}

/// How the program ended, and how it left the terminal.
#[allow(dead_code, reason = "not every test file uses all of this module")]
pub struct Left {
    pub status: ExitStatus,
    /// The text that the terminal shows.
    pub text: String,
    /// All that was written to the terminal, with its escape sequences.
    pub raw: String,
    /// Whether echo, line mode and all other settings of the terminal are as before.
    pub modes_are_back: bool,
    /// Whether the terminal shows the normal screen and the cursor.
    pub screen_is_back: bool,
}

#[allow(dead_code, reason = "not every test file uses all of this module")]
impl Terminal {
    /// Starts a program in a folder, in a terminal with this number of rows and columns.
    pub fn start(program: &str, args: &[&str], folder: &Path, rows: u16, columns: u16) -> Terminal {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).expect("the system has pseudo-terminals");
        let before = tcgetattr(&pty.slave).expect("the slave side is a terminal");
        let stdio = || Stdio::from(pty.slave.try_clone().expect("the descriptor can be duplicated"));
        let child = Command::new("setsid")
            .arg("--ctty")
            .arg(program)
            .args(args)
            .current_dir(folder)
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("setsid, of util-linux, can be run");
        let keyboard = File::from(pty.master);
        let mut output = keyboard.try_clone().expect("the descriptor can be duplicated");
        let shown = Arc::new(Shown {
            parser: Mutex::new(vt100::Parser::new(rows, columns, 0)),
            raw: Mutex::new(Vec::new()),
            changed: Condvar::new(),
        });
        let to = Arc::clone(&shown);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error means the end of the output: no process has the other side of the terminal open any
            // more.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                to.raw.lock().expect("no thread panics while it holds this lock").extend(&bytes[..count]);
                to.lock().process(&bytes[..count]);
                to.changed.notify_all();
            }
        });
        Terminal { child, keyboard, slave: pty.slave, before, shown, reader }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal takes input");
    }

    /// Changes the size of the terminal, as if a user resized its window.
    pub fn resize(&self, rows: u16, columns: u16) {
        self.shown.lock().screen_mut().set_size(rows, columns);
        let stdin = Stdio::from(self.slave.try_clone().expect("the descriptor can be duplicated"));
        let size = [rows, columns].map(|it| it.to_string());
        let done = Command::new("stty").args(["rows", &size[0], "cols", &size[1]]).stdin(stdin).status();
        assert!(done.expect("stty, of coreutils, can be run").success());
    }

    /// Waits until the screen satisfies a condition.
    #[track_caller]
    pub fn wait_for(&self, what: &str, so: impl Fn(&vt100::Screen) -> bool) {
        let asked = Instant::now();
        let mut parser = self.shown.lock();
        while !so(parser.screen()) {
            let left = PATIENCE.saturating_sub(asked.elapsed());
            assert!(!left.is_zero(), "the screen does not show {what}:\n{}", parser.screen().contents());
            parser = self
                .shown
                .changed
                .wait_timeout(parser, left)
                .expect("no thread panics while it holds this lock")
                .0;
        }
    }

    /// Waits for a text.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        self.wait_for(text, |screen| screen.contents().contains(text));
    }

    /// Waits for a row that has all these texts.
    #[track_caller]
    pub fn sees_row(&self, texts: &[&str]) {
        self.wait_for(&texts.join(" ... "), |screen| {
            screen.contents().lines().any(|row| texts.iter().all(|text| row.contains(text)))
        });
    }

    /// The screen as it is now.
    pub fn screen(&self) -> vt100::Screen {
        self.shown.lock().screen().clone()
    }

    /// The id of the program's process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program has ended.
    #[track_caller]
    pub fn left(mut self) -> Left {
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("this test has started the child") {
                break status;
            }
            if asked.elapsed() > PATIENCE {
                let _ = self.child.kill();
                panic!("the program does not end:\n{}", self.screen().contents());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let after = tcgetattr(&self.slave).expect("the slave side is a terminal");
        // After this, no process has this side of the terminal open. So the thread that reads the output
        // ends.
        drop(self.slave);
        self.reader.join().expect("the reader does not panic");
        let raw = self.shown.raw.lock().expect("no thread panics while it holds this lock");
        let parser = self.shown.lock();
        let screen = parser.screen();
        Left {
            raw: String::from_utf8_lossy(&raw).into_owned(),
            status,
            text: screen.contents(),
            modes_are_back: after == self.before,
            screen_is_back: !screen.alternate_screen() && !screen.hide_cursor(),
        }
    }
}
