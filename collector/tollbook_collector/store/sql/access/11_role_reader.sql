-- What people and dashboards are: they read the rows of one tenant.
CREATE ROLE IF NOT EXISTS tollbook_reading
