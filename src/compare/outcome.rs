//! What became of one attempt, seen from both ends.

use std::time::Duration;

use super::side::{CaptureView, ObservedAttempt};
use crate::time::Timestamp;

/// Where an attempt went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The server's answer reached the client, and every SYN and SYN/ACK arrived.
    Fine,
    /// The server's answer reached the client after packets were lost on the way there.
    LossThere,
    /// The same after packets were lost on the way back.
    LossBack,
    /// It began so late that its end is not in the captures.
    Undecided,
    /// It was answered, by a server of which the server's capture shows nothing at all.
    Elsewhere,
    /// The server itself said no, and that reached the client.
    RefusedByServer,
    /// The client was told something that the server never sent.
    AnsweredBetween,
    /// The server answered, and no answer reached the client.
    LostBack,
    /// Its SYNs reached the server, which said nothing.
    NeverAnswered,
    /// None of its SYNs reached the server.
    LostThere,
}

/// An attempt of the client, and the same at the server if it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joined<'a> {
    pub(super) client: &'a ObservedAttempt,
    pub(super) server: Option<&'a ObservedAttempt>,
    pub(super) outcome: Outcome,
}

impl Outcome {
    /// Its name in reports for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::LossThere => "loss_there",
            Self::LossBack => "loss_back",
            Self::Undecided => "undecided",
            Self::Elsewhere => "elsewhere",
            Self::RefusedByServer => "refused_by_server",
            Self::AnsweredBetween => "answered_between",
            Self::LostBack => "lost_back",
            Self::NeverAnswered => "never_answered",
            Self::LostThere => "lost_there",
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::LossThere => "answered, with loss on the way there",
            Self::LossBack => "answered, with loss on the way back",
            Self::Undecided => "undecided",
            Self::Elsewhere => "answered, but not by this server as far as its capture shows",
            Self::RefusedByServer => "refused by the server",
            Self::AnsweredBetween => "answered by something in between",
            Self::LostBack => "lost on the way back",
            Self::NeverAnswered => "server never answered",
            Self::LostThere => "lost on the way there",
        }
    }

    /// Where to look.
    pub const fn means(self) -> &'static str {
        match self {
            Self::Fine | Self::Undecided | Self::Elsewhere => "",
            Self::LossThere => "single SYNs are lost between the two",
            Self::LossBack => "single SYN/ACKs are lost between the two",
            Self::RefusedByServer => {
                "nothing listens there, or the server's own firewall rejects: look at the server (ss -ltnp)"
            }
            Self::AnsweredBetween => {
                "a firewall, router or proxy between the two speaks for the server: look for who sent it (traceroute -T)"
            }
            Self::LostBack => {
                "the way back drops the SYN/ACKs: routes, firewalls and NAT between the two"
            }
            Self::NeverAnswered => {
                "the server's host drops the SYNs: its firewall, or a full accept queue (ss -ltn, ListenOverflows)"
            }
            Self::LostThere => {
                "the way there drops the SYNs: routes, firewalls and port forwarding between the two"
            }
        }
    }

    /// Whether somebody should do something.
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::Fine | Self::Undecided | Self::Elsewhere)
    }
}

impl<'a> Joined<'a> {
    /// The client's attempt with its other end: the one with the same ISN, and the same SYNs where several have it.
    pub(super) fn of(
        client: &'a ObservedAttempt,
        server: &'a CaptureView,
        client_ended: Timestamp,
    ) -> (Option<usize>, Self) {
        let candidates: Vec<_> = server.with_isn(client.isn).collect();
        let joined = match candidates.as_slice() {
            [] => None,
            [only] => Some(*only),
            several => several
                .iter()
                .find(|(_, seen)| client.shares_a_syn(seen))
                .copied(),
        };
        let seen = joined.map(|(_, seen)| seen);
        let outcome = match outcome(client, seen, client_ended) {
            Outcome::AnsweredBetween if !client.synacks.is_empty() && !asked(server, client) => {
                Outcome::Elsewhere
            }
            outcome => outcome,
        };
        (
            joined.map(|(place, _)| place),
            Self {
                client,
                server: seen,
                outcome,
            },
        )
    }

    pub(super) const fn at_server(&self) -> Option<&'a ObservedAttempt> {
        self.server
    }
}

/// Whether the capture has any packet of that server, by the name the client has for it.
fn asked(server: &CaptureView, client: &ObservedAttempt) -> bool {
    client
        .server()
        .is_some_and(|asked| server.knows(asked.address))
        || server.with_isn(client.isn).next().is_some()
}

fn outcome(
    client: &ObservedAttempt,
    server: Option<&ObservedAttempt>,
    client_ended: Timestamp,
) -> Outcome {
    let told = !client.synacks.is_empty() || !client.rsts.is_empty() || !client.errors.is_empty();
    let young = client_ended.since(client.began()) < TIME_TO_ANSWER;
    match (server, told) {
        (None, true) => Outcome::AnsweredBetween,
        (None, false) | (Some(_), false) if young => Outcome::Undecided,
        (None, false) => Outcome::LostThere,
        (Some(server), false)
            if !server.synacks.is_empty()
                || !server.rsts.is_empty()
                || !server.errors.is_empty() =>
        {
            Outcome::LostBack
        }
        (Some(_), false) => Outcome::NeverAnswered,
        (Some(server), true) => responder(client, server),
    }
}

/// Who told the client what it was told.
fn responder(client: &ObservedAttempt, server: &ObservedAttempt) -> Outcome {
    let sent = |sequence: u32| {
        server
            .synacks
            .iter()
            .any(|synack| synack.mark.sequence == sequence)
    };
    if let Some(first) = client.synacks.first() {
        return if !sent(first.mark.sequence) {
            Outcome::AnsweredBetween
        } else if client.syns.len() > server.syns.len() {
            Outcome::LossThere
        } else if server.synacks.len() > client.synacks.len() {
            Outcome::LossBack
        } else {
            Outcome::Fine
        };
    }
    let rejected = |by| server.errors.iter().any(|(_, _, reporter)| *reporter == by);
    let by_server = (!client.rsts.is_empty() && !server.rsts.is_empty())
        || client
            .errors
            .iter()
            .any(|(_, _, reporter)| rejected(*reporter));
    if by_server {
        Outcome::RefusedByServer
    } else {
        Outcome::AnsweredBetween
    }
}

/// An attempt that began so shortly before the end may have been answered after it.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);
