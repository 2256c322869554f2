"""What providers bill: a reader for each form of export, all to the same lines."""
