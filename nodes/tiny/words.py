"""Tokenizers that know letters alone, and the text encoders for them: parts of tiny pipelines."""

from __future__ import annotations

import string
from typing import Any

from nodes.libraries import library

_LONGEST_PROMPT = 128
_T5: dict[str, Any] = {"d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2}


def t5_tokenizer() -> Any:
    """A tokenizer as T5 has it, of letters."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -2.0) for letter in ("▁", *string.ascii_letters)]
    return library("transformers").T5Tokenizer(
        vocab=special + letters, extra_ids=0, model_max_length=_LONGEST_PROMPT
    )


def t5_encoder(tokenizer: Any, width: int) -> Any:
    """A T5 encoder of one layer with random weights, for a tokenizer."""
    transformers = library("transformers")
    return transformers.T5EncoderModel(transformers.T5Config(**_T5, d_model=width, vocab_size=len(tokenizer)))


def umt5_encoder(tokenizer: Any, width: int) -> Any:
    """A UMT5 encoder of one layer with random weights, for a tokenizer."""
    transformers = library("transformers")
    config = transformers.UMT5Config(
        **_T5, d_model=width, vocab_size=len(tokenizer), feed_forward_proj="gated-gelu"
    )
    return transformers.UMT5EncoderModel(config)


def llama_tokenizer() -> Any:
    """A tokenizer as Llama 3 with pictures has it, of letters: it also knows where a turn or a picture is."""
    marks = ("<pad>", "<image>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    words = ("<unk>", "<s>", "</s>", *marks, "▁", *string.ascii_letters)
    tokenizer = library("transformers").LlamaTokenizer(
        vocab={word: index for index, word in enumerate(words)}, merges=[]
    )
    tokenizer.add_special_tokens({"pad_token": "<pad>", "additional_special_tokens": list(marks[1:])})
    return tokenizer
