//! Staff accounts.

use serde_json::json;

use super::{Answer, OpError};
use crate::node::Node;
use crate::typed;
use crate::web::model::{NewStaff, Role, StaffId};
use crate::web::{Clinic, ClinicError};

pub(super) fn add(
    node: &Node,
    login: String,
    name: String,
    role: &str,
    admin: bool,
    verifier: String,
) -> Result<Answer, OpError> {
    let role = check(&login, &name, role)?;
    let new = NewStaff { login: login.clone(), name, role, admin, verifier };
    // Whoever may run commands in the data directory holds the keys already: no account vouches for them.
    let id = match node.add_account(&StaffId(String::new()), &new) {
        Err(ClinicError::Changed) => {
            return Err(OpError::Value(format!("there is an account {login:?} already")));
        }
        Err(ClinicError::Invalid) => {
            return Err(OpError::Value("the login or the name is empty".to_owned()));
        }
        id => id?,
    };
    let json = json!({ "id": id.0, "login": login });
    Ok(Answer::new(json, format!("account {login} ({})", id.0)))
}

/// What an account needs to be added; asked before a code is used up on joining, too.
pub(crate) fn check(login: &str, name: &str, role: &str) -> Result<Role, OpError> {
    typed::check("the login", typed::LOGIN, login)?;
    typed::check("the name", typed::STAFF_NAME, name)?;
    let roles = Role::ALL.map(Role::slug).join(", ");
    Role::from_slug(role)
        .ok_or_else(|| OpError::Value(format!("no role {role:?}: it is one of {roles}")))
}

pub(super) fn list(node: &Node) -> Result<Answer, OpError> {
    let accounts = node.accounts()?;
    let json: Vec<_> = accounts
        .iter()
        .map(|account| {
            json!({
                "id": account.id.0, "login": account.login, "name": account.name,
                "role": account.role.slug(), "admin": account.admin, "stopped": account.stopped,
            })
        })
        .collect();
    let lines = accounts.iter().map(|account| {
        let state = match (account.stopped, account.admin) {
            (true, _) => "stopped",
            (false, true) => "administrator",
            (false, false) => "",
        };
        let role = account.role.slug();
        format!("{:<16} {:<11} {} {state}", account.login, role, account.name).trim_end().to_owned()
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Ok(Answer::new(json!({ "staff": json }), text))
}
