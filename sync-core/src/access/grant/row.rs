//! The row in which a replica or relay keeps a scope's access.

use litemap::LiteMap;

use super::count::{Entry, count, place};
use super::{ALL_STATEMENTS, Beginning, ScopeAccess};
use crate::access::{ScopeKind, Statement};
use crate::id::{DeviceId, FacilityId, ScopeId};
use crate::wire::{Reader, Wire, WireError, Writer};

impl Wire for ScopeAccess {
    fn write(&self, writer: &mut Writer) {
        writer.u8(VERSION);
        self.scope.write(writer);
        self.beginning.write(writer);
        writer.count(self.statements.len());
        for ((_, _, author, _), entry) in &self.statements {
            author.write(writer);
            entry.author_facility.write(writer);
            entry.statement.write(writer);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.u8("scope access version")? {
            VERSION => {}
            found => {
                return Err(WireError::Version { field: "scope access", found, known: VERSION });
            }
        }
        let scope = ScopeId::read(reader)?;
        let beginning = Beginning::read(reader)?;
        let length = reader.count(ALL_STATEMENTS)?;
        let mut statements = LiteMap::with_capacity(length.min(reader.left()));
        for _ in 0..length {
            let author = DeviceId::read(reader)?;
            let author_facility = FacilityId::read(reader)?;
            let statement = Statement::read(reader)?;
            if !statement.is_ruling() {
                return Err(WireError::Invalid { field: "scope access" });
            }
            let place = place(author, &statement);
            // In order and each once, so that one state has one binary form.
            if statements.last().is_some_and(|(last, _)| *last >= place) {
                return Err(WireError::Invalid { field: "scope access" });
            }
            statements.insert(place, Entry { author_facility, statement });
        }
        let counted = count(beginning.owner(), &statements);
        Ok(Self { scope, beginning, statements, counted })
    }
}

impl Wire for Beginning {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Created { kind, owner, nonce } => {
                kind.write(writer);
                owner.write(writer);
                writer.raw(nonce);
            }
            Self::Pair { owner, from, to } => {
                ScopeKind::Pair.write(writer);
                owner.write(writer);
                from.write(writer);
                to.write(writer);
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let kind = ScopeKind::read(reader)?;
        let owner = FacilityId::read(reader)?;
        Ok(match kind {
            ScopeKind::Registry => return Err(WireError::Invalid { field: "scope kind" }),
            ScopeKind::Pair => {
                Self::Pair { owner, from: DeviceId::read(reader)?, to: DeviceId::read(reader)? }
            }
            kind => Self::Created { kind, owner, nonce: reader.array("scope nonce")? },
        })
    }
}

const VERSION: u8 = 1;
