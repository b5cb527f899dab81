"""The vault: sealed cells, the keys that open them, and the field that hides both. The only importer of cryptography
beside the ledger's signatures. Read in this order: cells, roots, keys, sealed."""
