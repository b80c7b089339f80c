"""The usage of the ledger: `/v1/usage`, `/v1/usage/raw`, and OpenAI's `/v1/organization/usage/completions`."""
