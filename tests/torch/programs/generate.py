"""A small language model of transformers writes some tokens, on the device as it is told: all there, or brought by accelerate's hooks
from host memory or from disk.

    generate.py none|cpu|disk
"""

import sys
import tempfile

import accelerate
import torch
from counted import Copies, count_used, on_device, weight
from told import tell
from transformers import LlamaConfig, LlamaForCausalLM

torch.manual_seed(0)
TOKENS = 4


class Language(LlamaForCausalLM):
    """Whether a text is at its end is read back from the device, where nothing computes it: this one counts its tokens."""

    written = 0

    def _has_unfinished_sequences(self, *_, **__):
        self.written += 1
        return self.written % (TOKENS + 1) != 0


def main():
    mode = sys.argv[1]
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=500,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    language = Language(config).eval()
    whole = weight(language)
    used = []
    count_used(language, used)
    copies = Copies()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad(), copies:
        if mode == "cpu":
            accelerate.cpu_offload(language, torch.device("cuda"), offload_buffers=True)
        elif mode == "disk":
            accelerate.disk_offload(language, folder, torch.device("cuda"), offload_buffers=True)
        else:
            language.to("cuda")
        words = torch.zeros(2, 8, dtype=torch.long, device="cuda")
        for _ in range(2):
            language.generate(words, attention_mask=torch.ones_like(words), max_new_tokens=TOKENS, do_sample=False)
        moved = {"language": whole if mode == "none" else sum(used)}
        loads = {"language": 1 if mode == "none" else len(used)}
        resident = {"language": on_device(language)}
        if mode == "disk":
            # A weight goes on to the device within its move from the disk.
            copies.bytes["h2d"] -= moved["language"]
            tell(loaded=moved, loads=loads, resident=resident, copied=copies.bytes)
        tell(moved=moved, loads=loads, resident=resident, copied=copies.bytes)


main()
