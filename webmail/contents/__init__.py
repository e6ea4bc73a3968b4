"""What a message holds, told apart and made harmless: heads, bodies, strangers' HTML."""
