"""What all of the zoo is built on: errors, samples, files of the cache, and texts of messages."""
