use crate::{programs, truth::Run};

/// The engine on CUDA, which here is the software driver: the same books, the same figures.
#[test]
fn the_engine_on_cuda_is_told_as_its_own_books_tell_it() {
    for pools in ["0", "1"] {
        let environment = programs::cuda("64MiB", &[("MEMORY_POOLS", pools)]);
        let run = Run::with(&["--device", "cuda", "--tier", "lowvram", "--steps", "2"], &environment);
        run.assert_told();
        assert_eq!(run.books["device"]["name"], "Software Device 0");
    }
}
