"""Tests of the documentation: every code block is run or checked, or says why not (CONTRIBUTING.md, "Code blocks")."""
