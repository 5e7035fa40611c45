//! A headless Chromium for one test: its process, its profile, and the two pipes for its commands and
//! answers.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use serde_json::{Value, json};

/// If the browser does not answer within this time, the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-default-browser-check",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
];

/// The shell command that starts the browser. Chromium expects its two pipes as descriptors 3 and 4. So the
/// shell opens its own input as descriptor 3 and its own output as descriptor 4. Then `exec` replaces the
/// shell with the browser.
const HAND_OVER: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A running browser. When this value is dropped, the browser ends, and its profile is deleted.
#[derive(Debug)]
pub struct Chromium {
    process: Child,
    commands: Option<ChildStdin>,
    answers: Receiver<Value>,
    events: VecDeque<Value>,
    next_id: u64,
    /// The folder for this browser's profile and for the pages that it opens.
    dir: PathBuf,
}

impl Chromium {
    /// Starts a browser. If this machine has no browser, the function prints a clearly visible line, and
    /// returns `None`.
    ///
    /// # Panics
    /// If there is a browser but it cannot be started.
    pub fn launch() -> Option<Chromium> {
        let Some(program) = find() else {
            eprintln!(
                "*** SKIPPED: no browser to test pages in (set CHROMIUM, or install Debian's chromium)"
            );
            return None;
        };
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("mit6824-browser-{}-{n}", process::id()));
        fs::create_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let mut process = Command::new("/bin/sh")
            .args(["-c", HAND_OVER])
            .arg(&program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", dir.join("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let commands = process.stdin.take();
        let mut out = BufReader::new(process.stdout.take().expect("the browser's output is a pipe"));
        let (sender, answers) = channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                message.clear();
                if sender.send(value).is_err() {
                    break;
                }
            }
        });
        Some(Chromium { process, commands, answers, events: VecDeque::new(), next_id: 0, dir })
    }

    /// A folder that is deleted when this value is dropped.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Sends a command and waits for its result. Events that arrive before the result are kept.
    ///
    /// # Panics
    /// If the browser refuses the command, ends, or does not answer within a minute.
    pub fn call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Value {
        self.try_call(session, method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Like [`call`](Chromium::call), but if the browser refuses the command, the result is the browser's
    /// error.
    ///
    /// # Errors
    /// If the browser refuses the command.
    ///
    /// # Panics
    /// If the browser ends, or does not answer within a minute.
    pub fn try_call(&mut self, session: Option<&str>, method: &str, params: &Value) -> Result<Value, Value> {
        self.next_id += 1;
        let mut command = json!({ "id": self.next_id, "method": method, "params": params });
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        let pipe = self.commands.as_mut().expect("the pipe is open until the browser is dropped");
        pipe.write_all(&bytes).and_then(|()| pipe.flush()).expect("the browser takes commands");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.receive(deadline).unwrap_or_else(|| panic!("{method}: no answer"));
            if answer["id"] != self.next_id {
                self.events.push_back(answer);
                continue;
            }
            return match answer.get_mut("error") {
                Some(error) => Err(error.take()),
                None => Ok(answer["result"].take()),
            };
        }
    }

    /// Waits for an event and forgets the events before it.
    ///
    /// # Panics
    /// If the event does not come within a minute.
    pub fn wait_for(&mut self, method: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let kept = self.events.pop_front();
            let event = kept.or_else(|| self.receive(deadline)).unwrap_or_else(|| panic!("no {method} came"));
            if event["method"] == method {
                return event;
            }
        }
    }

    /// The events that have arrived so far.
    pub fn take_events(&mut self) -> Vec<Value> {
        self.events.extend(self.answers.try_iter());
        self.events.drain(..).collect()
    }

    fn receive(&mut self, deadline: Instant) -> Option<Value> {
        self.answers.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // When the pipe for commands is closed, the browser ends by itself, together with its helper
        // processes.
        self.commands = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.process.kill();
                let _ = self.process.wait();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        let path = PathBuf::from(path);
        return path.is_file().then_some(path);
    }
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().find_map(|name| env::split_paths(&path).map(|dir| dir.join(name)).find(|p| p.is_file()))
}
