//! Joining by a one-time code.
//!
//! ```text
//! device                                   relay
//! Enrol{secret, facility, device}  ─────►  is the code good? does the certificate hold together?
//!                                  ◄─────  Challenge: a nonce sealed to the device's agreement key
//! Prove{nonce}                     ─────►  facility certificate by the invitation's registrar ─► disk
//!                                  ◄─────  Enrolled{certificates}
//! ```
//!
//! The connection has proven the signing key, the challenge proves the agreement key. Until the disk has the
//! certificates nothing has happened; afterwards the same device may ask again with the same code, because its
//! line may have been cut before the answer came.

use std::collections::BTreeMap;

use azalea_core::id::{FacilityId, Timestamp};
use azalea_core::identity::{
    Certificate, Device, Facility, PublicKey, Signed, SigningKeypair, StandingError, Validity,
};
use azalea_core::keys;
use azalea_core::sync::message::{Enrol, Goodbye, Message, NotAdmitted};
use azalea_core::wire::Wire;
use azalea_transport::code::Secret;
use rand::CryptoRng;

use super::group::Draft;
use super::invite::Used;
use super::session::Stage;
use super::tables;
use super::{Effect, Mailbox, Notice, PublishError, SessionId};

/// A device that was asked to open something.
pub(crate) struct Proving {
    digest: [u8; 32],
    facility: PublicKey,
    device: Signed<Device>,
    nonce: [u8; 32],
}

/// A device that has proven itself and waits for its certificates to be on disk.
pub(crate) struct Admit {
    session: SessionId,
    digest: [u8; 32],
    facility: PublicKey,
    device: Signed<Device>,
}

impl Mailbox {
    pub(crate) fn enrol(
        &mut self,
        now: Timestamp,
        rng: &mut dyn CryptoRng,
        session: SessionId,
        enrol: Enrol,
    ) {
        if let Err(over) = self.enrolments.take(now, &(), 1) {
            let retry_after_ms = u32::try_from(over.retry_after_ms).unwrap_or(u32::MAX);
            return self.close(now, session, Goodbye::Busy { retry_after_ms });
        }
        let Some(known) = self.sessions.get_mut(&session) else { return };
        // Looked up by digest: how long that takes says nothing about a secret that somebody guesses at.
        let digest = Secret(enrol.secret).digest();
        let facility = enrol.facility.facility_id();
        let device = known.key.device_id();
        let invite = self.state.invites.get(&digest);
        if !invite.is_some_and(|invite| invite.admits(now, &facility, &device)) {
            self.counters.codes_refused += 1;
            self.effects.push_back(Effect::Notice(Notice::CodeRefused));
            return self.close(now, session, Goodbye::Code);
        }
        let Some(certificate) = check(enrol.device, &enrol.facility, &known.key, now) else {
            return self.close(now, session, Goodbye::Proof);
        };
        let standing = self.state.roster.facility_in_order(&facility, now);
        if matches!(standing, Err(StandingError::Revoked { .. })) {
            return self.close(now, session, Goodbye::NotAdmitted(NotAdmitted::Revoked));
        }
        let asked = keys::challenge(rng, &known.key, &certificate.claims().agreement);
        known.stage = Stage::Proving(Box::new(Proving {
            digest,
            facility: enrol.facility,
            device: certificate,
            nonce: asked.nonce,
        }));
        self.send(session, Message::Challenge { enc: asked.enc, sealed: asked.sealed });
    }

    pub(crate) fn prove(&mut self, now: Timestamp, session: SessionId, nonce: &[u8; 32]) {
        let Some(known) = self.sessions.get_mut(&session) else { return };
        let Stage::Proving(proving) = std::mem::replace(&mut known.stage, Stage::Enrolling) else {
            return;
        };
        let Proving { digest, facility, device, nonce: right } = *proving;
        // Compared by digests, so that the time it takes tells nothing about the nonce.
        if blake3::hash(nonce) != blake3::hash(&right) {
            return self.close(now, session, Goodbye::Proof);
        }
        self.admits.push(Admit { session, digest, facility, device });
    }

    /// The disk has a newcomer's certificates.
    pub(crate) fn enrolled(&mut self, session: SessionId, certificates: Vec<Certificate>) {
        self.counters.enrolled += 1;
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.stage = Stage::Opening;
        let device = self.state.roster.device(&known.key.device_id());
        if let Some(facility) = device.map(|device| device.facility) {
            self.effects.push_back(Effect::Notice(Notice::Enrolled { facility }));
        }
        self.send(session, Message::Enrolled { certificates });
    }
}

/// The facility's certificate for the device that is connected, if it holds together.
fn check(
    certificate: Certificate,
    facility: &PublicKey,
    connected: &PublicKey,
    now: Timestamp,
) -> Option<Signed<Device>> {
    let Certificate::Device(signed) = certificate else { return None };
    let claims = signed.claims();
    let validity = claims.validity;
    let holds = claims.key == *connected
        && claims.facility == facility.facility_id()
        && validity.not_before <= now
        && now <= validity.not_after
        && signed.verify(facility).is_ok()
        && claims.possession.verify(connected, &claims.facility, &claims.agreement).is_ok();
    holds.then_some(signed)
}

impl Draft<'_> {
    /// Makes a device a member as part of this group, and notes what it is to be told.
    pub(crate) fn admit(
        &mut self,
        admit: Admit,
        own: &SigningKeypair,
        registrars: &BTreeMap<PublicKey, SigningKeypair>,
    ) {
        let session = admit.session;
        match self.try_admit(admit, own, registrars) {
            Ok(certificates) => self.group.enrolled.push((session, certificates)),
            Err(goodbye) => self.group.turned_away.push((session, goodbye)),
        }
    }

    fn try_admit(
        &mut self,
        admit: Admit,
        own: &SigningKeypair,
        registrars: &BTreeMap<PublicKey, SigningKeypair>,
    ) -> Result<Vec<Certificate>, Goodbye> {
        let Admit { digest, facility, device, .. } = admit;
        let id = facility.facility_id();
        let device_id = device.claims().id();
        let invites = &self.group.invites;
        let invite = match invites.get(&digest) {
            Some(staged) => staged.clone(),
            None => self.state.invites.get(&digest).cloned(),
        };
        // Somebody else may have used the code since it was looked at.
        let admits = |invite: &super::Invite| invite.admits(self.now, &id, &device_id);
        let mut invite = invite.filter(admits).ok_or(Goodbye::Code)?;
        if invite.used.is_none() {
            let registrar = registrars.get(&invite.registrar).ok_or(REGISTRAR)?;
            let certificate = Facility {
                network: self.state.network,
                key: facility,
                code: invite.code.clone(),
                name: invite.name.clone(),
                kana: invite.kana.clone(),
                english: invite.english.clone(),
                kind: invite.kind,
                rights: invite.rights,
                validity: Validity::lasting(self.now, invite.valid_ms),
                registrar: registrar.public(),
            };
            let certificate = Signed::sign(certificate, registrar).map_err(|_| REGISTRAR)?;
            self.publish(own, Certificate::Facility(certificate)).map_err(turn_away)?;
            self.publish(own, Certificate::Device(device)).map_err(turn_away)?;
            invite.used = Some(Used { facility: id, device: device_id, at: self.now });
            self.group.batch.put(tables::INVITE, digest, invite.to_bytes());
            self.group.invites.insert(digest, Some(invite));
        }
        Ok(self.first_certificates(&id, &own.public().device_id()))
    }

    /// What a newcomer needs to believe its relay and itself; the rest comes by its feed.
    fn first_certificates(
        &self,
        facility: &FacilityId,
        relay: &azalea_core::id::DeviceId,
    ) -> Vec<Certificate> {
        let roster = self.roster();
        let relay = roster.device(relay).map(|device| device.facility);
        let concerned = |id: &FacilityId| id == facility || Some(*id) == relay;
        let wanted = |certificate: &Certificate| match certificate {
            Certificate::Root(_) | Certificate::Registrar(_) | Certificate::Policy(_) => true,
            Certificate::Facility(signed) => concerned(&signed.claims().id()),
            Certificate::Device(signed) => concerned(&signed.claims().facility),
            Certificate::Revocation(_) => false,
        };
        roster.certificates().filter(wanted).collect()
    }
}

/// Nobody here can sign for the newcomer.
const REGISTRAR: Goodbye = Goodbye::NotAdmitted(NotAdmitted::Registrar);

fn turn_away(_: PublishError) -> Goodbye {
    REGISTRAR
}
