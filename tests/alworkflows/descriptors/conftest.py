"""What the descriptors' tests share."""

import pytest

pytest.register_assert_rewrite("descriptor_contract")
