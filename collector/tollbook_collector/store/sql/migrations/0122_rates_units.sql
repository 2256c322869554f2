-- Of each rate of a price book: what it is a rate of, with what is billed beside tokens.
ALTER TABLE rates
    COMMENT COLUMN IF EXISTS meter 'input, cache_read, cache_write, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, output_image; millisecond; beside tokens: request_fee, web_search, file_search, code_session, search_unit, audio_second, character, page, image, and these with a detail, as image:hd/1024x1024',
    COMMENT COLUMN IF EXISTS rate_usd 'USD per token, millisecond or unit'
