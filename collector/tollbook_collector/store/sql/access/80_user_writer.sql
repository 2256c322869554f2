-- The user that collectors are.
CREATE USER IF NOT EXISTS tollbook_writer IDENTIFIED WITH sha256_password BY {writer_password:String} DEFAULT ROLE tollbook_writing
