//! Names the library, and keeps it where it is once it is loaded: its threads and handlers live as long as the process,
//! so unloading it must not take their code away.

fn main() {
    println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libmemtrace.so");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo::rerun-if-changed=build.rs");
}
