-- Ends the statements of users that run under a name: one row for each, with what became of it.
KILL QUERY WHERE startsWith(Settings['log_comment'], {named:String}) ASYNC
