-- The writer and the admin see the rows of all tenants.
CREATE ROW POLICY OR REPLACE tollbook_all ON tollbook.* USING 1 AS PERMISSIVE TO tollbook_writing, tollbook_operating
