//! Rule 7: the name of each ICMP error, and its effect on an attempt.

use super::facts::IcmpError;

/// Effect of an error on a pending attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Nothing,
    Unreachable,
    Prohibited,
}

/// Returns the value of the label `code`, and the effect. `None` if the message is no error.
pub(crate) fn meaning(error: &IcmpError) -> Option<(&'static str, Effect)> {
    use Effect::{Nothing, Prohibited, Unreachable};
    Some(match (error.version, error.kind, error.code) {
        (4, 3, 0) | (6, 1, 0) => ("net_unreachable", Unreachable),
        (4, 3, 1) | (6, 1, 3) => ("host_unreachable", Unreachable),
        (4, 3, 2) => ("protocol_unreachable", Unreachable),
        (4, 3, 3) | (6, 1, 4) => ("port_unreachable", Prohibited),
        (4, 3, 4) | (6, 2, _) => ("fragmentation_needed", Nothing),
        (4, 3, 5) => ("source_route_failed", Unreachable),
        (4, 3, 6) => ("net_unknown", Unreachable),
        (4, 3, 7) => ("host_unknown", Unreachable),
        (4, 3, 8) => ("source_isolated", Unreachable),
        (4, 3, 9) => ("net_prohibited", Prohibited),
        (4, 3, 10) => ("host_prohibited", Prohibited),
        (4, 3, 11) => ("net_unreachable_for_tos", Unreachable),
        (4, 3, 12) => ("host_unreachable_for_tos", Unreachable),
        (4, 3, 13) | (6, 1, 1) => ("admin_prohibited", Prohibited),
        (4, 3, 14) => ("precedence_violation", Unreachable),
        (4, 3, 15) => ("precedence_cutoff", Unreachable),
        (6, 1, 2) => ("beyond_scope", Unreachable),
        (6, 1, 5) => ("policy_failed", Prohibited),
        (6, 1, 6) => ("reject_route", Prohibited),
        (4, 3, _) | (6, 1, _) => ("unreachable_other", Unreachable),
        (4, 4, _) => ("source_quench", Nothing),
        (4, 11, _) | (6, 3, _) => ("time_exceeded", Unreachable),
        (4, 12, _) | (6, 4, _) => ("parameter_problem", Unreachable),
        _ => return None,
    })
}
