use crate::{
    effect::Effect,
    fixture,
    state::{Content, UiState},
};

use super::*;

fn state() -> UiState {
    fixture::showing(fixture::small(), Page::Residency, 100, 24)
}

fn run(state: &UiState) -> &OpenRun {
    match &state.content {
        Content::Ready(ready) => &ready.run,
        Content::Reading(_) => panic!("nothing is read"),
    }
}

#[test]
fn a_key_goes_from_one_costly_swap_to_the_next() {
    let mut state = state();
    let swaps: Vec<(Nanos, Text)> =
        run(&state).report.swaps.costliest.iter().map(|swap| (swap.began_ns, swap.module.clone())).collect();
    assert!(swaps.len() > 2);
    for (began, _) in [&swaps[0], &swaps[1], &swaps[2]] {
        assert_eq!(state.update(Action::Own(WORST)), Effect::Continue);
        assert_eq!(run(&state).cursor, *began);
    }
}
