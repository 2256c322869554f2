-- Of each span that was accepted: what is billed beside tokens. The long life of a cache write is an hour at Anthropic and Bedrock and 12 hours at OpenAI.
ALTER TABLE spans
    ADD COLUMN IF NOT EXISTS units Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)) COMMENT 'What is billed beside tokens, by unit: web_search, file_search, code_session, search_unit, audio_second, character, page, image; image:hd/1024x1024 is an image of that quality and size, request_fee:high the context that a search was to read' AFTER output_image_tokens,
    COMMENT COLUMN IF EXISTS cache_write_1h_tokens 'Of the cache writes, those with the long life: an hour, of OpenAI 12 hours'
