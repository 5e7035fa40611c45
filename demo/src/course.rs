//! The demo from its beginning to its end: running, repairing, checking, and the report.

use std::io;

use labrt::rng::{self, Stream};
use labrt::thread;
use labrt::time::{Duration, Instant};

use crate::act::Act;
use crate::app::{App, Phase, Source};
use crate::args::{Args, Faults};
use crate::judge::{Case, Judge, Judged};
use crate::keys::{Wish, wish};
use crate::room::{Event, Room};
use crate::script::{Script, Step};
use crate::signals::{Asked, Signals};
use crate::stage::Stage;

/// The time between two drawings of the screen. The state of the servers is also read this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long the script pauses after the user has pressed a key for a fault.
const REST: Duration = Duration::from_secs(10);
/// How long the clients may take to finish their operations, after everything was repaired.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the demo ended.
#[derive(Debug)]
pub enum Ended {
    /// The demo ended with a verdict.
    Judged(Judged),
    /// Some clients got no answer. Nobody knows whether their operations were done.
    Stuck { clients: usize, waited: Duration },
    /// The process has received the signal with this number. The signal asks the process to end.
    Signal(u8),
    /// The terminal is gone.
    Lost(io::Error),
}

/// Runs the whole demo.
pub fn play(args: &Args, seed: u64, stage: &mut dyn Stage, signals: &Signals) -> Ended {
    let title = format!("live demo, seed {seed:#x}");
    let clients = u32::try_from(args.clients).expect("there are at most 64 clients");
    let room = Room::open(&title, clients);
    let app = App::new(Duration::from_secs(args.seconds), clients, seed, room.view());
    let mut play = Play { stage, signals, app };
    play.all(args, title, room).unwrap_or_else(|ended| ended)
}

struct Play<'a> {
    stage: &'a mut dyn Stage,
    signals: &'a Signals,
    app: App,
}

/// What the user asks for while the demo waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Nothing,
    Quit,
}

impl Play<'_> {
    fn all(&mut self, args: &Args, title: String, mut room: Room) -> Result<Ended, Ended> {
        self.run(args, &mut room)?;
        let worked = room.elapsed();
        let faults = room.faults();
        self.wind_up(&mut room)?;
        let (operations, marks) = room.close();
        let judge = Judge::begin(Case {
            title,
            operations,
            marks,
            clients: self.app.clients,
            worked,
            faults,
            report: args.report.clone(),
            limit: Duration::from_secs(args.check_limit),
        });
        while !judge.is_finished() {
            self.app.phase = match judge.writes() {
                true => Phase::Writing,
                false => Phase::Checking { done: judge.done(), of: judge.operations },
            };
            self.show(&[])?;
            if self.wait()? == Want::Quit {
                judge.cancel();
            }
        }
        Ok(Ended::Judged(judge.join()))
    }

    /// Lets clients work and faults happen, until the time is over or the user ends the demo.
    fn run(&mut self, args: &Args, room: &mut Room) -> Result<(), Ended> {
        let mut faults = Faulty::new(args.faults);
        let mut next_look = Instant::now();
        while self.app.view.at < self.app.total {
            let wait = next_look.saturating_duration_since(Instant::now());
            match self.asked()? {
                Want::Quit => return Ok(()),
                Want::Nothing => {}
            }
            for key in self.stage.keys(wait).map_err(Ended::Lost)? {
                match wish(key, self.app.chosen) {
                    None => {}
                    Some(Wish::End) => return Ok(()),
                    Some(Wish::Help) => self.app.help = !self.app.help,
                    Some(Wish::Choose(rows)) => self.app.choose(rows),
                    Some(Wish::Auto) => {
                        let text = faults.toggle();
                        self.app.tell(text);
                    }
                    Some(Wish::Do(act)) => {
                        faults.key();
                        room.act(act);
                    }
                }
                next_look = Instant::now();
            }
            if let Some(act) = faults.due() {
                room.act(act);
            }
            if Instant::now() >= next_look {
                next_look = Instant::now() + LOOK_EVERY;
                self.app.source = faults.source();
                self.look(room)?;
            }
        }
        Ok(())
    }

    /// Repairs everything and waits until the clients have finished.
    fn wind_up(&mut self, room: &mut Room) -> Result<(), Ended> {
        room.act(Act::Mend);
        room.set_done();
        self.app.source = Source::Keys;
        self.app.help = false;
        let since = Instant::now();
        loop {
            let clients = room.busy_clients();
            if clients == 0 {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                return Err(Ended::Stuck { clients, waited: PATIENCE });
            }
            self.app.phase = Phase::Ending { clients };
            self.look(room)?;
            self.wait()?;
        }
    }

    fn look(&mut self, room: &mut Room) -> Result<(), Ended> {
        let told = room.take_events();
        let new = self.app.update(room.view(), told);
        self.app.finished(&room.take_latencies());
        self.app.faults = room.faults();
        self.app.changes_waiting = room.changes_waiting();
        self.show(&new)
    }

    fn show(&mut self, new: &[Event]) -> Result<(), Ended> {
        self.stage.show(&self.app, new).map_err(Ended::Lost)
    }

    /// Waits for a short time. Returns what the user asks for during this time.
    fn wait(&mut self) -> Result<Want, Ended> {
        let keys = self.stage.keys(LOOK_EVERY).map_err(Ended::Lost)?;
        let end = keys.into_iter().any(|key| wish(key, self.app.chosen) == Some(Wish::End));
        let asked = self.asked()?;
        Ok(if end { Want::Quit } else { asked })
    }

    /// Returns what the signals ask for. If the run is over, this ends the thread.
    fn asked(&self) -> Result<Want, Ended> {
        thread::yield_now();
        match self.signals.take() {
            None => Ok(Want::Nothing),
            Some(Asked::End) => Ok(Want::Quit),
            Some(Asked::Die(number)) => Err(Ended::Signal(number)),
        }
    }
}

/// The script of faults. It pauses when the user presses keys for faults.
struct Faulty {
    on: bool,
    script: Script<Stream>,
    next: Step,
    due: Instant,
    /// The script does nothing before this time, because the user has pressed a key for a fault.
    rests_until: Instant,
}

impl Faulty {
    fn new(faults: Faults) -> Faulty {
        let mut script = Script::new(rng::stream("script", 0));
        let (next, now) = (script.step(), Instant::now());
        Faulty { on: faults == Faults::Auto, script, next, due: now + next.wait, rests_until: now }
    }

    /// The action of the script that is due now, if there is one.
    fn due(&mut self) -> Option<Act> {
        let now = Instant::now();
        if !self.on || now < self.due {
            return None;
        }
        let act = self.next.act;
        self.plan(now);
        Some(act)
    }

    fn plan(&mut self, from: Instant) {
        self.next = self.script.step();
        self.due = from + self.next.wait;
    }

    /// Notes that the user pressed a key for a fault.
    fn key(&mut self) {
        self.rest(Instant::now() + REST);
    }

    fn toggle(&mut self) -> &'static str {
        self.on = !self.on;
        self.rest(Instant::now());
        if self.on { "faults come automatically" } else { "faults come only from your keys" }
    }

    fn rest(&mut self, until: Instant) {
        self.rests_until = until;
        self.script.start_over();
        self.plan(until);
    }

    fn source(&self) -> Source {
        let now = Instant::now();
        match self.on {
            false => Source::Keys,
            true if now < self.rests_until => Source::Resting(self.rests_until - now),
            true => Source::Script(self.due.saturating_duration_since(now)),
        }
    }
}
