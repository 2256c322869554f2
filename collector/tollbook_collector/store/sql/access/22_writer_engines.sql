-- The kinds of tables that the writer may make.
GRANT TABLE ENGINE ON * TO tollbook_writing
