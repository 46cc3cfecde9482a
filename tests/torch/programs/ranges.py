"""ComfyUI's dynamic offloading (package `comfy-aimdo`): a range of addresses for each model, whose pages get memory when a weight is
needed, and lose it when another model needs it. It hooks the driver's calls by itself, beside whoever else does. Counts pages that come and
go by what the package says is there."""

import comfy_aimdo.control as control
import torch
from told import tell

MIB = 1 << 20
PAGE = 32 * MIB


def main():
    assert control.init("cuda")
    torch.cuda.init()
    kept = torch.empty(MIB, dtype=torch.uint8, device="cuda")
    assert control.init_device(0)
    # It binds what was loaded before it.
    from comfy_aimdo.model_vbar import ModelVBAR
    from comfy_aimdo.torch import aimdo_to_tensor

    models, there = [], []
    came = went = sent = 0

    def look():
        nonlocal came, went, there
        now = [(place, page) for place, model in enumerate(models) for page, state in enumerate(model.get_residency()) if state & 1]
        came += len(set(now) - set(there))
        went += len(set(there) - set(now))
        there = now

    for _ in range(2):
        model = ModelVBAR(12 * PAGE, 0)
        models.append(model)
        weights = [model.alloc(PAGE) for _ in range(12)]
        for _ in range(2):
            for weight in weights:
                if model.fault(weight[1], weight[2]) is not None:
                    aimdo_to_tensor(weight, torch.device("cuda")).copy_(torch.zeros(PAGE, dtype=torch.uint8))
                    sent += PAGE
                    model.unpin(weight[1], weight[2])
                look()
    models[-1].free_memory(3 * PAGE)
    look()
    pages = {"came": came, "went": went, "bytes": control.get_total_vram_usage()}
    tell(pages=pages, copied={"h2d": sent}, kept=kept.numel())


main()
