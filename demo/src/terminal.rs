//! The terminal. The demo takes control of the terminal, and always restores it at the end.
//!
//! The terminal is restored when the [`Screen`] is dropped, even if its thread unwinds. If any thread panics,
//! a hook restores the terminal before the panic's message is printed. After that nothing more is drawn.

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

/// Does the demo control the terminal? Then the terminal is in raw mode.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A screen in the terminal.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes control of the terminal.
    ///
    /// # Errors
    /// If the terminal cannot be used. Then the terminal is unchanged.
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
        // A change of the terminal's size is an event, too, and is ignored here. The next frame has the new
        // size.
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
        // Terminals that know these sequences show the whole frame in one step. Other terminals ignore them.
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| screen::draw(frame, app))?;
        execute!(io::stdout(), EndSynchronizedUpdate)
    }
}

/// Restores the terminal. Only the first call after [`Screen::open`] has an effect.
fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // Errors are ignored: if the terminal is gone, it cannot be restored.
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
