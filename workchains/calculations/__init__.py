"""Jobs that run the ``alworkflows`` executable, one module a verb, and their parsers."""
