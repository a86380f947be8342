//! Whose record a resource is.

use super::compartment::{Paths, attachments, may_be_subject};
use super::json::Node;
use super::links::{Answer, Context, LOOSE, Links, local_id};
use super::reference::Reference;

/// The answer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    Patient(String),
    /// Several patients' at once. It is in no chart: a chart is disclosed with one person's consent.
    Several,
    Nobody,
    /// This field names somebody who cannot be found.
    Unknown(String),
}

/// Whose a resource is. `names` are those that the file has for the resource itself.
pub(crate) fn whose(resource: &Node<'_>, names: &[&str], context: &Context<'_>) -> Whose {
    let kind = resource.text_at("resourceType").unwrap_or_default();
    match kind {
        "Patient" => return local_id(resource).map_or(Whose::Nobody, Whose::Patient),
        "Bundle" => return bundle(resource, context),
        _ => {}
    }
    let direct = direct(resource, context);
    if direct != Whose::Nobody {
        return direct;
    }
    let mut found = Found::default();
    for path in Paths::of(kind).through {
        resource.each_at(path, &mut |node| {
            let owner = Reference::of(node)
                .and_then(|reference| context.links.owner(context.scope, &reference));
            found.add(owner.map(str::to_owned));
        });
    }
    for name in names {
        found.add(context.links.owner(context.scope, &Reference::parse(name)).map(str::to_owned));
    }
    found.whose()
}

/// Whose a resource is by its own elements.
pub(crate) fn direct(resource: &Node<'_>, context: &Context<'_>) -> Whose {
    let kind = resource.text_at("resourceType").unwrap_or_default();
    let paths = Paths::of(kind);
    let mut found = Found::default();
    let mut unknown = false;
    if !paths.primary.is_empty() {
        resource.each_at(paths.primary, &mut |node| match Reference::of(node)
            .map(|reference| context.resolve(&reference, resource))
        {
            Some(Answer::Patient(id)) => found.add(Some(id)),
            Some(Answer::Unknown) => unknown = true,
            Some(Answer::NoPatient) | None => {}
        });
    }
    if unknown {
        return Whose::Unknown(format!("{kind}.{}", paths.primary));
    }
    if !found.any() {
        for path in paths.others {
            resource.each_at(path, &mut |node| {
                let Some(reference) = Reference::of(node) else { return };
                // A number alone may be a doctor's as well.
                if matches!(reference, Reference::Identifier { kind: None, .. }) {
                    return;
                }
                if let Answer::Patient(id) = context.resolve(&reference, resource) {
                    found.add(Some(id));
                }
            });
        }
    }
    found.whose()
}

/// Whose a Bundle is that is kept whole: that of its Composition's subject, otherwise that of all its patients' records.
fn bundle(bundle: &Node<'_>, outside: &Context<'_>) -> Whose {
    let entries = bundle.get("entry").map_or(&[][..], Node::items);
    let resources = || {
        entries.iter().filter_map(|entry| Some((entry.text_at("fullUrl"), entry.get("resource")?)))
    };
    let links = inner_links(resources());
    let context = Context { links: &links, scope: LOOSE, ..*outside };
    let composition = resources()
        .map(|(_, resource)| resource)
        .find(|resource| resource.text_at("resourceType") == Some("Composition"));
    if let Some(composition) = composition {
        let subject = direct(composition, &context);
        if subject != Whose::Nobody {
            return subject;
        }
    }
    let mut found = Found::default();
    for (_, resource) in resources() {
        match resource.text_at("resourceType") {
            Some("Patient") => found.add(local_id(resource)),
            Some("Bundle") => {}
            _ => match direct(resource, &context) {
                Whose::Patient(id) => found.add(Some(id)),
                Whose::Several => return Whose::Several,
                Whose::Nobody | Whose::Unknown(_) => {}
            },
        }
    }
    found.whose()
}

fn inner_links<'n>(resources: impl Iterator<Item = (Option<&'n str>, &'n Node<'n>)>) -> Links {
    let mut links = Links::default();
    for (full_url, resource) in resources {
        let kind = resource.text_at("resourceType").unwrap_or_default();
        note(&mut links, LOOSE, kind, full_url, resource);
    }
    links
}

/// True for types of which [`note`] has to see the whole resource.
pub(crate) fn is_noteworthy(kind: &str) -> bool {
    matches!(kind, "Patient" | "Binary") || !Paths::of(kind).through.is_empty()
}

/// Notes what a resource says about who is who, and what has to be found out about it.
pub(crate) fn note(
    links: &mut Links,
    scope: u64,
    kind: &str,
    full_url: Option<&str>,
    resource: &Node<'_>,
) {
    match kind {
        "Patient" => links.note_patient(scope, full_url, resource),
        "Binary" => {
            let by_id = resource.text_at("id").map(|id| format!("Binary/{id}"));
            let names: Vec<&str> = full_url.into_iter().chain(by_id.as_deref()).collect();
            links.want_holder(scope, &names);
        }
        _ => {
            if let Some(url) = full_url.filter(|_| may_be_subject(kind)) {
                links.note_other(scope, url);
            }
        }
    }
    let paths = Paths::of(kind);
    if paths.through.is_empty() || names_patient(resource, &paths) {
        return;
    }
    for path in paths.through {
        resource.each_at(path, &mut |node| {
            if let Some(reference) = Reference::of(node) {
                links.want(scope, &reference);
            }
        });
    }
}

/// True where a resource names a patient by itself, so that there is no need to look further.
fn names_patient(resource: &Node<'_>, paths: &Paths) -> bool {
    let mut any = false;
    let mut look = |path: &str, primary: bool| {
        resource.each_at(path, &mut |node| {
            any |= match Reference::of(node) {
                Some(Reference::Resource { kind, .. }) => kind == "Patient",
                Some(_) => primary,
                None => false,
            }
        });
    };
    look(paths.primary, true);
    paths.others.iter().for_each(|path| look(path, false));
    any
}

/// Settles whose this resource and its attachments are, where others want to know.
pub(crate) fn settle(
    links: &mut Links,
    scope: u64,
    names: &[&str],
    patient: &str,
    resource: &Node<'_>,
) {
    links.own(scope, names, patient);
    for path in attachments(resource.text_at("resourceType").unwrap_or_default()) {
        resource.each_at(path, &mut |node| {
            if let Some(address) = node.text() {
                links.own_attachment(scope, address, patient);
            }
        });
    }
}

/// Patients, as they are found.
#[derive(Default)]
struct Found {
    patient: Option<String>,
    several: bool,
}

impl Found {
    fn add(&mut self, id: Option<String>) {
        match (&self.patient, id) {
            (_, None) => {}
            (None, id) => self.patient = id,
            (Some(known), Some(id)) => self.several |= *known != id,
        }
    }

    fn any(&self) -> bool {
        self.patient.is_some()
    }

    fn whose(self) -> Whose {
        match self.patient {
            Some(_) if self.several => Whose::Several,
            Some(id) => Whose::Patient(id),
            None => Whose::Nobody,
        }
    }
}
