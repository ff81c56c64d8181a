"""What holds for all tests: results of other runs must not enter."""

import os

os.environ["ALWORKFLOWS_CACHE"] = "off"
