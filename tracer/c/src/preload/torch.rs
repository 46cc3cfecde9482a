//! PyTorch's caching allocators: what they report to its profiler.
