"""The texts of the mail server's commands, key by key: (English, Vietnamese)."""
