-- Of a table without tenants, such as prices, readers see all rows; one statement for each.
CREATE ROW POLICY OR REPLACE tollbook_shared ON tollbook.each_shared USING 1 AS PERMISSIVE TO tollbook_reading
