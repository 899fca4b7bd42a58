//! Which file of `src` uses which other file. [`FileGraph::cycles`] finds files that use each other.
//!
//! A file uses another file if it contains a path to an item defined there, in a `use` or elsewhere in its code.
//!
//! - A path is followed through re-exports to the file that defines the item. The file with the re-export is not used.
//! - A declaration `mod x;` is no use of `x`.
//! - A `use` counts only if its name occurs elsewhere in the code of the file. Otherwise it is a mere re-export. A private
//!   `use` of a trait always counts, because its methods are called without its name.
//! - `mod.rs` is a file like any other. If it uses an item of a child, the child must not use an item defined in `mod.rs`.
//! - Methods are not seen: a child may add an `impl` to a type of its parent, which then calls the methods.

use std::collections::{BTreeMap, BTreeSet};

use crate::source_files::{SourceFile, is_name_letter};

/// The uses between files.
pub(crate) struct FileGraph {
    /// For each file, the files that it uses, with one path as an example.
    uses: BTreeMap<String, BTreeMap<String, String>>,
}

/// A file's part of the module tree.
struct Module {
    file: String,
    /// Names of items that the file defines.
    items: BTreeSet<String>,
    /// Names of traits among them.
    traits: BTreeSet<String>,
    imports: Vec<Import>,
    /// Paths outside of `use` declarations.
    paths: Vec<Vec<String>>,
    /// Single names outside of `use` and `mod` declarations.
    names: BTreeSet<String>,
}

/// One name that a `use` declaration imports.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Import {
    path: Vec<String>,
    /// The imported name; `*` for all, `_` for none.
    name: String,
    is_private: bool,
}

/// Modules by path. The path of the crate is empty.
type Modules = BTreeMap<Vec<String>, Module>;

impl FileGraph {
    pub(crate) fn of(sources: &[SourceFile]) -> Self {
        let modules: Modules = sources
            .iter()
            .filter(|source| source.path != "src/main.rs")
            .map(|source| (module_path(&source.path), Module::parse(source)))
            .collect();
        let mut uses = BTreeMap::new();
        for (path, module) in &modules {
            uses.insert(module.file.clone(), module.uses(path, &modules));
        }
        Self { uses }
    }

    /// Returns the files of each group that use one another, directly or through others of the group.
    pub(crate) fn cyclic_groups(&self) -> Vec<Vec<String>> {
        let reachable: BTreeMap<&str, BTreeSet<&str>> = self
            .uses
            .keys()
            .map(|file| (file.as_str(), self.reachable(file)))
            .collect();
        let mut groups: Vec<Vec<String>> = Vec::new();
        for (file, reached) in &reachable {
            let group: Vec<String> = reached
                .iter()
                .filter(|other| reachable[*other].contains(file))
                .map(|other| (*other).to_owned())
                .collect();
            if group.contains(&(*file).to_owned()) && !groups.contains(&group) {
                groups.push(group);
            }
        }
        groups
    }

    /// Returns a shortest cycle through each file of a group, a line for each use in it.
    pub(crate) fn cycles(&self, group: &[String]) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut lines = Vec::new();
        for start in group {
            let files = self.path_back(start, group);
            if seen.insert(files.iter().cloned().collect::<BTreeSet<_>>()) {
                lines.push(format!("  cycle of {start}:"));
                lines.extend(files.windows(2).map(|two| {
                    let path = &self.uses[&two[0]][&two[1]];
                    format!("    {} uses {} ({path})", two[0], two[1])
                }));
            }
        }
        lines
    }

    fn reachable(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.uses[file].keys().map(String::as_str).collect();
        while let Some(other) = next.pop() {
            if reached.insert(other) {
                next.extend(self.uses[other].keys().map(String::as_str));
            }
        }
        reached
    }

    /// Returns a shortest path from a file back to itself.
    fn path_back(&self, start: &str, group: &[String]) -> Vec<String> {
        let mut paths = vec![vec![start.to_owned()]];
        for _ in group {
            let mut longer = Vec::new();
            for path in paths {
                for other in self.uses[path.last().unwrap()].keys() {
                    let mut path = path.clone();
                    path.push(other.clone());
                    if other == start {
                        return path;
                    }
                    if group.contains(other) {
                        longer.push(path);
                    }
                }
            }
            let mut seen = BTreeSet::new();
            longer.retain(|path: &Vec<String>| seen.insert(path.last().cloned()));
            paths = longer;
        }
        Vec::new()
    }
}

impl Module {
    fn parse(source: &SourceFile) -> Self {
        let tokens = tokens(&source.code);
        let mut module = Self {
            file: source.path.clone(),
            items: BTreeSet::new(),
            traits: BTreeSet::new(),
            imports: Vec::new(),
            paths: Vec::new(),
            names: BTreeSet::new(),
        };
        let mut at = 0;
        let mut depth = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            match token {
                "{" => depth += 1,
                "}" => depth -= 1,
                "use" => {
                    let end = position(&tokens, at, ";");
                    let is_private = at == 0 || !matches!(tokens[at - 1].as_str(), "pub" | ")");
                    let tree = &tokens[at + 1..end];
                    module.imports.extend(imports(&[], tree, is_private));
                    at = end;
                }
                "mod" if tokens.get(at + 2).is_some_and(|end| end == ";") => at += 2,
                "struct" | "enum" | "trait" | "type" | "union" | "fn" | "const" | "static"
                | "macro_rules"
                    if depth == 0 =>
                {
                    let skipped = ["!", "mut", "unsafe", "fn", "extern", "async"];
                    let name = tokens[at + 1..]
                        .iter()
                        .find(|name| !skipped.contains(&name.as_str()));
                    if let Some(name) = name {
                        module.items.insert(name.clone());
                        if token == "trait" {
                            module.traits.insert(name.clone());
                        }
                    }
                    // The name itself is no use of an equal import.
                    at += 1;
                }
                _ if is_name(token) => {
                    let mut path = vec![token.to_owned()];
                    while tokens.get(at + 1).is_some_and(|next| next == "::")
                        && tokens.get(at + 2).is_some_and(|next| is_name(next))
                    {
                        path.push(tokens[at + 2].clone());
                        at += 2;
                    }
                    let is_field = at > 0 && path.len() == 1 && tokens[at - 1] == ".";
                    if !is_field {
                        module.names.insert(path[0].clone());
                        module.paths.push(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        module
    }

    /// Returns the files that this module uses, each with the path that does.
    fn uses(&self, own: &[String], modules: &Modules) -> BTreeMap<String, String> {
        let mut uses = BTreeMap::new();
        let mut add = |path: &[String]| {
            if let Some((file, _)) = definition(own, path, modules, 0)
                && file != self.file
            {
                uses.entry(file).or_insert_with(|| path.join("::"));
            }
        };
        for import in &self.imports {
            let is_trait = definition(own, &import.path, modules, 0).is_some_and(|found| found.1);
            let counts = import.name == "_"
                || import.name == "*"
                || self.names.contains(&import.name)
                || (is_trait && import.is_private);
            if counts {
                add(&import.path);
            }
        }
        for path in &self.paths {
            let import = self.imports.iter().find(|import| import.name == path[0]);
            match import {
                Some(import) if path.len() > 1 => {
                    add(&[&import.path[..], &path[1..]].concat());
                }
                _ => add(path),
            }
        }
        uses
    }
}

/// Returns the file that defines the item of a path, and whether the item is a trait. `None` for paths to other crates, to
/// local names, and to a module as such.
fn definition(
    from: &[String],
    path: &[String],
    modules: &Modules,
    depth: usize,
) -> Option<(String, bool)> {
    let mut at = from.to_vec();
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => {
            at.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {}
        first => {
            at.push(first.to_owned());
            if !modules.contains_key(&at) {
                return None;
            }
            rest = &rest[1..];
        }
    }
    while rest.first().is_some_and(|first| first == "super") {
        at.pop()?;
        rest = &rest[1..];
    }
    while let Some(first) = rest.first() {
        at.push(first.clone());
        if !modules.contains_key(&at) {
            at.pop();
            break;
        }
        rest = &rest[1..];
    }
    let item = rest.first()?;
    let module = modules.get(&at)?;
    if module.items.contains(item) {
        return Some((module.file.clone(), module.traits.contains(item)));
    }
    // A re-export may lead to another one; a circle of them does not compile.
    let deeper = |import: &Import| {
        let path = if import.name == "*" {
            [&import.path[..], &rest[..1]].concat()
        } else {
            import.path.clone()
        };
        (depth < 8).then(|| definition(&at, &path, modules, depth + 1))?
    };
    let named = module.imports.iter().find(|import| import.name == *item);
    let found = named.and_then(deeper).or_else(|| {
        let globs = module.imports.iter().filter(|import| import.name == "*");
        globs.filter_map(deeper).next()
    });
    let is_module_itself = *item == "*";
    found.or_else(|| is_module_itself.then(|| (module.file.clone(), false)))
}

/// Expands the tree of a `use` declaration.
fn imports(prefix: &[String], tree: &[String], is_private: bool) -> Vec<Import> {
    if let Some(open) = tree.iter().position(|token| token == "{") {
        let mut prefix = prefix.to_vec();
        prefix.extend(tree[..open].iter().filter(|token| *token != "::").cloned());
        let mut all = Vec::new();
        let mut start = open + 1;
        let mut depth = 0;
        for (at, token) in tree.iter().enumerate().skip(open + 1) {
            match token.as_str() {
                "{" => depth += 1,
                "," | "}" if depth == 0 => {
                    if at > start {
                        all.extend(imports(&prefix, &tree[start..at], is_private));
                    }
                    start = at + 1;
                }
                "}" => depth -= 1,
                _ => {}
            }
        }
        return all;
    }
    let renamed = tree.iter().position(|token| token == "as");
    let segments = &tree[..renamed.unwrap_or(tree.len())];
    let mut path = prefix.to_vec();
    path.extend(segments.iter().filter(|token| *token != "::").cloned());
    // `use a::{self}` imports `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let name = renamed.map_or(path.last(), |at| tree.get(at + 1));
    let name = name.cloned().unwrap_or_default();
    vec![Import {
        path,
        name,
        is_private,
    }]
}

/// Returns the module path of a file: `src/http/server.rs` is `http`, `server`.
fn module_path(file: &str) -> Vec<String> {
    let inner = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut path: Vec<String> = inner.split('/').map(str::to_owned).collect();
    if path
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        path.pop();
    }
    path
}

/// Splits code into names, `::` and single other letters.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(letter) = rest.chars().next() {
        let length = if is_name_letter(letter) {
            rest.find(|letter| !is_name_letter(letter))
                .unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            letter.len_utf8()
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

fn is_name(token: &str) -> bool {
    token
        .chars()
        .next()
        .is_some_and(|letter| letter.is_alphabetic() || letter == '_')
}

fn position(tokens: &[String], from: usize, wanted: &str) -> usize {
    let found = tokens[from..].iter().position(|token| token == wanted);
    found.map_or(tokens.len() - 1, |offset| from + offset)
}

/// Creates a graph from paths and codes.
#[cfg(test)]
fn graph(files: &[(&str, &str)]) -> FileGraph {
    let sources: Vec<SourceFile> = files
        .iter()
        .map(|(path, code)| SourceFile {
            path: (*path).to_owned(),
            module: String::new(),
            text: (*code).to_owned(),
            code: (*code).to_owned(),
        })
        .collect();
    FileGraph::of(&sources)
}

#[test]
fn siblings_that_use_each_other_are_a_cycle() {
    let graph = graph(&[
        ("src/lib.rs", "pub mod a; pub mod b;"),
        ("src/a.rs", "use crate::b::{self, Two}; struct One(Two);"),
        ("src/b.rs", "struct Two; fn f() { crate::a::One; }"),
    ]);
    assert_eq!(graph.cyclic_groups(), [["src/a.rs", "src/b.rs"]]);
    assert_eq!(
        graph.cycles(&graph.cyclic_groups()[0]),
        [
            "  cycle of src/a.rs:",
            "    src/a.rs uses src/b.rs (crate::b::Two)",
            "    src/b.rs uses src/a.rs (crate::a::One)"
        ]
    );
}

#[test]
fn re_export_is_no_use_of_a_child() {
    let graph = graph(&[
        ("src/m/mod.rs", "mod a; mod b; pub use a::One; use b::Two;"),
        ("src/m/a.rs", "use super::Two; pub struct One(Two);"),
        ("src/m/b.rs", "pub struct Two;"),
    ]);
    assert!(graph.cyclic_groups().is_empty());
    assert_eq!(
        graph.uses["src/m/a.rs"].keys().collect::<Vec<_>>(),
        ["src/m/b.rs"]
    );
    assert!(graph.uses["src/m/mod.rs"].is_empty());
}

#[test]
fn parent_and_child_can_be_a_cycle() {
    let parent = "mod a; pub use a::One; pub struct Shared; fn f() -> One { a::g() }";
    let child = "use super::Shared; pub struct One(Shared); pub fn g() {}";
    let graph = graph(&[("src/m/mod.rs", parent), ("src/m/a.rs", child)]);
    assert_eq!(graph.cyclic_groups(), [["src/m/a.rs", "src/m/mod.rs"]]);
}

#[test]
fn unnamed_trait_import_counts_as_use() {
    let graph = graph(&[
        ("src/a.rs", "pub trait Work {} fn f(x: crate::b::Two) {}"),
        (
            "src/b.rs",
            "use crate::a::Work; struct Two; fn f(x: T) { x.work() }",
        ),
    ]);
    assert_eq!(graph.cyclic_groups().len(), 1);
}

#[test]
fn path_through_an_imported_module_is_followed() {
    let graph = graph(&[
        ("src/m/mod.rs", "mod a; mod b;"),
        ("src/m/a.rs", "use super::b; fn f() { b::g() }"),
        ("src/m/b.rs", "pub fn g() { super::a::f() }"),
    ]);
    assert_eq!(graph.cyclic_groups(), [["src/m/a.rs", "src/m/b.rs"]]);
}
