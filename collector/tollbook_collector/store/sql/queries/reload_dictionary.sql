-- Makes the engine read a dictionary anew.
SYSTEM RELOAD DICTIONARY {dictionary:Identifier}
