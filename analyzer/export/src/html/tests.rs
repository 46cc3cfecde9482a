use super::*;

/// The page's policy names exactly the scripts and styles that it has.
#[test]
fn the_policy_names_what_is_in_the_page() {
    let policy = policy();
    for text in [CHARTS, SCRIPT, CHARTS_STYLE, STYLE] {
        assert!(policy.contains(&STANDARD.encode(Sha256::digest(text))));
        assert!(!text.contains("</script") && !text.contains("</style"), "it would end its own element");
    }
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
}
