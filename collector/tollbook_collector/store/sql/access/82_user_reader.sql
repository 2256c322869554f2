-- A user that dashboards are, of one tenant; make more of them in the same way.
CREATE USER IF NOT EXISTS tollbook_reader IDENTIFIED WITH sha256_password BY {reader_password:String} DEFAULT ROLE tollbook_reading SETTINGS SQL_tenant = 'the_tenant' CONST
