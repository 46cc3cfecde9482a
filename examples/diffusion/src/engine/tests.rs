//! Whole runs, small ones, on a device of host memory, judged by their books.

use clap::Parser;

use super::*;
use crate::books::ModulePage;
use crate::quantity::Bytes;

/// Runs the engine with these arguments, small and with weights of its own.
fn run(arguments: &str) -> Report {
    let weights = tempfile::tempdir().unwrap();
    let folder = weights.path().to_str().unwrap();
    let fixed = ["diffusion", "--device", "host", "--scale", "1/512", "--steps", "2", "--weights", folder];
    let options = Options::try_parse_from(fixed.into_iter().chain(arguments.split_whitespace())).unwrap();
    super::run(&options).unwrap()
}

fn module<'a>(report: &'a Report, path: &str) -> &'a ModulePage {
    report.modules.iter().find(|module| module.path == path).unwrap()
}

#[test]
fn every_tier_makes_the_same_image_and_leaves_nothing_behind() {
    let reports = ["none", "medvram", "medvram-sdxl", "lowvram"].map(|tier| run(&format!("--tier {tier}")));
    for report in &reports {
        assert!(report.completed && report.error.is_none());
        assert_eq!(report.digest, reports[0].digest);
        for heap in &report.heaps {
            assert_eq!(heap.figures.final_allocated_bytes, Bytes::ZERO);
            assert_eq!(heap.figures.allocs, heap.figures.frees);
        }
    }
}

#[test]
fn less_of_the_model_on_the_device_means_lower_peaks() {
    let peaks = ["none", "medvram", "lowvram"]
        .map(|tier| run(&format!("--tier {tier}")).heaps[0].figures.peak_allocated_bytes);
    assert!(peaks[0] > peaks[1] && peaks[1] > peaks[2], "{peaks:?}");
}

#[test]
fn without_a_tier_weights_arrive_once_and_nothing_swaps() {
    let report = run("--jobs 3");
    assert_eq!(report.swaps.count, 0);
    assert_eq!(module(&report, "unet").host_to_device.count, 1);
    assert_eq!(module(&report, "unet").forwards, 6);
    assert_eq!(module(&report, "unet.input_blocks.11").forwards, 6);
}

#[test]
fn medvram_swaps_whole_units() {
    let report = run("--tier medvram --jobs 3");
    // The first text encoder finds an empty device; then UNet and VAE of each job, and the text encoders of the others.
    assert_eq!(report.swaps.count, 8);
    assert_eq!(module(&report, "unet").host_to_device.count, 3);
    assert_eq!(module(&report, "unet.middle_block").host_to_device.count, 0);
}

#[test]
fn lowvram_swaps_every_block_of_every_step() {
    let report = run("--tier lowvram");
    // Time embedding, 12 + 1 + 12 blocks, for two steps; then the VAE.
    assert_eq!(report.swaps.count, 2 * 26 + 1);
    assert_eq!(module(&report, "unet.middle_block").host_to_device.count, 2);
    assert_eq!(module(&report, "unet").host_to_device.count, 0);
}

#[test]
fn medvram_sdxl_swaps_only_what_is_large() {
    assert_eq!(run("--tier medvram-sdxl").swaps.count, 0);
    assert_eq!(run("--tier medvram-sdxl --model sdxl").swaps.count, 3);
}

#[test]
fn an_image_to_start_from_makes_the_vae_run_twice() {
    assert_eq!(module(&run("--from-image"), "vae").forwards, 2);
}

#[test]
fn threads_make_the_same_images_as_one() {
    for tier in ["none", "medvram", "lowvram"] {
        let alone = run(&format!("--tier {tier} --jobs 4"));
        let together = run(&format!("--tier {tier} --jobs 4 --threads 3"));
        assert_eq!(alone.digest, together.digest);
        assert_eq!(together.jobs.done, 4);
    }
}

#[test]
fn switching_leaves_something_behind_only_with_the_leak() {
    let kept = |arguments: &str| {
        let report = run(&format!("--checkpoints 2 {arguments}"));
        assert!(report.completed);
        [0, 1].map(|heap: usize| report.heaps[heap].figures.final_allocated_bytes)
    };
    assert_eq!(kept("--switches 3"), [Bytes::ZERO; 2]);
    let [device, host] = kept("--switches 1 --leak");
    assert!(device > Bytes::ZERO && host > Bytes::ZERO);
    assert_eq!(kept("--switches 3 --leak"), [device * 2, host * 2]);
}

#[test]
fn running_out_of_memory_fails_the_job_and_not_the_books() {
    let report = run("--capacity 10MiB --jobs 3 --width 1024 --height 1024");
    assert!(!report.completed);
    assert!(report.error.unwrap().contains("job 1 failed: out of device memory"));
    assert_eq!((report.jobs.failed, report.heaps[0].figures.ooms), (1, 1));
    assert_eq!(report.heaps[0].figures.final_allocated_bytes, Bytes::ZERO);

    let report = run("--capacity 10MiB --jobs 3 --width 1024 --height 1024 --keep-going");
    assert!(report.completed);
    assert_eq!(report.jobs.failed, 3);
}

#[test]
fn a_model_that_does_not_fit_is_let_go_of() {
    let report = run("--capacity 4MiB");
    assert!(!report.completed);
    assert_eq!(report.jobs.failed, 0);
    for heap in report.heaps {
        assert_eq!(heap.figures.final_allocated_bytes, Bytes::ZERO);
    }
}
