//! Joins the attempts of both captures, and determines where each attempt was lost.
//!
//! `report` joins each attempt of the client's [`CaptureView`] with the server's, and groups the
//! results.

use std::time::Duration;

use super::view::{CaptureView, ObservedAttempt};
use crate::time::Timestamp;

/// An attempt that began less than this before the end of the client's capture may be answered
/// after the end.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

/// Where an attempt was lost, if it was. The order is that of severity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// The server's answer reached the client, and every SYN and SYN/ACK arrived.
    Fine,
    /// The server's answer reached the client after SYNs were lost on the way to the server.
    LossThere,
    /// The server's answer reached the client after SYN/ACKs were lost on the way to the client.
    LossBack,
    /// The attempt began too late for its end to be in the captures.
    Undecided,
    /// The attempt was answered by a server that does not occur in the server's capture.
    Elsewhere,
    /// The server itself refused or rejected the attempt, and its packet reached the client.
    RefusedByServer,
    /// The client received an answer that the server never sent.
    AnsweredBetween,
    /// The server answered, and no answer reached the client.
    LostBack,
    /// SYNs reached the server, and the server sent no answer.
    NeverAnswered,
    /// No SYN reached the server.
    LostThere,
}

/// An attempt of the client, and the same attempt in the server's capture if it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct JoinedAttempt<'a> {
    pub(super) client: &'a ObservedAttempt,
    pub(super) server: Option<&'a ObservedAttempt>,
    pub(super) outcome: Outcome,
}

impl Outcome {
    /// Returns the key of the outcome in JSON reports.
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

    /// Returns the name of the outcome in text reports.
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

    /// Returns the likely cause and where to search for it. Empty if there is no fault.
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

    /// Returns `true` if the outcome is a fault.
    pub const fn is_wrong(self) -> bool {
        !matches!(self, Self::Fine | Self::Undecided | Self::Elsewhere)
    }
}

impl<'a> JoinedAttempt<'a> {
    /// Joins an attempt of the client with the attempt of the server's capture that has the same
    /// ISN. If several attempts have that ISN, a SYN in both captures decides. Also returns the
    /// index of the server's attempt.
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
                .find(|(_, candidate)| client.shares_a_syn(candidate))
                .copied(),
        };
        let at_server = joined.map(|(_, attempt)| attempt);
        let outcome = match outcome(client, at_server, client_ended) {
            Outcome::AnsweredBetween
                if !client.synacks.is_empty() && !contains_server_of(server, client) =>
            {
                Outcome::Elsewhere
            }
            outcome => outcome,
        };
        let joined_attempt = Self {
            client,
            server: at_server,
            outcome,
        };
        (joined.map(|(index, _)| index), joined_attempt)
    }
}

/// Returns `true` if the server's capture has an attempt to the address that the client uses, or
/// one with the same ISN.
fn contains_server_of(server: &CaptureView, client: &ObservedAttempt) -> bool {
    client
        .server()
        .is_some_and(|endpoint| server.contains_server(endpoint.address))
        || server.with_isn(client.isn).next().is_some()
}

fn outcome(
    client: &ObservedAttempt,
    server: Option<&ObservedAttempt>,
    client_ended: Timestamp,
) -> Outcome {
    let may_be_unfinished = client_ended.since(client.began()) < TIME_TO_ANSWER;
    match (server, client.has_answer()) {
        (None, true) => Outcome::AnsweredBetween,
        (None, false) | (Some(_), false) if may_be_unfinished => Outcome::Undecided,
        (None, false) => Outcome::LostThere,
        (Some(server), false) if server.has_answer() => Outcome::LostBack,
        (Some(_), false) => Outcome::NeverAnswered,
        (Some(server), true) => responder(client, server),
    }
}

/// Returns the outcome of an answered attempt that is in both captures, by the sender of the
/// answer.
fn responder(client: &ObservedAttempt, server: &ObservedAttempt) -> Outcome {
    let is_sent = |sequence: u32| {
        server
            .synacks
            .iter()
            .any(|synack| synack.id.sequence == sequence)
    };
    if let Some(first) = client.synacks.first() {
        return if !is_sent(first.id.sequence) {
            Outcome::AnsweredBetween
        } else if client.syns.len() > server.syns.len() {
            Outcome::LossThere
        } else if server.synacks.len() > client.synacks.len() {
            Outcome::LossBack
        } else {
            Outcome::Fine
        };
    }
    let is_reported_at_server = |by| {
        server
            .icmp_errors
            .iter()
            .any(|(_, _, reporter)| *reporter == by)
    };
    let is_by_server = (!client.rsts.is_empty() && !server.rsts.is_empty())
        || client
            .icmp_errors
            .iter()
            .any(|(_, _, reporter)| is_reported_at_server(*reporter));
    if is_by_server {
        Outcome::RefusedByServer
    } else {
        Outcome::AnsweredBetween
    }
}
