-- Links the parts of a table, as they are now, under a name.
ALTER TABLE {table:Identifier} FREEZE WITH NAME 'tollbook_backup'
