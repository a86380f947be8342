//! Staff accounts of this facility: rows of the node's own table, under the login, with a copy in a file of its own.

use azalea_core::id::Timestamp;
use azalea_core::storage::{Batch, Order, Range, Read};
use azalea_core::wire::{Reader, Wire, WireError, Writer, limits};
use rand::Rng;

use std::io;

use super::Node;
use crate::config::AccountsCopy;
use crate::store::tables::STAFF;
use crate::typed;
use crate::web::ClinicError;
use crate::web::model::{NewStaff, Role, StaffAccount, StaffId};

const FORMAT: u8 = 1;

/// An account in its table's form.
struct AccountRow(StaffAccount);

impl Wire for AccountRow {
    fn write(&self, writer: &mut Writer) {
        let account = &self.0;
        writer.u8(FORMAT);
        let texts = [&account.id.0, &account.login, &account.name, &account.verifier];
        texts.iter().for_each(|text| writer.text(text));
        writer.text(account.role.slug());
        writer.bool(account.admin);
        writer.bool(account.stopped);
        account.added.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("account")? {
            FORMAT => {}
            found => return Err(WireError::Version { field: "account", found, known: FORMAT }),
        }
        let mut text = || reader.text(limits::TEXT).map(str::to_owned);
        let (id, login, name, verifier, role) = (text()?, text()?, text()?, text()?, text()?);
        let role = Role::from_slug(&role).ok_or(WireError::Invalid { field: "role" })?;
        let (admin, stopped) = (reader.bool("admin")?, reader.bool("stopped")?);
        let added = Timestamp::read(reader)?;
        Ok(Self(StaffAccount {
            id: StaffId(id),
            login,
            name,
            role,
            admin,
            verifier,
            stopped,
            added,
        }))
    }
}

impl Node {
    pub(super) fn account_row(&self, login: &str) -> Result<Option<StaffAccount>, ClinicError> {
        let bytes = self.handle.store().get(STAFF, login.as_bytes()).map_err(super::disk)?;
        bytes.map(|bytes| read_account(&bytes)).transpose()
    }

    pub(super) fn account_rows(&self) -> Result<Vec<StaffAccount>, ClinicError> {
        self.account_bytes()?.iter().map(|bytes| read_account(bytes)).collect()
    }

    fn account_bytes(&self) -> Result<Vec<Vec<u8>>, ClinicError> {
        let mut rows = Vec::new();
        let visit = &mut |_: &[u8], value: &[u8]| {
            rows.push(value.to_vec());
            true
        };
        let scanned = self.handle.store().scan(STAFF, &Range::all(), Order::Ascending, visit);
        scanned.map_err(super::disk)?;
        Ok(rows)
    }

    /// A member of staff by id or by login: commands name people either way.
    pub fn staff(&self, name: &str) -> Result<Option<StaffAccount>, ClinicError> {
        if let Some(account) = self.account_row(name)? {
            return Ok(Some(account));
        }
        Ok(self.account_rows()?.into_iter().find(|account| account.id.0 == name))
    }

    pub(super) fn add_account_row(&self, new: &NewStaff) -> Result<StaffId, ClinicError> {
        let login = new.login.trim();
        let fits = typed::fits(typed::LOGIN, login) && typed::fits(typed::STAFF_NAME, &new.name);
        if login.is_empty() || new.name.trim().is_empty() || !fits {
            return Err(ClinicError::Invalid);
        }
        let _one_at_a_time = self.accounts();
        if self.account_row(login)?.is_some() {
            return Err(ClinicError::Changed);
        }
        let id = StaffId(new_staff_id());
        self.put_account(StaffAccount {
            id: id.clone(),
            login: login.to_owned(),
            name: new.name.trim().to_owned(),
            role: new.role,
            admin: new.admin,
            verifier: new.verifier.clone(),
            stopped: false,
            added: self.handle.clock().now(),
        })?;
        Ok(id)
    }

    /// Changes one account; `change` may refuse after seeing all of them.
    pub(super) fn change_account(
        &self,
        staff: &StaffId,
        change: impl FnOnce(&mut StaffAccount, &[StaffAccount]) -> Result<(), ClinicError>,
    ) -> Result<(), ClinicError> {
        let _one_at_a_time = self.accounts();
        let accounts = self.account_rows()?;
        let mut account =
            accounts.iter().find(|it| it.id == *staff).cloned().ok_or(ClinicError::NotFound)?;
        change(&mut account, &accounts)?;
        self.put_account(account)
    }

    fn put_account(&self, account: StaffAccount) -> Result<(), ClinicError> {
        let mut batch = Batch::new();
        let login = account.login.clone();
        batch.put(STAFF, login, AccountRow(account).to_bytes());
        self.handle.store().commit_all([&batch]).map_err(super::disk)?;
        // The store has it, which is what counts; a copy that is behind is written again at the next start.
        if let Err(error) = self.copy_accounts() {
            tracing::warn!(%error, "the copy of the staff accounts is behind");
        }
        Ok(())
    }

    /// Brings the copy of the accounts up to date, if it is not; a store that has lost its accounts gets them from
    /// the copy. Accounts are stopped, never removed, so a store without any is one that lost them.
    pub(crate) fn settle_accounts(&self) -> Result<(), ClinicError> {
        let _one_at_a_time = self.accounts();
        let rows = self.account_bytes()?;
        let copy = AccountsCopy::new(&self.dir, &self.identity.device).load();
        match copy {
            Ok(copy) if copy == rows => return Ok(()),
            Ok(copy) if rows.is_empty() => {
                let batch = account_batch(&copy);
                return self.handle.store().commit_all([&batch]).map_err(super::disk);
            }
            _ => {}
        }
        if let Err(error) = self.copy_accounts() {
            tracing::warn!(%error, "the copy of the staff accounts is behind");
        }
        Ok(())
    }

    fn copy_accounts(&self) -> io::Result<()> {
        let rows = self.account_bytes().map_err(io::Error::other)?;
        AccountsCopy::new(&self.dir, &self.identity.device).save(&rows)
    }
}

/// The rows of a copy, each under its login; one that does not read is left out.
pub(crate) fn account_batch(copy: &[Vec<u8>]) -> Batch {
    let mut batch = Batch::new();
    for row in copy {
        if let Ok(AccountRow(account)) = AccountRow::from_bytes(row) {
            batch.put(STAFF, account.login, row.clone());
        }
    }
    batch
}

fn read_account(bytes: &[u8]) -> Result<StaffAccount, ClinicError> {
    AccountRow::from_bytes(bytes).map(|row| row.0).map_err(|error| {
        tracing::error!(%error, "a row of the staff table cannot be read");
        ClinicError::Disk
    })
}

/// Random letters: stable, never reused, and nothing of the person in them.
fn new_staff_id() -> String {
    let mut bytes = [0; 5];
    rand::rng().fill_bytes(&mut bytes);
    format!("s{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase())
}

/// A person as signed documents name them: the id, by which two people are told apart, then the name for others to
/// read.
pub fn staff_text(account: &StaffAccount) -> String {
    format!("{} {}", account.id.0, account.name)
}
