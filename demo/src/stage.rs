//! The output of the demo: a screen in the terminal, or plain lines.

use std::io::{self, IsTerminal, Write};

use crossterm::event::KeyEvent;
use labrt::time::{Duration, sleep};
use labtest::shards::Place;

use crate::act::{GROUPS, Team};
use crate::app::{App, Latency, Phase};
use crate::news::called;
use crate::room::Event;
use crate::terminal::Screen;
use crate::view::{ShardView, list};

/// An output that shows an [`App`]. It may also have a keyboard.
pub trait Stage: Send {
    /// Waits for keys, but at most for the time `wait`. Returns as soon as a key is pressed. If there is no
    /// keyboard, this only waits.
    ///
    /// # Errors
    /// If the terminal is gone.
    fn keys(&mut self, wait: Duration) -> io::Result<Vec<KeyEvent>>;

    /// Shows the present state and the new events.
    ///
    /// # Errors
    /// If the terminal is gone.
    fn show(&mut self, app: &App, new: &[Event]) -> io::Result<()>;
}

/// Opens a screen if the output is a terminal. Otherwise the demo prints lines.
///
/// # Errors
/// If the terminal cannot be used.
pub fn open(plain: bool) -> io::Result<Box<dyn Stage>> {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match plain || dumb || !io::stdout().is_terminal() {
        true => Ok(Box::new(Lines::new(io::stdout()))),
        false => Ok(Box::new(Screen::open()?)),
    }
}

/// Prints a line with the present state every second, and a line for each event.
pub struct Lines<W> {
    out: W,
    /// The time at which the next summary is printed.
    next: Duration,
    phase: Option<Phase>,
}

const LINE_EVERY: Duration = Duration::from_secs(1);

impl<W: Write + Send> Lines<W> {
    pub fn new(out: W) -> Lines<W> {
        Lines { out, next: Duration::ZERO, phase: None }
    }

    fn begin(&mut self, app: &App) -> io::Result<()> {
        writeln!(
            self.out,
            "sharded key/value service: 3 controllers, {GROUPS} groups of 3, {} clients, {} s, seed {:#x}",
            app.clients,
            app.total.as_secs(),
            app.seed
        )
    }

    fn phase(&mut self, app: &App) -> io::Result<()> {
        let of_sort = |phase: &Phase| std::mem::discriminant(phase);
        if self.phase.as_ref().map(of_sort) == Some(of_sort(&app.phase)) {
            return Ok(());
        }
        match app.phase {
            Phase::Running => self.begin(app)?,
            Phase::Ending { clients } => writeln!(self.out, "ending: waiting for {clients} clients")?,
            Phase::Checking { of, .. } => writeln!(self.out, "checking {of} operations for linearizability")?,
            Phase::Writing => writeln!(self.out, "writing the report")?,
        }
        self.phase = Some(app.phase);
        Ok(())
    }
}

impl<W: Write + Send> Stage for Lines<W> {
    fn keys(&mut self, wait: Duration) -> io::Result<Vec<KeyEvent>> {
        sleep(wait);
        Ok(Vec::new())
    }

    fn show(&mut self, app: &App, new: &[Event]) -> io::Result<()> {
        self.phase(app)?;
        for (at, _, text) in new {
            writeln!(self.out, "{:>6.1} s  * {text}", at.as_secs_f64())?;
        }
        if app.phase == Phase::Running && app.view.at >= self.next {
            writeln!(self.out, "{}", summary(app))?;
            self.next = app.view.at - Duration::from_nanos(app.view.at.subsec_nanos().into()) + LINE_EVERY;
        } else if let Phase::Checking { done, of } = app.phase
            && self.phase != Some(app.phase)
        {
            // Prints the progress each time that another tenth of the operations is checked.
            if let Some(Phase::Checking { done: before, .. }) = self.phase
                && done * 10 / of.max(1) > before * 10 / of.max(1)
            {
                writeln!(self.out, "checked {done} of {of}")?;
                self.phase = Some(app.phase);
            }
        }
        self.out.flush()
    }
}

/// The present state in one line.
fn summary(app: &App) -> String {
    let view = &app.view;
    let mut line = format!(
        "{:>6.1} s  {:>5} op/s {:>7} in all, {} | shards {}",
        view.at.as_secs_f64(),
        app.rate(),
        view.operations,
        latency(app.latency()),
        view.shards().map(ShardView::letter).iter().collect::<String>()
    );
    for team in Team::ALL {
        let leader = view.leader(team).and_then(|place| Some((place, view.status(place)?.raft.term)));
        let name = team.short();
        line += &match leader {
            Some((Place::Ctrler(i) | Place::Server(_, i) | Place::Second(i), term)) => {
                format!(" | {name}: S{i} t{term}")
            }
            None => format!(" | {name}: no leader"),
        };
    }
    let those = |what: &str, so: &dyn Fn(Place) -> bool| {
        let places = Team::ALL.into_iter().flat_map(Team::places).filter(|&place| so(place));
        let places: Vec<Place> = places.collect();
        if places.is_empty() { String::new() } else { format!(" | {what}: {}", list(&places)) }
    };
    line += &those("down", &|place| !view.is_up(place));
    line += &those("cut off", &|place| view.look(place).is_some_and(|look| look.cut_off));
    if view.unreliable {
        line += " | unreliable";
    }
    if let Some(reason) = app.reason_at_length() {
        line += &format!(" | {reason}");
    }
    line
}

/// Median and 99th percentile of the latency, for example `1.2/8.3 ms`.
pub fn latency(latency: Option<Latency>) -> String {
    let millis = |it: Duration| {
        let millis = it.as_secs_f64() * 1000.0;
        if millis < 99.95 { format!("{millis:.1}") } else { format!("{millis:.0}") }
    };
    latency.map_or("- ms".to_owned(), |it| format!("{}/{} ms", millis(it.median), millis(it.most)))
}

/// The name of a team in a heading.
pub fn title_of(team: Team) -> String {
    match team {
        Team::Ctrlers => "controllers".to_owned(),
        Team::Group(_) => called(team),
    }
}
