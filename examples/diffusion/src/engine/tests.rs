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

#[test]
fn a_kept_checkpoint_comes_back_without_being_read() {
    let reads = |report: &Report| module(report, "checkpoint-1.unet").disk_to_host.count;
    let run = |keep: &str| run(&format!("--checkpoints 3 --switches 5 --tier medvram {keep}"));
    let [one, two, three] = ["", "--keep 2", "--keep 3"].map(run);
    assert_eq!([&one, &two, &three].map(reads), [2, 2, 1]);
    assert_eq!([&one, &two, &three].map(|report| report.remedies.dropped.count), [0, 4, 0]);
    assert_eq!(three.remedies.reused.count, 3);
    let host = |report: &Report| report.heaps[1].figures.peak_allocated_bytes;
    assert!(host(&one) < host(&two) && host(&two) < host(&three));
    for report in [one, two, three] {
        assert!(report.completed);
        assert!(report.heaps.iter().all(|heap| heap.figures.final_allocated_bytes == Bytes::ZERO));
    }
}

#[test]
fn pressure_on_the_host_drops_what_is_kept() {
    let report = run("--checkpoints 2 --switches 2 --keep 2 --host-pressure 4000000000MiB");
    assert_eq!((report.remedies.dropped.count, report.remedies.reused.count), (2, 0));
}

#[test]
fn a_second_vae_is_loaded_or_shared() {
    let [alone, twice, shared] =
        ["", "--duplicate", "--duplicate --share"].map(|arguments| run(&format!("--previews 1 {arguments}")));
    let host = |report: &Report| report.heaps[1].figures.peak_allocated_bytes;
    let vae = module(&alone, "vae").bytes;
    let device = |report: &Report| report.heaps[0].figures.requested_at_peak_bytes;
    assert_eq!(device(&twice), device(&alone) + vae);
    assert_eq!((device(&shared), host(&shared)), (device(&alone), host(&alone)));
    assert_eq!((shared.remedies.shared.count, shared.remedies.shared.bytes), (1, vae));
    assert_eq!(module(&twice, "preview_vae").fingerprint, module(&twice, "vae").fingerprint);
    assert_eq!(module(&twice, "preview_vae").forwards, 2);
    for report in [twice, shared] {
        assert_eq!(report.digest, alone.digest);
    }
}

#[test]
fn previews_make_units_change_places_unless_there_is_room() {
    let swaps = |arguments: &str| run(&format!("--tier medvram {arguments}")).swaps.count;
    // Two steps: a preview after each, for which the UNet leaves; before the second, it comes back.
    assert_eq!(swaps("--previews 1"), swaps("") + 2);
    assert_eq!(swaps("--previews 1 --resident 1GiB"), 0);
}

#[test]
fn units_share_the_room_that_there_is() {
    let sizes = run("--tier medvram");
    let both = module(&sizes, "unet").bytes + module(&sizes, "vae").bytes;
    let report = run(&format!("--tier medvram --jobs 2 --resident {}", both.0));
    assert!(report.completed);
    // The UNet finds room beside the text encoder only if that leaves; from then on the same happens in every job.
    assert_eq!(report.digest, run("--tier medvram --jobs 2").digest);
    assert!(report.swaps.count < run("--tier medvram --jobs 2").swaps.count);
    let threads = run(&format!("--tier lowvram --jobs 4 --threads 3 --resident {}", both.0 / 4));
    assert_eq!(threads.digest, run("--tier lowvram --jobs 4").digest);
}

#[test]
fn what_one_job_needed_stays_cached_until_it_is_given_back() {
    let reserved = |arguments: &str| {
        let report = run(&format!("--jobs 2 --hoard {arguments}"));
        (report.heaps[0].figures.final_reserved_bytes, report.remedies.released.count)
    };
    let (kept, releases) = reserved("");
    assert_eq!(releases, 0);
    let (emptied, releases) = reserved("--empty-cache");
    assert!(emptied < kept && releases > 0, "{emptied} of {kept}, {releases} releases");
}

#[test]
fn pressure_on_the_device_gives_back_what_nobody_runs() {
    let report = run("--tier medvram --resident 1GiB --device-pressure 1024GiB");
    assert!(report.completed && report.remedies.gave_way.count > 0 && report.remedies.released.count > 0);
}

#[test]
fn an_extension_leaves_holes_too_small_for_its_request() {
    let report = run("--fragment");
    assert!(report.completed && report.jobs.failed == 0, "{:?}", report.error);
    let [failed] = &report.heaps[0].failures[..] else { panic!("{:?}", report.heaps[0].failures) };
    assert!(
        failed.cached_bytes >= failed.requested_bytes && failed.largest_free_bytes < failed.requested_bytes
    );
    assert!(failed.device_free_bytes.unwrap() < failed.requested_bytes);
    assert_eq!(report.heaps[0].figures.final_allocated_bytes, Bytes::ZERO);
}

#[test]
fn what_nobody_uses_is_on_the_device_all_the_same() {
    let report = run("--tier medvram --unused");
    let upscaler = module(&report, "upscaler");
    assert_eq!((upscaler.forwards, upscaler.host_to_device.count), (0, 1));
    assert_ne!(upscaler.fingerprint, module(&report, "vae").fingerprint);
}

#[test]
fn state_dicts_stay_on_the_host_if_nobody_drops_them() {
    let left = |switches: u32| {
        let report = run(&format!("--host-leak --switches {switches}"));
        [0, 1].map(|heap: usize| report.heaps[heap].figures.final_allocated_bytes)
    };
    let [device, host] = left(1);
    assert_eq!(device, Bytes::ZERO);
    assert_eq!(left(3), [Bytes::ZERO, host * 2]);
}

#[test]
fn weights_wait_in_page_locked_memory_if_asked_to() {
    let report = run("--tier medvram --pinned");
    let [_, host, pinned] = &report.heaps[..] else { panic!("three heaps") };
    assert_eq!(pinned.name, "pinned");
    assert!(pinned.figures.peak_allocated_bytes > host.figures.peak_allocated_bytes);
    assert_eq!(report.digest, run("--tier medvram").digest);
}
