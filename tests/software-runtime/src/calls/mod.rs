//! The exported calls. Names, numbers and signatures are those of cuda_runtime_api.h 12 and 13; what a call owes its caller is in the
//! runtime's manual.

mod copies;
mod devices;
mod entry_points;
mod errors;
mod events;
mod fills;
mod graphs;
mod kernels;
mod launches;
mod memory;
mod peers;
mod pinned;
mod pointers;
mod pools;
mod properties;
mod streams;
mod variables;
mod version;
