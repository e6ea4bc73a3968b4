"""Reading mail: lists, opened messages, searches, and what is done with them."""
