-- The database that holds everything; Atomic, so that views can be replaced while they are read.
CREATE DATABASE IF NOT EXISTS {database:Identifier} ENGINE = Atomic
