-- The number of the column that a key of a usage in JSON holds, of the shapes of OpenAI, Anthropic, Gemini, LangChain and Langfuse; 0: it has none.
-- From 100 on it is a class of tokens beside the others and not a part of a total: 100 input, 101 cache read, 102 cache write, 104 audio in, 106 output, 107 reasoning.
CREATE OR REPLACE FUNCTION tollbook_column_of_usage AS
    (usage_key) -> transform(
        usage_key,
        [
            'prompt_tokens', 'prompt_token_count',
            'cached_tokens', 'cached_content_token_count', 'cache_read',
            'cache_write_tokens', 'cache_creation',
            'ephemeral_1h_input_tokens',
            'completion_tokens', 'output_tokens', 'candidates_token_count',
            'reasoning_tokens', 'thoughts_token_count', 'reasoning',
            'tool_use_prompt_token_count',
            'input_tokens', 'input',
            'cache_read_input_tokens', 'cacheReadInputTokens', 'input_cached_tokens', 'input_cache_read', 'input_cache_read_tokens', 'cache_read_tokens',
            'cache_creation_input_tokens', 'cacheCreationInputTokens', 'input_cache_creation', 'input_cache_write', 'input_cache_creation_tokens', 'cache_creation_tokens',
            'input_audio', 'input_audio_tokens',
            'output',
            'output_reasoning', 'output_reasoning_tokens'
        ],
        [
            40, 40,
            41, 41, 41,
            42, 42,
            43,
            46, 46, 46,
            47, 47, 47,
            52,
            100, 100,
            101, 101, 101, 101, 101, 101,
            102, 102, 102, 102, 102, 102,
            104, 104,
            106,
            107, 107
        ],
        0)::UInt8
