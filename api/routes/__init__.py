"""One file per resource: its shapes and its endpoints, side by side. None imports another."""
