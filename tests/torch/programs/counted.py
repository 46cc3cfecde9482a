"""What a program counts by itself: copies between host and device where PyTorch makes them, and the weights that are sent."""

from collections import Counter

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode


def size(tensor):
    return tensor.numel() * tensor.element_size()


def weight(module):
    return sum(size(tensor) for tensor in [*module.parameters(), *module.buffers()])


class Copies(TorchDispatchMode):
    """Adds up the bytes that operators of this thread copy to a device and back; those from and to pinned memory apart as well."""

    def __init__(self):
        super().__init__()
        self.bytes = Counter({"h2d": 0, "d2h": 0, "pinned": 0})
        self.made = Made(self.bytes)

    def __enter__(self):
        self.made.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.made.__exit__(*error)

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        answer = function(*arguments, **(named or {}))
        if function is torch.ops.aten._to_copy.default:
            self.count(arguments[0], answer)
        elif function is torch.ops.aten.copy_.default:
            self.count(arguments[1], arguments[0])
        elif function is torch.ops.aten._local_scalar_dense.default and arguments[0].is_cuda:
            # By a word of pinned memory of PyTorch's own.
            self.bytes["d2h"] += size(arguments[0])
            self.bytes["pinned"] += size(arguments[0])
        return answer

    def count(self, source, target):
        way = {(False, True): "h2d", (True, False): "d2h"}.get((source.is_cuda, target.is_cuda))
        if way is None or "meta" in (source.device.type, target.device.type):
            return
        self.bytes[way] += size(target)
        if (source if way == "h2d" else target).is_pinned():
            self.bytes["pinned"] += size(target)


class Made(TorchFunctionMode):
    """Tensors that are made of numbers on a device: no operator tells of the copy."""

    def __init__(self, bytes):
        super().__init__()
        self.bytes = bytes

    def __torch_function__(self, function, types, arguments=(), named=None):
        answer = function(*arguments, **(named or {}))
        if function is torch.tensor and answer.is_cuda:
            self.bytes["h2d"] += size(answer)
        return answer


def count_used(model, used):
    """Adds up the bytes of every module that is called, by a hook of our own: what offloading module by module brings each time. Buffers
    that are not saved stay where they are."""
    for module in model.modules():
        buffers = [buffer for name, buffer in module._buffers.items() if name not in module._non_persistent_buffers_set]
        own = sum(size(tensor) for tensor in [*module._parameters.values(), *buffers] if tensor is not None)
        if own:
            module.register_forward_pre_hook(lambda *_, own=own: used.append(own) and None)


def on_device(module):
    """The bytes of a module's weights that are on a device now."""
    return sum(size(tensor) for tensor in [*module.parameters(), *module.buffers()] if tensor.is_cuda)
