//! A program on cudarc that knows nothing of the tracer, with books of its own: `memtrace record` is to find out the same.

use std::{error::Error, sync::Arc};

use cudarc::driver::{CudaContext, CudaSlice, CudaStream};

fn main() -> Result<(), Box<dyn Error>> {
    const MIB: usize = 1 << 20;
    let stream = CudaContext::new(0)?.default_stream();
    let mut books = Books::default();
    let weights = books.load(&stream, &vec![1; 6 * MIB])?;
    for size in [2, 9, 4] {
        let activations = books.load(&stream, &vec![2; size * MIB])?;
        books.drop(activations);
    }
    // Two of which one outlives the other.
    let (first, second) = (books.load(&stream, &vec![3; MIB])?, books.load(&stream, &vec![4; 3 * MIB])?);
    books.drop(first);
    books.drop(weights);
    let Books { allocs, frees, live, peak, copied } = books;
    println!(
        r#"{{"device":{{"allocs":{allocs},"frees":{frees},"live":{live},"peak":{peak}}},"h2d":{copied}}}"#
    );
    // It is live at the end.
    std::mem::forget(second);
    Ok(())
}

#[derive(Default)]
struct Books {
    allocs: usize,
    frees: usize,
    live: usize,
    peak: usize,
    copied: usize,
}

impl Books {
    fn load(&mut self, stream: &Arc<CudaStream>, bytes: &[u8]) -> Result<CudaSlice<u8>, Box<dyn Error>> {
        let slice = stream.clone_htod(bytes)?;
        self.allocs += 1;
        self.live += bytes.len();
        self.peak = self.peak.max(self.live);
        self.copied += bytes.len();
        Ok(slice)
    }

    fn drop(&mut self, slice: CudaSlice<u8>) {
        self.frees += 1;
        self.live -= slice.len();
        drop(slice);
    }
}
