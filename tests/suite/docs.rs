//! Links between the pages of this repository.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn links_between_pages_have_targets() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for folder in [
        ".",
        "docs",
        "docs/runbooks",
        "deploy",
        "tests/captures",
        "tests/scripts",
    ] {
        let files = fs::read_dir(root.join(folder))
            .unwrap()
            .map(|file| file.unwrap().path());
        pages.extend(
            files.filter(|file| file.extension().is_some_and(|extension| extension == "md")),
        );
    }
    let links: Vec<(PathBuf, String)> = pages.iter().flat_map(|page| links(page)).collect();
    assert!(links.len() > 50, "{links:?}");
    let broken: Vec<_> = links
        .iter()
        .filter(|(page, link)| !page.parent().unwrap().join(link).exists())
        .collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// Returns the targets of a page's links, except those outside this repository and those inside the page.
fn links(page: &Path) -> Vec<(PathBuf, String)> {
    let text = fs::read_to_string(page).unwrap();
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets
        .filter_map(|target| target.split('#').next())
        .filter(|file| !file.is_empty());
    let local = files.filter(|file| !file.contains("://") && !file.contains(char::is_whitespace));
    local
        .map(|file| (page.to_owned(), file.to_owned()))
        .collect()
}
