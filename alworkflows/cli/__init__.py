"""Commands for files: frames in, models and pictures out, no database; one module a command, loaded when it is typed."""
