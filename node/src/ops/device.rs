//! Deciding on devices that contradicted themselves.

use azalea_core::id::DeviceId;
use azalea_core::replica::command::{Command, Outcome, Staff};
use serde_json::json;

use super::{Answer, OpError, staff_of};
use crate::node::Node;

/// Digits that name a device well enough.
const DIGITS_MIN: usize = 6;

/// An administrator trusts a device again; what was set aside of it is merged.
pub(super) fn trust(node: &Node, device: &str, staff: &str) -> Result<Answer, OpError> {
    let account = staff_of(node, staff)?;
    if !account.admin || account.stopped {
        let why = "only an administrator can decide on a device: see `azalea staff list`";
        return Err(OpError::Value(why.to_owned()));
    }
    let device = find(node, device)?;
    let command = Command::Trust { device, by: Staff(account.id.0) };
    let Outcome::Trusted { envelopes } = node.handle().command_blocking(command)? else {
        return Err(OpError::Value("the replica answered something else".to_owned()));
    };
    let json = json!({ "trusted": { "device": device.to_string(), "set_aside": envelopes } });
    let text = format!("device {device} is trusted again; {envelopes} entries are being merged");
    Ok(Answer::new(json, text))
}

/// The one suspended device whose id begins with these digits.
fn find(node: &Node, digits: &str) -> Result<DeviceId, OpError> {
    let digits = digits.to_ascii_lowercase();
    let shown = node.handle().shown();
    let suspended = shown.status.suspended.iter().map(|it| it.device);
    let mut found = suspended.filter(|id| id.to_string().starts_with(&digits));
    match (found.next(), found.next()) {
        _ if digits.len() < DIGITS_MIN => {
            Err(OpError::Value(format!("give at least the first {DIGITS_MIN} digits of the id")))
        }
        (Some(device), None) => Ok(device),
        (None, _) => Err(OpError::Value(format!(
            "no suspended device has an id that begins {digits}: see `azalea status`"
        ))),
        (Some(_), Some(_)) => {
            Err(OpError::Value(format!("several suspended devices' ids begin {digits}")))
        }
    }
}
