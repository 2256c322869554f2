-- The value below which a share of a histogram of tollbook_bin lies, as if values were spread evenly (by their logarithms) in each bin; NULL: the histogram is empty.
CREATE OR REPLACE FUNCTION tollbook_quantile_of_bins AS
    (bins, share) -> if(
        arraySum(mapValues(bins)) = 0,
        NULL,
        arrayElement(
            arrayMap(
                (bin, calls, sum) -> exp2((bin + 1 - (sum - share * arraySum(mapValues(bins))) / calls) / 5),
                mapKeys(bins),
                mapValues(bins),
                arrayCumSum(mapValues(bins))),
            arrayFirstIndex(sum -> sum >= share * arraySum(mapValues(bins)), arrayCumSum(mapValues(bins)))))
