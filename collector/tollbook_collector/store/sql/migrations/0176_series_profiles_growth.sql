-- Of each series and day: by how much its calls have just begun to read more, for the screen.
ALTER TABLE series_profiles
    ADD COLUMN IF NOT EXISTS input_growth Float64 COMMENT 'By how much the input of a call, and of a token of answer, was above the nearest day of the same weekday on both of the last two days, as a logarithm; 0: it was not above all' AFTER age_days
