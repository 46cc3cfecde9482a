//! Fuzzy matching of a few letters against a text.

/// A letter that begins a word counts this much more.
const WORD: u32 = 8;
/// A letter directly after the one before it.
const NEXT: u32 = 10;
/// The text from its first letter on.
const START: u32 = 4;

/// Scores a match of the letters, if the text contains all of them in this order. Letters count more at the beginnings of words
/// and side by side; of two texts that have them alike, the shorter counts more.
pub(super) fn score(letters: &str, text: &str) -> Option<u32> {
    let text: Vec<char> = text.to_lowercase().chars().collect();
    let letters: Vec<char> = letters.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    // best[place]: the best score with the last letter so far at this place.
    let mut best: Vec<Option<u32>> = Vec::new();
    for (number, letter) in letters.iter().enumerate() {
        let mut reached: Option<u32> = None;
        let mut now = vec![None; text.len()];
        for (place, c) in text.iter().enumerate() {
            if c == letter {
                let begins = place == 0 || !text[place - 1].is_alphanumeric();
                let here = 1 + if begins { WORD } else { 0 } + if place == 0 { START } else { 0 };
                let beside =
                    place.checked_sub(1).and_then(|before| *best.get(before)?).map(|score| score + NEXT);
                let before = if number == 0 { Some(0) } else { reached.max(beside) };
                now[place] = before.map(|before| before + here);
            }
            // A space between two words is skipped by who writes them together.
            reached = reached.max(best.get(place).copied().flatten());
        }
        best = now;
    }
    let found = if letters.is_empty() { Some(0) } else { best.into_iter().flatten().max() };
    let long = u32::try_from(text.len()).unwrap_or(u32::MAX).min(1000);
    found.map(|score| score * 1000 + (1000 - long))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_order_are_found_and_beginnings_count_more() {
        assert_eq!(score("xz", "zoom in"), None);
        assert_eq!(score("zz", "zoom in"), None);
        assert!(score("zi", "zoom in") > score("zi", "puzzling"));
        assert!(score("peak", "to the heap's peak") > score("peak", "pan back, earlier asked"));
        assert!(score("Zoom", "zoom in") > score("zoom", "zoom in again"));
        assert!(score("", "a") > score("", "ab"));
    }
}
