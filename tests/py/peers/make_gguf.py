"""Write a tiny llama with random weights: `make_gguf.py FILE`. Its answers mean nothing.

One layer of width 32 over single bytes, some 120 KB: what a real server needs to start, count
tokens, fill its context and stream. The weights follow from a seed, so the file is always the same.
"""

from __future__ import annotations

import sys

import gguf
import numpy as np

WIDTH, INNER, HEADS, LAYERS, CONTEXT = 32, 64, 4, 1, 512
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"


def add_tokens(writer: gguf.GGUFWriter) -> int:
    """Give the model a token for each byte; the number of tokens."""
    control = ["<unk>", "<s>", "</s>"]
    tokens = control + [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += ["\u2581"] + [chr(code) for code in range(ord("a"), ord("z") + 1)]
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * 27
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    return len(tokens)


def add_weights(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    """Draw the weights."""
    random = np.random.default_rng(7)

    def draw(name: str, *shape: int) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.1).astype(np.float32))

    def ones(name: str) -> None:
        writer.add_tensor(name, np.ones(WIDTH, np.float32))

    draw("token_embd.weight", vocabulary, WIDTH)
    draw("output.weight", vocabulary, WIDTH)
    ones("output_norm.weight")
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        ones(block + "attn_norm.weight")
        ones(block + "ffn_norm.weight")
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            draw(f"{block}{name}.weight", WIDTH, WIDTH)
        draw(block + "ffn_gate.weight", INNER, WIDTH)
        draw(block + "ffn_up.weight", INNER, WIDTH)
        draw(block + "ffn_down.weight", WIDTH, INNER)


def main(path: str) -> None:
    """Write the file."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    vocabulary = add_tokens(writer)
    writer.add_vocab_size(vocabulary)
    add_weights(writer, vocabulary)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1])
