//! The views that there are: a line here and in [`Page`] is all that a view needs to be reached.

use super::{
    events::EventsView, growth::GrowthView, keys::Key, ledger::LedgerView, live::LiveView, map::MapView,
    overview::Overview, page::Page, residency::Residency, swaps::SwapsView, timeline::TimelineView,
    view::View,
};

/// Makes a view that has seen nothing yet.
pub(crate) fn build(page: Page) -> Box<dyn View> {
    match page {
        Page::Overview => Box::<Overview>::default(),
        Page::Timeline => Box::<TimelineView>::default(),
        Page::Residency => Box::<Residency>::default(),
        Page::Swaps => Box::<SwapsView>::default(),
        Page::Map => Box::<MapView>::default(),
        Page::Live => Box::<LiveView>::default(),
        Page::Growth => Box::<GrowthView>::default(),
        Page::Ledger => Box::<LedgerView>::default(),
        Page::Events => Box::<EventsView>::default(),
    }
}

/// Says of a key that means nothing here where it means something.
pub(crate) fn unbound(key: Key) -> String {
    let label = key.label();
    let elsewhere = Page::ALL.into_iter().find_map(|page| {
        let binding = build(page).keys().iter().find(|binding| binding.keys.contains(&key))?;
        Some(format!("in {}, {}: {}", page.digit(), page.name(), binding.says))
    });
    format!("{label} does nothing here; {}", elsewhere.unwrap_or_else(|| "? lists the keys".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        action::Action,
        keys::{BINDINGS, Group},
    };

    #[test]
    fn no_key_means_two_things() {
        for page in Page::ALL {
            let view = build(page);
            let bindings = BINDINGS.iter().chain(view.keys());
            let digits = ('1'..='9').map(Key::Char);
            let keys: Vec<Key> = bindings.flat_map(|binding| binding.keys).copied().chain(digits).collect();
            for (index, key) in keys.iter().enumerate() {
                assert!(!keys[..index].contains(key), "{key:?} in {page:?}");
            }
        }
    }

    #[test]
    fn the_keys_of_a_view_are_its_own() {
        for page in Page::ALL {
            for binding in build(page).keys() {
                assert!(matches!(binding.action, Action::Own(_)), "{binding:?}");
                assert_eq!(binding.group, Group::View);
            }
        }
    }

    #[test]
    fn a_key_that_means_nothing_here_says_where_it_does() {
        assert_eq!(unbound(Key::Char('%')), "% does nothing here; ? lists the keys");
        assert!(unbound(Key::Char('!')).starts_with("! does nothing here; in 5, Map: "));
    }
}
