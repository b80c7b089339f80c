"""The ledger of usage: what every request has used, in the store's database."""
