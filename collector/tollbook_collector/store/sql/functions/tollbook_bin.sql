-- The bin of a value in a histogram of fifths of a doubling, UInt16: 0 for less than 2^(1/5), at most 200.
CREATE OR REPLACE FUNCTION tollbook_bin AS
    (amount) -> toUInt16(least(floor(log2(greatest(amount, 1)) * 5), 200))
