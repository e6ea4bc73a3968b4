"""The texts themselves, key by key: (English, Vietnamese)."""
