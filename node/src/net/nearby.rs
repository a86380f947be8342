//! Finding nodes of this network on the local network, by multicast DNS.
//!
//! What is announced says that a node listens on a port, and nothing of whose it is: the name is drawn anew at every start,
//! and a tag that only members can check says for which network. Who it really is shows in the handshake.

use azalea_core::id::NetworkId;
use mdns_sd::{IfKind, ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use rand::RngExt;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The kind of service that is announced.
const SERVICE: &str = "_azalea._udp.local.";
/// The properties of an announcement: its random part, and the tag over it.
const NONCE: &str = "n";
const TAG: &str = "t";
/// Nodes that are taken notice of in one look; a hostile neighbour could announce without end.
const FOUND_MAX: usize = 64;
/// How long the last word of an announcement may take.
const PARTING: Duration = Duration::from_millis(500);

/// Why nothing can be announced or looked for. Usual cause: a machine without a local network.
#[derive(Debug, thiserror::Error)]
#[error("multicast DNS cannot be used: {0}")]
pub struct NearbyError(#[from] mdns_sd::Error);

/// An announcement that stands until it is withdrawn or dropped.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

impl Announcement {
    /// Announces that a node of `network` listens at `bound`, on the interface of that address alone if it is one.
    pub fn begin(network: &NetworkId, bound: SocketAddr) -> Result<Self, NearbyError> {
        let daemon = daemon(bound.ip())?;
        let nonce: [u8; 8] = rand::rng().random();
        let name = data_encoding::HEXLOWER.encode(&nonce);
        let tag = tag(network, &nonce, bound.port());
        let properties = [(NONCE, name.as_str()), (TAG, tag.as_str())];
        let host = format!("{name}.local.");
        let info = match bound.ip().is_unspecified() {
            true => ServiceInfo::new(SERVICE, &name, &host, "", bound.port(), &properties[..])?
                .enable_addr_auto(),
            false => {
                ServiceInfo::new(SERVICE, &name, &host, bound.ip(), bound.port(), &properties[..])?
            }
        };
        let name = info.get_fullname().to_owned();
        daemon.register(info)?;
        Ok(Self { daemon, name })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Others forget it by themselves where this does not reach them.
        if let Ok(gone) = self.daemon.unregister(&self.name) {
            let _ = gone.recv_timeout(PARTING);
        }
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = ended.recv_timeout(PARTING);
        }
    }
}

/// Looks for nodes of `network` for a while; for threads that may block. `on` is the address whose interface is used, or an
/// unspecified one for all.
pub fn look(
    network: &NetworkId,
    on: IpAddr,
    time: Duration,
) -> Result<BTreeSet<SocketAddr>, NearbyError> {
    let daemon = daemon(on)?;
    let events = daemon.browse(SERVICE)?;
    let end = Instant::now() + time;
    let mut found = BTreeSet::new();
    while let Ok(event) = events.recv_deadline(end) {
        if let ServiceEvent::ServiceResolved(service) = event {
            found.extend(address(network, &service));
        }
        if found.len() >= FOUND_MAX {
            break;
        }
    }
    if let Ok(ended) = daemon.shutdown() {
        let _ = ended.recv_timeout(PARTING);
    }
    Ok(found)
}

fn daemon(on: IpAddr) -> Result<ServiceDaemon, NearbyError> {
    let daemon = ServiceDaemon::new()?;
    if !on.is_unspecified() {
        daemon.disable_interface(IfKind::All)?;
        daemon.enable_interface(IfKind::Addr(on))?;
    }
    Ok(daemon)
}

/// Where a node that was found is, if it says that it is of this network; IPv4 before IPv6, since the latter may need a zone.
fn address(network: &NetworkId, service: &ResolvedService) -> Option<SocketAddr> {
    let property = |name| service.txt_properties.get_property_val_str(name);
    let nonce = data_encoding::HEXLOWER.decode(property(NONCE)?.as_bytes()).ok()?;
    if property(TAG)? != tag(network, &nonce, service.port) {
        return None;
    }
    let addresses = service.addresses.iter().map(|address| address.to_ip_addr());
    let first = addresses.min_by_key(|address| (address.is_ipv6(), *address))?;
    Some(SocketAddr::new(first, service.port))
}

/// What shows to members of a network, and to nobody else, that an announcement is of it.
fn tag(network: &NetworkId, nonce: &[u8], port: u16) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("azalea nearby tag v1");
    hasher.update(network.as_bytes()).update(&port.to_be_bytes()).update(nonce);
    data_encoding::HEXLOWER.encode(&hasher.finalize().as_bytes()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_node_is_found_by_those_of_its_network_only_and_says_nothing_of_whose_it_is() {
        let network = NetworkId([1; 32]);
        let bound = SocketAddr::new(HERE, 40_123);
        let announced = Announcement::begin(&network, bound).expect("an announcement");
        assert_eq!(announced.name.len(), 16 + 1 + SERVICE.len());
        let mut found = BTreeSet::new();
        // As often as a busy machine needs.
        for _ in 0..30 {
            found = look(&network, HERE, Duration::from_secs(1)).expect("a look");
            if !found.is_empty() {
                break;
            }
        }
        assert_eq!(found, BTreeSet::from([bound]));
        let other = NetworkId([2; 32]);
        let seen = look(&other, HERE, Duration::from_secs(1)).expect("a look");
        assert_eq!(seen, BTreeSet::new());
    }

    #[test]
    fn a_tag_cannot_be_moved_to_another_port() {
        let network = NetworkId([1; 32]);
        assert_ne!(tag(&network, b"n", 1), tag(&network, b"n", 2));
        assert_ne!(tag(&network, b"n", 1), tag(&NetworkId([2; 32]), b"n", 1));
    }
}
