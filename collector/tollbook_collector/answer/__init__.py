"""Room 7, answer: people ask, by SQL, REST and the command line."""
