"""The ledger: who did and saw what, in one tamper-evident log per agency (decision 9).
Read in this order: action (the vocabulary), merkle (the tree), book (rows, append, verify)."""
