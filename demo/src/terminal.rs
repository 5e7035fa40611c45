//! The terminal: taken over, and given back whatever happens.
//!
//! It is given back when the [`Screen`] is dropped, which also happens while a thread unwinds, and by a hook before
//! the message of a panic in any thread is printed. From then on nothing is drawn any more.

use std::io::{self, Stdout};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyEvent};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use labrt::sync::atomic::{AtomicBool, Ordering};
use labrt::time::Duration;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::app::App;
use crate::room::Event as Happened;
use crate::screen;
use crate::stage::Stage;

/// The terminal is ours, and in raw mode.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A screen in the terminal.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// It cannot be done; then the terminal is as it was.
    pub fn open() -> io::Result<Screen> {
        give_back_on_panic();
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let opened = || -> io::Result<Screen> {
            execute!(io::stdout(), EnterAlternateScreen, Hide, SetTitle("mit6824: the live demo"))?;
            Ok(Screen { terminal: Terminal::new(CrosstermBackend::new(io::stdout()))? })
        };
        opened().inspect_err(|_| give_back())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

impl Stage for Screen {
    fn keys(&mut self, wait: Duration) -> io::Result<Vec<KeyEvent>> {
        let mut keys = Vec::new();
        let mut wait = wait;
        // A resize is an event as well: the next drawing sees to it.
        while event::poll(wait)? {
            if let Event::Key(key) = event::read()? {
                keys.push(key);
            }
            wait = Duration::ZERO;
        }
        Ok(keys)
    }

    fn show(&mut self, app: &App, _new: &[Happened]) -> io::Result<()> {
        if !TAKEN.load(Ordering::SeqCst) {
            return Ok(());
        }
        // Terminals that know these show all of it at once, the others ignore them.
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| screen::draw(frame, app))?;
        execute!(io::stdout(), EndSynchronizedUpdate)
    }
}

/// Once only, whoever calls.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Where the terminal is gone there is nothing to give back.
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, Show);
    }
}

fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}
