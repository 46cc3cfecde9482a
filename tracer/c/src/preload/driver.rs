//! The CUDA driver: `cu*`, by whichever of its ways the program comes to it.
