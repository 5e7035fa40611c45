//! The steps of a script.

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    Servers(Vec<String>),
    Log { servers: Vec<String>, current_term: u64, terms: Vec<u64> },
    Timeout(String),
    Wait { ms: u64 },
    Send { from: String, to: Targets, fate: Fate },
    SendAll { from: String, to: Targets },
    Deliver(String),
    Propose { server: String, commands: Vec<String> },
    Snapshot { server: String, index: u64 },
    Crash(String),
    Restart(String),
    Partition(Vec<Vec<String>>),
    Heal,
    Show,
}

/// The servers to which a message goes.
#[derive(Clone, Debug)]
pub enum Targets {
    All,
    These(Vec<String>),
}

/// What happens to a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    Arrives,
    Lost,
    ReplyLost,
    HeldAs(String),
}

/// Reads a step from a line.
pub fn parse(line: &str) -> Result<Step, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    match words[..] {
        ["servers", ref names @ ..] if !names.is_empty() => Ok(Step::Servers(owned(names))),
        ["log", ..] => log(line),
        ["timeout", server] => Ok(Step::Timeout(server.into())),
        ["wait", ms] => {
            let ms = ms.parse().map_err(|_| "expected `wait MILLISECONDS`")?;
            Ok(Step::Wait { ms })
        }
        [from, "->", ref rest @ ..] if !rest.is_empty() => Ok(send(from, rest)),
        [from, "=>", ref rest @ ..] if !rest.is_empty() => {
            Ok(Step::SendAll { from: from.into(), to: targets(rest) })
        }
        ["deliver", held] => Ok(Step::Deliver(held.into())),
        ["propose", server, ref commands @ ..] if !commands.is_empty() => {
            Ok(Step::Propose { server: server.into(), commands: owned(commands) })
        }
        ["snapshot", server, index] => {
            let index = index.parse().map_err(|_| "expected `snapshot A INDEX`")?;
            Ok(Step::Snapshot { server: server.into(), index })
        }
        ["crash", server] => Ok(Step::Crash(server.into())),
        ["restart", server] => Ok(Step::Restart(server.into())),
        ["partition", ref rest @ ..] if !rest.is_empty() => {
            Ok(Step::Partition(rest.split(|word| *word == "|").map(owned).collect()))
        }
        ["heal"] => Ok(Step::Heal),
        ["show"] => Ok(Step::Show),
        _ => Err("expected a step, such as `timeout A`, `A -> B` or `show`".into()),
    }
}

/// Reads `log A B @TERM: TERMS`.
fn log(line: &str) -> Result<Step, String> {
    let parse = || {
        let (head, terms) = line.split_once(':')?;
        let mut servers: Vec<String> = head.split_whitespace().skip(1).map(str::to_owned).collect();
        let current_term = servers.pop()?.strip_prefix('@')?.parse().ok()?;
        let terms = terms.split_whitespace().map(|term| term.parse().ok()).collect::<Option<_>>()?;
        Some(Step::Log { servers, current_term, terms })
    };
    parse().ok_or_else(|| "expected `log A B @TERM: TERMS`".into())
}

fn send(from: &str, rest: &[&str]) -> Step {
    let (to, fate) = match rest {
        [to @ .., "reply", "lost"] => (to, Fate::ReplyLost),
        [to @ .., "lost"] => (to, Fate::Lost),
        [to @ .., "held", "as", name] => (to, Fate::HeldAs((*name).into())),
        to => (to, Fate::Arrives),
    };
    Step::Send { from: from.into(), to: targets(to), fate }
}

fn targets(words: &[&str]) -> Targets {
    match words {
        ["all"] => Targets::All,
        names => Targets::These(names.iter().map(|name| (*name).into()).collect()),
    }
}
