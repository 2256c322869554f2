-- One row: how many lines of a bill were read already.
SELECT count()
FROM bill_lines
WHERE tenant = {tenant:String} AND bill = {bill:String}
