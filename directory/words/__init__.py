"""Vietnamese words and names: folding, order, damaged text, and the words that things are found under."""
