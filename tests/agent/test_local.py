"""Models in the process: real transformers and sentence-transformers, tiny, of random weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves

import tollbook

Delivered = Callable[[], list[Any]]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "where", "is", "my", "order", "a", "word"]
TEXT = "where is my order"


def tokenizer(folder: Path) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        eos_token="[SEP]",
        model_max_length=32,
    )


def generator(folder: Path) -> Any:
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=32, n_embd=8, n_layer=1, n_head=1
    )
    config.eos_token_id = config.bos_token_id = config.pad_token_id = None
    model = transformers.GPT2LMHeadModel(config)
    return transformers.pipeline("text-generation", model=model, tokenizer=tokenizer(folder))


def test_a_pipeline_that_makes_text_is_a_call_with_its_tokens(
    tmp_path: Path, delivered: Delivered
) -> None:
    generate = generator(tmp_path)

    with tollbook.run("offline"):
        generate(TEXT, max_new_tokens=5, min_new_tokens=5, do_sample=False)

    call, run = delivered()
    said = call.attributes
    assert call.name == "text_completion GPT2LMHeadModel"
    assert said["gen_ai.provider.name"] == "transformers"
    assert said["gen_ai.usage.input_tokens"] == 4
    assert said["gen_ai.usage.output_tokens"] == 5
    assert said["tollbook.device"] == "cpu"
    assert call.end_time_ns > call.start_time_ns
    assert call.parent_span_id == run.span_id
    assert not [name for name in said if "cost" in name]
    assert TEXT not in repr(call)


def test_a_list_of_texts_is_one_call_with_all_their_tokens(
    tmp_path: Path, delivered: Delivered
) -> None:
    generate = generator(tmp_path)

    generate([TEXT, "my order"], max_new_tokens=5, min_new_tokens=5, do_sample=False)

    said = [span.attributes for span in delivered()]
    assert sum(one["gen_ai.usage.input_tokens"] for one in said) == 4 + 2
    assert sum(one["gen_ai.usage.output_tokens"] for one in said) == 5 + 5
    assert len(said) == 1


def test_a_pipeline_that_fails_has_its_error(tmp_path: Path, delivered: Delivered) -> None:
    generate = generator(tmp_path)

    with pytest.raises(Exception, match="max_new_tokens"):
        generate(TEXT, max_new_tokens=-1)

    (call,) = delivered()
    assert call.status_code == 2


def test_an_encoder_of_sentences_is_a_call_with_its_tokens(
    tmp_path: Path, delivered: Delivered
) -> None:
    sentences = pytest.importorskip("sentence_transformers")
    modules = pytest.importorskip("sentence_transformers.models")
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=32,
    )
    folder = tmp_path / "tiny-bert"
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer(folder).save_pretrained(folder)
    words = modules.Transformer(str(folder))
    encoder = sentences.SentenceTransformer(modules=[words, modules.Pooling(8)], device="cpu")

    found = encoder.encode([TEXT, "my order"])

    (call,) = delivered()
    assert found.shape == (2, 8)
    assert call.name == "embeddings tiny-bert"
    assert call.attributes["gen_ai.provider.name"] == "sentence_transformers"
    assert call.attributes["gen_ai.usage.input_tokens"] == 4 + 2
    assert "gen_ai.usage.output_tokens" not in call.attributes
    assert str(tmp_path) not in repr(call)
