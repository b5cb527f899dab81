"""The ledger: who did and saw what, in one tamper-evident log per agency (VAULT.md section 7).
Read in this order: action (the vocabulary), merkle (the tree), book (rows, append, verify)."""
