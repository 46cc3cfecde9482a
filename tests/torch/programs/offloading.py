"""A Stable Diffusion pipeline of diffusers, small and with weights that mean nothing, whose parts are on the device as it is told.

    offloading.py none|model|sequential|group
"""

import sys

import torch
from accelerate import init_empty_weights
from accelerate.utils import set_module_tensor_to_device
from counted import Copies, count_used, on_device, size, weight
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.hooks.group_offloading import ModuleGroup
from told import tell
from transformers import CLIPTextConfig, CLIPTextModel

# There is no cuDNN on the software device.
torch.backends.cudnn.enabled = False
torch.manual_seed(0)


class Scheduler(DDIMScheduler):
    """Steps are read back from the device, where nothing computes them: this one reads none."""

    def step(self, output, timestep, sample, **_):
        return (sample,)


def count_groups(models, moved, loads):
    """Adds up what group offloading sends to the device of each model, and how many times, where it does so."""
    names = {id(tensor): name for name, model in models.items() for tensor in [*model.parameters(), *model.buffers()]}
    send, onload = ModuleGroup._transfer_tensor_to_device, ModuleGroup.onload_

    def sending(group, tensor, source, *rest, **more):
        moved[names[id(tensor)]] += size(source)
        return send(group, tensor, source, *rest, **more)

    def coming(group):
        for held in [*(list(module.parameters()) for module in group.modules), [*group.parameters, *group.buffers]]:
            if held:
                loads[names[id(held[0])]] += 1
        return onload(group)

    ModuleGroup._transfer_tensor_to_device, ModuleGroup.onload_ = sending, coming


def main():
    mode = sys.argv[1]
    unet = UNet2DConditionModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=64,
    )
    vae = AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
    )
    words = CLIPTextConfig(
        hidden_size=64, intermediate_size=128, num_attention_heads=4, num_hidden_layers=2, vocab_size=1000
    )
    # Made without weights, which come one by one.
    with init_empty_weights():
        text_encoder = CLIPTextModel(words)
    loaded = 0
    for name, parameter in [*text_encoder.named_parameters()]:
        value = torch.zeros(parameter.shape)
        set_module_tensor_to_device(text_encoder, name, "cpu", value)
        loaded += value.numel() * value.element_size()
    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=None,
        unet=unet,
        scheduler=Scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    runs = 2
    used = {"unet": [], "vae": []}
    count_used(unet, used["unet"])
    count_used(vae, used["vae"])
    weights = {"unet": weight(unet), "vae": weight(vae)}
    grouped, groups = {"unet": 0, "vae": 0}, {"unet": 0, "vae": 0}
    copies = Copies()
    with copies:
        run(pipe, mode, runs, grouped, groups)
    moved = {
        "none": weights,
        "model": {name: runs * size for name, size in weights.items()},
        "sequential": {name: sum(sizes) for name, sizes in used.items()},
        "group": grouped,
    }
    loads = {
        "none": {"unet": 1, "vae": 1},
        "model": {"unet": runs, "vae": runs},
        "sequential": {name: len(sizes) for name, sizes in used.items()},
        "group": groups,
    }
    tell(
        moved=moved[mode],
        loads=loads[mode],
        loaded={"text_encoder": loaded},
        resident={"unet": on_device(unet), "vae": on_device(vae)},
        copied=copies.bytes,
    )


def run(pipe, mode, runs, grouped, groups):
    if mode == "model":
        pipe.enable_model_cpu_offload()
    elif mode == "sequential":
        pipe.enable_sequential_cpu_offload()
    elif mode == "group":
        count_groups({"unet": pipe.unet, "vae": pipe.vae}, grouped, groups)
        pipe.enable_group_offload(torch.device("cuda"), offload_type="leaf_level", use_stream=True)
    else:
        pipe.to("cuda")
    words = torch.zeros(1, 77, 64, device="cuda")
    for _ in range(runs):
        pipe(
            prompt_embeds=words,
            negative_prompt_embeds=words,
            num_inference_steps=3,
            height=32,
            width=32,
            output_type="pt",
        )


main()
