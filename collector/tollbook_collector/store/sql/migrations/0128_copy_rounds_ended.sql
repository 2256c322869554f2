-- Of each row of copy_rounds: whether it says that a round is in the roll-ups, or that an hour was searched; rows of before say both.
ALTER TABLE copy_rounds
    ADD COLUMN IF NOT EXISTS ends_round Bool DEFAULT true COMMENT 'True: what the round found is in the roll-ups; false: the hour was searched',
    COMMENT COLUMN IF EXISTS hour 'Start of the hour in which the calls started; of a row that ends a round, when that was',
    COMMENT COLUMN IF EXISTS calls 'Calls of all tenants that the hour had, copies included; 0: the row ends a round'
