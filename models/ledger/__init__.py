"""The ledger: who did and saw what, in one tamper-evident log per agency (decisions 9 and 17).
Read in this order: action (the vocabulary), offline (tree, notes, verification: one file that stands alone), merkle
(the tree as it is stored), anchors (subtree hashes, checkpoints), state (digests of sealed rows), book (append,
verify), finding (entries asked for), checkpoint (sign, prove), export."""
