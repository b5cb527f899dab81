"""The vault: sealed cells, the keys that open them, and the field that hides both. The only importer of cryptography,
but for models/ledger/offline.py. Read in this order: cells, files, key_services, roots, service, notes, scan, keys,
sealed, rotation, stored."""
