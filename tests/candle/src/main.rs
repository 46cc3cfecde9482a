//! Stable Diffusion's parts as candle has them, small and with random weights, one after the other on the CPU: the text encoder,
//! a few steps of the U-Net, the decoder. Each is dropped before the next is made.
//!
//! It knows nothing of the tracer. Its books are kept by its allocator: what has at least 4096 bytes. They are printed as JSON,
//! with the bytes of each part's weights.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
};

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{Module, VarBuilder, VarMap};
use candle_transformers::models::stable_diffusion::{
    clip::{ClipTextTransformer, Config},
    unet_2d::{BlockConfig, UNet2DConditionModel, UNet2DConditionModelConfig},
    vae::{AutoEncoderKL, AutoEncoderKLConfig},
};

/// The width of the text encoder's output.
const WIDTH: usize = 768;

const LATENT: (usize, usize, usize, usize) = (1, 4, 16, 16);

fn main() -> Result<()> {
    // What is a thread's own is gone when it has ended, and out of its books.
    let weights = thread::spawn(pipeline).join().expect("the pipeline does not panic")?;
    let [allocs, frees, live, peak] = BOOKS.each_ref().map(|figure| figure.load(Relaxed));
    let weights: Vec<_> = weights.iter().map(|(name, bytes)| format!(r#""{name}":{bytes}"#)).collect();
    println!(
        r#"{{"host":{{"allocs":{allocs},"frees":{frees},"live":{live},"peak":{peak}}},"weights":{{{}}}}}"#,
        weights.join(",")
    );
    Ok(())
}

/// Runs all of it. The bytes of each part's weights.
fn pipeline() -> Result<Vec<(String, usize)>> {
    let device = Device::Cpu;
    let mut weights = Vec::new();
    // Makes a part, runs it and drops it, and notes how large its weights were.
    let mut part = |name: &str, run: &mut dyn FnMut(VarBuilder<'_>) -> Result<Tensor>| {
        let variables = VarMap::new();
        let result = run(VarBuilder::from_varmap(&variables, DType::F32, &device));
        let bytes = |v: &candle_core::Var| v.elem_count() * v.dtype().size_in_bytes();
        weights.push((name.to_owned(), variables.all_vars().iter().map(bytes).sum::<usize>()));
        result
    };

    let text = part("text_encoder", &mut |weights| {
        let encoder = ClipTextTransformer::new(weights, &Config::v1_5())?;
        encoder.forward(&Tensor::zeros((1, 77), DType::U32, &device)?)
    })?;
    let mut latents = Tensor::randn(0f32, 1., LATENT, &device)?;
    latents = part("unet", &mut |weights| {
        let unet = UNet2DConditionModel::new(weights, 4, 4, false, unet())?;
        let mut latents = latents.clone();
        for step in 0..3 {
            let noise = unet.forward(&latents, f64::from(999 - 300 * step), &text)?;
            latents = (latents - (noise * 0.3)?)?;
        }
        Ok(latents)
    })?;
    let image = part("vae", &mut |weights| AutoEncoderKL::new(weights, 3, 3, vae())?.decode(&latents))?;
    assert_eq!(image.dims(), [1, 3, 128, 128]);
    Ok(weights)
}

fn unet() -> UNet2DConditionModelConfig {
    let block =
        |out_channels, use_cross_attn| BlockConfig { out_channels, use_cross_attn, attention_head_dim: 8 };
    UNet2DConditionModelConfig {
        blocks: vec![block(64, Some(1)), block(128, Some(1)), block(128, None)],
        layers_per_block: 1,
        cross_attention_dim: WIDTH,
        ..Default::default()
    }
}

fn vae() -> AutoEncoderKLConfig {
    AutoEncoderKLConfig {
        block_out_channels: vec![32, 32, 64, 64],
        layers_per_block: 1,
        ..Default::default()
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

/// The system's allocator, with books of blocks from `memtrace record`'s threshold on.
struct Counted;

const THRESHOLD: usize = 4096;

/// Allocs, frees, live bytes, and the most that were live.
static BOOKS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

fn came(size: usize) {
    if size >= THRESHOLD {
        BOOKS[0].fetch_add(1, Relaxed);
        let live = BOOKS[2].fetch_add(size as u64, Relaxed) + size as u64;
        BOOKS[3].fetch_max(live, Relaxed);
    }
}

fn went(size: usize) {
    if size >= THRESHOLD {
        BOOKS[1].fetch_add(1, Relaxed);
        BOOKS[2].fetch_sub(size as u64, Relaxed);
    }
}

// SAFETY: each call is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        came(layout.size());
        // SAFETY: the caller's own argument.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        came(layout.size());
        // SAFETY: the caller's own argument.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        went(layout.size());
        // SAFETY: the caller's own arguments.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        went(layout.size());
        came(size);
        // SAFETY: the caller's own arguments.
        unsafe { System.realloc(block, layout, size) }
    }
}
