# SPDX-License-Identifier: MIT
"""The rules of the house, one file per subject. tools/tidy.py runs them."""
