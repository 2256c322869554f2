-- Of a table with tenants, readers see the rows of theirs; one statement for each.
CREATE ROW POLICY OR REPLACE tollbook_tenant ON tollbook.each_tenanted USING tenant = getSetting('SQL_tenant') AS PERMISSIVE TO tollbook_reading
