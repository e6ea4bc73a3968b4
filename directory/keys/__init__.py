"""What the key process does: it holds private keys, judges who may use them, and gives out nothing but results."""
