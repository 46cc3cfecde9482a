//! The circles of imports among the modules of the terminal UI: none is larger than [`LARGEST`] files, so that nobody has to
//! read all of it to change a part.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The most files that may import each other, directly or through others.
const LARGEST: usize = 4;

/// A module's path below the terminal UI.
type Module = Vec<String>;

/// The modules that each module imports something of.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

#[test]
fn no_circle_of_modules_is_large() {
    let imports = imports_of_files();
    assert!(imports.len() > 50, "these are not all modules: {:?}", imports.keys());
    for circle in circles(&imports) {
        let edges: Vec<String> = circle
            .iter()
            .flat_map(|from| imports[from].intersection(&circle).map(move |to| (from, to)))
            .map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")))
            .collect();
        assert!(circle.len() <= LARGEST, "a circle of {} files:\n{}", circle.len(), edges.join("\n"));
    }
}

#[test]
fn a_circle_is_found_through_nested_imports_and_paths_in_code() {
    let sources = [
        ("", "mod a; mod b; mod c; mod d; use a::A;"),
        ("a", "use super::{b::{self, B}};"),
        ("b", "fn f() { vec![crate::ROOT::c::C] }"),
        ("c", "mod inner; pub(crate) use inner::I; #[cfg(test)] mod tests { use super::super::d; }"),
        ("c::inner", "use super::super::a::A;"),
        ("d", "//! See [`super::a`].\nuse super::a; use crate::elsewhere::b;"),
    ];
    let root = root().join("::");
    let sources =
        sources.map(|(module, source)| (parts(module), source.replace("ROOT::", &format!("{root}::"))));
    let sources = sources.map(|(module, source)| (module, source.replace("crate::::", "crate::")));
    let found = circles(&imports(&sources.into_iter().collect()));
    assert_eq!(found, [["a", "b", "c", "c::inner"].map(parts).into_iter().collect()]);
}

/// The modules that import each other, directly or through others.
fn circles(imports: &Imports) -> Vec<BTreeSet<Module>> {
    let reached = |from: &Module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(imports[module].iter().filter(|to| reached.insert((*to).clone())));
        }
        reached
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        imports.keys().map(|from| (from, reached(from))).collect();
    let circle_of = |module: &&Module| -> BTreeSet<Module> {
        reached[module].iter().filter(|other| reached[other].contains(*module)).cloned().collect()
    };
    let circles: BTreeSet<_> =
        imports.keys().map(|module| circle_of(&module)).filter(|circle| circle.len() > 1).collect();
    circles.into_iter().collect()
}

fn imports_of_files() -> Imports {
    let folder = root()
        .iter()
        .fold(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), |folder, part| folder.join(part));
    let mut sources = BTreeMap::new();
    read(&folder, &Module::new(), &mut sources);
    imports(&sources)
}

/// Reads the modules of a folder.
fn read(folder: &Path, module: &Module, sources: &mut BTreeMap<Module, String>) {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in entries.collect::<BTreeSet<PathBuf>>() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let below: Module = module.iter().cloned().chain([name.clone()]).collect();
        if path.is_dir() {
            read(&path, &below, sources);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let module = if ["mod", "lib"].contains(&name.as_str()) { module.clone() } else { below };
            sources.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Returns the imports of each module, without those of tests.
fn imports(sources: &BTreeMap<Module, String>) -> Imports {
    let modules: BTreeSet<Module> = sources.keys().cloned().collect();
    let mut of_tests = Vec::new();
    let mut imports = Imports::new();
    for (module, source) in sources {
        let tokens: TokenStream = source.parse().unwrap();
        let mut reader =
            Reader { module, modules: &modules, imports: BTreeSet::new(), of_tests: &mut of_tests };
        reader.read(tokens);
        let found = reader.imports;
        imports.insert(module.clone(), found.into_iter().filter(|found| found != module).collect());
    }
    imports.retain(|module, _| !of_tests.iter().any(|tests| module.starts_with(tests)));
    imports
}

/// The imports of a file, as they are read.
struct Reader<'a> {
    module: &'a Module,
    modules: &'a BTreeSet<Module>,
    imports: BTreeSet<Module>,
    of_tests: &'a mut Vec<Module>,
}

impl Reader<'_> {
    fn read(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut path = Module::new();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    let Some(TokenTree::Group(group)) = tokens.peek() else { continue };
                    if group.stream().to_string().replace(' ', "") == "cfg(test)" {
                        self.skip(&mut tokens);
                    }
                }
                TokenTree::Ident(name) => {
                    path.push(name.to_string());
                    if !followed_by_colons(&mut tokens) {
                        self.import(&std::mem::take(&mut path));
                    }
                }
                TokenTree::Group(group) if !path.is_empty() && group.delimiter() == Delimiter::Brace => {
                    self.read_tree(&std::mem::take(&mut path), group.stream());
                }
                TokenTree::Group(group) => {
                    path.clear();
                    self.read(group.stream());
                }
                // `path::*` or `path::<T>`.
                TokenTree::Punct(mark) if !path.is_empty() => {
                    path.push(mark.to_string());
                    self.import(&std::mem::take(&mut path));
                }
                _ => {}
            }
        }
    }

    /// The names in braces behind a path.
    fn read_tree(&mut self, before: &Module, tokens: TokenStream) {
        // The path of the name under way; none between two names.
        let mut path = None;
        for token in tokens {
            match token {
                TokenTree::Ident(name) if name == "as" => {}
                TokenTree::Ident(name) => {
                    path.get_or_insert_with(|| before.clone())
                        .extend((name != "self").then(|| name.to_string()));
                }
                TokenTree::Group(group) => self.read_tree(&path.take().unwrap_or_default(), group.stream()),
                TokenTree::Punct(mark) if mark.as_char() == ',' => {
                    self.import(&path.take().unwrap_or_default())
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        self.import(&path.unwrap_or_default());
    }

    /// Skips an item that is there in tests alone.
    fn skip(&mut self, tokens: &mut impl Iterator<Item = TokenTree>) {
        let mut is_module = false;
        // The attribute itself.
        tokens.next();
        for token in tokens {
            match token {
                TokenTree::Ident(name) if is_module => {
                    self.of_tests.push(self.module.iter().cloned().chain([name.to_string()]).collect());
                    is_module = false;
                }
                TokenTree::Ident(name) => is_module = name == "mod",
                TokenTree::Punct(mark) if mark.as_char() == ';' => return,
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                _ => {}
            }
        }
    }

    fn import(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        let mut target = match first.as_str() {
            // As in `pub(crate)`.
            "crate" if rest.is_empty() => return,
            "crate" => match rest.strip_prefix(root().as_slice()) {
                Some(rest) => return self.import_from(&Module::new(), rest),
                None => return,
            },
            "self" | "super" => self.module.clone(),
            _ if path.len() > 1 => return self.import_child(path),
            _ => return,
        };
        let mut rest = path;
        while let Some((first, behind)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" if target.pop().is_none() => return,
                "super" => {}
                _ => break,
            }
            rest = behind;
        }
        if path.len() > 1 {
            self.import_from(&target, rest);
        }
    }

    /// A path that begins with a module below this one.
    fn import_child(&mut self, path: &[String]) {
        let child: Module = self.module.iter().chain(&path[..1]).cloned().collect();
        if self.modules.contains(&child) {
            self.import_from(&child, &path[1..]);
        }
    }

    /// The innermost module on a path from `target`.
    fn import_from(&mut self, target: &Module, path: &[String]) {
        let mut innermost = target.clone();
        for part in path {
            innermost.push(part.clone());
            if !self.modules.contains(&innermost) {
                innermost.pop();
                break;
            }
        }
        self.imports.insert(innermost);
    }
}

fn followed_by_colons(tokens: &mut std::iter::Peekable<impl Iterator<Item = TokenTree>>) -> bool {
    for _ in 0..2 {
        match tokens.peek() {
            Some(TokenTree::Punct(mark)) if mark.as_char() == ':' => {}
            _ => return false,
        }
        tokens.next();
    }
    true
}

/// The terminal UI's own place in its crate.
fn root() -> Module {
    let mut parts = parts(module_path!());
    parts.pop();
    parts.remove(0);
    parts
}

fn parts(path: &str) -> Module {
    path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
